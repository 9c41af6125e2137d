//! Records to one self-contained HTML page, with figures drawn as SVG when the page is made.
#![forbid(unsafe_code)]

pub mod aging;
pub mod color;
pub mod figure;
mod markup;
pub mod page;
mod scale;
mod svg;

pub use aging::{AgingReport, Exact, QuenchView, Relaxation, TimeUnit};
pub use color::Color;
pub use figure::{Axis, ColorBar, Curve, Figure, Guide, Panel};
pub use markup::plain;
pub use page::{Block, Page, Table, Tone, Verdict};
pub use scale::Scale;
pub use svg::draw;

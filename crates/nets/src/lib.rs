//! Networks on data as Systems: data sets, layers with exact derivatives, losses, the networks of the literature, and
//! native Steppers that train many replicas at speed.

pub mod data;
mod derivatives;
mod fused;
pub mod jamming;
mod kernels;
pub mod labelled;
pub mod layers;
mod loss;
mod network;
pub mod plane;
mod start;
mod stepper;
mod trained;
mod zoo;

pub use data::{Augmentation, DataEntry, DataSet, Training, TrainingChoice, datasets};
pub use loss::{Loss, target};
pub use network::{Link, Network};
pub use start::Start;
pub use trained::Trained;
pub use zoo::{Hidden, Mlp, Parametrisation, Stem, cnn, entries, fully_connected, mlp, resnet18, small_net, toy};

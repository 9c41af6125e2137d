//! The small vocabulary that every part of glasslab speaks: a [`System`] has N degrees of freedom and an energy, a
//! [`Method`] says how it moves, a [`Stepper`] moves it, an [`Observer`] watches and never touches, a [`Dataset`] is
//! what was seen.
#![forbid(unsafe_code)]

pub mod ability;
pub mod batches;
pub mod citation;
pub mod course;
pub mod ensemble;
pub mod fault;
pub mod fire;
pub mod flow;
pub mod inertia;
pub mod method;
pub mod observer;
pub mod parameter;
pub mod random;
pub mod record;
pub mod schedule;
pub mod space;
pub mod state;
pub mod stepper;
pub mod sum;
pub mod system;

pub use ability::{Contacts, Forces, HessianVec, Predict, Tangent, Virial};
pub use batches::BatchOrder;
pub use citation::Citation;
pub use course::Course;
pub use ensemble::Ensemble;
pub use fault::{Complaint, Fault};
pub use fire::{Fire, Minimum, minimise};
pub use flow::{FlowClock, FlowEnd, FlowRule};
pub use inertia::Inertia;
pub use method::{Method, Precision};
pub use observer::{Observer, View};
pub use parameter::{Entry, Parameter, Parameters, Value};
pub use random::{Rng, Streams};
pub use record::{Dataset, Record, Values};
pub use schedule::Schedule;
pub use space::Space;
pub use state::{Array, State};
pub use stepper::{Clock, Job, Stepper, Stop, Work};
pub use system::{Block, Evaluate, Evaluation, GradientNoise, NoiseMoments, Slice, Split, Subsample, System};

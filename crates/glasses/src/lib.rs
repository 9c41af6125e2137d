//! Glasses and exactly solved systems: the spherical p-spin, the trap model, Brownian motion, Ornstein-Uhlenbeck.
#![forbid(unsafe_code)]

pub mod brownian;
pub mod memory;
pub mod ornstein_uhlenbeck;
pub mod pspin;
pub mod sources;
pub mod trap;

pub use brownian::Brownian;
pub use ornstein_uhlenbeck::OrnsteinUhlenbeck;
pub use pspin::SphericalPSpin;
pub use trap::TrapModel;

/// Every System of this crate, for the registry.
pub fn entries() -> Vec<glasslab_core::Entry> {
    vec![pspin::entry(), trap::entry(), ornstein_uhlenbeck::entry(), brownian::entry()]
}

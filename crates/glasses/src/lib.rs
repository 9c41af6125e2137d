//! Glasses and exactly solved systems: the spherical p-spin, particles in a box (molecular liquids, soft spheres), packings, the
//! trap model, Brownian motion, Ornstein-Uhlenbeck.

pub mod brownian;
pub mod memory;
pub mod ornstein_uhlenbeck;
pub mod packing;
pub mod particles;
pub mod pspin;
pub mod sources;
pub mod trap;

pub use brownian::Brownian;
pub use ornstein_uhlenbeck::OrnsteinUhlenbeck;
pub use particles::Particles;
pub use pspin::{SphericalPSpin, Store};
pub use trap::TrapModel;

/// Every System of this crate, for the registry.
pub fn entries() -> Vec<glasslab_core::Entry> {
    vec![
        pspin::entry(),
        particles::dumbbells::entry(),
        particles::kob_andersen::entry(),
        particles::soft_spheres::entry(),
        trap::entry(),
        ornstein_uhlenbeck::entry(),
        brownian::entry(),
    ]
}

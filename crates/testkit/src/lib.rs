//! What tests share: contracts that every System and Stepper must keep, broken twins that each contract must reject, and
//! exact results to hold them against.
//!
//! A contract returns `Err` with what was violated, so that it can itself be tested on a twin that violates it.
#![forbid(unsafe_code)]

pub mod broken;
pub mod forces;
mod hessians;
pub mod oracles;
pub mod shared;
pub mod steppers;
pub mod toys;

pub use forces::{force_is_minus_gradient, many_is_one_by_one};
pub use hessians::hessian_is_slope_of_force;
pub use steppers::stepper_contract;

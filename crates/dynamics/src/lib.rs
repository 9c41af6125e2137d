//! glasslab: dynamics.

//! glasslab: nets.

//! glasslab: glasses.

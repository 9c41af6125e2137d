//! glasslab: observe.

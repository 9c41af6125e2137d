//! glasslab: store.

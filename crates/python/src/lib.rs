//! The extension module of the Python package `glasslab`: thin over the crate `lab`, no physics here.

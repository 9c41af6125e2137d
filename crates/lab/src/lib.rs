//! glasslab: lab.

//! glasslab: testkit.

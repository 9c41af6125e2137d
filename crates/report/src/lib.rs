//! glasslab: report.

//! The extension module of the Python package `glasslab`: thin over the crate `lab`, no physics here.

mod catalogue;
mod convert;
mod live;
mod own;
mod records;
mod running;
mod series;
mod spectrum;
mod system;

use pyo3::prelude::*;

/// The compiled half of the package `glasslab`; its stub is `_glasslab.pyi`.
#[pymodule]
fn _glasslab(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("version", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<system::System>()?;
    module.add_class::<live::Live>()?;
    module.add_function(wrap_pyfunction!(catalogue::catalogue, module)?)?;
    module.add_function(wrap_pyfunction!(catalogue::load_dataset, module)?)?;
    module.add_function(wrap_pyfunction!(running::run, module)?)?;
    module.add_function(wrap_pyfunction!(running::age, module)?)?;
    module.add_function(wrap_pyfunction!(running::run_own, module)?)?;
    module.add_function(wrap_pyfunction!(running::mean_field, module)?)?;
    module.add_function(wrap_pyfunction!(own::own_system, module)?)?;
    module.add_function(wrap_pyfunction!(series::analyse_series, module)?)?;
    module.add_function(wrap_pyfunction!(running::set_threads, module)?)?;
    module.add_function(wrap_pyfunction!(live::combine_recorders, module)?)?;
    module.add_function(wrap_pyfunction!(live::judge_recorders, module)?)?;
    module.add_function(wrap_pyfunction!(live::keep_recorders, module)?)?;
    module.add_function(wrap_pyfunction!(spectrum::spectrum, module)?)?;
    module.add_function(wrap_pyfunction!(records::open_run, module)?)?;
    module.add_function(wrap_pyfunction!(records::read_records, module)?)?;
    Ok(())
}

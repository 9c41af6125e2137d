"""A laboratory that treats the training of a neural network as the quench of a physical system.

Networks are trained and glasses evolved through the same compiled code, measured with the same two-time functions;
this package is a thin layer over it. Times are in steps, arrays are numpy's, f64.
"""

from __future__ import annotations

from glasslab._catalogue import dataset, datasets, presets, system, systems
from glasslab._glasslab import System, set_threads
from glasslab._glasslab import version as version
from glasslab._own import mean_field, own_system, run_system, torch_system
from glasslab._recorder import Recorder, combine, summary, write
from glasslab._records import Record, Records
from glasslab._run import Run, age, open, run
from glasslab._series import Series, check_series, two_time
from glasslab._spectrum import Spectrum, spectrum

__version__ = version

__all__ = [
    "Record",
    "Recorder",
    "Records",
    "Run",
    "Series",
    "Spectrum",
    "System",
    "age",
    "check_series",
    "combine",
    "dataset",
    "datasets",
    "mean_field",
    "open",
    "own_system",
    "presets",
    "run",
    "run_system",
    "set_threads",
    "spectrum",
    "summary",
    "system",
    "systems",
    "torch_system",
    "two_time",
    "version",
    "write",
]

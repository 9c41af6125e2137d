from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasslab._spectrum import Spectrum

__all__ = [
    "Live",
    "System",
    "age",
    "analyse_series",
    "catalogue",
    "combine_recorders",
    "judge_recorders",
    "keep_recorders",
    "load_dataset",
    "mean_field",
    "open_run",
    "own_system",
    "read_records",
    "run",
    "run_own",
    "set_threads",
    "spectrum",
    "version",
]
version: str
_Row = tuple[str, str, str, tuple[str, ...], tuple[int, ...], Any, bool]

@final
class System:
    """N degrees of freedom x, an energy E(x), a force -dE/dx."""

    def __new__(
        cls, name: str, parameters: dict[str, Any], seed: int = 1, sample: int = 0, precision: str = "f64"
    ) -> System: ...
    @property
    def name(self) -> str: ...
    @property
    def dof(self) -> int: ...
    @property
    def layout(self) -> list[tuple[str, int, int, tuple[int, ...]]]: ...
    @property
    def space(self) -> str: ...
    @property
    def extensive(self) -> bool: ...
    @property
    def parameters(self) -> dict[str, bool | int | float | str | list[int]]: ...
    @property
    def seed(self) -> int: ...
    @property
    def sample(self) -> int: ...
    def init(self, seed: int | None = None, replica: int = 0) -> NDArray[np.float64]: ...
    def energy(self, x: ArrayLike) -> Any: ...
    def energy_force(self, x: ArrayLike) -> tuple[Any, NDArray[np.float64]]: ...
    @property
    def abilities(self) -> tuple[str, ...]: ...
    @property
    def own(self) -> bool: ...
    def hessian_vec(self, x: ArrayLike, v: ArrayLike) -> NDArray[np.float64]: ...
    def predict(self, x: ArrayLike, inputs: ArrayLike) -> NDArray[np.float64]: ...
    def spectrum(
        self,
        x: ArrayLike,
        k: int = 6,
        *,
        all: bool | None = None,
        probes: int = 8,
        steps: int = 64,
        seed: int = 0,
    ) -> Spectrum: ...

@final
class Live:
    """Two-time displacements of tensors that somebody else trains."""

    def __new__(
        cls, names: list[str], lengths: list[int], double: list[bool], sketch: int | None = None, seed: int = 0
    ) -> Live: ...
    @property
    def waiting(self) -> list[int]: ...
    @property
    def times(self) -> list[int]: ...
    def look(
        self, step: int, arrays: list[NDArray[Any]], reference: bool, loss: float, gradient_squared: float
    ) -> None: ...
    def records(self, more: dict[str, str]) -> tuple[dict[str, str], list[_Row]]: ...
    def save(self) -> list[tuple[str, NDArray[Any]]]: ...
    def load(self, arrays: list[tuple[str, NDArray[Any]]]) -> None: ...
    def write_sketches(self, folder: str | PathLike[str]) -> int: ...

def catalogue() -> str: ...
def load_dataset(
    name: str, test: bool
) -> tuple[NDArray[np.uint8], list[int], NDArray[np.int64], float, list[float], list[float]]: ...
def run(plan: str | PathLike[str] | dict[str, Any], seed: int | None, place: dict[str, Any]) -> Path: ...
def age(
    systems: Sequence[str],
    quench: dict[str, Any],
    method: dict[str, Any],
    parameters: dict[str, Any],
    seed: int | None,
    place: dict[str, Any],
) -> Path: ...
def run_own(plan: dict[str, Any], system: System, name: str, place: dict[str, Any]) -> Path: ...
def mean_field(
    p: int,
    mixed: tuple[int, float] | None,
    temperature: float,
    start: float | None,
    until: float,
    tolerance: float,
    out: str | PathLike[str] | None,
) -> Path: ...
def own_system(
    name: str,
    dof: int,
    energy_force: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    initial: Callable[[int], NDArray[np.float64]],
    hessian_vec: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] | None,
    extensive: bool,
    layout: list[tuple[str, int, int, list[int]]],
    seed: int,
) -> System: ...
def analyse_series(
    paths: Sequence[str | PathLike[str]],
    memory: int,
    detail: str,
    groups: Sequence[str],
    skip: Sequence[str],
    key: str | None,
    exact: bool,
    out: str | PathLike[str] | None,
) -> tuple[dict[str, str], list[_Row], str]: ...
def spectrum(
    system: System, x: NDArray[np.float64], k: int, all: bool | None, probes: int, steps: int, seed: int
) -> tuple[
    int,
    NDArray[np.float64],
    list[NDArray[np.float64]],
    list[NDArray[np.float64]],
    list[int],
    float,
]: ...
def set_threads(threads: int) -> None: ...
def open_run(path: str | PathLike[str]) -> tuple[str, list[str]]: ...
def read_records(
    path: str | PathLike[str], name: str
) -> tuple[dict[str, str], list[_Row]]: ...
def combine_recorders(recorders: list[Live], more: dict[str, str]) -> tuple[dict[str, str], list[_Row]]: ...
def judge_recorders(recorders: list[Live], seed: int) -> str: ...
def keep_recorders(
    recorders: list[Live], out: str | PathLike[str], label: str, settings: str, seed: int, more: dict[str, str]
) -> None: ...

"""What there is: systems, data sets, presets; and one system as an object."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glasslab import _glasslab


def _list(kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_glasslab.catalogue())[kind]
    return found


def systems() -> list[dict[str, Any]]:
    """Every system: name, about, steps (default length of a run), method, parameters, sources."""
    return _list("systems")


def datasets() -> list[dict[str, Any]]:
    """Every data set: name, about."""
    return _list("datasets")


def dataset(
    name: str | os.PathLike[str] = "mnist", split: str = "train"
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Inputs [samples, channels, height, width], normalised per channel as the networks of the laboratory see them, and labels
    [samples]: of a data set by name (see `datasets()`) or of a folder of IDX or CIFAR files. `split`: "train" or "test"."""
    if split not in ("train", "test"):
        raise ValueError(f'split = {split!r}: give "train" or "test"')
    pixels, shape, labels, full, mean, deviation = _glasslab.load_dataset(os.fspath(name), split == "test")
    offset, scale = (np.asarray(v, np.float64)[:, None, None] for v in (mean, deviation))
    inputs = (pixels.reshape(shape) / full - offset) / scale
    return inputs.astype(np.float32), labels


def presets() -> list[dict[str, Any]]:
    """Every plan that comes with the package: name, about, plan (TOML)."""
    return _list("presets")


def system(
    name: str, seed: int = 1, sample: int = 0, precision: str = "f64", **parameters: Any
) -> _glasslab.System:
    """The system of that name (see `systems()`), with these parameters and the defaults of the others.

    `seed` and `sample` choose the disorder of a glass, `seed` also the initial conditions. A quench called NAME in a
    run of seed S has seed `S ^ fnv1a(NAME)` (64-bit FNV-1a), so that quenches of one plan share no random number.
    Raises ValueError with all complaints at once.
    """
    return _glasslab.System(name, parameters, seed=seed, sample=sample, precision=precision)

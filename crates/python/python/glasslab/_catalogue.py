"""What there is: systems, data sets, presets; and one system as an object."""

from __future__ import annotations

import json
from typing import Any

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

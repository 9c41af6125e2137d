"""Series of checkpoints: checked and compared."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from glasslab import _glasslab, _plot, _records, _run

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class Series:
    """What was found in a series of checkpoints."""

    def __init__(self, found: tuple[dict[str, str], list[Any], str], out: str | os.PathLike[str] | None) -> None:
        self._records = _records.from_rows(found[0], found[1])
        self.summary: dict[str, Any] = json.loads(found[2])
        """Integrity, drift, exponents, verdict and why."""
        self.run: _run.Run | None = _run.Run(out) if out is not None else None
        """The run directory, if one was asked for."""

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What is wrong, or worth knowing, of the checkpoints: `kind`, `checkpoint`, `what`, `problem`."""
        return list(self.summary["findings"])

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Those of the findings that are wrong."""
        return [f for f in self.findings if f["problem"]]

    def records(self) -> Any:
        """All two-time functions: an xarray.Dataset if xarray is installed, else `Records`."""
        return _records.opened(self._records)

    def plot(self, name: str = "msd", axes: Any = None) -> Any:
        """Draws the record `name` on matplotlib axes, for a two-time record one curve for each waiting time."""
        return _plot.plot([("checkpoint series", self._records)], name, axes)

    def __repr__(self) -> str:
        count, wrong = len(self.summary["checkpoints"]), len(self.problems)
        return f"<Series: {count} checkpoints of {self.summary['parameters']} parameters, {wrong} problems>"


def two_time(
    series: Paths,
    *,
    memory: float = 2 << 30,
    detail: str = "tensors",
    groups: Sequence[str] = (),
    skip: Sequence[str] = (),
    key: str | None = None,
    exact: bool = False,
    out: str | os.PathLike[str] | None = None,
) -> Series:
    """Checks the checkpoints of any training, and compares all pairs: what `glasslab series` does.

    `series`: a folder, a table (`.toml`, `.csv`; how shards of multi-process training are cut is said there), or a list of files and
    folders, one checkpoint each. `memory`: bytes at most; results do not depend on
    it. `detail`: displacements of the "whole", of "groups" of tensors too, or of all "tensors" too. `groups` and `skip`: regular
    expressions on names of tensors. `key`: the state dict of files of torch that hold several. `exact`: sums exact to 1e-12 for
    numbers in float32 or shorter too (without it within 4e-6, typically 1e-9, in half the time). `out`: also leave a run directory
    there. Raises ValueError if fewer than 3 checkpoints can be compared.
    """
    paths = [series] if isinstance(series, (str, os.PathLike)) else list(series)
    found = _glasslab.analyse_series(paths, int(memory), detail, list(groups), list(skip), key, exact, out)
    return Series(found, out)


def check_series(series: Paths, *, memory: float = 2 << 30, skip: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What is wrong with the checkpoints of a series (duplicates, NaN, missing tensors, exchanged checkpoints, jumps), an empty list
    if nothing is."""
    return two_time(series, memory=memory, detail="whole", skip=skip).problems

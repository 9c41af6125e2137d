"""Runs: carried out from a plan, opened from a folder, looked at."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glasslab import _glasslab, _plot, _records

Progress = Callable[[str, int, int], None]


class Run:
    """A run directory."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._plan, _ = _glasslab.open_run(path)
        self.path = Path(path)

    @property
    def plan(self) -> str:
        """The plan as TOML, all defaults spelled out."""
        return self._plan

    @property
    def names(self) -> list[str]:
        """Names of the quenches that have records."""
        return _glasslab.open_run(self.path)[1]

    @property
    def summary(self) -> dict[str, Any]:
        """What was found: fitted numbers with errors, verdicts, and why."""
        return self._json("summary.json")

    @property
    def manifest(self) -> dict[str, Any]:
        """How it went: version, seed, threads, time, the end of each replica; `state` is "completed" or not."""
        return self._json("manifest.json")

    @property
    def report(self) -> Path:
        """The report, one file of HTML."""
        return self.path / "report.html"

    def records(self, name: str | None = None) -> Any:
        """What was measured in the quench `name` (may be left out if there is one only).

        An xarray.Dataset if xarray is installed, else `Records`: a mapping of names to arrays with `dims`, `unit`, `about`.
        """
        return _records.opened(self._records(name))

    def plot(self, name: str = "msd", quench: str | None = None, axes: Any = None) -> Any:
        """Draws the record `name` against time, for a two-time record one curve for each waiting time; mean over
        replicas, the band is one standard error. Returns the matplotlib axes, an array of them for several quenches.
        """
        names = self.names if quench is None else [self._name(quench)]
        return _plot.plot([(n, _records.read(self.path, n)) for n in names], name, axes)

    def _name(self, name: str | None) -> str:
        names = self.names
        if name is None and len(names) == 1:
            return names[0]
        if name is None or name not in names:
            raise ValueError(f"name = {name!r}: give the name of a quench, one of {', '.join(names)}")
        return name

    def _records(self, name: str | None) -> _records.Records:
        return _records.read(self.path, self._name(name))

    def _json(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        return found

    def __repr__(self) -> str:
        return f"<Run {str(self.path)!r}: {', '.join(self.names)}>"


class _Lines:
    """Progress on stderr: one line that is written over on a terminal, a line per quench elsewhere."""

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self.title = ""
        self.shown = 0.0

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)

    def progress(self, title: str, step: int, steps: int) -> None:
        if not self.terminal:
            if title != self.title:
                self.title = title
                print(f"{title}: {steps} steps", file=sys.stderr)
        elif step == steps or time.monotonic() - self.shown > 0.1:
            self.shown = time.monotonic()
            print(f"\r{title}: step {step} of {steps} ", end="\n" if step == steps else "", file=sys.stderr, flush=True)


def _place(
    out: str | os.PathLike[str] | None, resume: bool, progress: bool | Progress, checkpoint_every: float
) -> dict[str, Any]:
    lines = _Lines() if progress is True else None
    show = lines.progress if lines else progress or None
    note = lines.note if lines else None
    return {"out": out, "resume": resume, "checkpoint_every": checkpoint_every, "progress": show, "note": note}


def run(
    plan: str | os.PathLike[str] | dict[str, Any],
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    seed: int | None = None,
    progress: bool | Progress = False,
    checkpoint_every: float = 20.0,
) -> Run:
    """Carries a plan out: a TOML file, the name of a preset, a dict, or TOML text.

    The run goes to the folder `out`, by default runs/NAME or the next free runs/NAME-2...; `resume=True` goes on with a
    stopped run there and refuses another plan. Ctrl-C saves and raises KeyboardInterrupt; so does any exception of
    `progress`, True for lines on stderr or a function of (title, step, steps). `checkpoint_every` is in seconds.
    Same plan, same bytes as the command line leaves, whatever is interrupted. Raises ValueError with all complaints.
    """
    return Run(_glasslab.run(plan, seed, _place(out, resume, progress, checkpoint_every)))


def age(
    *systems: str,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    seed: int | None = None,
    progress: bool | Progress = False,
    checkpoint_every: float = 20.0,
    data: str | os.PathLike[str] | None = None,
    replicas: int | None = None,
    samples: int | None = None,
    steps: int | None = None,
    precision: str | None = None,
    rate: float | dict[str, float] | None = None,
    momentum: float | None = None,
    batch: int | None = None,
    temperature: float | dict[str, float] | None = None,
    step_size: float | dict[str, float] | None = None,
    **parameters: Any,
) -> Run:
    """Quenches systems (or quenches of the presets) by name, measures two-time functions, says who ages.

    Without a name: the over- and the under-parametrised toy model on digits and the 3-spin, two minutes. What is given
    applies to every quench that knows it, as `glasslab age` on the command line does; `parameters` are parameters of
    the systems (see `systems()`). The other arguments are those of `run`.
    """

    def given(**changes: Any) -> dict[str, Any]:
        return {name: value for name, value in changes.items() if value is not None}

    quench = given(replicas=replicas, samples=samples, steps=steps, precision=precision)
    method = given(rate=rate, momentum=momentum, batch=batch, temperature=temperature, step_size=step_size)
    place = _place(out, resume, progress, checkpoint_every)
    return Run(_glasslab.age(list(systems), quench, method, {**given(data=data), **parameters}, seed, place))


def open(path: str | os.PathLike[str]) -> Run:
    """The run in the folder `path`, complete or not."""
    return Run(path)

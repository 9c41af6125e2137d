"""A recorder for any training loop: two-time displacements of the weights, measured as they are trained."""

from __future__ import annotations

import io
import json
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glasslab import _export, _glasslab, _plot, _records, _run, _schedule, _weights

_GRACE = 1.0
"""Seconds that a recorder may take beyond its share: the early decades of a fast loop come one upon the other."""


class Recorder:
    """Watches weights while somebody else trains them, and never touches them.

    `named_parameters`: a module of torch or its `named_parameters()`, a dict of arrays that are changed in place, or a
    function that returns names and arrays (jax). `step(step, loss, grads)` is called in the loop, after each update or as
    often as you like; most calls return at once.

    `schedule="log"`: waiting times 0 and round(10^(j/per_decade)), and at all sums of a waiting time and such a lag the
    weights are compared with those of every waiting time before. A list of steps: each is a waiting time, nothing else is
    measured. At a waiting time `keep="exact"` copies the weights (in their own precision; narrower ones in f32); "sketch" keeps
    a random projection to `sketch` numbers for each group of tensors, which gives displacements with a standard error of
    sqrt(2/sketch) of their value; "auto" copies as long as the waiting times up to `steps` (50, if that is not given) fit in
    `memory` bytes.

    `max_overhead`: measuring takes at most this share of the time since the first call, and a second; what is due beyond is
    skipped and listed in `skipped` (a skipped waiting time is kept at the next measurement instead). None: never skip. Only
    what is skipped depends on the clock; with None, the records depend on the weights alone.

    Random state, train or eval mode and gradients are not touched: a run with a recorder ends on the same bits.
    """

    def __init__(
        self,
        named_parameters: Any,
        schedule: str | Sequence[int] = "log",
        keep: str = "auto",
        sketch: int = 4096,
        *,
        per_decade: float = 6,
        steps: int | None = None,
        memory: float = 1e9,
        max_overhead: float | None = 0.02,
        seed: int = 0,
        label: str = "training",
    ) -> None:
        if keep not in ("auto", "exact", "sketch"):
            raise ValueError(f'keep = {keep!r}: give one of "auto", "exact", "sketch"')
        if max_overhead is not None and not 0 < max_overhead <= 1:
            raise ValueError(f"max_overhead = {max_overhead}: give a share of the time, above 0 and up to 1, or None")
        self.label = label
        self.max_overhead = max_overhead
        self.skipped: list[int] = []
        self._schedule = _schedule.schedule(schedule, per_decade)
        self._source = _weights.source(named_parameters)
        arrays = self._arrays()
        if not arrays:
            raise ValueError("named_parameters: there is no tensor of floating-point numbers in it")
        self._names = list(arrays)
        size = sum(a.nbytes for a in arrays.values())
        waits = self._schedule.count(steps) if steps is not None else 50
        self.keep = ("exact" if waits * size <= memory else "sketch") if keep == "auto" else keep
        self._room = None if keep == "exact" else max(int(memory // max(size, 1)), 2)
        lengths = [a.size for a in arrays.values()]
        double = [a.dtype == np.float64 for a in arrays.values()]
        self._full = False
        self._live = _glasslab.Live(self._names, lengths, double, sketch if self.keep == "sketch" else None, seed)
        self._settings = {
            "schedule": schedule if isinstance(schedule, str) else [int(s) for s in schedule],
            "per_decade": per_decade,
            "keep": self.keep,
            "sketch": sketch,
            "seed": seed,
        }
        self._due = self._wait = self._schedule.waiting_after(-1)
        self._begun: float | None = None
        self._before = 0.0
        self._spent = 0.0
        self._cost = 0.0

    def step(self, step: int, loss: Any = None, grads: Any = None) -> bool:
        """Says that the weights are now those after `step` updates; measures if something is due. True if it did.

        `loss`: a number or a tensor, kept as it is. `grads`: True for the gradients that the parameters hold (their `.grad`), an
        iterable of arrays, or |g|^2 itself. Both are looked at only when something is due. Steps increase; one that was seen
        already is left out.
        """
        if self._begun is None:
            self._begun = time.perf_counter()
        if step < self._due:
            return False
        step = int(step)
        begin = time.perf_counter()
        elapsed = self._before + begin - self._begun
        if self.max_overhead is not None and self._spent + self._cost > self.max_overhead * elapsed + _GRACE:
            self.skipped.append(step)
            self._due = self._schedule.due_after(step, self._live.waiting)
            return False
        arrays = self._arrays()
        if list(arrays) != self._names:
            wrong = sorted(set(arrays) ^ set(self._names))[:3] or ["their order"]
            raise ValueError(f"named_parameters: they are not those that it began with: {', '.join(wrong)}")
        reference = step >= self._wait and self._has_room()
        squared = _weights.squared(grads, self._source)
        self._live.look(step, list(arrays.values()), reference, _weights.number(loss), squared)
        self._wait = self._schedule.waiting_after(step)
        self._due = self._schedule.due_after(step, self._live.waiting)
        self._cost = time.perf_counter() - begin
        self._spent += self._cost
        return True

    def _arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        found: dict[str, np.ndarray[Any, Any]] = {}
        for name, tensor in self._source():
            if _weights.is_float(name, tensor):
                found[name] = _weights.flat(name, tensor)
        return found

    def _has_room(self) -> bool:
        """Copies stop when the memory is used up; what there is goes on being compared."""
        if self._full:
            return False
        if self.keep == "sketch" or self._room is None or len(self._live.waiting) < self._room:
            return True
        warnings.warn(
            f"the memory of the recorder is used up by {self._room} copies: no more waiting times; give more memory, "
            'steps, or keep="sketch"',
            stacklevel=3,
        )
        self._full = True
        return False

    @property
    def overhead(self) -> float:
        """Share of the time since the first call that measuring took."""
        now = self._before + (time.perf_counter() - self._begun if self._begun is not None else 0.0)
        return self._spent / now if now > 0 else 0.0

    @property
    def waiting_times(self) -> list[int]:
        """Steps at which the weights were kept."""
        return self._live.waiting

    @property
    def times(self) -> list[int]:
        """Steps at which they were measured."""
        return self._live.times

    def records(self) -> Any:
        """What was measured: an xarray.Dataset if xarray is installed, else `Records`, with the names of a run of the
        laboratory (`msd`, `msd_layer`, `norm`, `train_loss`...)."""
        return _records.opened(self._records())

    def _records(self) -> _records.Records:
        return _records.from_rows(*self._live.records(self._facts()))

    def _facts(self) -> dict[str, str]:
        return {
            "label": self.label,
            "skipped_measurements": str(len(self.skipped)),
            "skipped_steps": " ".join(map(str, self.skipped)),
        }

    @property
    def summary(self) -> dict[str, Any]:
        """What was found: distance, path length, drift, exponents, verdict and why."""
        return summary(self)

    @property
    def verdict(self) -> str:
        """The verdict in words. One trajectory is never enough for more than "not resolved": combine several with
        `glasslab.summary`."""
        return str(self.summary["verdict"])

    def plot(self, name: str = "msd", axes: Any = None) -> Any:
        """Draws the record `name` on matplotlib axes, for a two-time record one curve for each waiting time."""
        return _plot.plot([(self.label, self._records())], name, axes)

    def write(self, out: str | os.PathLike[str]) -> _run.Run:
        """Leaves a run directory with plan, records, summary and report in `out`, a new folder."""
        return write(self, out=out)

    def write_sketches(self, folder: str | os.PathLike[str]) -> int:
        """Writes the sketches of the waiting times as files that `glasslab series` reads; their number."""
        if self.keep != "sketch":
            raise ValueError(f'keep = {self.keep!r}: a recorder with keep="sketch" has sketches to write')
        return self._live.write_sketches(folder)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on: names to arrays of numpy, and `settings`, a text."""
        now = self._before + (time.perf_counter() - self._begun if self._begun is not None else 0.0)
        settings = {**self._settings, "names": self._names, "elapsed": now, "spent": self._spent}
        arrays = {f"live/{n}": a.view(np.int64) if a.dtype == np.uint64 else a for n, a in self._live.save()}
        return {"settings": json.dumps(settings), "skipped": np.asarray(self.skipped, np.int64), **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on with a saved recorder of the same network and settings."""
        settings = json.loads(str(state["settings"]))
        for name, value in {**self._settings, "names": self._names}.items():
            if settings.get(name) != value:
                raise ValueError(f"{name} = {value!r}: the state was saved with {settings.get(name)!r}")
        arrays = []
        for name, value in state.items():
            if name.startswith("live/"):
                array = np.ascontiguousarray(value)
                arrays.append((name[5:], array.view(np.uint64) if array.dtype == np.int64 else array))
        self._live.load(arrays)
        self.skipped = [int(s) for s in np.asarray(state["skipped"])]
        self._before, self._spent, self._begun = float(settings["elapsed"]), float(settings["spent"]), None
        last = max(self._live.times, default=-1)
        self._wait = self._schedule.waiting_after(last)
        self._due = self._schedule.due_after(max([last, *self.skipped[-1:]]), self._live.waiting)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the state into one file, whole or not at all."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {n: np.asarray(v) for n, v in self.state_dict().items()}
        np.savez(buffer, **arrays)
        path = Path(path)
        temporary = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Goes on with the state in a file of `save`."""
        with np.load(path, allow_pickle=False) as file:
            self.load_state_dict({name: file[name] for name in file.files})

    def export_tensorboard(self, folder: str | os.PathLike[str]) -> int:
        """Writes all records as plain scalars for TensorBoard, one tag for each waiting time; the number of scalars."""
        return _export.tensorboard(self._records(), folder)

    def export_wandb(self, folder: str | os.PathLike[str] = ".", project: str = "glasslab") -> int:
        """Writes all records as plain scalars of an offline run of Weights & Biases (below `folder`/wandb)."""
        return _export.wandb(self._records(), folder, project)

    def __repr__(self) -> str:
        times = self._live.times
        span = f"steps {times[0]} to {times[-1]}" if times else "nothing yet"
        return f"<Recorder {self.label!r}: {len(times)} times, {len(self._live.waiting)} waiting times, {span}>"


def _several(recorders: tuple[Recorder, ...]) -> list[_glasslab.Live]:
    if not recorders:
        raise ValueError("recorders: give at least one")
    return [r._live for r in recorders]


def combine(*recorders: Recorder) -> Any:
    """The records of several recorders of the same network trained with different seeds, one replica each, at the times that
    all have in common; as `Recorder.records`."""
    facts = recorders[0]._facts() if recorders else {}
    return _records.opened(_records.from_rows(*_glasslab.combine_recorders(_several(recorders), facts)))


def summary(*recorders: Recorder, seed: int = 0) -> dict[str, Any]:
    """What one or several recorders found; with several (seeds), numbers with error bars and a verdict. `seed` is that of the
    bootstrap."""
    found: dict[str, Any] = json.loads(_glasslab.judge_recorders(_several(recorders), seed))
    return found


def write(*recorders: Recorder, out: str | os.PathLike[str], seed: int = 0) -> _run.Run:
    """Leaves a run directory with plan, records, summary and report of one or several recorders in `out`, a new folder."""
    live = _several(recorders)
    settings = {**recorders[0]._settings, "label": recorders[0].label, "recorders": len(recorders)}
    text = "[recorder]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    _glasslab.keep_recorders(live, out, recorders[0].label, text, seed, recorders[0]._facts())
    return _run.Run(out)

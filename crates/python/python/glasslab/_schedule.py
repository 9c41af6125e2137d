"""When a recorder looks: logarithmically spaced waiting times and lags without an end, or given steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

NEVER = 1 << 62
"""A step that does not come."""


class Log:
    """Waiting times 0, 1, ... and lags 1, 2, ..., both round(10^(j/d)), d a decade, each once, without an end."""

    def __init__(self, per_decade: float) -> None:
        if not 1 <= per_decade <= 1000:
            raise ValueError(f"per_decade = {per_decade}: give a number from 1 to 1000")
        grid = np.round(10.0 ** (np.arange(int(15 * per_decade) + 1) / per_decade)).astype(np.int64)
        self.grid: np.ndarray[Any, Any] = np.unique(grid)

    def waiting_after(self, step: int) -> int:
        """The first waiting time after `step`."""
        return 0 if step < 0 else int(self.grid[np.searchsorted(self.grid, step, "right")])

    def due_after(self, step: int, waiting: Sequence[int]) -> int:
        """The first step after `step` at which there is something to measure."""
        due = self.waiting_after(step)
        if len(waiting):
            at = np.asarray(waiting, np.int64)
            lags = self.grid[np.searchsorted(self.grid, step - at, "right")]
            due = min(due, int((at + lags).min()))
        return due

    def count(self, last: int) -> int:
        """Waiting times up to the step `last`."""
        return 1 + int(np.searchsorted(self.grid, last, "right"))


class Given:
    """These steps; each is a waiting time."""

    def __init__(self, steps: Sequence[int]) -> None:
        self.grid: np.ndarray[Any, Any] = np.unique(np.asarray(list(steps), np.int64))
        if not len(self.grid) or self.grid[0] < 0:
            raise ValueError('schedule: give "log", or a list of steps >= 0')

    def waiting_after(self, step: int) -> int:
        """The first waiting time after `step`."""
        at = int(np.searchsorted(self.grid, step, "right"))
        return int(self.grid[at]) if at < len(self.grid) else NEVER

    def due_after(self, step: int, waiting: Sequence[int]) -> int:
        """The same: nothing else is measured."""
        return self.waiting_after(step)

    def count(self, last: int) -> int:
        """Waiting times up to the step `last`."""
        return int(np.searchsorted(self.grid, last, "right"))


def schedule(given: Any, per_decade: float) -> Log | Given:
    """The schedule that "log" or a list of steps means."""
    if isinstance(given, str):
        if given != "log":
            raise ValueError(f'schedule = {given!r}: give "log", or a list of steps')
        return Log(per_decade)
    try:
        return Given([int(s) for s in given])
    except TypeError:
        raise TypeError(f'schedule = {given!r}: give "log", or a list of steps') from None

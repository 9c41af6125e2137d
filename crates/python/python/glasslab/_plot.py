"""Figures on matplotlib axes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from glasslab._records import Record, Records


def _over_replicas(record: Record) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Mean over replicas and its standard error; replicas that diverged are NaN and left out."""
    axis = record.dims.index("replica")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean = np.nanmean(record.values, axis)
        count = np.sum(np.isfinite(record.values), axis)
        error = np.nanstd(record.values, axis, ddof=1) / np.sqrt(count)
    return mean, error


def _times(records: Records, dim: str) -> tuple[np.ndarray[Any, Any], str]:
    """Times along `dim` and their unit: physical time for glasses, steps for networks."""
    if records.attrs.get("unit_of_time") == "time":
        for record in records.values():
            if record.dims == (dim,) and record.unit == "time":
                return record.values, "time"
    return records[dim].values.astype(float), records[dim].unit


def _curves(records: Records, record: Record, axes: Any) -> None:
    """One curve for each waiting time, against the lag."""
    from matplotlib import colormaps

    mean, error = _over_replicas(record)
    times, unit = _times(records, "time")
    waits, _ = _times(records, "waiting_time")
    for k, wait in enumerate(waits):
        lag = times - wait
        seen = np.isfinite(mean[k]) & (lag > 0)
        if not seen.any():
            continue
        color = colormaps["viridis"](0.9 * k / max(len(waits) - 1, 1))
        low, high = mean[k] - error[k], mean[k] + error[k]
        axes.plot(lag[seen], mean[k][seen], color=color, label=f"{wait:.4g}")
        axes.fill_between(lag[seen], low[seen], high[seen], color=color, alpha=0.25, linewidth=0)
    axes.set_xlabel(f"t - t_w ({unit})")
    axes.legend(title=f"t_w ({unit})", fontsize="x-small", ncols=2)
    axes.set_yscale("log" if np.nanmin(mean) >= 0 else "linear")


def _line(records: Records, record: Record, axes: Any) -> None:
    """One curve against time, from the first positive one."""
    mean, error = _over_replicas(record)
    dim = next(d for d in record.dims if d != "replica")
    times, unit = _times(records, dim)
    seen = np.isfinite(mean) & (times > 0)
    (line,) = axes.plot(times[seen], mean[seen])
    low, high = (mean - error)[seen], (mean + error)[seen]
    axes.fill_between(times[seen], low, high, color=line.get_color(), alpha=0.25, linewidth=0)
    axes.set_xlabel(f"t ({unit})")


def plot(quenches: list[tuple[str, Records]], name: str, axes: Any) -> Any:
    """Draws the record `name` of each quench on axes of its own."""
    try:
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise ImportError("plot needs matplotlib: pip install matplotlib") from error
    drawn = []
    for quench, records in quenches:
        record = records[name]
        dims = set(record.dims) - {"replica"}
        if "replica" not in record.dims or (dims != {"waiting_time", "time"} and len(dims) != 1):
            raise ValueError(f"name = {name!r}: give a record over (replica, waiting_time, time) or (replica, time)")
        drawn.append((quench, records, record, dims))
    if axes is None:
        count = max(len(drawn), 1)
        _, axes = pyplot.subplots(1, count, figsize=(4.8 * count, 3.8), squeeze=False, layout="constrained")
        axes = axes[0] if len(drawn) != 1 else axes[0, 0]
    each = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
    if len(each) != len(drawn):
        raise ValueError(f"axes: give {len(drawn)}, one for each of {', '.join(d[0] for d in drawn)}")
    for one, (quench, records, record, dims) in zip(each, drawn):
        (_curves if len(dims) == 2 else _line)(records, record, one)
        one.set_xscale("log")
        one.set_ylabel(f"{name} [{record.unit}]" if record.unit != "1" else name)
        one.set_title(records.attrs.get("label", quench), fontsize="small")
    return axes

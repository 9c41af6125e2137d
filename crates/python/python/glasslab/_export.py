"""Records as plain scalars for other programs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from glasslab._records import Records


def scalars(records: Records) -> Iterator[tuple[str, int, float]]:
    """Tag, step and value of everything that was measured: `msd/t_w=10` at the step t, `norm` at its own; replicas beyond the
    first as `msd/replica1/t_w=10`, layers as `msd_layer/<layer>/t_w=10`."""
    for name, record in records.items():
        if name in records.coordinates or not record.dims or record.dims[0] != "replica" or name == "drift":
            continue
        time, rest = record.dims[-1], record.dims[1:-1]
        steps = records[time].values
        for place in np.ndindex(*record.values.shape[:-1]):
            tag = name if place[0] == 0 else f"{name}/replica{place[0]}"
            for dim, number in zip(rest, place[1:]):
                value = records[dim].values[number]
                tag += f"/t_w={value}" if dim == "waiting_time" else f"/{value}"
            for step, value in zip(steps, record.values[place]):
                if np.isfinite(value):
                    yield tag, int(step), float(value)


def tensorboard(records: Records, folder: str | os.PathLike[str]) -> int:
    """Event files in `folder`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError("export_tensorboard needs torch and tensorboard: pip install torch tensorboard") from error
    count = 0
    writer: Any = SummaryWriter(os.fspath(folder))
    with writer:
        for tag, step, value in scalars(records):
            writer.add_scalar(tag, value, step)
            count += 1
    return count


def wandb(records: Records, folder: str | os.PathLike[str], project: str) -> int:
    """An offline run below `folder`."""
    try:
        import wandb as client
    except ImportError as error:
        raise ImportError("export_wandb needs wandb: pip install wandb") from error
    rows: dict[int, dict[str, float]] = {}
    for tag, step, value in scalars(records):
        rows.setdefault(step, {})[tag] = value
    run: Any = client.init(project=project, dir=os.fspath(folder), mode="offline")
    for step in sorted(rows):
        run.log(rows[step], step=step)
    run.finish()
    return sum(len(row) for row in rows.values())

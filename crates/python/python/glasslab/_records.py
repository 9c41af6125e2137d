"""Records of a quench: labelled numpy arrays, or an xarray data set where xarray is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from glasslab import _glasslab


@dataclass(frozen=True, eq=False)
class Record:
    """An array with what it is."""

    name: str
    about: str
    unit: str
    dims: tuple[str, ...]
    values: np.ndarray[Any, Any]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        wanted = self.values if dtype is None else self.values.astype(dtype, copy=False)
        return wanted.copy() if copy else wanted

    def __repr__(self) -> str:
        sizes = ", ".join(f"{d}: {n}" for d, n in zip(self.dims, self.values.shape))
        return f"<Record {self.name!r} ({sizes}) [{self.unit}]: {self.about}>"


class Records(Mapping[str, Record]):
    """Records and coordinates by name; `attrs` are facts about the whole."""

    def __init__(self, attrs: dict[str, str], records: list[Record], coordinates: list[str]) -> None:
        self.attrs = attrs
        self.coordinates = coordinates
        self._records = {r.name: r for r in records}

    def __getitem__(self, name: str) -> Record:
        try:
            return self._records[name]
        except KeyError:
            raise KeyError(f"there is no record {name!r}; the records are {', '.join(self._records)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def dims(self) -> dict[str, int]:
        """Length of each dimension."""
        return {d: n for r in self.values() for d, n in zip(r.dims, r.values.shape)}

    def unit(self, name: str) -> str:
        """Unit of a record."""
        return self[name].unit

    def about(self, name: str) -> str:
        """What a record is, with its formula."""
        return self[name].about

    def to_xarray(self) -> Any:
        """The same as an xarray.Dataset; `long_name` and `units` of each variable as in the file."""
        import xarray

        def variable(r: Record) -> tuple[Any, ...]:
            return (r.dims, r.values, {"long_name": r.about, "units": r.unit})

        data = {r.name: variable(r) for r in self.values() if r.name not in self.coordinates}
        coordinates = {name: variable(self[name]) for name in self.coordinates}
        return xarray.Dataset(data, coordinates, self.attrs)

    def __repr__(self) -> str:
        return "\n".join([f"<Records: {len(self)}>", *(f"  {r!r}" for r in self.values())])


def from_rows(attrs: dict[str, str], rows: list[tuple[Any, ...]]) -> Records:
    """Records from what the compiled half gives."""
    records = []
    coordinates = []
    for name, about, unit, dims, shape, values, coordinate in rows:
        records.append(Record(name, about, unit, dims, np.asarray(values).reshape(shape)))
        if coordinate:
            coordinates.append(name)
    return Records(attrs, records, coordinates)


def read(path: str | os.PathLike[str], name: str) -> Records:
    """The records `name` of the run in `path`."""
    return from_rows(*_glasslab.read_records(path, name))


def opened(records: Records) -> Any:
    """As an xarray.Dataset if xarray is installed, else as they are."""
    try:
        return records.to_xarray()
    except ImportError:
        return records

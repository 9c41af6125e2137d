"""Systems of the user's own, and runs of any system object."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasslab import _glasslab, _run

Vector = NDArray[np.float64]
Blocks = Sequence[tuple[str, Sequence[int]]]
"""Names and shapes of the blocks of x, in order."""


def _array(values: Any) -> Vector:
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.ascontiguousarray(np.asarray(values, np.float64).reshape(-1))


def _layout(dof: int, blocks: Blocks | None) -> list[tuple[str, int, int, list[int]]]:
    layout, at = [], 0
    for name, shape in blocks if blocks is not None else [("x", [dof])]:
        size = int(np.prod(shape, dtype=np.int64))
        layout.append((name, at, at + size, [int(n) for n in shape]))
        at += size
    return layout


def own_system(
    energy_force: Callable[[Vector], tuple[Any, Any]],
    initial: Callable[[np.random.Generator], ArrayLike],
    dof: int | None = None,
    *,
    hessian_vec: Callable[[Vector, Vector], Any] | None = None,
    name: str = "own",
    blocks: Blocks | None = None,
    extensive: bool = False,
    seed: int = 1,
) -> _glasslab.System:
    """A System of two functions, to be used as one of the registry, and with `run_system`.

    `energy_force(x)` returns E(x), a number, and the force -dE/dx, N numbers, for x [N] (an array of its own, float64);
    `initial(rng)` draws x [N] at t = 0 with the generator of numpy that it gets, which is seeded by (seed, replica): so runs are
    the same whatever the threads. `hessian_vec(x, v)` returns H v, if there is one. Arrays or tensors of torch may be
    returned. `blocks`: names and shapes of the parts of x, for displacements of each. `extensive=True` if E grows like N: then E/N
    is reported. The functions must not depend on anything that changes. Their exceptions end a run as they are.
    """

    def both(x: Vector) -> tuple[float, Vector]:
        energy, force = energy_force(x)
        return float(energy.detach() if hasattr(energy, "detach") else energy), _array(force)

    def start(seed: int) -> Vector:
        return _array(initial(np.random.default_rng(seed)))

    def product(x: Vector, v: Vector) -> Vector:
        assert hessian_vec is not None
        return _array(hessian_vec(x, v))

    n = len(start(0)) if dof is None else int(dof)
    second = product if hessian_vec is not None else None
    return _glasslab.own_system(name, n, both, start, second, extensive, _layout(n, blocks), seed)


def torch_system(
    energy: Callable[[Any], Any],
    initial: Callable[[np.random.Generator], ArrayLike],
    dof: int | None = None,
    *,
    name: str = "own",
    blocks: Blocks | None = None,
    extensive: bool = False,
    seed: int = 1,
) -> _glasslab.System:
    """A System of an energy that torch can differentiate: `energy(x)` is a scalar tensor of x [N], float64. Force and products
    with the Hessian come from torch's derivatives; the rest is as in `own_system`."""
    import torch

    def energy_force(x: Vector) -> tuple[float, Vector]:
        point = torch.from_numpy(x).requires_grad_()
        value = energy(point)
        (gradient,) = torch.autograd.grad(value, point)
        return float(value.detach()), _array(-gradient)

    def hessian_vec(x: Vector, v: Vector) -> Vector:
        point = torch.from_numpy(x).requires_grad_()
        (gradient,) = torch.autograd.grad(energy(point), point, create_graph=True)
        if not gradient.requires_grad:
            return np.zeros_like(v)
        (product,) = torch.autograd.grad(gradient, point, torch.from_numpy(v), allow_unused=True)
        return np.zeros_like(v) if product is None else _array(product)

    return own_system(
        energy_force, initial, dof, hessian_vec=hessian_vec, name=name, blocks=blocks, extensive=extensive, seed=seed
    )


def run_system(
    system: _glasslab.System,
    method: dict[str, Any] | None = None,
    *,
    steps: int = 1000,
    replicas: int = 4,
    grid: dict[str, int] | None = None,
    name: str | None = None,
    label: str | None = None,
    seed: int | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | _run.Progress = False,
    checkpoint_every: float = 20.0,
) -> _run.Run:
    """Moves a System, one of the registry or of your own, by a method of the laboratory, with its observers, records and report.

    `method`: {"kind": "langevin", "step_size": 0.01, "temperature": 0.5}, or another of those that plans know; what is left out
    has the default of the system ({"kind": "descent", "step_size": 0.01} for one of your own). `grid`: the times of
    measurements, as in a plan. The seed is the system's unless it is given. The other arguments are those of `run`.
    """
    own = system.own
    title = name if name is not None else system.name
    quench: dict[str, Any] = {"name": title, "steps": int(steps), "replicas": int(replicas), "method": dict(method or {})}
    if label is not None:
        quench["label"] = label
    if grid is not None:
        quench["grid"] = dict(grid)
    quench["system"] = "own" if own else system.name
    quench["parameters"] = {"name": system.name} if own else system.parameters
    plan = {"name": title, "seed": int(seed) if seed is not None else system.seed, "quench": [quench]}
    place = _run._place(out, resume, progress, checkpoint_every)
    if own:
        return _run.Run(_glasslab.run_own(plan, system, system.name, place))
    return _run.Run(_glasslab.run(plan, None, place))


def mean_field(
    p: int = 3,
    temperature: float = 0.0,
    until: float = 1e4,
    *,
    start: float | str = "random",
    mixed: tuple[int, float] | None = None,
    tolerance: float = 1e-4,
    out: str | os.PathLike[str] | None = None,
) -> _run.Run:
    """Solves the exact two-time equations of the infinite spherical p-spin (`glasslab mean-field`) up to the time `until`.

    `start`: "random", or the temperature of an equilibrium start. `mixed = (s, w)`: f = [(1 - w) q^p + w q^s]/2. `tolerance` is the
    largest error of the energy. Convention: covariance N f(q), f = q^p/2. Records: `energy`, `overlap`, `msd`, `integrated_response`...
    """
    if isinstance(start, str) and start != "random":
        raise ValueError(f'start = {start!r}: give "random", or the temperature of an equilibrium start')
    first = None if isinstance(start, str) else float(start)
    return _run.Run(_glasslab.mean_field(p, mixed, float(temperature), first, float(until), float(tolerance), out))

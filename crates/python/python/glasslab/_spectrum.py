"""Spectra of second derivatives: all eigenvalues of small systems, ends and density of large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasslab import _glasslab

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of d^2E/dx^2 at a point (E, not E/N; on a sphere of P (H + mu) P on the tangent space)."""

    count: int
    """How many there are: N, or N - 1 on a sphere."""
    eigenvalues: Vector | None
    """All, ascending; None where they were not computed."""
    lowest: Vector
    """The k least, ascending."""
    lowest_error: Vector
    """Their errors: of all, N times rounding; of Lanczos, the last change."""
    highest: Vector
    """The k greatest, ascending."""
    highest_error: Vector
    """Their errors."""
    probes: tuple[tuple[Vector, Vector], ...]
    """The density as nodes and weights (sum 1), one quadrature a random vector; empty where all eigenvalues are there."""
    multiplier: float
    """The multiplier mu of a sphere, 0 elsewhere."""

    def mean(self, function: Any) -> tuple[float, float]:
        """Mean of `function(eigenvalue)` over the spectrum, and its standard error (0 where all eigenvalues are there)."""
        if self.eigenvalues is not None:
            return float(np.mean(function(self.eigenvalues))), 0.0
        each = np.array([np.sum(weights * function(nodes)) for nodes, weights in self.probes])
        error = float(np.std(each, ddof=1) / np.sqrt(len(each))) if len(each) > 1 else float("nan")
        return float(np.mean(each)), error

    def density(self, bins: int = 60) -> tuple[Vector, Vector]:
        """Edges [bins + 1] and density [bins] of states, of integral 1. From quadratures, nodes stand for what is around them:
        features finer than the width over the number of steps are not there."""
        low, high = float(self.lowest[0]), float(self.highest[-1])
        pad = 1e-9 * (high - low) or max(abs(high), 1.0) * 1e-9
        edges = np.linspace(low - pad, high + pad, bins + 1)
        if self.eigenvalues is not None:
            counted = np.histogram(self.eigenvalues, edges)[0] / self.count
        else:
            clipped = [(np.clip(nodes, edges[0], edges[-1]), weights) for nodes, weights in self.probes]
            counted = np.mean([np.histogram(n, edges, weights=w)[0] for n, w in clipped], axis=0)
        return edges, counted / np.diff(edges)

    def plot(self, ax: Any = None, bins: int = 60, **style: Any) -> Any:
        """The density of states on matplotlib axes, which are returned."""
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots()
        edges, density = self.density(bins)
        ax.stairs(density, edges, **style)
        ax.set_xlabel("eigenvalue of the Hessian of E")
        ax.set_ylabel("density of states")
        return ax


def spectrum(
    system: _glasslab.System,
    x: ArrayLike,
    k: int = 6,
    *,
    all: bool | None = None,
    probes: int = 8,
    steps: int = 64,
    seed: int = 0,
) -> Spectrum:
    """The spectrum of the system's second derivative at x [N].

    `all=True` computes every eigenvalue (N products, then 8/3 N^3 flops; what is done up to N = 2000 if it is left out);
    `all=False` products alone: the `k` least and the `k` greatest by Lanczos, each with its error, and the density of states from
    `probes` random vectors (stream `seed`) with `steps` products each. An eigenvalue that is there several times shows once among
    the ends of Lanczos. Raises NotImplementedError for a system without products with its Hessian.
    """
    point = np.ascontiguousarray(np.asarray(x, np.float64))
    if point.ndim != 1:
        raise ValueError(f"x = an array of shape {point.shape}: give one point, of shape [{system.dof}]")
    found = _glasslab.spectrum(system, point, int(k), all, int(probes), int(steps), int(seed))
    count, values, ends, (nodes, weights), lengths, multiplier = found
    starts = [0, *lengths[:-1]]
    parts = tuple((nodes[a:b], weights[a:b]) for a, b in zip(starts, lengths))
    lowest, lowest_error, highest, highest_error = ends
    every = values if len(values) == count else None
    return Spectrum(count, every, lowest, lowest_error, highest, highest_error, parts, multiplier)

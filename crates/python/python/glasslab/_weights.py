"""Weights of anybody's network as flat numpy arrays, only read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Pairs = Iterable[tuple[str, Any]]
"""Names and tensors: of torch, jax, or numpy."""


def source(parameters: Any) -> Callable[[], Pairs]:
    """A function that gives names and tensors as they are now: from a module of torch, a dict, a list or generator of
    pairs (whose tensors are changed in place), or a function without arguments that returns such pairs (for arrays that
    are never changed, as those of jax)."""
    named = getattr(parameters, "named_parameters", None)
    if callable(named):
        live: Callable[[], Pairs] = named
        return live
    if isinstance(parameters, Mapping):
        return lambda: parameters.items()
    if callable(parameters):
        given: Callable[[], Any] = parameters

        def called() -> Pairs:
            found = given()
            return found.items() if isinstance(found, Mapping) else found

        return called
    if isinstance(parameters, Iterable) and not isinstance(parameters, (str, bytes, np.ndarray)):
        pairs = list(parameters)
        return lambda: pairs
    kind = type(parameters).__name__
    raise TypeError(
        f"named_parameters = {kind}: give model.named_parameters(), a module, a dict of arrays, or a function that "
        "returns pairs of name and array"
    )


def is_float(name: str, tensor: Any) -> bool:
    """True for tensors of floating-point numbers: others are not weights."""
    if hasattr(tensor, "is_floating_point"):
        return bool(tensor.is_floating_point())
    kind = np.asarray(tensor).dtype
    if kind == object:
        raise TypeError(f"{name} = {type(tensor).__name__}: give an array or a tensor")
    # bfloat16 of ml_dtypes is no subtype of numpy's floating.
    return np.issubdtype(kind, np.floating) or kind.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2")


def flat(name: str, tensor: Any) -> np.ndarray[Any, Any]:
    """The entries in the order of their indices, f64 or f32 (narrower ones exactly in f32). Shares memory where it can."""
    try:
        if hasattr(tensor, "detach"):
            found = tensor.detach()
            if found.element_size() not in (4, 8):
                found = found.float()
            array = found.cpu().reshape(-1).numpy()
        else:
            array = np.asarray(tensor).reshape(-1)
            if array.dtype.itemsize not in (4, 8) or not np.issubdtype(array.dtype, np.floating):
                array = array.astype(np.float32)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise TypeError(f"{name} = {type(tensor).__name__}: cannot be read as an array: {error}") from error
    return np.ascontiguousarray(array)


def number(value: Any) -> float:
    """A loss as a float; NaN for None."""
    if value is None:
        return float("nan")
    if hasattr(value, "detach"):
        value = value.detach()
    return float(value)


def squared(grads: Any, pairs: Callable[[], Pairs]) -> float:
    """|g|^2: from True (the `.grad` of the parameters), an iterable or dict of arrays, or the number itself; NaN for None."""
    if grads is None or grads is False:
        return float("nan")
    if isinstance(grads, (int, float, np.floating)) and grads is not True:
        return float(grads)
    if grads is True:
        tensors = [getattr(tensor, "grad", None) for _, tensor in pairs()]
    else:
        tensors = list(grads.values() if isinstance(grads, Mapping) else grads)
    found = [flat("grads", g).astype(np.float64) for g in tensors if g is not None]
    return float(sum(float(g @ g) for g in found)) if found else float("nan")

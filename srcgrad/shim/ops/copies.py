"""Copies with the elements in other places: reversed, rolled, repeated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.ops.views import axis_of, expand, reshape, scattered, shape_of, unsqueeze
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor, positions


def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy with the elements along some dimensions in opposite order."""
    axes = tuple(axis_of(d, input._data.ndim) for d in shape_of(dims))
    if len(set(axes)) < len(axes):
        again = next(k for k in axes if axes.count(k) > 1)
        raise RuntimeError(f"dim {again} appears multiple times in the list of dims")
    index = tuple(slice(None, None, -1) if k in axes else slice(None) for k in range(input._data.ndim))
    return _copied("FlipBackward0", input, lambda z: z[index])


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """A copy with the elements moved along dimensions, around the ends."""
    return _copied("RollBackward0", input, lambda z: np.roll(z, shifts, dims))


def _copied(name: str, input: Tensor, step: Callable[[Any], Any]) -> Tensor:
    """A rearrangement of the elements, by its effect on an array of positions."""
    shape = input._data.shape
    return record(name, step(input._data).copy(), (input,), (partial(_scattered, shape=shape, chain=(step,)),))


def _scattered(ct: Any, shape: tuple[int, ...], chain: tuple[Callable[[Any], Any], ...]) -> Any:
    index = positions(shape, chain)
    return scattered(ct, index, shape)


def tile(input: Tensor, *repeats: Any, name: str = "RepeatBackward0") -> Tensor:
    """Copies side by side."""
    counts = shape_of(repeats)
    if len(counts) < input._data.ndim and name:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    name = name or "RepeatBackward0"
    return _repeated(name, input, lambda z: np.tile(z, counts))


def tiled(input: Tensor, *dims: Any) -> Tensor:
    """Copies side by side, also with fewer numbers than there are dimensions."""
    return tile(input, *dims, name="")


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Tensor:
    """Each element several times."""
    if not isinstance(repeats, Tensor):
        flat = reshape(input, -1) if dim is None else input
        shape = flat._data.shape
        k = axis_of(dim or 0, len(shape))
        copies = expand(unsqueeze(flat, k + 1), (*shape[: k + 1], repeats, *shape[k + 1 :]))
        return reshape(copies.clone(), (*shape[:k], shape[k] * repeats, *shape[k + 1 :]))  # type: ignore[attr-defined]
    return _repeated("IndexSelectBackward0", input, lambda z: np.repeat(z, repeats._data, dim))


def _repeated(name: str, input: Tensor, step: Callable[[Any], Any]) -> Tensor:
    shape = input._data.shape
    return record(name, step(input._data), (input,), (partial(_scattered, shape=shape, chain=(step,)),))

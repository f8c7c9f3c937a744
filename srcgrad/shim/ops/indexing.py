"""Indexing: basic indices give views, index arrays and masks give copies, as in NumPy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.ops.views import axis_of, gathered, mark_view, placed, scattered, view
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor, positions, wrap

_BASIC = (int, slice, type(None), type(...))


def plain_index(key: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index without tensors, as a tuple.

    Raises:
        IndexError: more indices than dimensions.
        ValueError: a slice that goes backwards.
    """
    keys = key if isinstance(key, tuple) else (key,)
    out: list[Any] = []
    used = 0
    for k in keys:
        if isinstance(k, Tensor):
            k = k._data.item() if not k._data.ndim and k._data.dtype.kind in "iu" else k._data
        elif isinstance(k, np.integer):
            k = int(k)
        elif isinstance(k, list | range):
            k = np.asarray([int(v) if isinstance(v, Tensor) else v for v in k])
        elif isinstance(k, slice):
            parts = [p if p is None else p.__index__() for p in (k.start, k.stop, k.step)]
            if parts[2] is not None and parts[2] <= 0:
                raise ValueError("step must be greater than zero")
            k = slice(*parts)
        if isinstance(k, np.ndarray) and k.dtype.kind == "f":
            if k.size:
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
            k = k.astype(np.int64)
        used += k.ndim if isinstance(k, np.ndarray) and k.dtype.kind == "b" else k is not None and k is not ...
        out.append(k)
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    return tuple(out)


def is_basic(index: tuple[Any, ...]) -> bool:
    """Whether it gives a view."""
    return all(isinstance(k, _BASIC) and not isinstance(k, bool) for k in index)


def _name(index: tuple[Any, ...]) -> str:
    """PyTorch applies an index part by part; the node is that of the last part."""
    for k in reversed(index):
        if isinstance(k, int):
            return "SelectBackward0"
        if k is None:
            return "UnsqueezeBackward0"
        if isinstance(k, slice) and k != slice(None):
            return "SliceBackward0"
    return "AliasBackward0"


def _read(data: Any, index: tuple[Any, ...]) -> Any:
    try:
        return data[index]
    except IndexError as error:
        raise IndexError(str(error).replace("axis", "dimension")) from None


def window(input: Tensor, index: tuple[Any, ...]) -> Tensor:
    """The view at a basic index, not recorded: it is there to be written."""
    full = index if ... in index else (*index, ...)
    step = partial(_read, index=full)
    return mark_view(wrap(step(input._data)), input, step)


def getitem(input: Tensor, key: Any) -> Tensor:
    """`input[key]`."""
    shape = input._data.shape
    index = plain_index(key, shape)
    if is_basic(index):
        full = index if ... in index else (*index, ...)
        step = partial(_read, index=full)
        return view(_name(index), input, step, partial(placed, index=full, shape=shape))
    out = _read(input._data, index)
    return record("IndexBackward0", out, (input,), (partial(_back, index=index, shape=shape),))


def _back(ct: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    return scattered(ct, positions(shape, (lambda z: z[index],)), shape)


# -- by index tensors ------------------------------------------------------------------------------------------------


def _along(shape: tuple[int, ...], index: np.ndarray, axis: int) -> np.ndarray:
    """The flat positions of `take_along_axis`, where `index` may be shorter than the array along other axes."""
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    if grid:
        grid[axis] = index
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape)[tuple(grid)]


def _checked(index: np.ndarray, size: int) -> np.ndarray:
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].reshape(-1)[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension 0 with size {size}")
    return index


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """`out[i][j] = input[index[i][j]][j]`, for `dim` 0."""
    shape = input._data.shape
    k = axis_of(dim, len(shape))
    at = _along(shape, _checked(index._data, shape[k]), k)
    pull = partial(scattered, index=at, shape=shape)
    return record("GatherBackward0", input._data.reshape(-1)[at], (input,), (pull,))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """As `np.take_along_axis`."""
    if dim is None:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    return gather(input, dim, indices)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices at some indices along a dimension."""
    shape = input._data.shape
    k = axis_of(dim, len(shape))
    at = (slice(None),) * k + (_checked(index._data.reshape(-1), shape[k]),)
    return record("IndexSelectBackward0", input._data[at], (input,), (partial(_back, index=at, shape=shape),))


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where a mask is true."""
    shape = np.broadcast_shapes(input._data.shape, mask._data.shape)
    at, full = np.broadcast_to(mask._data, shape), input.expand(shape)
    pull = partial(_back, index=(at,), shape=shape)
    return record("MaskedSelectBackward0", full._data[at], (full,), (pull,))


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`value` where a mask is true."""
    at = mask._data
    filling = value if isinstance(value, Tensor) else wrap(np.asarray(value, input._data.dtype))
    out = np.where(at, filling._data.astype(input._data.dtype), input._data)
    return record("MaskedFillBackward0", out, (input, filling), (lambda ct: ct * ~at, lambda ct: ct * at))


def index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy with values stored (or added) at an index.

    Where an index repeats, PyTorch leaves open which value is stored, and so do we: it is the last.
    """
    shape = input._data.shape
    index = plain_index(tuple(indices) if isinstance(indices, list) else indices, shape)
    source = values if isinstance(values, Tensor) else wrap(np.asarray(values, input._data.dtype))
    at = positions(shape, (lambda z: _read(z, index),))
    out = input._data.copy()
    try:
        given = np.broadcast_to(source._data, at.shape)
    except ValueError:
        message = f"shape mismatch: value tensor of shape {list(source._data.shape)} cannot be broadcast to indexing "
        raise RuntimeError(f"{message}result of shape {list(at.shape)}") from None
    if accumulate:
        np.add.at(out.reshape(-1), at.reshape(-1), given.reshape(-1))
        return record("IndexPutBackward0", out, (input, source), (lambda ct: ct, partial(gathered, index=at)))
    out.reshape(-1)[at] = given
    kept, wins = _winners(at, shape)
    pulls = (lambda ct: ct * kept, lambda ct: gathered(ct, at) * wins)
    return record("IndexPutBackward0", out, (input, source), pulls)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy with slices of `source` added at some indices along a dimension."""
    k = axis_of(dim, input._data.ndim)
    at = (slice(None),) * k + (index._data,)
    out = input._data.copy()
    np.add.at(out, at, source._data * alpha)
    where = positions(input._data.shape, (lambda z: z[at],))
    pulls = (lambda ct: ct, lambda ct: gathered(ct, where) * alpha)
    return record("IndexAddBackward0", out, (input, source), pulls)


def scatter(input: Tensor, dim: int, index: Tensor, src: Any) -> Tensor:
    """A copy with `out[index[i][j]][j] = src[i][j]`, for `dim` 0."""
    return _scatter("ScatterBackward0", input, dim, index, src, add=False)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy with `out[index[i][j]][j] += src[i][j]`, for `dim` 0."""
    return _scatter("ScatterAddBackward0", input, dim, index, src, add=True)


def _scatter(name: str, input: Tensor, dim: int, index: Tensor, src: Any, *, add: bool) -> Tensor:
    shape, idx = input._data.shape, index._data
    at = _along(shape, _checked(idx, shape[axis_of(dim, len(shape))]), axis_of(dim, len(shape)))
    source = src if isinstance(src, Tensor) else wrap(np.full(idx.shape, src, input._data.dtype))
    corner = tuple(slice(n) for n in idx.shape)  # of `src`, which may be larger than the index
    part = source[corner] if source._data.shape != idx.shape else source
    out = input._data.copy()
    flat = out.reshape(-1)
    if add:
        np.add.at(flat, at.reshape(-1), part._data.reshape(-1))
        return record(name, out, (input, part), (lambda ct: ct, partial(gathered, index=at)))
    flat[at] = part._data
    kept, wins = _winners(at, shape)
    return record(name, out, (input, part), (lambda ct: ct * kept, lambda ct: gathered(ct, at) * wins))


def _winners(at: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Of a store at flat positions: which elements of the array stay, and which stored values do (the last ones)."""
    order, flat = np.arange(at.size), at.reshape(-1)
    last = np.full(int(np.prod(shape, dtype=int)), -1)
    last[flat] = order
    return (last == -1).reshape(shape), (last[flat] == order).reshape(at.shape)

"""Indexing: basic indices give views, index arrays and masks give copies, as in NumPy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.history import positions
from srcgrad.shim.ops.elementwise import mismatch
from srcgrad.shim.ops.views import axis_of, fits, gathered, mark_view, placed, scattered, view
from srcgrad.shim.record import masked, record
from srcgrad.shim.tensor import Tensor, wrap

_BASIC = (int, slice, type(None), type(...))
_INVALID = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})"
_OF_SCALAR = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
    "tensor to a number"
)


def plain_index(key: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index without tensors, as a tuple.

    Raises:
        IndexError: more indices than dimensions.
        ValueError: a slice that goes backwards.
    """
    if shape and type(key) is int:  # the usual ones
        return (key,)
    if shape and type(key) is slice and key.step is None and type(key.start or 0) is type(key.stop or 0) is int:
        return (slice(None) if key.indices(shape[0]) == (0, shape[0], 1) else key,)
    keys = key if isinstance(key, tuple) else (key,)
    out: list[Any] = []
    used = 0
    for k in keys:
        if isinstance(k, Tensor):
            k = k._data.item() if not k._data.ndim and k._data.dtype.kind in "iu" else k._data
            if isinstance(k, np.ndarray) and k.dtype == np.uint8:  # a mask, as bool
                k = k.astype(bool)
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
        if isinstance(k, str):
            raise TypeError("new(): invalid data type 'str'")
        if not isinstance(k, (*_BASIC, np.ndarray)):
            raise IndexError(_INVALID.format(type(k).__name__))
        used += k.ndim if isinstance(k, np.ndarray) and k.dtype.kind == "b" else k is not None and k is not ...
        out.append(k)
    _whole(out, used, shape)
    if not shape and used and any(isinstance(k, int) and not isinstance(k, bool) for k in out):
        raise IndexError(_OF_SCALAR)
    if used > len(shape) and not any(isinstance(k, bool) for k in out):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    return tuple(out)


def _whole(parts: list[Any], used: int, shape: tuple[int, ...]) -> None:
    """Write slices that leave out nothing as `:`."""
    k = 0
    for n, part in enumerate(parts):
        if part is ...:
            k += len(shape) - used
        elif isinstance(part, np.ndarray):
            k += part.ndim if part.dtype.kind == "b" else 1
        elif part is not None and not isinstance(part, bool):
            if isinstance(part, slice) and k < len(shape) and part.step in (None, 1):
                if part.indices(shape[k]) == (0, shape[k], 1):
                    parts[n] = slice(None)
            k += 1


def is_basic(index: tuple[Any, ...]) -> bool:
    """Whether it gives a view."""
    return all(isinstance(k, _BASIC) and not isinstance(k, bool) for k in index)


def divided(index: tuple[Any, ...], ndim: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """An index as PyTorch applies it: first its basic parts, which give a view, then the arrays among them.

    NumPy takes integers beside arrays for arrays too, which puts dimensions in other places.
    """
    used = sum(
        k.ndim if isinstance(k, np.ndarray) and k.dtype.kind == "b" else k is not None and k is not ... for k in index
    )
    if ... not in [k for k in index if not isinstance(k, np.ndarray)]:
        index = (*index, ...)
    first: list[Any] = []
    then: list[Any] = []
    for k in index:
        if isinstance(k, np.ndarray):
            first += [slice(None)] * (k.ndim if k.dtype.kind == "b" else 1)
            then.append(k)
        elif k is ...:
            first += [slice(None)] * (ndim - used)
            then += [slice(None)] * (ndim - used)
        else:
            first.append(k)
            if not isinstance(k, int):
                then.append(slice(None))
    if all(isinstance(k, slice) and k == slice(None) for k in first):
        first = []
    return tuple(first), tuple(then)


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
        for n, k in enumerate(index):
            if isinstance(k, np.ndarray) and k.dtype.kind == "b" and k.shape != data.shape[n : n + k.ndim]:
                raise IndexError(
                    f"The shape of the mask {list(k.shape)} at index {n} does not match the shape of the indexed "
                    f"tensor {list(data.shape)} at index {n}"
                ) from None
        if "shape mismatch" in str(error):
            shapes = ", ".join(str(list(k.shape)) for k in index if isinstance(k, np.ndarray))
            message = f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
            raise IndexError(message) from None
        raise IndexError(str(error).replace("axis", "dimension")) from None


def window(input: Tensor, index: tuple[Any, ...]) -> Tensor:
    """The view at a basic index, not recorded: it is there to be written."""
    if input._origin:  # may not be, which its node's name tells
        return getitem(input, index)
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
        name = "SliceBackward0" if isinstance(key, slice) else _name(index)
        return view(name, input, step, partial(placed, index=full, shape=shape))
    first, then = divided(index, len(shape)) if not any(isinstance(k, bool) for k in index) else ((), index)
    out = _read(_read(input._data, first) if first else input._data, then)
    return record("IndexBackward0", out, (input,), (partial(_back_divided, first=first, then=then, shape=shape),))


def _back_divided(ct: Any, first: tuple[Any, ...], then: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    return scattered(ct, positions(shape, (lambda z: z[first][then] if first else z[then],)), shape)


def _back(ct: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    return scattered(ct, positions(shape, (lambda z: z[index],)), shape)


# -- by index tensors ------------------------------------------------------------------------------------------------


def _along(shape: tuple[int, ...], index: np.ndarray, axis: int) -> np.ndarray:
    """The flat positions of `take_along_axis`, where `index` may be shorter than the array along other axes."""
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    if grid:
        grid[axis] = index
    return np.arange(int(np.prod(shape, dtype=int))).reshape(shape)[tuple(grid)]


_C_NAMES = {"float32": "float", "float64": "double", "int64": "long int", "int32": "int", "uint8": "unsigned char"}


def _checked(index: np.ndarray, size: int, axis: int = 0) -> np.ndarray:
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].reshape(-1)[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {size}")
    return index


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """`out[i][j] = input[index[i][j]][j]`, for `dim` 0."""
    shape = input._data.shape
    if index._data.ndim != max(len(shape), 1) and index._data.ndim != len(shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    k = axis_of(dim, len(shape))
    if not shape:
        _checked(index._data, 1)
        return record(
            "GatherBackward0", np.broadcast_to(input._data, index._data.shape).copy(), (input,), (lambda ct: ct,)
        )
    at = _along(shape, _checked(index._data, shape[k], k), k)
    pull = partial(scattered, index=at, shape=shape)
    return record("GatherBackward0", input._data.reshape(-1)[at], (input,), (pull,))


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """As `np.take_along_axis`: the other dimensions are broadcast."""
    if dim is not None:
        k = axis_of(dim, input._data.ndim)
        x, y = list(input._data.shape), list(indices._data.shape)
        both = list(np.broadcast_shapes((*x[:k], 1, *x[k + 1 :]), (*y[:k], 1, *y[k + 1 :])))
        input = input.expand([*both[:k], x[k], *both[k + 1 :]])
        indices = indices.expand([*both[:k], y[k], *both[k + 1 :]])
    if dim is None:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    return gather(input, dim, indices)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices at some indices along a dimension."""
    shape = input._data.shape
    k = axis_of(dim, len(shape))
    if index._data.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    rows = index._data.reshape(-1)
    if rows.size and (rows.min() < 0 or rows.max() >= (shape[k] if shape else 1)):
        raise IndexError("index out of range in self")
    if not shape:
        return record("IndexSelectBackward0", input._data.copy(), (input,), (lambda ct: ct,))
    at = (slice(None),) * k + (rows,)
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
    if at.dtype.kind != "b":
        kind = _C_NAMES.get(mask.dtype.name, mask.dtype.name)
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {kind}")
    if isinstance(value, Tensor) and value._data.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value._data.ndim} dimension(s)."
        )
    if not fits(at.shape, input._data.shape):
        raise mismatch(at, input._data)
    filling = value if isinstance(value, Tensor) else wrap(np.asarray(value, input._data.dtype))
    out = np.where(at, filling._data.astype(input._data.dtype), input._data)
    name = "MaskedFillBackward1" if isinstance(value, Tensor) else "MaskedFillBackward0"
    return record(name, out, (input, filling), (partial(masked, at=~at), partial(masked, at=at)))


def index_put(input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy with values stored (or added) at an index.

    Where an index repeats, PyTorch leaves open which value is stored, and so do we: it is the last.
    """
    shape = input._data.shape
    index = plain_index(tuple(indices) if isinstance(indices, list) else indices, shape)
    source = values if isinstance(values, Tensor) else wrap(np.asarray(values, input._data.dtype))
    at = positions(shape, (lambda z: _read(z, index),))
    out = input._data.copy()
    extra = source._data.ndim - at.ndim
    if extra > 0 and source._data.shape[:extra] == (1,) * extra:  # leading dimensions of length 1 do not count
        source = source.reshape(source._data.shape[extra:])
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
    pulls = (partial(masked, at=kept), lambda ct: masked(gathered(ct, at), wins))
    return record("IndexPutBackward0", out, (input, source), pulls)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy with slices of `source` added at some indices along a dimension."""
    k = axis_of(dim, input._data.ndim)
    at = (slice(None),) * k + (index._data,)
    rows, n = index._data, input._data.shape[k] if input._data.ndim else 1
    if input._data.ndim > 1:
        _checked(rows, n, k)
    if rows.size and (rows.min() < 0 or rows.max() >= n):
        raise IndexError("index out of range in self")
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
    axis = axis_of(dim, len(shape))
    if idx.size and idx.ndim != len(shape) and (shape or idx.ndim != 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if isinstance(src, Tensor) and src._data.dtype != input._data.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    _checked(idx, shape[axis] if shape else 1, axis)
    at = _along(shape, idx, axis) if shape else np.zeros_like(idx)
    source = src if isinstance(src, Tensor) else wrap(np.full(idx.shape, src, input._data.dtype))
    name = name if isinstance(src, Tensor) else "ScatterBackward1"
    corner = tuple(slice(n) for n in idx.shape)  # of `src`, which may be larger than the index
    part = source[corner] if source._data.shape != idx.shape else source
    out = input._data.copy()
    flat = out.reshape(-1)
    if add:
        np.add.at(flat, at.reshape(-1), part._data.reshape(-1))
        return record(name, out, (input, part), (lambda ct: ct, partial(gathered, index=at)))
    flat[at] = part._data
    kept, wins = _winners(at, shape)
    return record(name, out, (input, part), (partial(masked, at=kept), lambda ct: masked(gathered(ct, at), wins)))


def _winners(at: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Of a store at flat positions: which elements of the array stay, and which stored values do (the last ones)."""
    order, flat = np.arange(at.size), at.reshape(-1)
    last = np.full(int(np.prod(shape, dtype=int)), -1)
    last[flat] = order
    return (last == -1).reshape(shape), (last[flat] == order).reshape(at.shape)

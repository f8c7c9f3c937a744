"""Shapes, parts and arrangements that are made of the views and copies in `views` and `joining`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.history import positions
from srcgrad.shim.ops.copies import _copied, flip
from srcgrad.shim.ops.joining import cat
from srcgrad.shim.ops.parts import split
from srcgrad.shim.ops.views import (
    axis_of,
    expand,
    flatten,
    permute,
    placed,
    reshape,
    scattered,
    transpose,
    unsqueeze,
    view,
)
from srcgrad.shim.record import record, titled
from srcgrad.shim.tensor import Tensor, wrap


def _int(value: Any) -> int:
    return int(value._data.item()) if isinstance(value, Tensor) else value.__index__()


def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """The slice at an index along a dimension, as a view."""
    shape, index = input._data.shape, _int(index)
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    k = axis_of(dim, len(shape))
    if not -shape[k] <= index < shape[k]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}")
    at = ((slice(None),) * k) + (index, ...)
    return view("SelectBackward0", input, lambda z: z[at], partial(placed, index=at, shape=shape))


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` slices from `start` along a dimension, as a view."""
    shape, start = input._data.shape, _int(start)
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    k = axis_of(dim, len(shape))
    n = shape[k]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
    start %= n if start < 0 else n + 1
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    at = (*(slice(None),) * k, slice(start, start + length), ...)
    return view("SliceBackward0", input, lambda z: z[at], partial(placed, index=at, shape=shape))


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces along a dimension: so many of nearly equal size, or cut at indices."""
    k = axis_of(dim, input._data.ndim)
    n, cuts = input._data.shape[k], indices_or_sections
    if isinstance(cuts, int):
        sizes = [n // cuts + (j < n % cuts) for j in range(cuts)]
        cuts = list(itertools.accumulate(sizes))[:-1]
    edges = [0, *cuts, n]
    parts = []
    for a, b in itertools.pairwise(edges):
        at = (*(slice(None),) * k, slice(a, b))
        parts.append(
            view("SliceBackward0", input, partial(_at, index=at), partial(placed, index=at, shape=input._data.shape))
        )
    return tuple(parts)


def _at(z: Any, index: Any) -> Any:
    return z[index]


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces side by side."""
    return tensor_split(input, indices_or_sections, 0 if input._data.ndim == 1 else 1)


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces one below the other."""
    if input._data.ndim < 2:
        raise RuntimeError(
            f"torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with {input._data.ndim} "
            "dimensions!"
        )
    return tensor_split(input, indices_or_sections, 0)


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """Pieces along the third dimension."""
    return tensor_split(input, indices_or_sections, 2)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of given sizes."""
    return split(input, list(split_sizes), dim)


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension."""
    return reshape(input, -1)


def atleast_1d(*tensors: Any) -> Any:
    """With at least one dimension."""
    return _each(tensors, lambda t: reshape(t, 1) if not t._data.ndim else t)


def atleast_2d(*tensors: Any) -> Any:
    """With at least two dimensions."""
    return _each(
        tensors, lambda t: reshape(t, 1, 1) if not t._data.ndim else unsqueeze(t, 0) if t._data.ndim == 1 else t
    )


def _third(t: Tensor) -> Tensor:
    if t._data.ndim >= 3:
        return t
    if t._data.ndim == 2:
        return unsqueeze(t, -1)
    return unsqueeze(unsqueeze(t, 0), -1) if t._data.ndim else reshape(t, 1, 1, 1)


def atleast_3d(*tensors: Any) -> Any:
    """With at least three dimensions."""
    return _each(tensors, _third)


def _each(tensors: tuple[Any, ...], one: Callable[[Tensor], Tensor]) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return one(tensors[0])
    return tuple(one(t) for t in (tensors[0] if isinstance(tensors[0], list | tuple) else tensors))


def adjoint(input: Tensor) -> Tensor:
    """Matrices transposed."""
    return transpose(input, -2, -1)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of a size along a dimension, as a view whose last dimension is the window."""
    shape = input._data.shape
    k = axis_of(dimension, len(shape))
    n = shape[k] if shape else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {k} is {n} but size is {size}")

    def windows(z: Any) -> Any:
        if not z.ndim:
            return z.reshape(1)[:size]
        found = np.lib.stride_tricks.sliding_window_view(z, size, axis=k, writeable=z.flags.writeable)
        return found[(*(slice(None),) * k, slice(None, None, step))]

    return view("UnfoldBackward0", input, windows, lambda ct: scattered(ct, positions(shape, (windows,)), shape))


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by 90 degrees in a plane, k times."""
    return _copied("Rot90Backward0", input, lambda z: np.rot90(z, k, dims))


def fliplr(input: Tensor) -> Tensor:
    """The second dimension in opposite order."""
    if input._data.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """The first dimension in opposite order."""
    if input._data.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Stretched to a shape."""
    return expand(input, size)


# -- diagonals -------------------------------------------------------------------------------------------------------


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dimension as their diagonal."""
    x = input._data
    n = x.shape[-1] + abs(offset)
    rows = np.arange(x.shape[-1]) + max(-offset, 0)
    cols = np.arange(x.shape[-1]) + max(offset, 0)
    out = np.zeros((*x.shape[:-1], n, n), x.dtype)
    out[..., rows, cols] = x
    at = positions(out.shape, (lambda z: z[..., rows, cols],))
    made = record("DiagonalBackward0", out, (input,), (lambda ct: ct.reshape((-1,))[at],))
    order = list(range(out.ndim - 2))
    first, second = axis_of(dim1, out.ndim), axis_of(dim2, out.ndim)
    for d, k in sorted(((first, out.ndim - 2), (second, out.ndim - 1))):
        order.insert(d, k)
    made = made if order == list(range(out.ndim)) else permute(made, order)
    return titled(made, "DiagEmbedBackward0")


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix that has all elements as its diagonal."""
    return diag_embed(flatten(input), offset)


def block_diag(*tensors: Tensor) -> Tensor:
    """The matrix with matrices as blocks on its diagonal."""
    blocks = [atleast_2d(t) for t in (tensors[0] if isinstance(tensors[0], list | tuple) else tensors)]
    width, at, rows = sum(b._data.shape[1] for b in blocks), 0, []
    for b in blocks:
        m, n = b._data.shape
        left, right = (wrap(np.zeros((m, c), b._data.dtype)) for c in (at, width - at - n))
        rows.append(cat([left, b, right], 1))
        at += n
    return titled(cat(rows, 0), "BlockDiagBackward0")


# -- combinations ----------------------------------------------------------------------------------------------------


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Along the third dimension."""
    return cat([_third(t) for t in tensors], 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Vectors as columns."""
    return cat([t if t._data.ndim > 1 else reshape(t, t._data.size, 1) for t in tensors], 1)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of an element of each vector."""
    if len(tensors) == 1:
        return tensors[0]
    sizes = [t._data.size for t in tensors]
    grid = np.indices(sizes).reshape(len(sizes), -1)
    columns = [reshape(t[wrap(g)], -1, 1) for t, g in zip(tensors, grid, strict=True)]  # type: ignore[index]
    return titled(cat(columns, 1), "StackBackward0")


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of r elements of a vector."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    found = np.array(list(choose(range(input._data.size), r)), np.int64).reshape(-1, r)
    return titled(input[wrap(found)], "StackBackward0")  # type: ignore[index]


def resize_as(input: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of another tensor."""
    return reshape(input, other._data.shape)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces that may be overwritten."""
    n = input._data.shape[axis_of(dim, input._data.ndim)]
    return tuple(t.clone() for t in split(input, max(math.ceil(n / chunks), 1), dim))  # type: ignore[attr-defined]


METHODS = {f.__name__: f for f in (
    select, narrow, tensor_split, hsplit, vsplit, dsplit, split_with_sizes, ravel, adjoint, unfold, rot90, fliplr,
    flipud, broadcast_to, diag_embed, diagflat, unsafe_chunk,
)}  # fmt: skip
TOP = {f.__name__: f for f in (
    atleast_1d, atleast_2d, atleast_3d, block_diag, dstack, column_stack, cartesian_prod, combinations,
)}  # fmt: skip

"""Counting, searching and sets: results without derivatives, and stores by index that `indexing` lacks."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.ops.activations import where
from srcgrad.shim.ops.indexing import _along, _scatter, index_put, scatter
from srcgrad.shim.ops.views import axis_of, reshape, unsafe_view
from srcgrad.shim.record import titled, underived
from srcgrad.shim.tensor import Tensor, wrap


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number occurs, or the sum of its weights."""
    x = input._data
    if x.ndim != 1 or x.dtype.kind == "f" or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    found = np.bincount(x, None if weights is None else weights._data, minlength)
    kind = np.dtype(np.int64) if weights is None else weights._data.dtype
    return wrap(found.astype(np.float64 if kind.kind != "f" else kind) if weights is not None else found.astype(kind))


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements lie in each of so many equal intervals."""
    x = input._data
    low, high = (x.min(), x.max()) if min == max and x.size else (min, max)
    low, high = (low - 1, high + 1) if low == high else (low, high)
    return wrap(np.histogram(x[(x >= low) & (x <= high)], bins, (low, high))[0].astype(x.dtype))


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements, in order."""
    found, inverse, counts = np.unique(input._data, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(input._data.shape if dim is None else (-1,))
    name, op = ("Unique2Backward0", "_unique2") if dim is None else ("UniqueDimBackward0", "unique_dim")
    out = [underived(name, f"the derivative for '{op}' is not implemented.", found, (input,))]
    out += [wrap(inverse.astype(np.int64))] if return_inverse else []
    out += [wrap(counts.astype(np.int64))] if return_counts else []
    return tuple(out) if len(out) > 1 else out[0]


def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False) -> Any:
    """The elements without those that equal the one before."""
    x = input._data.reshape(-1)
    new = np.ones(x.shape, bool)
    new[1:] = x[1:] != x[:-1]
    at = np.flatnonzero(new)
    text = "the derivative for 'unique_consecutive' is not implemented."
    out = [underived("UniqueConsecutiveBackward0", text, x[new], (input,))]
    out += [wrap((np.cumsum(new) - 1).reshape(input._data.shape).astype(np.int64))] if return_inverse else []
    out += [wrap(np.diff(np.append(at, x.size)).astype(np.int64))] if return_counts else []
    return tuple(out) if len(out) > 1 else out[0]


def searchsorted(
    sorted_sequence: Tensor, values: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None
) -> Tensor:
    """Where values would have to be put in, to keep the order."""
    right = right or side == "right"
    grid, x = sorted_sequence._data, values._data if isinstance(values, Tensor) else np.asarray(values)
    if grid.ndim > 1:
        if grid.shape[:-1] != x.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
                "boundaries tensor and input value tensor must match"
            )
        rows = [np.searchsorted(g, v, "right" if right else "left") for g, v in
                zip(grid.reshape(-1, grid.shape[-1]), x.reshape(-1, x.shape[-1]), strict=True)]  # fmt: skip
        found = np.array(rows, np.int64).reshape(x.shape)
    else:
        found = np.searchsorted(grid, x, "right" if right else "left")
    return wrap(np.asarray(found, np.int32 if out_int32 else np.int64))


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """In which interval values lie."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Tensor:
    """Whether elements are among some values."""
    a, b = (v._data if isinstance(v, Tensor) else v for v in (elements, test_elements))
    if isinstance(elements, Tensor) and a.dtype.kind == "b":
        raise RuntimeError("Unsupported input type encountered for isin(): Bool")
    return wrap(np.asarray(np.isin(a, b, invert=invert)))


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The positions of the lower triangle of a matrix."""
    return wrap(np.array(np.tril_indices(row, offset, col), np.int64).reshape(2, -1))


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The positions of the upper triangle of a matrix."""
    return wrap(np.array(np.triu_indices(row, offset, col), np.int64).reshape(2, -1))


# -- stores ------------------------------------------------------------------------------------------------------------


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy with a number stored in slices."""
    k = axis_of(dim, input._data.ndim)
    number = value if isinstance(value, Tensor) else wrap(np.asarray(value, input._data.dtype))
    at = (*(slice(None),) * k, index._data.reshape(-1))
    name = "IndexFillBackward1" if isinstance(value, Tensor) else "IndexFillBackward0"
    return titled(index_put(input, at, number), name)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy with slices of another tensor stored."""
    if input._data.dtype != source._data.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{input.dtype.title} and (source) {source.dtype.title}"
        )
    k = axis_of(dim, input._data.ndim)
    return titled(index_put(input, (*(slice(None),) * k, index._data), source), "IndexCopyBackward0")


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with values stored at flat positions."""
    flat = index_put(reshape(input, -1), (index._data.reshape(-1),), reshape(source, -1), accumulate)
    return unsafe_view(flat, input._data.shape, "PutBackward0")


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy with the first elements of `source`, in order, stored where a mask is true."""
    at = np.broadcast_to(mask._data, input._data.shape)
    count = int(at.sum())
    if count > source._data.size:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    return titled(index_put(input, (at.copy(),), reshape(source, -1)[:count]), "MaskedScatterBackward0")  # type: ignore[index]


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy with elements of `src` added to (or compared with) those at an index along a dimension.

    Raises:
        NotImplementedError: "prod", or "mean" without the tensor itself.
    """
    neutral = {"sum": 0.0, "mean": 0.0, "amax": -np.inf, "amin": np.inf}
    base = input if include_self else scatter(input, dim, index, neutral.get(reduce, 1.0))
    added = _scatter("ScatterAddBackward0", base, dim, index, src, add=True)
    if reduce == "sum":
        return titled(added, "ScatterReduceBackward0")
    shape = input._data.shape
    at = _along(shape, index._data, axis_of(dim, len(shape)))
    if reduce == "mean":
        count = np.full(shape, int(include_self), input._data.dtype).reshape(-1)
        np.add.at(count, at.reshape(-1), 1)
        return titled(added / wrap(np.maximum(count, 1).reshape(shape)), "ScatterReduceBackward0")
    if reduce not in ("amax", "amin"):
        raise NotImplementedError(f"scatter_reduce(reduce={reduce!r}) is not supported by srcgrad.shim")
    # the extremum, of which all equal ones have equal shares
    part = src[tuple(slice(n) for n in index._data.shape)]  # type: ignore[index]
    best = base._data.copy().reshape(-1)
    (np.maximum if reduce == "amax" else np.minimum).at(best, at.reshape(-1), part._data.reshape(-1))
    mine = (base._data.reshape(-1) == best).reshape(shape)
    theirs = part._data == best[at]
    count = mine.astype(input._data.dtype).reshape(-1)
    np.add.at(count, at.reshape(-1), theirs.reshape(-1))
    shares = wrap(1.0 / np.maximum(count, 1).reshape(shape).astype(input._data.dtype))
    kept = where(wrap(mine), base, 0.0) * shares
    given = where(wrap(theirs), part, 0.0) * wrap(shares._data.reshape(-1)[at])
    return titled(_scatter("", kept, dim, index, given, add=True), "ScatterReduceBackward0")


METHODS = {f.__name__: f for f in (
    bincount, histc, unique, unique_consecutive, index_fill, index_copy, put, masked_scatter, scatter_reduce, isin,
)}  # fmt: skip
TOP = {f.__name__: f for f in (searchsorted, bucketize, tril_indices, triu_indices)}

"""Sums, means, extrema, norms, cumulative sums; along all dimensions, or along some."""

from __future__ import annotations

import builtins
import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY, DEFAULT, numpy_dtype
from srcgrad.shim.graph import OUTPUT
from srcgrad.shim.modes import STATE
from srcgrad.shim.ops.views import axis_of, scattered, spread
from srcgrad.shim.record import record, titled
from srcgrad.shim.tensor import Tensor, wrap


class Extremum(NamedTuple):
    """Values and where they are."""

    values: Tensor
    indices: Tensor


def axes_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """Dimensions counted from the front; all, for None or ()."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    found = tuple(axis_of(d, ndim) for d in (dim if isinstance(dim, tuple | list) else (dim,)))
    if len(set(found)) < len(found):
        again = next(k for k in found if found.count(k) > 1)
        raise RuntimeError(f"dim {again} appears multiple times in the list of dims")
    return found if ndim else ()


def opened(value: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Any:
    """A result of a reduction, with the dimensions that were reduced as 1."""
    if keepdim or len(axes) == len(shape) == 0:
        return value
    return value.reshape(tuple(1 if k in axes else n for k, n in enumerate(shape)))


def _floats(x: Any, dtype: Any = None) -> Any:
    if dtype is not None:
        return x.astype(numpy_dtype(dtype))
    return x if x.dtype.kind == "f" else x.astype(DEFAULT.numpy)


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of the elements."""
    x = input._data
    shape = x.shape
    if dtype is not None:
        x = x.astype(numpy_dtype(dtype))
    elif x.dtype.kind in "biu":
        x = x.astype(np.int64)
    if dim is None and not keepdim:
        out = STATE.quiet(np.add.reduce, x, axis=None)
        return record("SumBackward0", out, (input,), (partial(spread, shape=shape),))
    axes = axes_of(dim, x.ndim)
    out = STATE.quiet(np.add.reduce, x, axis=axes, keepdims=keepdim)
    return record("SumBackward1", out, (input,), (lambda ct: spread(opened(ct, shape, axes, keepdim), shape),))


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of the elements.

    Raises:
        RuntimeError: they are integers.
    """
    x = input._data
    if dtype is not None:
        x = x.astype(numpy_dtype(dtype))
    if x.dtype.kind != "f":
        from_ = BY_NUMPY[x.dtype].title
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{from_}"
        )
    shape = x.shape
    axes = axes_of(dim, x.ndim)
    count = math.prod(shape[k] for k in axes)
    # in the type of the elements, also where there are none
    out = STATE.quiet(_average, x, axes, keepdim, count)
    name = "MeanBackward0" if dim is None and not keepdim else "MeanBackward1"
    return record(name, out, (input,), (lambda ct: spread(opened(ct / count, shape, axes, keepdim), shape),))


def _average(x: Any, axes: tuple[int, ...], keepdim: bool, count: float) -> Any:
    return np.add.reduce(x, axis=axes, keepdims=keepdim) / x.dtype.type(count)


def _squares(x: Any, axes: tuple[int, ...], keepdim: bool, count: float) -> Any:
    """The squares of the distances from the mean, added up, for each of `count`."""
    return _average(np.square(x - x.mean(axis=axes, keepdims=True)), axes, keepdim, count)


def _variance(name: str, input: Tensor, dim: Any, correction: float, keepdim: bool) -> Tensor:
    x = input._data
    shape, axes = x.shape, axes_of(dim, x.ndim)
    count = math.prod(shape[k] for k in axes)
    free = builtins.max(count - correction, 0)
    out = STATE.quiet(_squares, x, axes, keepdim, free)

    def pull(ct: Any, x: Any) -> Any:
        center = x - x.mean(axes, keepdims=True) if axes else x * 0.0
        return opened(ct, shape, axes, keepdim) * ((2.0 / free if free else math.inf) * center)

    return record(name, out, (input,), (pull,), (input,))


def _correction(unbiased: Any, correction: Any) -> float:
    if correction is not None:
        return float(correction)
    return 1.0 if unbiased is None or unbiased else 0.0


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The variance, with Bessel's correction unless told otherwise."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return _variance("VarBackward0", input, dim, _correction(unbiased, correction), keepdim)


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    """The standard deviation; its derivative is 0 where it is 0."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    x = input._data
    shape, axes = x.shape, axes_of(dim, x.ndim)
    count = math.prod(shape[k] for k in axes)
    free = builtins.max(count - _correction(unbiased, correction), 0)
    out = np.sqrt(STATE.quiet(_squares, x, axes, keepdim, free))

    def pull(ct: Any, x: Any, out: Any) -> Any:
        center = x - x.mean(axes, keepdims=True) if axes else x * 0.0
        share = np.where(out == 0, 0.0, ct / (out * free))
        return opened(share, shape, axes, keepdim) * center

    return record("StdBackward0", out, (input,), (pull,), (input, OUTPUT))


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product of the elements."""
    x = input._data
    shape = x.shape
    if dtype is not None:
        x = x.astype(numpy_dtype(dtype))
    elif x.dtype.kind in "biu":
        x = x.astype(np.int64)
    axes = axes_of(dim, x.ndim)
    out = STATE.quiet(np.multiply.reduce, x, axis=axes, keepdims=keepdim)

    def pull(ct: Any, x: Any) -> Any:
        return opened(ct, shape, axes, keepdim) * _others(x, axes)

    return record(f"ProdBackward{int(dim is not None)}", out, (input,), (pull,), (input,))


def _others(x: Any, axes: tuple[int, ...]) -> Any:
    """For each element the product of all others along the axes, zeros or not: of those before and those after it."""
    shape = x.shape
    rest = tuple(k for k in range(len(shape)) if k not in axes)
    count = math.prod(shape[k] for k in axes)
    order = rest + axes
    lines = math.prod(shape[k] for k in rest)
    rows = (x.permute(order) if isinstance(x, Tensor) else x.transpose(order)).reshape((lines, count))
    if not count or not rows.shape[0]:
        return x
    before, after = [], []
    run = rows[:, 0:1] * 0.0 + 1.0
    for k in range(count):
        before.append(run)
        run = run * rows[:, k : k + 1]
    run = rows[:, 0:1] * 0.0 + 1.0
    for k in reversed(range(count)):
        after.insert(0, run)
        run = run * rows[:, k : k + 1]
    parts = [b * a for b, a in zip(before, after, strict=True)]
    joined = np.concatenate(parts, axis=1) if parts else rows
    back = tuple(int(k) for k in np.argsort(order))
    whole = joined.reshape(tuple(shape[k] for k in order))
    return whole.permute(back) if isinstance(whole, Tensor) else whole.transpose(back)


# -- extrema -----------------------------------------------------------------------------------------------------------


def _even(input: Tensor, dim: Any, keepdim: bool, name: str, reduce: Any) -> Tensor:
    """An extremum whose cotangent goes to all the equal ones, in equal parts."""
    x = input._data
    shape, axes = x.shape, axes_of(dim, x.ndim)
    _not_empty(x, axes, name)
    out = reduce(x, axis=axes, keepdims=keepdim)

    def pull(ct: Any, x: Any, out: Any) -> Any:
        x, out = (v._data if isinstance(v, Tensor) else np.asarray(v) for v in (x, out))
        at = x == opened(out, shape, axes, keepdim)
        if np.isnan(out).any():
            at = at | np.isnan(x)
        share = at / np.maximum(at.sum(axis=axes, keepdims=True), 1)
        return opened(ct, shape, axes, keepdim) * share.astype(x.dtype)

    return record(name, out, (input,), (pull,), (input, OUTPUT))


def _not_empty(x: Any, axes: tuple[int, ...], name: str) -> None:
    op = name.split("Backward", maxsplit=1)[0].lower()
    gone = [k for k in axes if not x.shape[k]]
    if gone and (len(axes) < x.ndim or op.startswith("arg")) and x.ndim > 1:
        raise IndexError(f"{op}(): Expected reduction dim {gone[0]} to have non-zero size.")
    if gone and op.startswith("arg"):
        raise IndexError(f"{op}(): Expected reduction dim to be specified for input.numel() == 0.")
    if gone:
        raise RuntimeError(
            f"{op}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )


def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest elements; equal ones share the gradient."""
    return _even(input, dim, keepdim, "AmaxBackward0", np.maximum.reduce)


def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest elements; equal ones share the gradient."""
    return _even(input, dim, keepdim, "AminBackward0", np.minimum.reduce)


def selected(input: Tensor, dim: int, keepdim: bool, name: str, index: Any) -> Extremum:
    """Elements selected along a dimension, each by an index."""
    x = input._data
    shape, k = x.shape, axis_of(dim, x.ndim)
    if shape and not shape[k]:
        op = name.split("Backward", maxsplit=1)[0].lower()
        raise IndexError(f"{op}(): Expected reduction dim {k} to have non-zero size.")
    if not shape:
        return Extremum(record(name, x.copy(), (input,), (lambda ct: ct,)), wrap(np.zeros((), np.int64)))
    where = np.expand_dims(index(x, k), k)
    positions = np.take_along_axis(np.arange(x.size).reshape(shape), where, k)
    if not keepdim:
        positions, where = positions.squeeze(k), where.squeeze(k)
    pull = partial(scattered, index=positions, shape=shape)
    return Extremum(record(name, x.reshape(-1)[positions], (input,), (pull,)), wrap(np.asarray(where)))


def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; or, along a dimension, the values and their indices; or the larger of two tensors."""
    other = dim if isinstance(dim, Tensor) else other
    if other is not None:
        return input.maximum(other)
    if dim is None:
        return _even(input, None, False, "MaxBackward1", np.maximum.reduce)
    return selected(input, dim, keepdim, "MaxBackward0", lambda x, k: x.argmax(k))


def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; or, along a dimension, the values and their indices; or the smaller of two tensors."""
    other = dim if isinstance(dim, Tensor) else other
    if other is not None:
        return input.minimum(other)
    if dim is None:
        return _even(input, None, False, "MinBackward1", np.minimum.reduce)
    return selected(input, dim, keepdim, "MinBackward0", lambda x, k: x.argmin(k))


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median."""
    if dim is None:
        x = input._data
        value = np.sort(x.reshape(-1))[(x.size - 1) // 2]
        return _even(input, None, False, "MedianBackward0", lambda x, axis, keepdims: value)
    return selected(input, dim, keepdim, "MedianBackward1", _middle)


def _middle(x: Any, axis: int) -> Any:
    order = np.argsort(x, axis=axis, kind="stable")
    return np.take(order, (x.shape[axis] - 1) // 2, axis)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the first of the largest elements is."""
    return _place(input, dim, keepdim, "argmax")


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Where the first of the smallest elements is."""
    return _place(input, dim, keepdim, "argmin")


def _place(input: Tensor, dim: int | None, keepdim: bool, name: str) -> Tensor:
    x = input._data
    if x.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input")
    k = None if dim is None else axis_of(dim, x.ndim)
    _not_empty(x, axes_of(dim, x.ndim), name)
    return wrap(np.asarray(getattr(x, name)(k if x.ndim else None, keepdims=keepdim)))


def _logical(input: Tensor, dim: Any, keepdim: bool, reduce: Any) -> Tensor:
    found = np.asarray(reduce(input._data, axis=axes_of(dim, input._data.ndim), keepdims=keepdim))
    return wrap(found.astype(np.uint8) if input._data.dtype == np.uint8 else found)


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether all elements are true."""
    return _logical(input, dim, keepdim, np.all)


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether one element is true."""
    return _logical(input, dim, keepdim, np.any)


def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not 0."""
    return wrap(np.asarray(np.count_nonzero(input._data, axis=axes_of(dim, input._data.ndim))))


# -- norms and logarithms --------------------------------------------------------------------------------


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The p-norm of the elements; its derivative at 0 is 0 (for p > 1)."""
    p = 2.0 if p in ("fro", None) else float(p)
    if dtype is None and input._data.dtype.kind != "f":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {input.dtype.title}"
        )
    x = _floats(input._data, dtype)
    shape, axes = x.shape, axes_of(dim, x.ndim)
    name = "LinalgVectorNormBackward0"
    if math.isinf(p):
        reduce = np.maximum.reduce if p > 0 else np.minimum.reduce
        return titled(_even(input.abs(), dim, keepdim, name, reduce), name)
    size = np.abs(x)
    if p == 0:
        out = STATE.quiet(np.add.reduce, (x != 0).astype(x.dtype), axis=axes, keepdims=keepdim)
        return record(name, out, (input,), (lambda ct: spread(opened(ct * 0.0, shape, axes, keepdim), shape),))
    if p == 2:
        out = np.sqrt(STATE.quiet(lambda: np.add.reduce(x * x, axis=axes, keepdims=keepdim)))
    else:
        out = STATE.quiet(lambda: np.add.reduce(size**p, axis=axes, keepdims=keepdim) ** x.dtype.type(1.0 / p))

    def pull(ct: Any, x: Any, out: Any) -> Any:
        if p == 1:
            return opened(ct, shape, axes, keepdim) * np.sign(x)
        safe = np.where(out == 0, 1.0, out)
        share = opened(np.where(out == 0, 0.0, ct / (safe if p == 2 else safe ** (p - 1))), shape, axes, keepdim)
        if p == 2:
            return share * x
        return share * np.where(x == 0, 0.0, np.sign(x) * np.where(x == 0, 1.0, np.abs(x)) ** (p - 1))

    return record(name, out, (input,), (pull,), (input, OUTPUT))


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of exponentials."""
    x = _floats(input._data)
    shape, axes = x.shape, axes_of(dim, x.ndim)
    top = np.maximum.reduce(x, axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    out = STATE.quiet(lambda: np.log(np.add.reduce(np.exp(x - top), axis=axes, keepdims=True)) + top)
    out = out if keepdim else out.squeeze(axes)

    def pull(ct: Any, x: Any, out: Any) -> Any:
        return opened(ct, shape, axes, keepdim) * np.exp(x - opened(out, shape, axes, keepdim))

    return record("LogsumexpBackward0", out, (input,), (pull,), (input, OUTPUT))

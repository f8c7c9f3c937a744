"""Statistics, running extrema and differences, made of the reductions and selections."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.shim.ops.activations import where
from srcgrad.shim.ops.order import _ordered, cumsum, sort
from srcgrad.shim.ops.reductions import (
    Extremum,
    _even,
    amax,
    amin,
    axes_of,
    logsumexp,
    mean,
    selected,
    std,
    var,
)
from srcgrad.shim.ops.reductions import sum as sum_
from srcgrad.shim.ops.shapes import narrow
from srcgrad.shim.ops.views import axis_of, reshape, unsafe_view
from srcgrad.shim.record import record, titled
from srcgrad.shim.tensor import Tensor, wrap


def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """Variance and mean."""
    found = var(input, dim, unbiased, keepdim, correction=correction)
    dim = None if isinstance(dim, bool) else dim
    return titled(found, "VarMeanBackward0"), titled(mean(input, dim, keepdim), "VarMeanBackward0")


def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""
    found = std(input, dim, unbiased, keepdim, correction=correction)
    dim = None if isinstance(dim, bool) else dim
    return titled(found, "StdMeanBackward0"), titled(mean(input, dim, keepdim), "StdMeanBackward0")


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The smallest and the largest elements; equal ones share the gradient."""
    low, high = (f(input, () if dim is None else dim, keepdim) for f in (amin, amax))
    return titled(low, "AminmaxBackward0"), titled(high, "AminmaxBackward0")


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of the elements that are not NaN."""
    fine = where(wrap(np.isnan(input._data)), 0.0, input) if input._data.dtype.kind == "f" else input
    return titled(sum_(fine, dim, keepdim, dtype=dtype), "NansumBackward0")


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The mean of the elements that are not NaN."""
    count = np.add.reduce(~np.isnan(input._data), axis=axes_of(dim, input._data.ndim), keepdims=keepdim)
    return nansum(input, dim, keepdim) / wrap(np.asarray(count, np.int64))  # type: ignore[no-any-return]


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median of the elements that are not NaN."""

    def middle(x: Any, axis: int) -> Any:
        order = np.argsort(x, axis=axis, kind="stable")  # NaN comes last
        at = np.maximum((~np.isnan(x)).sum(axis, keepdims=True) - 1, 0) // 2
        return np.take_along_axis(order, at, axis).squeeze(axis)

    if dim is None:
        value = selected(reshape(input.detach(), -1), 0, False, "", middle).values._data
        return _even(input, None, False, "NanmedianBackward0", lambda x, axis, keepdims: value)
    return selected(input, dim, keepdim, "NanmedianBackward1", middle)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Extremum:
    """The k-th smallest elements along a dimension."""
    n = input._data.shape[axis_of(dim, input._data.ndim)] if input._data.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    pick = lambda x, axis: np.take(np.argsort(x, axis=axis, kind="stable"), k - 1, axis)  # noqa: E731
    return selected(input, dim, keepdim, "KthvalueBackward0", pick)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Extremum:
    """The most frequent elements along a dimension, the smallest of them, and where the last of each is."""

    def pick(x: Any, axis: int) -> Any:
        return np.apply_along_axis(_most_frequent, axis, x)

    return selected(input, dim, keepdim, "ModeBackward0", pick)


def _most_frequent(row: np.ndarray) -> int:
    values, counts = np.unique(row, return_counts=True)
    return int(np.flatnonzero(row == values[counts.argmax()])[-1])


def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The quantiles along a dimension, or of all elements."""
    if interpolation != "linear":
        raise NotImplementedError(f"quantile(interpolation={interpolation!r}) is not supported by srcgrad.shim")
    points = q._data if isinstance(q, Tensor) else np.asarray(q, input._data.dtype)
    if ((points < 0) | (points > 1)).any():
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q}")
    flat, k = (reshape(input, -1), 0) if dim is None else (input, axis_of(dim, input._data.ndim))
    found = sort(flat, k).values
    n = flat._data.shape[k]
    rows = []
    for p in points.reshape(-1):
        at = float(p) * (n - 1)
        low = math.floor(at)
        high = min(low + 1, n - 1)
        a, b = (narrow(found, k, j, 1) for j in (low, high))
        rows.append(a + (at - low) * (b - a))
    shape = list(flat._data.shape)
    shape[k] = 1
    if not keepdim:
        del shape[k]
    elif dim is None:
        shape = [1] * input._data.ndim
    rows = [reshape(r, shape) for r in rows]
    if points.ndim:
        from srcgrad.shim.ops.joining import stack  # noqa: PLC0415

        return stack(rows)
    return unsafe_view(rows[0], rows[0]._data.shape, "SqueezeBackward4") if not keepdim else rows[0]


def cov(input: Tensor, *, correction: int = 1) -> Tensor:
    """The covariance matrix of the rows."""
    x = input if input._data.ndim > 1 else reshape(input, 1, -1)
    centered = x - mean(x, 1, True)
    free = max(x._data.shape[1] - correction, 0)
    scale = wrap(np.asarray(free, x._data.dtype))
    return ((centered @ centered.t()) / scale).squeeze()  # type: ignore[attr-defined,no-any-return]


def _running(name: str, input: Tensor, dim: int, better: Any) -> Extremum:
    x = input._data
    if not x.ndim:
        return selected(input, 0, True, name, None)
    k = axis_of(dim, x.ndim)
    index = np.zeros(x.shape, np.int64)
    rows, found = np.moveaxis(x, k, 0), np.moveaxis(index, k, 0)
    for n in range(1, len(rows)):
        best = np.take_along_axis(rows, found[n - 1 : n], 0)[0]
        found[n] = np.where(better(rows[n], best) | np.isnan(rows[n]), n, found[n - 1])
    return _ordered(name, input, index, k)


def cummax(input: Tensor, dim: int) -> Extremum:
    """The largest elements so far along a dimension, and where they are."""
    return _running("CummaxBackward0", input, dim, np.greater_equal)


def cummin(input: Tensor, dim: int) -> Extremum:
    """The smallest elements so far along a dimension, and where they are."""
    return _running("CumminBackward0", input, dim, np.less_equal)


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of the running sums of exponentials."""
    x = input._data
    if not x.ndim or not x.size:
        return record("LogcumsumexpBackward0", x.copy(), (input,), (lambda ct: ct,))
    k = axis_of(dim, x.ndim)
    n = x.shape[k]
    # each sum with the maximum of its own elements taken out: of a table of all pairs, with -inf beyond the end
    table = input.unsqueeze(k + 1).expand((*x.shape[: k + 1], n, *x.shape[k + 1 :]))  # type: ignore[attr-defined]
    beyond = np.tril(np.ones((n, n), bool), -1).reshape((n, n) + (1,) * (x.ndim - k - 1))
    made = logsumexp(where(wrap(beyond), -math.inf, table), k)
    return titled(made, "LogcumsumexpBackward0")


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The differences of neighbours along a dimension, n times."""
    if not input._data.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    k = axis_of(dim, input._data.ndim)
    if prepend is not None or append is not None:
        from srcgrad.shim.ops.joining import cat  # noqa: PLC0415

        input = cat([t for t in (prepend, input, append) if t is not None], k)
    for _ in range(n):
        count = max(input._data.shape[k] - 1, 0)
        first, second = narrow(input, k, min(1, input._data.shape[k]), count), narrow(input, k, 0, count)
        input = first ^ second if input._data.dtype.kind == "b" else first - second
    return input


def _areas(y: Tensor, x: Any, dx: float, dim: int, scale: Any) -> Any:
    k = axis_of(dim, y._data.ndim)
    n = y._data.shape[k] - 1
    pairs = narrow(y, k, 1, n) + narrow(y, k, 0, n)
    width = dx if x is None else diff(x, dim=dim)
    return scale(pairs * width if x is not None else pairs, k) * (0.5 if x is not None else dx / 2.0)


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """The integral by the trapezoidal rule."""
    return titled(_areas(y, x, dx, dim, sum_), "MulBackward1" if x is None else "DivBackward1")


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1.0, dim: int = -1) -> Tensor:
    """The running integral by the trapezoidal rule."""
    return titled(_areas(y, x, dx, dim, cumsum), "CumsumBackward0" if x is None else "DivBackward1")


METHODS = {f.__name__: f for f in (
    aminmax, nansum, nanmean, nanmedian, kthvalue, mode, quantile, cov, cummax, cummin, logcumsumexp, diff,
)}  # fmt: skip
TOP = {"var_mean": var_mean, "std_mean": std_mean, "trapezoid": trapezoid, "trapz": trapezoid,
       "cumulative_trapezoid": cumulative_trapezoid}  # fmt: skip

"""Cumulative sums and products, and sorting: results that depend on the order of elements."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import numpy_dtype
from srcgrad.shim.modes import STATE
from srcgrad.shim.ops.reductions import Extremum, selected
from srcgrad.shim.ops.views import axis_of, scattered
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor, wrap


def _reversed_sum(ct: Any, axis: int) -> Any:
    if isinstance(ct, Tensor):
        return ct.flip(axis).cumsum(axis).flip(axis)
    return np.flip(np.cumsum(np.flip(ct, axis), axis), axis)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running sums along a dimension."""
    x = input._data
    if dtype is not None:
        x = x.astype(numpy_dtype(dtype))
    k = axis_of(dim, x.ndim)
    if not x.ndim:
        x = x if x.dtype.kind == "f" else x.astype(np.int64)
        return record("CumsumBackward0", x.copy(), (input,), (lambda ct: ct,))
    out = STATE.quiet(np.cumsum, np.ascontiguousarray(x), axis=k, dtype=None if x.dtype.kind == "f" else np.int64)
    return record("CumsumBackward0", out, (input,), (partial(_reversed_sum, axis=k),))


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Running products along a dimension."""
    x = input._data if dtype is None else input._data.astype(numpy_dtype(dtype))
    k = axis_of(dim, x.ndim)
    if not x.ndim:
        return record(
            "CumprodBackward0", x.copy() if x.dtype.kind == "f" else x.astype(np.int64), (input,), (lambda ct: ct,)
        )
    out = STATE.quiet(np.cumprod, np.ascontiguousarray(x), axis=k, dtype=None if x.dtype.kind == "f" else np.int64)

    def pull(ct: Any, x: Any) -> Any:
        # the products of all but element i, for each end j >= i, added up: correct with zeros too
        n = x.shape[k]
        head = (slice(None),) * k
        parts = []
        for i in range(n):
            before = x[(*head, slice(0, i))]
            start = before.prod(k, keepdims=True) if i else x[(*head, slice(0, 1))] * 0.0 + 1.0
            run, total = start, ct[(*head, slice(i, i + 1))] * start
            for j in range(i + 1, n):
                run = run * x[(*head, slice(j, j + 1))]
                total = total + ct[(*head, slice(j, j + 1))] * run
            parts.append(total)
        return np.concatenate(parts, axis=k)

    return record("CumprodBackward0", out, (input,), (pull,), (input,))


# -- order -------------------------------------------------------------------------------------------------------------


def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Extremum:
    """The elements in order along a dimension, and where they were."""
    x = input._data
    k = axis_of(dim, x.ndim)
    name = "SortBackward0" if stable is None else "SortBackward1"
    if not x.ndim:
        return selected(input, 0, True, name, None)
    order = np.argsort(-x if descending and x.dtype.kind == "f" else x, axis=k, kind="stable")
    if descending and x.dtype.kind != "f":
        order = np.flip(np.argsort(np.flip(x, k), axis=k, kind="stable"), k)
        order = x.shape[k] - 1 - order
    return _ordered(name, input, order, k)


def msort(input: Tensor) -> Tensor:
    """Sorted along the first dimension."""
    return sort(input, 0).values


def _ordered(name: str, input: Tensor, order: np.ndarray, axis: int) -> Extremum:
    shape = input._data.shape
    at = np.take_along_axis(np.arange(input._data.size).reshape(shape), order, axis)
    pull = partial(scattered, index=at, shape=shape)
    return Extremum(record(name, input._data.reshape(-1)[at], (input,), (pull,)), wrap(order.astype(np.int64)))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """Where the elements in order were."""
    return sort(input, dim, descending).indices


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extremum:
    """The k largest (or smallest) elements along a dimension, and where they were."""
    axis = axis_of(dim, input._data.ndim)
    if k > (input._data.shape[axis] if input._data.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if not input._data.ndim:
        return selected(input, 0, True, "TopkBackward0", None)
    order = sort(input, dim, descending=largest).indices._data
    return _ordered("TopkBackward0", input, np.take(order, range(k), axis), axis)

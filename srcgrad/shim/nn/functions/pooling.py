"""Pooling: the maximum or the mean over windows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.history import embedded
from srcgrad.shim.nn.functions.checks import adjoint_pair, need_tensor, tuple_of
from srcgrad.shim.nn.functions.windows import Windows
from srcgrad.shim.ops.reductions import mean
from srcgrad.shim.ops.views import gathered
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor, wrap


def _windows(
    shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Windows:
    """Where the windows lie over the last two axes of a shape.

    Raises:
        RuntimeError: there are none, or too much padding.
    """
    kernel = tuple_of(kernel, 2, "kernel_size")
    stride = kernel if stride is None or stride == [] else tuple_of(stride, 2, "stride")
    padding, dilation = tuple_of(padding, 2, "padding"), tuple_of(dilation, 2, "dilation")
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    for p, k, d in zip(padding, kernel, dilation, strict=True):
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
    counts, after = [], []
    for n, k, s, p, d in zip(shape[-2:], kernel, stride, padding, dilation, strict=True):
        span = n + 2 * p - d * (k - 1) - 1
        count = (span + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:  # the last window has to start in the array
            count -= 1
        counts.append(count)
        after.append((count - 1) * s + d * (k - 1) + 1 - n - p)
    if min(counts) < 1:
        old, new = (f"({shape[-3]}x{a}x{b})" for a, b in (shape[-2:], [max(c, 0) for c in counts]))
        raise RuntimeError(f"Given input size: {old}. Calculated output size: {new}. Output size is too small")
    return Windows(tuple(shape[-2:]), kernel, stride, padding, tuple(after), dilation)


def _planes(x: np.ndarray) -> np.ndarray:
    """(..., H, W) -> (N, C, H, W)."""
    return x.reshape((1, -1, *x.shape[-2:]) if x.ndim != 4 else x.shape)


def _best(windows: Windows, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest elements of the windows of planes (N, C, H, W), the first or NaN, and where in the plane they are."""
    low = -math.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = windows.padded(x, low)
    parts = [(at, padded[(..., *slices)]) for at, slices in windows.offsets()]
    best = parts[0][1].copy()
    which = np.zeros(best.shape, np.min_scalar_type(len(parts)))  # the number of an element in its window
    for k, (_, here) in enumerate(parts[1:], 1):
        np.maximum(which, (here > best) * which.dtype.type(k), out=which)  # faster than a store with a mask
        np.maximum(best, here, out=best)
    if x.dtype.kind == "f" and np.isnan(best).any():
        for k, (_, here) in enumerate(parts):
            np.maximum(which, np.isnan(here) * which.dtype.type(k), out=which)
    rows, columns = (
        np.arange(n) * s - b for n, s, b in zip(windows.counts, windows.stride, windows.before, strict=True)
    )
    (down, right), width = windows.dilation, windows.sizes[1]
    inside = np.array([i * down * width + j * right for (i, j), _ in parts])
    return best, inside[which] + (rows[:, None] * width + columns)


def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The maxima of windows over (N, C, H, W) or (C, H, W); the gradient goes to the first one.

    With `return_indices` also where in the plane they are.

    Raises:
        RuntimeError: shapes that do not fit.
    """
    need_tensor(input, "max_pool2d")
    x = input._data
    if x.ndim not in (3, 4) or not all(x.shape[-3:]):
        raise RuntimeError("non-empty 3D or 4D (batch mode) tensor expected for input")
    if x.dtype.kind == "b":
        raise NotImplementedError(f"\"max_pool2d\" not implemented for '{BY_NUMPY[x.dtype].title}'")
    windows = _windows(x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    best, plane = _best(windows, _planes(x))
    shape = (*x.shape[:-2], *windows.counts)
    planes = math.prod(x.shape[:-2])
    at = plane.reshape((planes, -1)) + (np.arange(planes) * math.prod(x.shape[-2:]))[:, None]
    at = at.reshape(shape)
    apart = all(s >= d * (k - 1) + 1 for s, k, d in zip(windows.stride, windows.kernel, windows.dilation, strict=True))

    def backward(ct: np.ndarray) -> np.ndarray:
        if not apart:
            return embedded(ct, at, x.shape)
        out = np.zeros(x.size, ct.dtype)
        out[at] = ct
        return out.reshape(x.shape)

    name = "MaxPool2DWithIndicesBackward0"
    _, back = adjoint_pair(name, f"{name[:-1]}Backward0", lambda v: gathered(v, at), backward)
    out = record(name, best.reshape(shape), (input,), (back,))
    return (out, wrap(plane.reshape(shape))) if return_indices else out


def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    """The maxima of windows over (N, C, L) or (C, L)."""
    sizes = [v if v is None else (one, *tuple_of(v, 1, "kernel_size"))
             for v, one in ((kernel_size, 1), (stride, 1), (padding, 0), (dilation, 1))]  # fmt: skip
    found = max_pool2d(input.unsqueeze(-2), *sizes, ceil_mode, return_indices)  # type: ignore[attr-defined]
    return tuple(v.squeeze(-2) for v in found) if return_indices else found.squeeze(-2)


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """The means of windows over (N, C, H, W) or (C, H, W).

    Raises:
        RuntimeError: shapes that do not fit; `divisor_override` is 0.
    """
    x = need_tensor(input, "avg_pool2d")._data
    if x.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got -3)"
        )
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    windows = _windows(x.shape, kernel_size, stride, padding, 1, ceil_mode)
    shape, counts = (*x.shape[:-2], *windows.counts), windows.counts
    share = _shares(windows, tuple_of(padding, 2, "padding"), count_include_pad, divisor_override)

    def forward(x: np.ndarray) -> np.ndarray:
        padded = windows.padded(_planes(x))
        total: Any = 0
        for _, slices in windows.offsets():
            total = total + padded[(..., *slices)]
        return (total / share).astype(x.dtype, copy=False).reshape(shape)

    def backward(ct: np.ndarray) -> np.ndarray:
        ct = (ct / share).astype(ct.dtype, copy=False).reshape((-1, 1, *counts))
        out = np.zeros((ct.shape[0], 1, *windows.full), ct.dtype)
        for _, slices in windows.offsets():
            out[(..., *slices)] += ct
        return out[(..., *windows.inside())].reshape(x.shape)

    there, _ = adjoint_pair("AvgPool2DBackward0", "AvgPool2DBackwardBackward0", forward, backward)
    return there(input)  # type: ignore[no-any-return]


def _shares(windows: Windows, padding: tuple[int, ...], with_padding: bool, given: int | None) -> Any:
    """By how much the sums of windows are divided: (*counts), or a number."""
    if given is not None:
        return given
    sides = []
    for n, k, s, p, count in zip(windows.sizes, windows.kernel, windows.stride, padding, windows.counts, strict=True):
        start = np.arange(count) * s - p
        end = np.minimum(start + k, n + p)
        sides.append(end - start if with_padding else np.minimum(end, n) - np.maximum(start, 0))
    share = np.multiply.outer(*sides)
    return share if (share != share[0, 0]).any() else int(share[0, 0])


def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The means of windows over (N, C, L) or (C, L)."""
    sizes = [v if v is None else (one, *tuple_of(v, 1, "kernel_size"))
             for v, one in ((kernel_size, 1), (stride, 1), (padding, 0))]  # fmt: skip
    return avg_pool2d(input.unsqueeze(-2), *sizes, ceil_mode, count_include_pad).squeeze(-2)  # type: ignore[attr-defined,no-any-return]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` windows that cover (N, C, H, W) or (C, H, W); None leaves an axis as it is.

    Raises:
        RuntimeError: another number of dimensions.
    """
    x = need_tensor(input, "adaptive_avg_pool2d")._data
    if x.ndim not in (3, 4):
        raise RuntimeError(f"adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got {list(x.shape)}")
    given = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
    sizes = [n if m is None else int(m) for n, m in zip(x.shape[-2:], given, strict=True)]
    if sizes == [1, 1]:
        return mean(input, (-1, -2), keepdim=True)
    down, right = (_averages(n, m, x.dtype) for n, m in zip(x.shape[-2:], sizes, strict=True))
    there, _ = adjoint_pair(
        "AdaptiveAvgPool2DBackward0", "AdaptiveAvgPool2DBackwardBackward0",
        lambda v: down @ v @ right.T, lambda ct: down.T @ ct @ right,
    )  # fmt: skip
    return there(input)  # type: ignore[no-any-return]


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The means of `output_size` windows that cover (N, C, L) or (C, L)."""
    size = output_size[0] if isinstance(output_size, tuple | list) else output_size
    return adaptive_avg_pool2d(input.unsqueeze(-2), (1, size)).squeeze(-2)  # type: ignore[attr-defined,no-any-return]


def _averages(n: int, m: int, dtype: np.dtype) -> np.ndarray:
    """The matrix (m, n) that takes the means of m windows, from floor(k n / m) to ceil((k + 1) n / m)."""
    starts, ends = np.arange(m) * n // m, -(-np.arange(1, m + 1) * n // m)
    k = np.arange(n)
    inside = (k >= starts[:, None]) & (k < ends[:, None])
    return (inside / (ends - starts)[:, None]).astype(dtype)

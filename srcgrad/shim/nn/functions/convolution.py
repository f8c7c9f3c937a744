"""Convolutions in one to three dimensions: patches of the input as columns, and one product of matrices.

The convolution, its adjoint in the input and its adjoint in the weight are bilinear, and each one's derivatives are the
other two: that gives derivatives of any order.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.nn.functions.checks import need_tensor, scalar_name, tuple_of
from srcgrad.shim.nn.functions.padding import pad
from srcgrad.shim.nn.functions.windows import Windows
from srcgrad.shim.record import is_recorded, record
from srcgrad.shim.tensor import Tensor, wrap

_BACK = "ConvolutionBackwardBackward0"
_EVEN = (
    "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be "
    "created"
)


@dataclass(frozen=True)
class _Plan:
    """A convolution of arrays: x (N, C, *sizes), w (O, C / groups, *kernel), y (N, O, *counts)."""

    windows: Windows
    groups: int

    def columns(self, x: np.ndarray) -> np.ndarray:
        """(groups, elements of a window, number of windows)."""
        patches = self.windows.patches(x)
        return patches.reshape((self.groups, -1, x.shape[0] * math.prod(self.windows.counts)))

    def rows(self, w: np.ndarray) -> np.ndarray:
        """(groups, O / groups, elements of a window)."""
        return w.reshape((self.groups, w.shape[0] // self.groups, math.prod(w.shape[1:])))

    def flat(self, y: np.ndarray) -> np.ndarray:
        """(groups, O / groups, number of windows), of an output or its cotangent."""
        return y.swapaxes(0, 1).reshape((self.groups, y.shape[1] // self.groups, -1))

    def forward(self, columns: np.ndarray, w: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        """y, from the columns of x."""
        y = self.rows(w) @ columns
        y = y.reshape((w.shape[0], -1, *self.windows.counts)).swapaxes(0, 1)
        return np.ascontiguousarray(y) if bias is None else y + bias.reshape((-1,) + (1,) * (y.ndim - 2))

    def input_back(self, c: np.ndarray, w: np.ndarray) -> np.ndarray:
        """The cotangent of x."""
        columns = self.rows(w).swapaxes(1, 2) @ self.flat(c)
        channels = w.shape[1] * self.groups
        return self.windows.folded(columns.reshape((channels, *self.windows.kernel, -1, *self.windows.counts)))

    def weight_back(self, c: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The cotangent of w, from the columns of x."""
        w = self.flat(c) @ columns.swapaxes(1, 2)
        return w.reshape((c.shape[1], -1, *self.windows.kernel))


def _forward(x: Any, w: Any, plan: _Plan) -> Any:
    if not isinstance(x, Tensor):
        return plan.forward(plan.columns(x), w)
    pulls = (lambda ct, x, w: _input_back(ct, w, plan), lambda ct, x, w: _weight_back(ct, x, plan))
    return record(_BACK, plan.forward(plan.columns(x._data), w._data), (x, w), pulls, (x, w))


def _input_back(c: Any, w: Any, plan: _Plan, name: str = _BACK) -> Any:
    if not isinstance(c, Tensor):
        return plan.input_back(c, w)
    pulls = (lambda ct, c, w: _forward(ct, w, plan), lambda ct, c, w: _weight_back(c, ct, plan))
    return record(name, plan.input_back(c._data, w._data), (c, w), pulls, (c, w))


def _weight_back(c: Any, x: Any, plan: _Plan) -> Any:
    if not isinstance(c, Tensor):
        return plan.weight_back(c, plan.columns(x))
    pulls = (lambda ct, c, x: _forward(x, ct, plan), lambda ct, c, x: _input_back(c, ct, plan))
    return record(_BACK, plan.weight_back(c._data, plan.columns(x._data)), (c, x), pulls, (c, x))


def _recorded(input: Tensor, weight: Tensor, bias: Tensor | None, plan: _Plan) -> Tensor:
    columns = plan.columns(input._data)
    out = plan.forward(columns, weight._data, None if bias is None else bias._data)
    axes = (0, *range(2, out.ndim))

    def to_weight(ct: Any, x: Any, w: Any, *columns: Any) -> Any:
        return _weight_back(ct, x, plan) if isinstance(ct, Tensor) or not columns else plan.weight_back(ct, columns[0])

    inputs = [input, weight]
    pulls: list[Any] = [lambda ct, x, w, *columns: _input_back(ct, w, plan), to_weight]
    if bias is not None:
        inputs.append(bias)
        pulls.append(lambda ct, *values: ct.sum(axes))
    # kept, as they take about as long to make as the product
    save = [input, weight, wrap(columns)] if is_recorded((weight,)) else [input, weight]
    return record("ConvolutionBackward0", out, inputs, pulls, save)


def _convolution(
    rank: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{rank}d"
    need_tensor(input, name)
    need_tensor(weight, name, "weight", 2)
    x, w = input._data, weight._data
    if x.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of size: "
            f"{list(x.shape)}"
        )
    if x.ndim == rank + 1:
        lifted = input.unsqueeze(0)
        return _convolution(rank, lifted, weight, bias, stride, padding, dilation, groups).squeeze(0)
    if w.ndim != rank + 2:
        tuple_of((*tuple_of(stride, rank, "stride"),), w.ndim - 2, "stride")
    stride, dilation = tuple_of(stride, rank, "stride"), tuple_of(dilation, rank, "dilation")
    if isinstance(padding, str):
        input, padding = _by_name(input, padding, w.shape[2:], stride, dilation)
        x = input._data
    padding = tuple_of(padding, rank, "padding")
    _check(x, w, None if bias is None else bias._data, stride, padding, dilation, groups)
    plan = _Plan(Windows(x.shape[2:], w.shape[2:], stride, padding, padding, dilation), groups)
    return _recorded(input, weight, bias, plan)


def _by_name(input: Tensor, padding: str, kernel: Any, stride: Any, dilation: Any) -> tuple[Tensor, tuple[int, ...]]:
    """The input, padded where that is not symmetric, and the symmetric padding that is left to do."""
    if padding == "valid":
        return input, (0,) * len(kernel)
    if padding != "same":
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if any(n % 2 for n in totals):
        warnings.warn(_EVEN, UserWarning, stacklevel=4)
        input = pad(input, [m for n in reversed(totals) for m in (0, n % 2)])
    return input, tuple(n // 2 for n in totals)


def _check(x: Any, w: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> None:
    """Raise RuntimeError, as PyTorch, for what does not fit."""
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    if w.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w.shape)}] instead"
        )
    if x.shape[1] != w.shape[1] * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(w.shape)}, expected input{list(x.shape)} to have "
            f"{w.shape[1] * groups} channels, but got {x.shape[1]} channels instead"
        )
    if bias is not None and bias.shape != w.shape[:1]:
        raise RuntimeError(
            f"Given weight of size {list(w.shape)}, expected bias to be 1-dimensional with {w.shape[0]} elements, but "
            f"got bias of size {list(bias.shape)} instead"
        )
    sizes = [n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
    kernel = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    if any(k > n for k, n in zip(kernel, sizes, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, sizes))}). Kernel size: "
            f"({' x '.join(map(str, kernel))}). Kernel size can't be greater than actual input size"
        )
    _same_types(x, w, bias)


def _same_types(x: Any, w: Any, bias: Any) -> None:
    if x.dtype != w.dtype:
        raise RuntimeError(f"expected scalar type {BY_NUMPY[x.dtype].title} but found {BY_NUMPY[w.dtype].title}")
    if bias is not None and x.dtype != bias.dtype:
        raise RuntimeError(
            f"Input type ({scalar_name(x.dtype)}) and bias type ({scalar_name(bias.dtype)}) should be the same"
        )


def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation of input (N, C, L) or (C, L) with weight (O, C / groups, K).

    Raises:
        RuntimeError: shapes or types that do not fit.
    """
    return _convolution(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation of input (N, C, H, W) or (C, H, W) with weight (O, C / groups, KH, KW).

    Raises:
        RuntimeError: shapes or types that do not fit.
    """
    return _convolution(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """Cross-correlation of input (N, C, D, H, W) or (C, D, H, W) with weight (O, C / groups, KD, KH, KW).

    Raises:
        RuntimeError: shapes or types that do not fit.
    """
    return _convolution(3, input, weight, bias, stride, padding, dilation, groups)


def _transposed(
    rank: int, input: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int,
    dilation: Any,
) -> Tensor:  # fmt: skip
    x, w = input._data, weight._data
    if x.ndim == rank + 1:
        lifted = input.unsqueeze(0)
        return _transposed(rank, lifted, weight, bias, stride, padding, output_padding, groups, dilation).squeeze(0)
    if x.shape[1] != w.shape[0]:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(w.shape)}, expected input{list(x.shape)} to have {w.shape[0]} "
            f"channels, but got {x.shape[1]} channels instead"
        )
    _same_types(x, w, None if bias is None else bias._data)
    stride, dilation, padding = (
        tuple_of(v, rank, n) for v, n in ((stride, "stride"), (dilation, "dilation"), (padding, "padding"))
    )
    extra = tuple_of(output_padding, rank, "output_padding")
    parts = zip(x.shape[2:], stride, padding, dilation, w.shape[2:], extra, strict=True)
    sizes = tuple((n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e in parts)
    # a window less than a stride from the end would not be counted
    after = tuple(p - e for p, e in zip(padding, extra, strict=True))
    plan = _Plan(Windows(sizes, w.shape[2:], stride, padding, after, dilation), groups)
    out = _input_back(input, weight, plan, "ConvolutionBackward0")
    return out if bias is None else out + bias.reshape((-1,) + (1,) * rank)


def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv1d` in its input: (N, C, L) with weight (C, O / groups, K)."""
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of `conv2d` in its input: (N, C, H, W) with weight (C, O / groups, KH, KW)."""
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)

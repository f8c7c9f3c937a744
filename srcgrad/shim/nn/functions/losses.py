"""Losses between two tensors, element by element, and how they are reduced."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY, promoted
from srcgrad.shim.nn.functions.activations import sigmoid_of
from srcgrad.shim.nn.functions.checks import need_floats, need_tensor
from srcgrad.shim.ops import elementwise
from srcgrad.shim.ops.elementwise import mismatch
from srcgrad.shim.record import record
from srcgrad.shim.size import Size
from srcgrad.shim.tensor import Tensor

_BATCHMEAN = (
    "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by "
    "the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the same as "
    "'batchmean' in the next major release."
)


def checked_reduction(reduction: str) -> str:
    """The reduction itself.

    Raises:
        ValueError: none of "none", "mean" and "sum".
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def of_arguments(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction that the two old arguments ask for, with a warning, or that of the new one."""
    if size_average is None and reduce is None:
        return reduction
    average, reduces = size_average is None or size_average, reduce is None or reduce
    found = "none" if not reduces else "mean" if average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.",
        UserWarning,
        stacklevel=3,
    )
    return found


def reduced(values: Any, reduction: str) -> Any:
    """The mean or the sum of a tensor, or the tensor."""
    checked_reduction(reduction)
    return values.mean() if reduction == "mean" else values.sum() if reduction == "sum" else values


def _recorded(
    name: str, inputs: tuple[Tensor, ...], values: np.ndarray, slopes: tuple[Callable[..., Any] | None, ...],
    reduction: str,
) -> Tensor:  # fmt: skip
    """A loss with its reduction, in one node.

    Args:
        name: of the node.
        inputs: the tensors.
        values: the losses, one for each element.
        slopes: for each input its derivative, a formula of all of them.
        reduction: "none", "mean" or "sum".
    """
    out = values if reduction == "none" else values.mean() if reduction == "mean" else values.sum()
    factor = 1.0 / values.size if reduction == "mean" and values.size else 1.0

    def pull_of(slope: Callable[..., Any] | None) -> Callable[..., Any] | None:
        if slope is None:
            return None
        return lambda ct, *v: (ct * factor if factor != 1.0 else ct) * slope(*v)

    return record(name, out, inputs, [pull_of(s) for s in slopes], inputs)


def _pair(name: str, input: Tensor, target: Tensor, reduction: str, kernel: str) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays, in one type; warns if their shapes differ."""
    x, y = need_tensor(input, name)._data, need_tensor(target, name, "target", 2)._data
    if x.shape != y.shape:
        warnings.warn(
            f"Using a target size ({Size(y.shape)!r}) that is different to the input size ({Size(x.shape)!r}). This "
            "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            UserWarning,
            stacklevel=3,
        )
        try:
            np.broadcast_shapes(x.shape, y.shape)
        except ValueError:
            raise mismatch(x, y) from None
    checked_reduction(reduction)
    kind = promoted(x, y)
    if kernel:
        need_floats(np.empty(0, kind), kernel)
    return x.astype(kind, copy=False), y.astype(kind, copy=False)


def mse_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Squares of differences."""
    reduction = of_arguments(reduction, size_average, reduce)
    x, y = _pair("mse_loss", input, target, reduction, "mse_cpu")
    if weight is not None:
        return reduced(weight * (input - target).square(), reduction)  # type: ignore[operator,no-any-return]
    slopes = (lambda x, y: 2.0 * (x - y), lambda x, y: 2.0 * (y - x))
    return _recorded("MseLossBackward0", (input, target), np.square(x - y), slopes, reduction)


def l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Absolute differences."""
    reduction = of_arguments(reduction, size_average, reduce)
    _pair("l1_loss", input, target, reduction, "")
    values = (input - target).abs()  # type: ignore[operator]
    return reduced(values if weight is None else weight * values, reduction)  # type: ignore[no-any-return]


def smooth_l1_loss(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", beta: float = 1.0,
) -> Tensor:  # fmt: skip
    """Absolute differences; below `beta`, squares that join them.

    Raises:
        RuntimeError: a negative `beta`.
    """
    reduction = of_arguments(reduction, size_average, reduce)
    x, y = _pair("smooth_l1_loss", input, target, reduction, "smooth_l1_cpu")
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced((input - target).abs(), reduction)  # type: ignore[operator,no-any-return]
    return _smooth("SmoothL1LossBackward0", input, target, x - y, beta, 1.0 / beta, reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Half the squares of differences; beyond `delta`, lines that join them.

    Raises:
        RuntimeError: `delta` is not positive.
    """
    x, y = _pair("huber_loss", input, target, reduction, "huber")
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is None:
        return _smooth("HuberLossBackward0", input, target, x - y, delta, 1.0, reduction)
    return reduced(weight * _smooth("HuberLossBackward0", input, target, x - y, delta, 1.0, "none"), reduction)  # type: ignore[operator,no-any-return]


def _smooth(
    name: str, input: Tensor, target: Tensor, difference: np.ndarray, limit: float, scale: float, reduction: str
) -> Tensor:
    """`scale / 2 * d**2` where |d| is below the limit, and lines of slope `scale * limit` beyond."""
    size = np.abs(difference)
    values = np.where(size < limit, 0.5 * scale * difference * difference, scale * limit * (size - 0.5 * limit))

    def slope(x: Any, y: Any) -> Any:
        d = x - y
        return np.where(np.abs(d) < limit, d * scale, np.sign(d) * (scale * limit))

    slopes = (slope, lambda x, y: -slope(x, y))
    return _recorded(name, (input, target), values.astype(difference.dtype, copy=False), slopes, reduction)


# -- of probabilities --------------------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """`-(t log x + (1 - t) log(1 - x))`, for x and t from 0 to 1; logarithms below -100 count as -100.

    Raises:
        ValueError: shapes that differ.
        RuntimeError: numbers outside of [0, 1].
    """
    reduction = checked_reduction(of_arguments(reduction, size_average, reduce))
    name = "binary_cross_entropy"
    x, t = need_tensor(input, name)._data, need_tensor(target, name, "target", 2)._data
    if x.shape != t.shape:
        raise ValueError(
            f"Using a target size ({Size(t.shape)!r}) that is different to the input size ({Size(x.shape)!r}) is "
            "deprecated. Please ensure they have the same size."
        )
    if x.dtype != t.dtype:
        raise RuntimeError(f"Found dtype {BY_NUMPY[t.dtype].title} but expected {BY_NUMPY[x.dtype].title}")
    for values, title in ((x, "input"), (t, "target")):
        if ((values < 0) | (values > 1)).any():
            raise RuntimeError(f"all elements of {title} should be between 0 and 1")
    w: Any = 1.0 if weight is None else weight._data
    with np.errstate(divide="ignore"):
        low, high = np.maximum(np.log(x), -100), np.maximum(np.log1p(-x), -100)
    values = np.asarray(-w * (t * low + (1 - t) * high), x.dtype)

    def by_input(x: Any, t: Any) -> Any:
        return (x - t) / np.maximum((1.0 - x) * x, 1e-12) * w

    def by_target(x: Any, t: Any) -> Any:
        return (np.maximum(np.log1p(-x), -100.0) - np.maximum(np.log(x), -100.0)) * w

    return _recorded("BinaryCrossEntropyBackward0", (input, target), values, (by_input, by_target), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """`binary_cross_entropy` of `sigmoid(input)`, computed without overflow; `pos_weight` scales the first term.

    Raises:
        ValueError: shapes that differ.
    """
    reduction = checked_reduction(of_arguments(reduction, size_average, reduce))
    name = "binary_cross_entropy_with_logits"
    x, t = need_tensor(input, name)._data, need_tensor(target, name, "target", 2)._data
    if x.shape != t.shape:
        raise ValueError(f"Target size ({Size(t.shape)!r}) must be the same as input size ({Size(x.shape)!r})")
    if t.dtype.kind != "f":
        title = BY_NUMPY[t.dtype].title
        raise RuntimeError(f"result type Float can't be cast to the desired output type {title}")
    w: Any = 1.0 if weight is None else weight._data
    p: Any = 1.0 if pos_weight is None else pos_weight._data
    kind = promoted(x, t)
    soft = np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x)))  # softplus(-x)
    values = np.asarray(w * ((1 - t) * x + (1 + (p - 1) * t) * soft)).astype(kind, copy=False)

    def by_input(x: Any, t: Any) -> Any:
        return w * ((p * t + 1.0 - t) * sigmoid_of(x) - p * t)

    def by_target(x: Any, t: Any) -> Any:
        if pos_weight is None:
            return -x * w
        soft = -elementwise.logsigmoid(x) if isinstance(x, Tensor) else np.logaddexp(-x, 0)
        return w * ((p - 1.0) * soft - x)

    return _recorded("BinaryCrossEntropyWithLogitsBackward0", (input, target), values, (by_input, by_target), reduction)


def kl_div(
    input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
    reduction: str = "mean", log_target: bool = False,
) -> Tensor:  # fmt: skip
    """`t * (log t - x)`: the divergence of a distribution t from the one with logarithms x.

    `log_target` says that logarithms of t are given; the reduction may be "batchmean" too.
    """
    reduction = of_arguments(reduction, size_average, reduce)
    if reduction == "mean":
        warnings.warn(_BATCHMEAN, UserWarning, stacklevel=2)
    if reduction != "batchmean":
        checked_reduction(reduction)
    x, t = input, target
    values: Any = t.exp() * (t - x) if log_target else xlogx(t) - t * x  # type: ignore[attr-defined,operator]
    if reduction != "batchmean":
        return reduced(values, reduction)  # type: ignore[no-any-return]
    total = values.sum()
    return total / input._data.shape[0] if input._data.ndim else total  # type: ignore[no-any-return]


def xlogx(input: Tensor) -> Tensor:
    """`x log x`, 0 at 0."""
    x = input._data
    with np.errstate(all="ignore"):
        out = np.where(x == 0, x.dtype.type(0), x * np.log(x))
    return record("XlogyBackward0", out, (input,), (lambda ct, x: ct * (np.log(x) + 1.0),), (input,))

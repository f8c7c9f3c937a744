"""Losses of classes: negative log-likelihood and cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.nn.functions.checks import adjoint_pair, need_floats, need_tensor
from srcgrad.shim.nn.functions.losses import checked_reduction, of_arguments, reduced
from srcgrad.shim.ops import activations as ops
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor, wrap


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-probabilities of the right classes; the mean is weighted.

    Args:
        input: (N, C, *D) or (C), log-probabilities.
        target: (N, *D) or (), the classes, integers from 0 to C - 1.
        weight: (C), of the classes.
        size_average: not used any more, as `reduce`.
        ignore_index: a class whose elements do not count.
        reduce: not used any more.
        reduction: "none", "mean" or "sum".

    Raises:
        ValueError: an input without dimensions; another batch size of the target.
        RuntimeError: other shapes or types that do not fit.
        IndexError: a class that does not exist.
    """
    need_tensor(input, "nll_loss_nd")
    need_tensor(target, "nll_loss_nd", "target", 2)
    reduction = checked_reduction(of_arguments(reduction, size_average, reduce))
    x, t = input._data, target._data
    _check_shapes(x, t)
    t = t.reshape(()) if x.ndim == 1 else t
    if t.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {BY_NUMPY[t.dtype].title}")
    axis = min(x.ndim - 1, 1)
    classes = x.shape[axis]
    _check_weight(x, weight, classes)
    need_floats(x, "nll_loss_out_frame")
    if weight is None and x.ndim == 2 and t.size and t.min() >= 0 and t.max() < classes and ignore_index < 0:
        return _picked(input, t, reduction)
    counted = t != ignore_index
    wrong = counted & ((t < 0) | (t >= classes))
    if wrong.any():
        raise IndexError(f"Target {t[wrong].reshape(-1)[0]} is out of bounds.")
    at = np.expand_dims(np.where(counted, t, 0), axis)
    scale = counted.astype(x.dtype) if weight is None else np.where(counted, weight._data[at.squeeze(axis)], 0)
    if reduction == "mean" and (total := scale.sum()):
        scale = scale / total

    def forward(x: np.ndarray) -> Any:
        values = np.take_along_axis(x, at, axis).squeeze(axis) * -scale
        if not counted.all():
            values = np.where(counted, values, x.dtype.type(0))  # also where the input is infinite
        return values if reduction == "none" else values.sum()

    def backward(ct: np.ndarray) -> np.ndarray:
        out = np.zeros(x.shape, ct.dtype)
        np.put_along_axis(out, at, np.expand_dims(ct * -scale, axis), axis)
        return out

    name = f"NllLoss{'2D' if x.ndim > 2 else ''}Backward0"
    _, back = adjoint_pair(name, f"{name[:-1]}Backward0", forward, backward)
    out = forward(x)
    if reduction == "mean" and x.size and not counted.any():
        out = x.dtype.type(np.nan)
    return record(name, out, (input,), (back,))


def _picked(input: Tensor, t: np.ndarray, reduction: str) -> Tensor:
    """The usual case: rows of log-probabilities, all of which count the same."""
    shape, at = input._data.shape, (np.arange(t.size), t)
    scale = input._data.dtype.type(-1.0 / t.size if reduction == "mean" else -1.0)

    def forward(x: np.ndarray) -> Any:
        return x[at] * scale if reduction == "none" else x[at].sum() * scale

    def backward(ct: np.ndarray) -> np.ndarray:
        out = np.zeros(shape, ct.dtype)
        out[at] = ct * scale
        return out

    _, back = adjoint_pair("NllLossBackward0", "NllLossBackwardBackward0", forward, backward)
    return record("NllLossBackward0", forward(input._data), (input,), (back,))


def _check_shapes(x: np.ndarray, t: np.ndarray) -> None:
    if not x.ndim:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if x.ndim == 1:
        if t.ndim == 1 and t.size != 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t.size}")
        if t.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        return
    if x.ndim == 2 and t.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not t.ndim or x.shape[0] != t.shape[0]:
        found = t.shape[0] if t.ndim else 1
        raise ValueError(f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({found}).")
    if x.shape[:1] + x.shape[2:] != t.shape:
        if x.ndim == 4 and t.ndim != 3:
            raise RuntimeError(
                f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {t.ndim}"
            )
        if x.ndim == 4:
            raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(t.shape)}")
        raise RuntimeError(f"Expected target size {[x.shape[0], *x.shape[2:]]}, got {list(t.shape)}")


def _check_weight(x: np.ndarray, weight: Tensor | None, classes: int) -> None:
    if weight is None:
        return
    if weight._data.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(weight._data.shape)}"
        )
    if weight._data.dtype != x.dtype:
        found, wanted = BY_NUMPY[weight._data.dtype].title, BY_NUMPY[x.dtype].title
        raise RuntimeError(f"expected scalar type {wanted} but found {found}")


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """`nll_loss` of `log_softmax(input)`; the target may also be probabilities, in the shape of the input.

    Raises:
        RuntimeError: `label_smoothing` is not in [0, 1]; all that `nll_loss` raises.
    """
    need_tensor(input, "cross_entropy_loss")
    need_tensor(target, "cross_entropy_loss", "target", 2)
    reduction = checked_reduction(of_arguments(reduction, size_average, reduce))
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    x, t = input._data, target._data
    probabilities = x.shape == t.shape
    if probabilities and t.dtype.kind != "f":
        title = BY_NUMPY[t.dtype].title
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {title}")
    if probabilities and ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    if x.ndim == 1 and t.ndim == 1 and t.size != 1 and not probabilities:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t.size}")
    need_floats(x, "log_softmax_lastdim_kernel_impl")
    axis = min(x.ndim - 1, 1)
    logs = ops.log_softmax(input, axis)
    if probabilities:
        return _of_probabilities(logs, target, weight, reduction, label_smoothing)
    loss = nll_loss(logs, target, weight, None, ignore_index, None, reduction)
    if not label_smoothing:
        return loss
    return _smoothed(loss, logs, t, weight, ignore_index, reduction, label_smoothing)


def _over_classes(logs: Tensor, weight: Tensor) -> Tensor:
    """The weight of the classes, beside the log-probabilities."""
    axis, ndim = min(logs._data.ndim - 1, 1), logs._data.ndim
    return weight.reshape(tuple(-1 if k == axis else 1 for k in range(ndim)))  # type: ignore[attr-defined,no-any-return]


def _of_probabilities(logs: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Tensor:
    axis = min(logs._data.ndim - 1, 1)
    classes = logs._data.shape[axis]
    if weight is not None:
        _check_weight(logs._data, weight, classes)
    if smoothing:
        target = target * (1.0 - smoothing) + smoothing / classes
    terms = logs * target if weight is None else logs * target * _over_classes(logs, weight)
    if reduction == "none":
        return -terms.sum(axis)  # type: ignore[no-any-return]
    total = -terms.sum()
    if reduction == "sum":
        return total  # type: ignore[no-any-return]
    count = logs._data.size / classes
    return record("DivBackward1", total._data / total._data.dtype.type(count), (total,), (lambda ct: ct / count,))


def _smoothed(
    loss: Any, logs: Any, t: np.ndarray, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """The loss, with the mean over all classes mixed in (Szegedy et al. 2016)."""
    axis = min(logs._data.ndim - 1, 1)
    classes = logs._data.shape[axis]
    smooth = -(logs if weight is None else logs * _over_classes(logs, weight)).sum(axis)
    ignored = (t == ignore_index).reshape(smooth._data.shape)
    smooth = smooth.masked_fill(wrap(ignored), 0.0)
    if reduction == "mean":
        count = (~ignored).sum() if weight is None else weight._data[np.where(ignored, 0, t)][~ignored].sum()
        smooth = smooth.sum() / float(count) if count else smooth.sum() + float("nan")
    else:
        smooth = reduced(smooth, reduction)
    return loss * (1.0 - smoothing) + smooth * (smoothing / classes)  # type: ignore[no-any-return]

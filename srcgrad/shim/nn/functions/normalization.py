"""Normalisation: shifted to mean 0 and scaled to variance 1, over the last axes, over batches, or over groups."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.shim.nn.functions.checks import need_floats, need_tensor
from srcgrad.shim.record import record
from srcgrad.shim.size import Size
from srcgrad.shim.tensor import Tensor

Shape = tuple[int, ...]


def _normalised(
    name: str, input: Tensor, weight: Tensor | None, bias: Tensor | None, inner: Shape, axes: Shape, beside: Shape,
    eps: float, fixed: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[Tensor, np.ndarray, np.ndarray]:  # fmt: skip
    """`(x - mean) / sqrt(variance + eps) * weight + bias`, as one node.

    Args:
        name: of the node.
        input: the tensor.
        weight: what is multiplied, or nothing.
        bias: what is added, or nothing.
        inner: the shape in which means are taken.
        axes: the axes of it that they are taken over.
        beside: the shape of weight and bias beside the input.
        eps: added to the variance.
        fixed: mean and variance, where they are not those of the input.

    Returns:
        The tensor, and the mean and the variance of the input, with the axes as 1.
    """
    x, outer = input._data.reshape(inner), input._data.shape
    mean, variance = (x.mean(axes, keepdims=True), x.var(axes, keepdims=True)) if fixed is None else fixed
    rate = (1.0 / np.sqrt(variance + eps)).astype(x.dtype, copy=False)
    added = tuple(k for k, n in enumerate((1,) * (len(outer) - len(beside)) + beside) if n == 1)
    unit = ((x - mean) * rate).reshape(outer)
    out = unit if weight is None else unit * weight._data.reshape(beside)
    out = out if bias is None else out + bias._data.reshape(beside)

    def parts(x: Any) -> tuple[Any, Any]:
        """The normalised input and the factor; from the input, where they are differentiated again."""
        x = x.reshape(inner)
        if not isinstance(x, Tensor) or fixed is not None:
            return (x - mean) * rate, rate
        centre = x - x.mean(axes, keepdims=True)
        factor = 1.0 / np.sqrt((centre * centre).mean(axes, keepdims=True) + eps)
        return centre * factor, factor

    def to_input(ct: Any, x: Any, *w: Any) -> Any:
        unit, factor = parts(x)
        ct = (ct * w[0].reshape(beside) if w else ct).reshape(inner)
        if fixed is None:
            ct = ct - ct.mean(axes, keepdims=True) - unit * (ct * unit).mean(axes, keepdims=True)
        return (ct * factor).reshape(outer)

    def summed(ct: Any, shape: Shape) -> Any:
        return (ct.sum(added) if added else ct).reshape(shape)  # over no axes, tensors sum over all

    def to_weight(ct: Any, x: Any, *w: Any) -> Any:
        return summed(ct * parts(x)[0].reshape(outer), w[0].shape)

    inputs, pulls, save = [input], [to_input], [input]
    if weight is not None:
        inputs, pulls, save = [*inputs, weight], [*pulls, to_weight], [*save, weight]
    if bias is not None:
        shape = bias._data.shape
        inputs, pulls = [*inputs, bias], [*pulls, lambda ct, x, *w: summed(ct, shape)]
    return record(name, out, inputs, pulls, save), mean, variance


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalised over the last axes, whose shape is given (Ba et al. 2016).

    Raises:
        TypeError: the shape is no tuple.
        RuntimeError: shapes or types that do not fit.
    """
    need_tensor(input, "layer_norm")
    if not isinstance(normalized_shape, tuple | list):
        kind = type(normalized_shape).__name__
        raise TypeError(f"layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not {kind}")
    x, shape = input._data, tuple(int(n) for n in normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for given, name in ((weight, "weight"), (bias, "bias")):
        if given is not None and given._data.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(given._data.shape)} and normalized_shape = {list(shape)}"
            )
    if x.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but "
            f"got input of size{list(x.shape)}"
        )
    need_floats(x, "LayerNormKernelImpl")
    if any(given is not None and given._data.dtype != x.dtype for given in (weight, bias)):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    beside = (1,) * (x.ndim - len(shape)) + shape
    return _with_axes("NativeLayerNormBackward0", input, weight, bias, axes, beside, eps)


def _with_axes(name: str, input: Any, weight: Any, bias: Any, axes: Shape, beside: Shape, eps: float) -> Tensor:
    return _normalised(name, input, weight, bias, input._data.shape, axes, beside, eps)[0]


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """Divided by the root of the mean square over the last axes; eps is that of the type if not given."""
    axes = tuple(range(-len(normalized_shape), 0))
    eps = float(np.finfo(input._data.dtype).eps) if eps is None else eps
    out = input * (input.square().mean(axes, keepdim=True) + eps).rsqrt()
    return out if weight is None else out * weight  # type: ignore[no-any-return]


def _channels(shape: Shape) -> Shape:
    return (1, shape[1]) + (1,) * (len(shape) - 2)


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalised for each channel (axis 1): in training over the batch, else by the running statistics.

    In training the running statistics move towards those of the batch, by `momentum` (Ioffe & Szegedy 2015).

    Raises:
        ValueError: one value for each channel in training.
        RuntimeError: shapes that do not fit; no running statistics, and not training.
    """
    x = need_tensor(input, "batch_norm")._data
    if x.ndim < 2:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got 1)")
    count = x.size // x.shape[1] if x.shape[1] else 0
    if training and count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {Size(x.shape)!r}")
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, given in named.items():
        if given is None and name.startswith("running") and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
        if given is not None and given._data.size != x.shape[1]:
            raise RuntimeError(f"{name} should contain {x.shape[1]} elements not {given._data.size}")
    axes, beside = (0, *range(2, x.ndim)), _channels(x.shape)
    fixed = None
    if not training:
        fixed = running_mean._data.reshape(beside), running_var._data.reshape(beside)  # type: ignore[union-attr]
    name = "NativeBatchNormBackward0"
    out, mean, variance = _normalised(name, input, weight, bias, x.shape, axes, beside, eps, fixed)
    if training:
        for running, value in ((running_mean, mean), (running_var, variance * (count / max(count - 1, 1)))):
            if running is not None:
                running._data[...] = (1 - momentum) * running._data + momentum * value.reshape(-1)
                running._counter[0] += 1
    return out


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalised over groups of channels (axis 1), for each element of the batch (Wu & He 2018).

    Raises:
        RuntimeError: the number of channels is no multiple of that of groups.
    """
    shape = need_tensor(input, "group_norm")._data.shape
    if shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    inner = (shape[0], num_groups, math.prod(shape[1:]) // num_groups)
    return _normalised("NativeGroupNormBackward0", input, weight, bias, inner, (2,), _channels(shape), eps)[0]


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Normalised for each channel and each element of the batch; without running statistics."""
    shape = input._data.shape
    axes = tuple(range(2, len(shape)))
    return _with_axes("NativeBatchNormBackward0", input, weight, bias, axes, _channels(shape), eps)

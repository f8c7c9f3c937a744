"""Choices between values, and the activations of neural networks."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import numpy_dtype, promoted
from srcgrad.shim.graph import OUTPUT
from srcgrad.shim.ops.elementwise import NUMBERS, aligned, logsigmoid, number, sigmoid
from srcgrad.shim.ops.views import axis_of
from srcgrad.shim.record import masked, nothing, record
from srcgrad.shim.tensor import Tensor, wrap


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Elements of one tensor or the other; without them, where the condition is true, as a tuple of indices."""
    at = condition._data if isinstance(condition, Tensor) else np.asarray(condition)
    if input is not None and at.dtype.kind != "b" and at.dtype != np.uint8:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.title}"
        )
    at = at.astype(bool, copy=False)
    if input is None:
        return tuple(wrap(index) for index in np.nonzero(at))
    a, b = input, other
    x, y = (v._data if isinstance(v, Tensor) else number(v) for v in (a, b))
    x, y = aligned(x, y, floats=False)
    a, b = (v if isinstance(v, Tensor) else wrap(np.asarray(v)) for v in (a, b))
    # the rule "where" of srcgrad.rules: its partials are 1 and 0
    pulls = (partial(masked, at=at), lambda ct: masked(ct, ~at))
    return record("WhereBackward0", np.where(at, x, y), (a, b), pulls)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Limited from below and above; the derivative is 1 at the limits.

    Raises:
        RuntimeError: there is no limit.
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    x = input._data
    low, high = (v._data if isinstance(v, Tensor) else number(v) for v in (min, max))
    if x.dtype.kind == "f" and not isinstance(min, Tensor) and not isinstance(max, Tensor):
        out = x if low is None else np.maximum(x, x.dtype.type(low))
        out = out if high is None else np.minimum(out, x.dtype.type(high))
        return record("ClampBackward1", out, (input,), (partial(_inside, low=low, high=high),), (input,))
    kind = promoted(x, *(v for v in (low, high) if v is not None))
    out = x.astype(kind, copy=False)
    inside = np.ones((), bool)
    if low is not None:
        out, inside = np.maximum(out, np.asarray(low, kind)), inside & (x >= low)
    if high is not None:
        out, inside = np.minimum(out, np.asarray(high, kind)), inside & (x <= high)
    inputs, pulls = [input], [partial(masked, at=inside)]
    if isinstance(min, Tensor):
        above = True if high is None else low < high
        inputs.append(min)
        pulls.append(partial(masked, at=(x < low) & above))
    if isinstance(max, Tensor):
        inputs.append(max)
        below = x > high if low is None else (x > high) | (low > high)
        pulls.append(partial(masked, at=below))
    return record("ClampBackward0" if len(inputs) > 1 else "ClampBackward1", out, inputs, pulls)


def _inside(ct: Any, x: Any, low: Any, high: Any) -> Any:
    data = x._data if isinstance(x, Tensor) else x
    above = True if low is None else data >= low
    return masked(ct, np.asarray(above & (True if high is None else data <= high)))


def relu(input: Tensor) -> Tensor:
    """The positive part; the derivative at 0 is 0."""
    return record("ReluBackward0", np.maximum(input._data, 0), (input,), _RELU, (OUTPUT,))


def _where_positive(ct: Any, out: Any) -> Any:
    if not isinstance(out, Tensor):
        return np.where(out > 0, ct, ct.dtype.type(0))
    # with a history, so that the second derivative is zero and not missing
    step = (out._data > 0).astype(out._data.dtype)
    return ct * record("HeavisideBackward0", step, (out,), (nothing,))


_RELU = (_where_positive,)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`x`, or a small multiple of it below 0."""
    x = input._data
    slope = np.where(x > 0, 1.0, negative_slope).astype(x.dtype)
    return record("LeakyReluBackward0", x * slope, (input,), (lambda ct, x: ct * slope,), (input,))


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`x`, or `alpha * (exp(x) - 1)` below 0."""
    x = input._data
    out = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype)
    pull = lambda ct, x: ct * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0)))  # noqa: E731
    return record("EluBackward0", out, (input,), (pull,), (input,))


def silu(input: Tensor) -> Tensor:
    """`x * sigmoid(x)`."""
    return input * sigmoid(input)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """`x` times the normal distribution function."""
    if approximate == "tanh":
        return 0.5 * input * (1 + (math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)).tanh())
    return 0.5 * input * (1 + (input * math.sqrt(0.5)).erf())


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """`log(1 + exp(beta x)) / beta`, and x itself beyond the threshold."""
    scaled = input * beta
    smooth = -logsigmoid(-scaled) / beta
    return where(wrap(scaled._data > threshold), input, smooth)


def _real(input: Tensor, dtype: Any) -> Any:
    x = input._data
    if dtype is not None:
        return x.astype(numpy_dtype(dtype))
    if x.dtype.kind != "f":
        raise NotImplementedError("\"softmax\" not implemented for 'Long'")
    return x


def softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """Exponentials, scaled to sum to 1 along a dimension."""
    x = _real(input, dtype)
    k = axis_of(1 if dim is None and x.ndim > 1 else dim or 0, x.ndim)
    e = np.exp(x - np.maximum.reduce(x, axis=k, keepdims=True)) if x.ndim else np.ones_like(x)
    out = e / np.add.reduce(e, axis=k, keepdims=True) if x.ndim else e

    def pull(ct: Any, out: Any) -> Any:
        return out * (ct - (ct * out).sum(k, keepdims=True))

    return record("SoftmaxBackward0", out, (input,), (pull,), (OUTPUT,))


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    x = _real(input, dtype)
    k = axis_of(1 if dim is None and x.ndim > 1 else dim or 0, x.ndim)
    if not x.ndim:
        return record("LogSoftmaxBackward0", np.zeros_like(x), (input,), (lambda ct: ct * 0.0,))
    shifted = x - x.max(axis=k, keepdims=True)
    out = shifted - np.log(np.exp(shifted).sum(axis=k, keepdims=True))

    def pull(ct: Any, out: Any) -> Any:
        return ct - np.exp(out) * ct.sum(k, keepdims=True)

    return record("LogSoftmaxBackward0", out, (input,), (pull,), (OUTPUT,))


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """`input + weight * (end - input)`."""
    return input + weight * (end - input)


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """With other numbers in place of NaN and infinity."""
    x = input._data
    fine = np.isfinite(x)
    out = np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)
    return record("NanToNumBackward0", out, (input,), (partial(masked, at=fine),))


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether elements are nearly equal."""
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"{input.dtype.title} did not match {other.dtype.title}")
    return wrap(np.asarray(np.isclose(input._data, other._data, rtol, atol, equal_nan)))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are nearly equal."""
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"{input.dtype.title} did not match {other.dtype.title}")
    return bool(np.allclose(input._data, other._data, rtol, atol, equal_nan))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and elements are equal."""
    return input._data.shape == other._data.shape and bool((input._data == other._data).all())


def is_number(value: Any) -> bool:
    """Whether it counts as a Python number."""
    return isinstance(value, NUMBERS)

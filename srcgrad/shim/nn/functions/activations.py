"""Activations, element by element: value and slope, each slope a formula for arrays and tensors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.shim import special
from srcgrad.shim.nn.functions.checks import need_floats, need_tensor
from srcgrad.shim.ops import activations as ops
from srcgrad.shim.ops import elementwise
from srcgrad.shim.ops.inplace import in_place
from srcgrad.shim.ops.views import axis_of
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor

_SQRT_HALF, _DENSITY, _TANH = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi), math.sqrt(2 / math.pi)


def sigmoid_of(v: Any) -> Any:
    """The logistic function of an array or tensor."""
    return elementwise.sigmoid(v) if isinstance(v, Tensor) else special.expit(v)


def _erf_of(v: Any) -> Any:
    return elementwise.erf(v) if isinstance(v, Tensor) else special.erf(v)


def _steps(x: Any, slope: Callable[[np.ndarray], Any]) -> Any:
    """A slope that is constant in pieces, of an array or tensor: its derivative, 0, is recorded, as by PyTorch."""
    if not isinstance(x, Tensor):
        return slope(x)
    data = np.asarray(slope(x._data)).astype(x._data.dtype)
    return record("MulBackward0", data, (x,), (lambda ct: ct * 0.0,))


def _pointwise(
    name: str, kernel: str, input: Tensor, value: Callable[[Any], Any], slope: Callable[[Any], Any],
    inplace: bool = False, mask: Callable[[Any], Any] | None = None,
) -> Tensor:  # fmt: skip
    """An activation.

    Args:
        name: of the node, without "Backward0".
        kernel: PyTorch's name of what computes it, in the error for integers.
        input: the tensor.
        value: the function of an array.
        slope: its derivative, of an array or tensor.
        inplace: overwrite the input.
        mask: where the slope is not 0 whatever the cotangent, be it NaN or infinite.
    """
    x = need_tensor(input, name.lower())._data
    need_floats(x, kernel)

    def compute(input: Tensor) -> Tensor:
        with np.errstate(all="ignore"):
            out = np.asarray(value(input._data)).astype(x.dtype, copy=False)
        return record(f"{name}Backward0", out, (input,), (pull,), (input,))

    def pull(ct: Any, x: Any) -> Any:
        found = ct * slope(x)
        return found if mask is None else np.where(mask(x._data if isinstance(x, Tensor) else x), found, 0.0)

    return in_place(f"{name.lower()}_", compute)(input) if inplace else compute(input)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """The positive part."""
    need_tensor(input, "relu")
    return input.relu_() if inplace else ops.relu(input)  # type: ignore[attr-defined,no-any-return]


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Limited to an interval; the slope is 0 at its ends."""
    value, inside = lambda x: np.clip(x, min_val, max_val), lambda x: _inside(x, min_val, max_val)
    return _pointwise("Hardtanh", "hardtanh_cpu", input, value, inside, inplace, inside)


def _inside(x: Any, low: float, high: float) -> Any:
    return _steps(x, lambda x: (x > low) & (x < high))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Limited to [0, 6]."""
    return hardtanh(input, 0.0, 6.0, inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """The input, or a multiple of it below 0."""

    def slope(x: Any) -> Any:
        return _steps(x, lambda x: np.where(x > 0, 1.0, negative_slope).astype(x.dtype))

    return _pointwise("LeakyRelu", "leaky_relu_cpu", input, lambda x: x * slope(x), slope, inplace)


def _elu(name: str, input: Tensor, alpha: float, scale: float, rate: float, inplace: bool) -> Tensor:
    """`scale * x`, or `scale * alpha * (exp(rate * x) - 1)` below 0."""
    value = lambda x: scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) * rate))  # noqa: E731

    def slope(x: Any) -> Any:
        return np.where(x > 0, scale, (scale * alpha * rate) * np.exp(np.minimum(x, 0.0) * rate))

    return _pointwise(name, f"{name.lower()}_cpu", input, value, slope, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x, or `alpha * (exp(x) - 1)` below 0."""
    return _elu("Elu", input, alpha, 1.0, 1.0, inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` with the two constants that keep mean and variance (Klambauer et al. 2017)."""
    return _elu("Elu", input, 1.6732632423543772, 1.0507009873554805, 1.0, inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x, or `alpha * (exp(x / alpha) - 1)` below 0."""
    return _elu("Celu", input, alpha, 1.0, 1.0 / alpha, inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """The input times the normal distribution function (Hendrycks & Gimpel 2016), or its approximation by "tanh".

    Raises:
        RuntimeError: another approximation.
    """
    if approximate == "none":
        below = lambda x: 0.5 * (1.0 + _erf_of(x * _SQRT_HALF))  # noqa: E731
        slope = lambda x: below(x) + x * (_DENSITY * np.exp(-0.5 * x * x))  # noqa: E731
        return _pointwise("Gelu", "GeluKernelImpl", input, lambda x: x * below(x), slope)
    if approximate != "tanh":
        raise RuntimeError("approximate argument must be either none or tanh.")
    bend = lambda x: np.tanh(_TANH * (x + 0.044715 * x * x * x))  # noqa: E731

    def slope_of_tanh(x: Any) -> Any:
        t = bend(x)
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * (_TANH * (1.0 + 0.134145 * x * x))

    return _pointwise("Gelu", "GeluKernelImpl", input, lambda x: 0.5 * x * (1.0 + bend(x)), slope_of_tanh)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * sigmoid(x)`."""

    def slope(x: Any) -> Any:
        s = sigmoid_of(x)
        return s * (1.0 + x * (1.0 - s))

    return _pointwise("Silu", "silu_cpu", input, lambda x: x * special.expit(x), slope, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * tanh(log(1 + exp(x)))`."""

    def slope(x: Any) -> Any:
        s = sigmoid_of(x)
        t = np.tanh(np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0))
        return t + x * s * (1.0 - t * t)

    return _pointwise("Mish", "mish_cpu", input, lambda x: x * np.tanh(np.logaddexp(x, 0)), slope, inplace)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """`log(1 + exp(beta * x)) / beta`, and x itself beyond the threshold for `beta * x`."""
    value = lambda x: np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta)  # noqa: E731
    slope = lambda x: np.where(x * beta > threshold, 1.0, sigmoid_of(x * beta))  # noqa: E731
    return _pointwise("Softplus", "softplus_cpu", input, value, slope)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """A line from 0 at -3 to 1 at 3."""
    value, inside = lambda x: np.clip(x + 3, 0, 6) / 6, lambda x: _inside(x, -3, 3)
    return _pointwise("Hardsigmoid", "hardsigmoid_cpu", input, value, lambda x: inside(x) * (1 / 6), inplace, inside)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """`x * hardsigmoid(x)`."""
    slope = lambda x: np.where(x <= -3, 0.0, np.where(x < 3, x / 3 + 0.5, 1.0))  # noqa: E731
    return _pointwise("Hardswish", "hardswish_cpu", input, lambda x: x * np.clip(x + 3, 0, 6) / 6, slope, inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x, or a value where x is not above the threshold."""
    above = lambda x: _inside(x, threshold, math.inf)  # noqa: E731
    chosen = lambda x: np.where(above(x), x, value)  # noqa: E731
    return _pointwise("Threshold", "threshold_cpu", input, chosen, above, inplace, above)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, or 0 in [-lambd, lambd]."""
    outside = lambda x: _steps(x, lambda x: np.abs(x) > lambd)  # noqa: E731
    return _pointwise("Hardshrink", "hardshrink_cpu", input, lambda x: x * outside(x), outside, mask=outside)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """The input moved towards 0 by `lambd`."""
    outside = lambda x: _steps(x, lambda x: np.abs(x) > lambd)  # noqa: E731
    value = lambda x: np.sign(x) * np.maximum(np.abs(x) - lambd, 0)  # noqa: E731
    return _pointwise("Softshrink", "softshrink_cpu", input, value, outside, mask=outside)


def sigmoid(input: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`."""
    return input.sigmoid()  # type: ignore[attr-defined,no-any-return]


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return input.tanh()  # type: ignore[attr-defined,no-any-return]


def logsigmoid(input: Tensor) -> Tensor:
    """`log(sigmoid(x))`."""
    need_floats(need_tensor(input, "log_sigmoid")._data, "log_sigmoid_cpu")
    return elementwise.logsigmoid(input)  # type: ignore[no-any-return]


def softsign(input: Tensor) -> Tensor:
    """`x / (1 + |x|)`."""
    return input / (input.abs() + 1)  # type: ignore[attr-defined,operator,no-any-return]


def tanhshrink(input: Tensor) -> Tensor:
    """`x - tanh(x)`."""
    return input - input.tanh()  # type: ignore[attr-defined,operator,no-any-return]


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x, or a multiple of it below 0: one number, or one for each channel (axis 1)."""
    x, shape = input._data, (1,) * input._data.ndim
    if weight._data.size > 1:
        shape = (1, -1) + (1,) * (x.ndim - 2)
    above, scale = x > 0, weight.reshape(shape)  # type: ignore[attr-defined]
    out = np.where(above, x, x * scale._data)
    pulls = (lambda ct, x, w: ct * np.where(above, 1.0, w), lambda ct, x, w: ct * (x * ~above))
    return record("PreluKernelBackward0", out, (input, scale), pulls, (input, scale))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along a dimension, times the logistic function of the second.

    Raises:
        RuntimeError: an odd size.
    """
    x = input._data
    k = axis_of(dim, x.ndim)
    if x.shape[k] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {k} is size {x.shape[k]}")
    half = x.shape[k] // 2
    first, second = ((slice(None),) * k + (slice(a, a + half),) for a in (0, half))

    def pull(ct: Any, x: Any) -> Any:
        s = sigmoid_of(x[second])
        return np.concatenate([ct * s, ct * x[first] * s * (1.0 - s)], axis=k)

    return record("GluBackward0", x[first] * special.expit(x[second]), (input,), (pull,), (input,))


# -- over a dimension --------------------------------------------------------------------------------------------------


def _dimension(name: str, ndim: int, dim: int | None) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        UserWarning,
        stacklevel=4,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _normalised(name: str, input: Tensor, dim: int | None, dtype: Any) -> tuple[Tensor, int]:
    need_tensor(input, name)
    dim = _dimension(name, input._data.ndim, dim)
    if dtype is None:
        need_floats(input._data, f"{name.replace('softmin', 'softmax')}_lastdim_kernel_impl")
    return input, dim


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """Exponentials, scaled to sum to 1 along a dimension."""
    input, dim = _normalised("softmax", input, dim, dtype)
    return ops.softmax(input, dim, dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The softmax of the negative input."""
    input, dim = _normalised("softmin", input, dim, dtype)
    return ops.softmax(-input, dim, dtype=dtype)  # type: ignore[operator]


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    input, dim = _normalised("log_softmax", input, dim, dtype)
    return ops.log_softmax(input, dim, dtype=dtype)

"""Element by element: what is less common than `elementwise`, mostly made of it, under PyTorch's names of nodes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.shim import special
from srcgrad.shim.dtypes import BY_NUMPY, DEFAULT, promoted
from srcgrad.shim.ops import elementwise as ew
from srcgrad.shim.ops.activations import clamp, where
from srcgrad.shim.record import record, titled, underived
from srcgrad.shim.tensor import Tensor, wrap

_ROOT_PI = math.sqrt(math.pi)


def _same(a: Tensor, b: Any, name: str) -> None:
    if isinstance(b, Tensor) and a._data.dtype != b._data.dtype:
        x, y = (_SHORT.get(t.dtype.name, t.dtype.name) for t in (a, b))
        raise RuntimeError(f"expected dtype {x} for `{name}` but got dtype {y}")


_SHORT = {"float64": "double", "float32": "float", "int64": "long int", "int32": "int", "uint8": "unsigned char"}


def frac(input: Tensor) -> Tensor:
    """What is behind the decimal point."""
    return titled(input - input.trunc(), "FracBackward0")


def sgn(input: Tensor) -> Tensor:
    """The sign."""
    return titled(ew.sign(input), "SgnBackward0")


def rsqrt(input: Tensor) -> Tensor:
    """`1 / sqrt(input)`."""
    return titled(ew.reciprocal(ew.sqrt(input)), "RsqrtBackward0")


def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """`other - alpha * input`."""
    scaled = input if alpha == 1 else input * alpha
    return titled(ew._sub(other, scaled), "RsubBackward0" if isinstance(other, Tensor) else "RsubBackward1")


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """`input + weight * (end - input)`."""
    _same(input, end, "end")
    _same(input, weight, "weight")
    name = "LerpBackward1" if isinstance(weight, Tensor) else "LerpBackward0"
    return titled(input + weight * (end - input), name)


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`input + value * tensor1 * tensor2`."""
    product = tensor1 * tensor2
    return titled(input + (product if value == 1 else value * product), "AddcmulBackward0")


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """`input + value * tensor1 / tensor2`."""
    quotient = tensor1 / tensor2
    return titled(input + (quotient if value == 1 else value * quotient), "AddcdivBackward0")


def sinc(input: Tensor) -> Tensor:
    """`sin(pi x) / (pi x)`, and 1 at 0."""
    zero = wrap(np.equal(input._data, 0))
    safe = where(zero, 1.0, input) * math.pi
    # near 0 the second derivative is that of the series: 1 - (pi x)^2 / 6
    return titled(where(zero, 1.0 - (input * math.pi) ** 2 / 6.0, safe.sin() / safe), "SincBackward0")


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 below 0, 1 above, and `values` at 0."""
    if input._data.dtype != values._data.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    out = np.heaviside(input._data, values._data).astype(input._data.dtype)
    return underived("NotImplemented", "derivative for aten::heaviside is not implemented", out, (input, values))


def xlogy(input: Any, other: Any) -> Tensor:
    """`input * log(other)`, and 0 where `input` is 0."""
    x, y = (v._data if isinstance(v, Tensor) else v for v in (input, other))
    zero, kind = np.equal(x, 0) & (np.less_equal(y, 0) | np.isinf(y)), promoted(x, y)
    safe = other if isinstance(other, Tensor) else wrap(np.asarray(other, kind))
    if zero.any():  # the logarithm may be infinite or NaN there
        safe = where(wrap(np.asarray(zero)), 1.0, other)
        safe = safe.to(BY_NUMPY[kind]) if kind.kind == "f" else safe
    name = (
        "XlogyBackward0"
        if isinstance(input, Tensor) and isinstance(other, Tensor)
        else ("XlogyBackward1" if isinstance(other, Tensor) else "XlogyBackward2")
    )
    return titled(input * safe.log(), name)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """`log(x / (1 - x))`, of x limited to `[eps, 1 - eps]` where that is given."""
    x = input
    if eps is not None:
        low, high = eps, 1.0 - eps
        x = where(wrap((x._data < low) | (x._data > high)), clamp(x.detach(), low, high), x)
    return titled((x / (1.0 - x)).log(), "LogitBackward0")


def erfinv(input: Tensor) -> Tensor:
    """The inverse of `erf`."""
    x = _real(input)
    inverse = special.of_scipy("erfinv")

    def pull(ct: Any, x: Any) -> Any:
        y = erfinv(x) if isinstance(x, Tensor) else inverse(x)
        return ct * (0.5 * _ROOT_PI) * np.exp(y * y)

    return record("ErfinvBackward0", inverse(x), (input,), (pull,), (input,))


def digamma(input: Tensor) -> Tensor:
    """The derivative of `lgamma`."""
    return polygamma(0, input)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of `digamma`."""
    x = _real(input)
    out = special.polygamma(n, x)
    name = "DigammaBackward0" if n == 0 else "PolygammaBackward0"

    def pull(ct: Any, x: Any) -> Any:
        higher = polygamma(n + 1, x if isinstance(x, Tensor) else wrap(x))
        return ct * (higher if isinstance(ct, Tensor) else higher._data)

    return record(name, out, (input,), (pull,), (input,))


def _real(input: Tensor) -> Any:
    return input._data if input._data.dtype.kind == "f" else input._data.astype(DEFAULT.numpy)


def signbit(input: Tensor) -> Tensor:
    """Whether the sign is negative, also of -0."""
    return wrap(np.asarray(np.signbit(input._data) if input._data.dtype.kind == "f" else input._data < 0))


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next number towards another."""
    text = "the derivative for 'nextafter' is not implemented."
    return underived("NextafterBackward0", text, np.nextafter(input._data, other._data), (input, other))


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    if input._data.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def float_power(input: Any, exponent: Any) -> Tensor:
    """The power, in double precision."""
    base, power = (v.double() if isinstance(v, Tensor) else v for v in (input, exponent))
    return base**power  # type: ignore[no-any-return]


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """`input * 2**other`."""
    return titled(input * 2.0**other, "LdexpBackward0")


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Limited from below."""
    return titled(clamp(input, min=min), f"ClampMinBackward{int(isinstance(min, Tensor))}")


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Limited from above."""
    return titled(clamp(input, max=max), f"ClampMaxBackward{int(isinstance(max, Tensor))}")


bitwise_left_shift = ew.comparison("bitwise_left_shift", np.left_shift)
bitwise_right_shift = ew.comparison("bitwise_right_shift", np.right_shift)
gcd = ew.comparison("gcd", np.gcd)
lcm = ew.comparison("lcm", np.lcm)
isposinf = ew.plain("isposinf", np.isposinf)
isneginf = ew.plain("isneginf", np.isneginf)


def result_type(tensor1: Any, tensor2: Any) -> Any:
    """The type of the result of an operation of two operands."""
    values = (v._data if isinstance(v, Tensor) else v for v in (tensor1, tensor2))
    return BY_NUMPY[promoted(*values)]


METHODS = {f.__name__: f for f in (
    frac, sgn, rsqrt, rsub, lerp, addcmul, addcdiv, sinc, heaviside, xlogy, logit, erfinv, digamma, signbit, nextafter,
    positive, float_power, ldexp, clamp_min, clamp_max, bitwise_left_shift, bitwise_right_shift, gcd, lcm, isposinf,
    isneginf,
)}  # fmt: skip
TOP = {"polygamma": polygamma, "result_type": result_type}

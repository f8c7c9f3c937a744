"""Element by element: arithmetic, comparisons and elementary functions, with the derivatives of `srcgrad.rules`."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import asarray, ndarray

from srcgrad.rules import RULES
from srcgrad.shim import special
from srcgrad.shim.dtypes import DEFAULT, promoted
from srcgrad.shim.graph import node_class
from srcgrad.shim.history import edge_of, needs
from srcgrad.shim.modes import STATE
from srcgrad.shim.partials import partials_of, pullback
from srcgrad.shim.record import attach, entry, not_implemented, output_entry, record
from srcgrad.shim.tensor import Tensor, wrap

NUMBERS = (int, float, bool, np.integer, np.floating, np.bool_)


def named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function of its own name, also in tracebacks and profiles: one that several operations share has one each."""
    code = function.__code__.replace(co_name=name)
    made = types.FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def number(value: Any) -> Any:
    """A Python number for one of NumPy's, which would count as an array of its type."""
    return value.item() if isinstance(value, np.generic) else value


def aligned(x: Any, y: Any, *, floats: bool) -> tuple[Any, Any]:
    """Two operands, arrays or numbers, in the type of the result; numbers stay numbers."""
    kind = promoted(x, y)
    if floats and kind.kind != "f":
        kind = DEFAULT.numpy
    return _cast(x, kind), _cast(y, kind)


def _cast(x: Any, kind: np.dtype) -> Any:
    if isinstance(x, ndarray):
        return x if x.dtype == kind else x.astype(kind)
    if kind.kind in "iu":
        return np.asarray(x).astype(kind)[()]  # wraps around, as PyTorch's numbers do
    return kind.type(x)


def into(out: Tensor, name: str, result: Tensor, inputs: Sequence[Any]) -> Tensor:
    """Put a result into `out=`.

    Raises:
        RuntimeError: an argument requires gradients, which cannot be followed through `out`.
    """
    if STATE.grad and any(isinstance(t, Tensor) and needs(t) for t in (*inputs, out)):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if out._data.shape != result._data.shape:
        out._data = np.empty(result._data.shape, out._data.dtype)
    out._data[...] = result._data
    out._counter[0] += 1
    return out


def unary(name: str, function: Callable[..., Any], op: str, node: str = "", *, keep: bool = True) -> Any:
    """An operation of one tensor.

    Args:
        name: PyTorch's name.
        function: computes it on arrays.
        op: the primitive in `srcgrad.rules`.
        node: the name of its node.
        keep: save the result where the rule reads it; otherwise the argument, and compute the result again.
    """
    rule = RULES[op]
    (partial,) = partials_of(op)
    reads = partial.reads if partial is not None else frozenset()
    save_out = keep and 1 in reads
    save_x = 0 in reads or (1 in reads and not keep)
    pulls = (pullback(partial, None if keep or 1 not in reads else function),)
    cls = node_class(node or f"{name.capitalize()}Backward0")
    # the reciprocal is 0 for integers
    floats = (rule.result == "float" and rule.partials is not None) or function is np.reciprocal

    def apply(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        x = input._data
        if floats and x.dtype.kind != "f":
            x = x.astype(DEFAULT.numpy)
        y = STATE.quiet(function, x)
        result = wrap(y if type(y) is ndarray else asarray(y, x.dtype))
        if STATE.grad:
            if needs(input):
                n = cls()
                n.edges, n.pulls = (edge_of(input),), pulls
                if save_x or save_out:
                    n.saved = (
                        entry(input, input._fn) if save_x else None,
                        output_entry(result) if save_out else None,
                    )
                attach(result, n)
        elif STATE.inference:
            result._inference = True
        return result if out is None else into(out, name, result, (input,))

    return named(apply, name)


def binary(
    name: str, function: Callable[..., Any], op: str, nodes: tuple[str, str, str], *, keep: bool = True
) -> Any:  # fmt: skip
    """An operation of two tensors, or of a tensor and a number.

    Args:
        name: PyTorch's name.
        function: computes it on arrays.
        op: the primitive in `srcgrad.rules`.
        nodes: the names of its nodes for two tensors, a tensor and a number, a number and a tensor.
        keep: as for `unary`.
    """
    rule = RULES[op]
    partials = partials_of(op)
    reads = [p.reads if p is not None else frozenset() for p in partials]
    pulls = tuple(
        pullback(p, None if keep or 2 not in r else function) for p, r in zip(partials, reads, strict=True)
    )
    if not keep:
        reads = [(r - {2}) | {0, 1} if 2 in r else r for r in reads]
    reads_first, reads_second = reads
    reads_both = reads_first | reads_second
    both, left, right = (node_class(n) for n in nodes)
    floats = rule.result == "float"

    def apply(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
        a, b = input, other
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            x, y, cls = a._data, b._data, both
            if x.dtype is not y.dtype or (floats and x.dtype.kind != "f"):
                x, y = aligned(x, y, floats=floats)
        elif isinstance(b, NUMBERS) and isinstance(a, Tensor):
            x, cls = a._data, left
            b = y = number(b)
            if x.dtype.kind != "f" or y.__class__ is not float:
                x, y = aligned(x, y, floats=floats)
        elif isinstance(a, NUMBERS) and isinstance(b, Tensor):
            y, cls = b._data, right
            a = x = number(a)
            if y.dtype.kind != "f" or x.__class__ is not float:
                x, y = aligned(x, y, floats=floats)
        elif isinstance(a, np.ndarray):  # as PyTorch takes NumPy's arrays in arithmetic
            return apply(wrap(a), b, out=out)  # type: ignore[no-any-return]
        elif isinstance(b, np.ndarray):
            return apply(a, wrap(b), out=out)  # type: ignore[no-any-return]
        else:
            return NotImplemented
        try:
            z = STATE.quiet(function, x, y)
        except ValueError as error:
            raise mismatch(x, y) from error
        result = wrap(z if type(z) is ndarray else asarray(z))
        if STATE.grad:
            need_a = isinstance(a, Tensor) and needs(a)
            need_b = isinstance(b, Tensor) and needs(b)
            if (need_a or need_b) and result._data.dtype.kind == "f":
                n = cls()
                n.edges = (edge_of(a) if need_a else None, edge_of(b) if need_b else None)
                n.pulls = pulls
                read = reads_both if need_a and need_b else reads_first if need_a else reads_second
                if read:
                    n.saved = (
                        (entry(a, a._fn) if isinstance(a, Tensor) else a) if 0 in read else None,
                        (entry(b, b._fn) if isinstance(b, Tensor) else b or x.dtype.type(b)) if 1 in read else None,
                        output_entry(result) if 2 in read else None,
                    )
                attach(result, n)
        elif STATE.inference:
            result._inference = True
        return result if out is None else into(out, name, result, (input, other))

    return named(apply, name)


def mismatch(x: Any, y: Any) -> Exception:
    """PyTorch's error for shapes that do not broadcast."""
    for k, (m, n) in enumerate(zip(reversed(x.shape), reversed(y.shape), strict=False)):
        if m != n and 1 not in (m, n):
            at = max(x.ndim, y.ndim) - 1 - k
            return RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension {at}"
            )
    return RuntimeError("the operands do not fit")


def comparison(name: str, function: Callable[..., Any]) -> Any:
    """An operation whose result has no derivative."""

    def apply(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
        if not isinstance(other, (Tensor, ndarray, *NUMBERS)):
            return NotImplemented
        x = input._data if isinstance(input, Tensor) else number(input)
        y = other._data if isinstance(other, Tensor) else number(other)
        if getattr(x, "dtype", None) is not getattr(y, "dtype", None):
            x, y = aligned(x, y, floats=False)
        try:
            z = STATE.quiet(function, x, y)
        except ValueError as error:
            raise mismatch(x, y) from error
        result = record("", z, (), ())
        return result if out is None else into(out, name, result, (input, other))

    return named(apply, name)


def plain(name: str, function: Callable[..., Any]) -> Any:
    """An operation of one tensor whose result has no derivative."""

    def apply(input: Tensor) -> Tensor:
        return record("", function(input._data), (), ())

    return named(apply, name)


def three(name: str) -> tuple[str, str, str]:
    """The usual names of the nodes of a binary operation."""
    return (f"{name}Backward0",) * 3


# -- arithmetic ------------------------------------------------------------------------------------------------------

_add = binary("add", np.add, "+", ("AddBackward0", "AddBackward0", "AddBackward0"))
_sub = binary("sub", np.subtract, "-", ("SubBackward0", "SubBackward0", "RsubBackward1"))
mul = binary("mul", np.multiply, "*", three("Mul"))
_div = binary("div", np.divide, "/", ("DivBackward0", "DivBackward0", "DivBackward0"), keep=False)
_pow = binary("pow", np.power, "**", ("PowBackward1", "PowBackward0", "PowBackward2"))
remainder = binary("remainder", np.remainder, "%", ("RemainderBackward1", "RemainderBackward0", "RemainderBackward0"))
fmod = binary("fmod", np.fmod, "np.fmod", ("FmodBackward1", "FmodBackward0", "FmodBackward0"))
maximum = binary("maximum", np.maximum, "np.maximum", three("Maximum"))
minimum = binary("minimum", np.minimum, "np.minimum", three("Minimum"))
fmax = binary("fmax", np.fmax, "np.fmax", three("Fmax"))
fmin = binary("fmin", np.fmin, "np.fmin", three("Fmin"))
atan2 = binary("atan2", np.arctan2, "np.arctan2", three("Atan2"))
hypot = binary("hypot", np.hypot, "np.hypot", three("Hypot"))
logaddexp = binary("logaddexp", np.logaddexp, "np.logaddexp", three("Logaddexp"))
copysign = binary("copysign", np.copysign, "np.copysign", three("Copysign"))
floor_divide = binary("floor_divide", np.floor_divide, "//", ("NotImplemented",) * 3)
node_class("NotImplemented").apply = not_implemented("floor_divide")  # type: ignore[method-assign]


def _negative(x: Any) -> Any:
    try:
        return np.negative(x)
    except TypeError:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        ) from None


def _rounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Integers are whole."""
    return lambda x: x.copy() if x.dtype.kind in "iub" else function(x)


neg = unary("neg", _negative, "neg")
abs = unary("abs", np.absolute, "abs")
square = unary("square", np.square, "np.square", "PowBackward0")
reciprocal = unary("reciprocal", np.reciprocal, "np.reciprocal")
sign = unary("sign", np.sign, "np.sign")
floor = unary("floor", _rounded(np.floor), "np.floor")
ceil = unary("ceil", _rounded(np.ceil), "np.ceil")
trunc = unary("trunc", _rounded(np.trunc), "np.trunc")

exp = unary("exp", np.exp, "np.exp")
exp2 = unary("exp2", np.exp2, "np.exp2")
expm1 = unary("expm1", np.expm1, "np.expm1")
log = unary("log", np.log, "np.log")
log2 = unary("log2", np.log2, "np.log2")
log10 = unary("log10", np.log10, "np.log10")
log1p = unary("log1p", np.log1p, "np.log1p", "Log1PBackward0")
sqrt = unary("sqrt", np.sqrt, "np.sqrt")
sin = unary("sin", np.sin, "np.sin")
cos = unary("cos", np.cos, "np.cos")
tan = unary("tan", np.tan, "np.tan")
asin = unary("asin", np.arcsin, "np.arcsin")
acos = unary("acos", np.arccos, "np.arccos")
atan = unary("atan", np.arctan, "np.arctan")
sinh = unary("sinh", np.sinh, "np.sinh")
cosh = unary("cosh", np.cosh, "np.cosh")
tanh = unary("tanh", np.tanh, "np.tanh")
asinh = unary("asinh", np.arcsinh, "np.arcsinh")
acosh = unary("acosh", np.arccosh, "np.arccosh")
atanh = unary("atanh", np.arctanh, "np.arctanh")
deg2rad = unary("deg2rad", np.deg2rad, "np.deg2rad", "Deg2RadBackward0")
rad2deg = unary("rad2deg", np.rad2deg, "np.rad2deg", "Rad2DegBackward0")
sigmoid = unary("sigmoid", special.expit, "special.expit")
logsigmoid = unary("logsigmoid", special.log_expit, "special.log_expit", "LogSigmoidBackward0")
erf = unary("erf", special.erf, "math.erf")
erfc = unary("erfc", special.erfc, "math.erfc")
lgamma = unary("lgamma", special.lgamma, "math.lgamma")

eq = comparison("eq", np.equal)
ne = comparison("ne", np.not_equal)
lt = comparison("lt", np.less)
le = comparison("le", np.less_equal)
gt = comparison("gt", np.greater)
ge = comparison("ge", np.greater_equal)
logical_and = comparison("logical_and", np.logical_and)
logical_or = comparison("logical_or", np.logical_or)
logical_xor = comparison("logical_xor", np.logical_xor)
bitwise_and = comparison("bitwise_and", np.bitwise_and)
bitwise_or = comparison("bitwise_or", np.bitwise_or)
bitwise_xor = comparison("bitwise_xor", np.bitwise_xor)
isnan = plain("isnan", np.isnan)
isinf = plain("isinf", np.isinf)
isfinite = plain("isfinite", np.isfinite)
logical_not = plain("logical_not", np.logical_not)
bitwise_not = plain("bitwise_not", np.invert)

"""Python's built-in functions, methods of arrays, conversions, random draws."""

from __future__ import annotations

import ast
import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.ir.nodes import Const, integer
from srcgrad.ir.types import FLOAT64, INT64, Scalar, is_float, is_integer
from srcgrad.numpy_lib import reductions
from srcgrad.transform.lower import arrays, calls, expressions, iteration
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import (
    FormattedText,
    Items,
    Range,
    Static,
    Tuple,
    Value,
    describe,
    is_array,
    is_scalar,
)  # fmt: skip

HANDLERS: dict[Any, Callable[..., Value]] = {}
DTYPES = (float, int, bool)


def handles(*functions: Any) -> Callable:
    """Register the decorated function as the lowering of calls to `functions`."""

    def register(handler: Callable[..., Value]) -> Callable[..., Value]:
        for function in functions:
            HANDLERS[function] = handler
        return handler

    return register


def is_dtype(target: Any) -> bool:
    if isinstance(target, type) and (target in DTYPES or issubclass(target, np.number | np.bool_)):
        return True
    return isinstance(target, np.dtype)


def dtype_name(scope: Scope, value: Value, node: ast.AST) -> str:
    """The dtype that an argument names."""
    if isinstance(value, Static) and not isinstance(value.object, str | type(None)):
        name = getattr(value.object, "__name__", None) if not is_dtype(value.object) else None
        if name is None:
            return np.dtype(value.object).name
        return np.dtype(name).name
    if isinstance(value, Static) and isinstance(value.object, str):
        return np.dtype(value.object).name
    raise scope.problem(f"expected a dtype, but got {describe(value)}", node, "use np.float64 or np.float32")


def convert(scope: Scope, dtype: str, args: list[Value], node: ast.AST) -> Value:
    """`float(x)`, `int(x)`, `np.float32(x)`, ..."""
    value = args[0] if args else Const(0, INT64)
    if isinstance(value, Static) and isinstance(value.object, str):
        return Const(float(value.object) if "float" in dtype else int(value.object), Scalar(dtype))
    if is_array(value) and value.type.ndim == 0:
        value = scope.build.load(value, ())
    if is_array(value):
        return arrays.copy(scope, value, dtype)
    if not is_scalar(value):
        raise scope.problem(f"{describe(value)} cannot be converted to {dtype}", node, "convert a number")
    if dtype == "bool":
        return expressions.boolean_op(scope, value, node)
    return scope.build.cast(value, Scalar(dtype))


# -- numbers -------------------------------------------------------------------------------------------------------


def _extremum(op: str) -> Callable[..., Value]:
    def handler(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
        no_keywords(scope, kwargs, node)
        if len(args) == 1 and is_array(args[0]):
            return calls.inline(scope, getattr(reductions, op), args, {}, node, call_site=True)
        items = list(args[0].items) if len(args) == 1 and isinstance(args[0], Tuple) else args
        if not items or not all(is_scalar(i) for i in items):
            raise scope.problem(f"{op} expects numbers", node, "pass numbers or an array")
        out = items[0]
        for item in items[1:]:
            # Python's min and max keep the first of equals and ignore an unordered second
            out = scope.build.op(op, out, item)
        return out

    return handler


HANDLERS[builtins.min] = _extremum("min")
HANDLERS[builtins.max] = _extremum("max")


@handles(builtins.sum)
def _sum(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    start = args[1] if len(args) > 1 else kwargs.get("start", Const(0, INT64, weak=True))
    if is_array(args[0]):
        total = calls.inline(scope, reductions.sum, args[:1], {}, node, call_site=True)
        return total if isinstance(start, Const) and start.value == 0 else expressions.binary(
            scope, "+", start, total, node
        )  # fmt: skip
    if isinstance(args[0], Tuple):
        out: Value = start
        for item in args[0].items:
            empty = isinstance(out, Const) and out.weak and out.value == 0
            out = item if empty else expressions.binary(scope, "+", out, item, node)
        return out
    raise scope.problem(f"sum does not take {describe(args[0])}", node, "write a loop")


@handles(builtins.len)
def _len(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    value = args[0]
    if is_array(value):
        return scope.build.shape(value, 0)
    if isinstance(value, Tuple):
        return integer(len(value.items))
    if isinstance(value, Static) and isinstance(value.object, str):
        return integer(len(value.object))
    if isinstance(value, FormattedText):
        return scope.build.draw(f"text:len(f{value.text!r})", value.args, INT64)
    if isinstance(value, Range):
        return iteration.length_of_range(scope, value)
    if isinstance(value, Items):
        return value.length
    raise scope.problem(f"{describe(value)} has no length", node, "use an array or tuple")


@handles(builtins.round, np.round, np.around)
def _round(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    digits = args[1] if len(args) > 1 else kwargs.get("ndigits", kwargs.get("decimals"))
    value = args[0]
    if not is_scalar(value):
        raise scope.problem(f"round does not take {describe(value)}", node, "round numbers")
    if is_integer(value.type):
        return value
    if digits is None or (isinstance(digits, Static) and digits.object is None):
        return scope.build.op("round", value)
    if not is_scalar(digits):
        raise scope.problem("the number of digits must be an integer", node, "use round(x, 2)")
    ten = scope.build.op("**", Const(10.0, FLOAT64), digits)
    return scope.build.op("/", scope.build.op("np.rint", scope.build.op("*", value, ten)), ten)


@handles(builtins.divmod)
def _divmod(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    a, b = args
    return Tuple((expressions.binary(scope, "//", a, b, node), expressions.binary(scope, "%", a, b, node)))


@handles(math.log)
def _log(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    logs = [calls.primitive(scope, "np.log", [a], kwargs, node) for a in args]
    return logs[0] if len(logs) == 1 else scope.build.op("/", *logs)


@handles(math.hypot)
def _hypot(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    out = args[0]
    for other in args[1:]:
        out = scope.build.op("np.hypot", out, other)
    return scope.build.op("abs", out) if len(args) == 1 else out


@handles(math.pow)
def _pow(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    floats = [scope.build.cast(a, FLOAT64) if is_scalar(a) and not is_float(a.type) else a for a in args]
    return calls.primitive(scope, "**", floats, kwargs, node)


@handles(np.heaviside)
def _heaviside(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    x, at_zero = args
    if not (is_scalar(x) and is_scalar(at_zero)):
        raise scope.problem("np.heaviside expects numbers", node, "use it in a loop")
    zero, op = Const(0.0, FLOAT64, weak=True), scope.build.op
    step = op("where", op("<", x, zero), zero, Const(1.0, FLOAT64, weak=True))
    return op("where", op("==", x, zero), at_zero, step)


@handles(math.ldexp, np.ldexp)
def _ldexp(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return scope.build.op("*", args[0], scope.build.op("**", Const(2.0, FLOAT64), args[1]))


@handles(math.modf)
def _modf(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    whole = scope.build.op("np.trunc", args[0])
    return Tuple((scope.build.op("-", args[0], whole), whole))


@handles(np.logical_and)
def _logical_and(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return scope.build.op("&", *(expressions.boolean_op(scope, a, node) for a in args))


@handles(np.logical_or)
def _logical_or(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return scope.build.op("|", *(expressions.boolean_op(scope, a, node) for a in args))


@handles(np.where)
def _where(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    if len(args) != 3:
        raise scope.problem("np.where with one argument is not differentiable", node, "give both alternatives")
    if any(is_array(a) for a in args):
        return arrays.elementwise(scope, "where", args, node)
    return scope.build.op("where", expressions.boolean_op(scope, args[0], node), *args[1:])


@handles(np.clip)
def _clip(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    given = dict(zip(("a", "a_min", "a_max"), args, strict=False))
    given |= {{"min": "a_min", "max": "a_max"}.get(k, k): v for k, v in kwargs.items()}
    value = given["a"]
    for op, bound in (("max", given.get("a_min")), ("min", given.get("a_max"))):
        if bound is not None and not (isinstance(bound, Static) and bound.object is None):
            value = calls.primitive(scope, op, [value, bound], {}, node)
    return value


@handles(builtins.isinstance, builtins.type, builtins.getattr, builtins.hasattr)
def _introspection(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    del args, kwargs
    raise scope.problem("looking at types is not differentiable", node, "pass a bool or string to choose a branch")


@handles(builtins.bool, operator.truth)
def _bool(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return expressions.boolean_op(scope, args[0], node)


# -- iteration -----------------------------------------------------------------------------------------------------


@handles(builtins.range)
def _range(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return iteration.range_of(scope, args, node)


@handles(builtins.enumerate)
def _enumerate(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    start = args[1] if len(args) > 1 else kwargs.get("start", integer(0))
    return iteration.enumerated(scope, args[0], start, node)


@handles(builtins.zip)
def _zip(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    if isinstance(kwargs.get("strict"), Const) and kwargs["strict"].value:
        raise scope.problem("zip(strict=True) is not differentiable", node, "leave out strict")
    return iteration.zipped(scope, args, node)


@handles(builtins.reversed)
def _reversed(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return iteration.reverse(scope, args[0], node)


@handles(np.ndindex)
def _ndindex(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return iteration.grid_of(scope, args, node)


@handles(builtins.tuple, builtins.list)
def _tuple(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    if not args:
        return Tuple(())
    if isinstance(args[0], Tuple):
        return Tuple(args[0].items)
    raise scope.problem(f"a tuple of {describe(args[0])} has no fixed length", node, "use an array")


def no_keywords(scope: Scope, kwargs: dict, node: ast.AST) -> None:
    if kwargs:
        name = next(iter(kwargs))
        raise scope.problem(f"the argument '{name}' is not supported here", node, "leave it out")

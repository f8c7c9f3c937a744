"""Python's built-in functions, those of `math`, and conversions.

A handler takes the scope and the syntax tree of the call, then the arguments, by Python's own rules: its signature says
which calls fit, and `signatures.invoke` refuses the others.
"""

from __future__ import annotations

import ast
import builtins
import functools
import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from srcgrad.ir.nodes import FALSE, ZERO, Const, integer
from srcgrad.ir.types import BOOL, FLOAT64, INT64, Scalar, is_float, is_integer
from srcgrad.loops import checkpointed
from srcgrad.transform.lower import arrays, calls, expressions, iteration, sizes
from srcgrad.transform.lower.dtypes import plain_dtype
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import expect_numbers, expect_operands
from srcgrad.transform.lower.values import (
    FormattedText,
    Items,
    Range,
    Static,
    Tuple,
    Value,
    describe,
    is_array,
    is_operand,
    is_scalar,
)  # fmt: skip

HANDLERS: dict[Any, Callable[..., Value]] = {}
DEFERRING: dict[Any, bool] = {}  # those that take array expressions which are not computed yet
DTYPES = (float, int, bool)
NOTHING = Tuple(())
ABSENT: Any = object()  # an argument left out, where None is not the same
EMPTY_SUM = Const(0, INT64, weak=True)
NUMBERS = ("float64", "float32", "bool")


def handles(*functions: Any, defers: bool = False) -> Callable:
    """Register the decorated function as the lowering of calls to `functions`.

    `defers` says that it takes array expressions which are not computed yet.
    """

    def register(handler: Callable[..., Value]) -> Callable[..., Value]:
        for function in functions:
            if function is not None:
                HANDLERS[function] = handler
                if defers:
                    DEFERRING[function] = True
        return handler

    return register


def is_dtype(target: Any) -> bool:
    if isinstance(target, type) and (target in DTYPES or issubclass(target, np.number | np.bool_)):
        return True
    return isinstance(target, np.dtype)


def dtype_name(scope: Scope, value: Value, node: ast.AST) -> str:
    """The dtype that an argument names."""
    dtype = None
    if isinstance(value, Static) and value.object is not None:
        try:
            dtype = np.dtype(plain_dtype(value.object))
        except (TypeError, ValueError):  # NumPy knows no such dtype
            dtype = None
    if dtype is None:
        text = isinstance(value, Static) and isinstance(value.object, str)
        found = repr(value.object) if text else describe(value)
        raise scope.problem(f"expected a dtype, but got {found}", node, "use np.float64 or np.float32")
    if dtype.name not in NUMBERS and dtype.kind not in "iu":
        hint = "use float64, float32, an integer dtype or bool"
        raise scope.problem(f"numbers of dtype {dtype} are not differentiable", node, hint)
    return dtype.name


@functools.cache
def converter(target: Any) -> Callable[..., Value]:
    """The handler of `float(x)`, `int(x)`, `np.float32(x)`, ..."""

    def handler(scope: Scope, node: ast.AST, value: Value = ZERO, /) -> Value:
        return convert(scope, dtype_name(scope, Static(target), node), value, node, python=target in DTYPES)

    return handler


def convert(scope: Scope, dtype: str, value: Value, node: ast.AST, *, python: bool = False) -> Value:
    """A value as a number of a dtype, or an array of numbers of it; Python's own types convert only numbers."""
    if isinstance(value, Static) and isinstance(value.object, str):
        try:
            return Const(float(value.object) if "float" in dtype else int(value.object), Scalar(dtype))
        except ValueError:
            raise scope.problem(f"{value.object!r} is no number", node, "convert a number") from None
    value = expressions.number_of(scope, value)
    if is_operand(value) and not python:
        return value if value.type.dtype == dtype else arrays.copy(scope, value, dtype)
    if not is_scalar(value):
        hint = "use astype" if is_array(value) else "convert a number"
        raise scope.problem(f"{describe(value)} cannot be converted to {dtype}", node, hint)
    if dtype == "bool":
        return expressions.boolean_op(scope, value, node)
    return scope.build.cast(value, Scalar(dtype))


# -- numbers -------------------------------------------------------------------------------------------------------


def _extremum(op: str) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, first: Value, /, *others: Value) -> Value:
        if not others and is_operand(first) and first.type.ndim == 1:
            return calls.apply(scope, Static(getattr(np, op)), [first], {}, node)
        items = first.items if not others and isinstance(first, Tuple) else (first, *others)
        if not others and not isinstance(first, Tuple):
            hint = f"use np.{op}" if is_array(first) else "pass several numbers, or a vector"
            raise scope.problem(f"{op} does not take {describe(first)}", node, hint)
        if not items or not all(is_scalar(i) for i in items):
            raise scope.problem(f"{op} expects numbers", node, "pass several numbers, or a vector")
        out = items[0]
        for item in items[1:]:
            # Python's min and max keep the first of equals and ignore an unordered second
            out = scope.build.op(op, out, item)
        return out

    return handler


HANDLERS[builtins.min] = _extremum("min")
HANDLERS[builtins.max] = _extremum("max")


@handles(builtins.sum)
def _sum(scope: Scope, node: ast.AST, items: Value, /, start: Value = EMPTY_SUM) -> Value:
    if not (is_scalar(start) or is_array(start) or isinstance(start, Tuple)):
        raise scope.problem(f"sum does not start at {describe(start)}", node, "start at a number")
    if is_operand(items) and items.type.ndim == 1:
        total = calls.apply(scope, Static(np.sum), [items], {}, node)
        zero = isinstance(start, Const) and start.value == 0
        return total if zero else expressions.binary(scope, "+", start, total, node)
    if isinstance(items, Tuple):
        out: Value = start
        for item in items.items:
            empty = isinstance(out, Const) and out.weak and out.value == 0
            out = item if empty else expressions.binary(scope, "+", out, item, node)
        return out
    hint = "use np.sum for the sum of all elements, or write a loop" if is_array(items) else "write a loop"
    raise scope.problem(f"sum does not take {describe(items)}", node, hint)


@handles(builtins.len)
def _len(scope: Scope, node: ast.AST, value: Value, /) -> Value:
    if is_array(value) and value.type.ndim > 0:
        return sizes.own_shape(scope, value)[0]
    if isinstance(value, Tuple):
        return integer(len(value.items))
    if isinstance(value, Static) and isinstance(value.object, str):
        return integer(len(value.object))
    if isinstance(value, FormattedText):
        if any(not is_integer(a.type) for a in value.args):
            message = "the length of a formatted float is not known to compiled code"
            raise scope.problem(message, node, "format integers, or leave it out")
        return scope.build.draw(f"text:len(f{value.text!r})", value.args, INT64)
    if isinstance(value, Range):
        return iteration.length_of_range(scope, value)
    if isinstance(value, Items):
        return value.length
    raise scope.problem(f"{describe(value)} has no length", node, "use an array or tuple")


@handles(builtins.round)
def _round(scope: Scope, node: ast.AST, number: Value, ndigits: Value = None) -> Value:
    return _rounded(scope, "round", number, ndigits, node)


@handles(np.round, np.around, defers=True)
def _np_round(scope: Scope, node: ast.AST, a: Value, decimals: Value = None) -> Value:
    return _rounded(scope, "np.rint", a, decimals, node)


def _rounded(scope: Scope, whole: str, value: Value, digits: Value, node: ast.AST) -> Value:
    if not (is_scalar(value) or (is_operand(value) and whole == "np.rint")):
        raise scope.problem(f"round does not take {describe(value)}", node, "use np.round")
    if digits is not None and not (is_scalar(digits) and is_integer(digits.type)):
        raise scope.problem("the number of digits must be an integer", node, "use round(x, 2)")
    known = isinstance(digits, Const)
    if not is_float(value.type):
        if is_operand(value) and (digits is None or known):
            return arrays.copy(scope, value)
        if digits is None or (known and digits.value >= 0):
            return scope.build.cast(value, INT64) if value.type == BOOL else value
        raise scope.problem("an int is not rounded to tens", node, "round a float")

    def apply(op: str, *args: Value) -> Value:
        return arrays.elementwise(scope, op, list(args), node) if is_operand(value) else scope.build.op(op, *args)

    if digits is None or (whole == "np.rint" and known and digits.value == 0):
        return apply(whole, value)
    if isinstance(digits, Const):
        ten: Value = Const(10.0**digits.value, FLOAT64, weak=True)
    else:
        ten = scope.build.op("**", Const(10.0, FLOAT64), digits)
    return apply("/", apply("np.rint", apply("*", value, ten)), ten)


@handles(builtins.divmod)
def _divmod(scope: Scope, node: ast.AST, a: Value, b: Value, /) -> Value:
    return Tuple((expressions.binary(scope, "//", a, b, node), expressions.binary(scope, "%", a, b, node)))


@handles(math.log)
def _log(scope: Scope, node: ast.AST, x: Value, base: Value = ABSENT, /) -> Value:
    given = [x] if base is ABSENT else [x, base]
    expect_numbers(scope, "math.log", given, node)
    logs = [calls.primitive(scope, "np.log", [a], {}, node, "math.log") for a in given]
    return logs[0] if len(logs) == 1 else scope.build.op("/", *logs)


@handles(math.hypot)
def _hypot(scope: Scope, node: ast.AST, /, *coordinates: Value) -> Value:
    expect_numbers(scope, "math.hypot", list(coordinates), node)
    if not coordinates:
        return Const(0.0, FLOAT64)
    out = _as_float(scope, coordinates[0])
    for other in coordinates[1:]:
        out = scope.build.op("np.hypot", out, _as_float(scope, other))
    return scope.build.op("abs", out) if len(coordinates) == 1 else out


@handles(math.pow)
def _pow(scope: Scope, node: ast.AST, x: Value, y: Value, /) -> Value:
    expect_numbers(scope, "math.pow", [x, y], node)
    return scope.build.op("**", _as_float(scope, x), _as_float(scope, y))


def _as_float(scope: Scope, value: Value) -> Value:
    return value if is_float(value.type) else scope.build.cast(value, FLOAT64)


@handles(np.heaviside, defers=True)
def _heaviside(scope: Scope, node: ast.AST, x: Value, at_zero: Value, /) -> Value:
    expect_operands(scope, "np.heaviside", [x, at_zero], node)
    x, at_zero = (arrays.as_array(scope, v, node) if isinstance(v, Tuple) else v for v in (x, at_zero))
    dtype = Scalar(x.type.dtype) if is_float(x.type) else FLOAT64
    zero, one = Const(0.0, dtype), Const(1.0, dtype)
    step = apply(scope, "where", [apply(scope, "<", [x, zero], node), zero, one], node)
    if is_float(x.type):
        step = apply(scope, "where", [apply(scope, "np.isnan", [x], node), x, step], node)
    return apply(scope, "where", [apply(scope, "==", [x, zero], node), at_zero, step], node)


def apply(scope: Scope, op: str, values: list[Value], node: ast.AST) -> Value:
    """An operation on numbers, or on the elements of arrays."""
    if any(is_operand(v) for v in values):
        return arrays.elementwise(scope, op, values, node)
    expect_operands(scope, op, values, node)
    return scope.build.op(op, *values)


@handles(math.ldexp, np.ldexp)
def _ldexp(scope: Scope, node: ast.AST, x: Value, exponent: Value, /) -> Value:
    expect_numbers(scope, "ldexp", [x, exponent], node)
    if is_float(exponent.type):
        raise scope.problem("'ldexp' expects an integer exponent, but got a float", node, "use x * 2.0 ** y")
    base = Const(2.0, Scalar(x.type.dtype) if is_float(x.type) else FLOAT64)
    return scope.build.op("*", x, scope.build.op("**", base, exponent))


@handles(math.modf)
def _modf(scope: Scope, node: ast.AST, x: Value, /) -> Value:
    expect_numbers(scope, "math.modf", [x], node)
    number = _as_float(scope, x)
    whole = scope.build.op("np.trunc", number)
    return Tuple((scope.build.op("-", number, whole), whole))


def _logical(op: str) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, x: Value, y: Value, /) -> Value:
        return apply(scope, op, [as_bools(scope, x, node), as_bools(scope, y, node)], node)

    return handler


handles(np.logical_and, defers=True)(_logical("&"))
handles(np.logical_or, defers=True)(_logical("|"))
handles(np.logical_xor, defers=True)(_logical("^"))


def as_bools(scope: Scope, value: Value, node: ast.AST) -> Value:
    """A number or an array of numbers as bools: what is not zero is true."""
    if not is_operand(value):
        return expressions.boolean_op(scope, value, node)
    return value if value.type.dtype == "bool" else arrays.elementwise(scope, "!=", [value, ZERO], node)


@handles(np.where, defers=True)
def _where(scope: Scope, node: ast.AST, condition: Value, /, *choices: Value) -> Value:
    if not choices:
        return calls.apply(scope, Static(np.nonzero), [condition], {}, node)
    if len(choices) != 2:
        raise scope.problem("np.where takes two alternatives, or none", node, "write np.where(c, x, y)")
    expect_operands(scope, "np.where", [condition, *choices], node)
    chosen = [arrays.as_array(scope, v, node) if isinstance(v, Tuple) else v for v in (condition, *choices)]
    return apply(scope, "where", [as_bools(scope, chosen[0], node), *chosen[1:]], node)


@handles(np.clip, defers=True)
def _clip(
    scope: Scope, node: ast.AST, a: Value, a_min: Value = ABSENT, a_max: Value = ABSENT, *, min: Value = None,
    max: Value = None,
) -> Value:  # fmt: skip
    expect_operands(scope, "np.clip", [a], node)
    named = min is not None or max is not None
    if (a_min is ABSENT) != (a_max is ABSENT) or (named and a_min is not ABSENT):
        raise scope.problem("np.clip takes both bounds, or names them", node, "write None for a bound that is missing")
    for op, bounds in (("np.maximum", (a_min, min)), ("np.minimum", (a_max, max))):
        for bound in bounds:
            if not (bound is None or bound is ABSENT or (isinstance(bound, Static) and bound.object is None)):
                a = calls.primitive(scope, op, [a, bound], {}, node, "np.clip")
    return a


@handles(builtins.isinstance, builtins.type, builtins.getattr, builtins.hasattr)
def _introspection(scope: Scope, node: ast.AST, /, *args: Value) -> Value:
    del args
    raise scope.problem("looking at types is not differentiable", node, "pass a bool or string to choose a branch")


@handles(builtins.bool, operator.truth)
def _bool(scope: Scope, node: ast.AST, value: Value = FALSE, /) -> Value:
    return expressions.truth_of(scope, value, node)


# -- iteration -----------------------------------------------------------------------------------------------------


@handles(builtins.range)
def _range(scope: Scope, node: ast.AST, /, *args: Value) -> Value:
    return iteration.range_of(scope, list(args), node)


@handles(checkpointed)
def _checkpointed(scope: Scope, node: ast.AST, iterable: Value, snapshots: Value = None) -> Value:
    if not isinstance(iterable, Range):
        message = f"checkpointed takes a range, but got {describe(iterable)}"
        raise scope.problem(message, node, "write checkpointed(range(n)), and take the elements by their index")
    if snapshots is None or (isinstance(snapshots, Static) and snapshots.object is None):
        return replace(iterable, snapshots=0)
    if not (isinstance(snapshots, Const) and snapshots.type == INT64 and snapshots.value > 0):
        raise scope.problem("the number of snapshots must be a positive constant", node, "write it as a number")
    return replace(iterable, snapshots=int(snapshots.value))


@handles(builtins.enumerate)
def _enumerate(scope: Scope, node: ast.AST, iterable: Value, start: Value = ZERO) -> Value:
    if not (is_scalar(start) and is_integer(start.type)):
        raise scope.problem(f"enumerate starts at an integer, not {describe(start)}", node, "use int()")
    return iteration.enumerated(scope, iterable, start, node)


@handles(builtins.zip)
def _zip(scope: Scope, node: ast.AST, /, *iterables: Value, strict: Value = FALSE) -> Value:
    if strict != FALSE:
        raise scope.problem("zip(strict=True) is not differentiable", node, "leave out strict")
    return iteration.zipped(scope, list(iterables), node)


@handles(builtins.reversed)
def _reversed(scope: Scope, node: ast.AST, sequence: Value, /) -> Value:
    return iteration.reverse(scope, sequence, node)


@handles(np.ndindex)
def _ndindex(scope: Scope, node: ast.AST, /, *shape: Value) -> Value:
    return iteration.grid_of(scope, list(shape), node)


def _sequence(*, is_list: bool) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, items: Value = NOTHING, /) -> Value:
        if isinstance(items, Tuple):
            return Tuple(items.items, is_list=is_list)
        what = "list" if is_list else "tuple"
        raise scope.problem(f"a {what} of {describe(items)} has no fixed length", node, "use an array")

    return handler


HANDLERS[builtins.tuple] = _sequence(is_list=False)
HANDLERS[builtins.list] = _sequence(is_list=True)

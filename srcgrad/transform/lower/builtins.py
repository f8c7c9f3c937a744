"""Python's built-in functions, methods of arrays, conversions, random draws."""

from __future__ import annotations

import ast
import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.ir.nodes import Const, Effect, Var, integer
from srcgrad.ir.types import FLOAT64, INT64, Array, Scalar, is_integer
from srcgrad.numpy_lib import reductions
from srcgrad.transform.lower import arrays, calls, expressions, iteration, subscripts
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import (
    Bound, FormattedText, Items, Range, Static, Tuple, Value, describe, is_array, is_atom, is_scalar,
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
        _no_keywords(scope, kwargs, node)
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
    _no_keywords(scope, kwargs, node)
    value = args[0]
    if is_array(value):
        return scope.build.shape(value, 0)
    if isinstance(value, Tuple):
        return integer(len(value.items))
    if isinstance(value, Static) and isinstance(value.object, str):
        return integer(len(value.object))
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
    _no_keywords(scope, kwargs, node)
    a, b = args
    return Tuple((expressions.binary(scope, "//", a, b, node), expressions.binary(scope, "%", a, b, node)))


@handles(math.log)
def _log(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    logs = [calls.primitive(scope, "np.log", [a], kwargs, node) for a in args]
    return logs[0] if len(logs) == 1 else scope.build.op("/", *logs)


@handles(math.hypot)
def _hypot(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    out = args[0]
    for other in args[1:]:
        out = scope.build.op("np.hypot", out, other)
    return scope.build.op("abs", out) if len(args) == 1 else out


@handles(math.ldexp, np.ldexp)
def _ldexp(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    return scope.build.op("*", args[0], scope.build.op("**", Const(2.0, FLOAT64), args[1]))


@handles(math.modf)
def _modf(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    whole = scope.build.op("np.trunc", args[0])
    return Tuple((scope.build.op("-", args[0], whole), whole))


@handles(np.logical_and)
def _logical_and(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    return scope.build.op("&", *(expressions.boolean_op(scope, a, node) for a in args))


@handles(np.logical_or)
def _logical_or(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    return scope.build.op("|", *(expressions.boolean_op(scope, a, node) for a in args))


@handles(np.where)
def _where(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    if len(args) != 3:  # noqa: PLR2004
        raise scope.problem("np.where with one argument is not differentiable", node, "give both alternatives")
    if any(is_array(a) for a in args):
        return arrays.elementwise(scope, "where", args, node)
    return scope.build.op("where", expressions.boolean_op(scope, args[0], node), *args[1:])


@handles(np.clip)
def _clip(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    value, low, high = (*args, kwargs.get("a_min", kwargs.get("min")), kwargs.get("a_max", kwargs.get("max")))[:3]
    raised = calls.primitive(scope, "max", [value, low], {}, node)
    return calls.primitive(scope, "min", [raised, high], {}, node)


@handles(builtins.isinstance, builtins.type, builtins.getattr, builtins.hasattr)
def _introspection(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    del args, kwargs
    raise scope.problem("looking at types is not differentiable", node, "pass a bool or string to choose a branch")


@handles(builtins.bool, operator.truth)
def _bool(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    return expressions.boolean_op(scope, args[0], node)


# -- iteration -----------------------------------------------------------------------------------------------------


@handles(builtins.range)
def _range(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
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
    _no_keywords(scope, kwargs, node)
    return iteration.reverse(scope, args[0], node)


@handles(np.ndindex)
def _ndindex(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    return iteration.grid_of(scope, args, node)


@handles(builtins.tuple, builtins.list)
def _tuple(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    if not args:
        return Tuple(())
    if isinstance(args[0], Tuple):
        return Tuple(args[0].items)
    raise scope.problem(f"a tuple of {describe(args[0])} has no fixed length", node, "use an array")


# -- effects -------------------------------------------------------------------------------------------------------


@handles(builtins.print)
def _print(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    parts, atoms = [], []
    for value in args:
        if isinstance(value, FormattedText):
            text = value.text
            for k in reversed(range(len(value.args))):
                text = text.replace("{{{" + str(k) + "}}}", "{{{" + str(k + len(atoms)) + "}}}")
            parts.append("f" + repr(text))
            atoms += value.args
        elif isinstance(value, Static):
            parts.append(repr(value.object).replace("{", "{{").replace("}", "}}"))
        elif is_atom(value):
            parts.append("{" + str(len(atoms)) + "}")
            atoms.append(value)
        else:
            raise scope.problem(f"{describe(value)} cannot be printed", node, "print its items")
    scope.build.emit(Effect(f"print({', '.join(parts)})", tuple(atoms), loc=scope.at(node)))
    return Static(None)


@handles(np.random.seed)
def _seed(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    scope.build.emit(Effect("np.random.seed({0})", tuple(args), loc=scope.at(node)))
    return Static(None)


def _draw(name: str) -> Callable[..., Value]:
    whole = name in ("randint", "poisson", "binomial", "geometric")

    def handler(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
        if "size" in kwargs or not all(is_scalar(a) for a in args):
            return _filled_by_draws(scope, args, kwargs, node)
        if kwargs:
            raise scope.problem("keyword arguments of random draws are not supported", node, "pass by position")
        if name in ("rand", "randn", "random_sample", "random") and args:
            return _filled_by_draws(scope, [], {"size": Tuple(tuple(args))}, node)
        return scope.build.draw(f"np.random.{name}", tuple(args), INT64 if whole else FLOAT64)

    def _filled_by_draws(scope: Scope, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
        size = kwargs.get("size")
        shape = size.items if isinstance(size, Tuple) else (size,)
        if len(kwargs) != 1 or not all(is_scalar(s) for s in shape) or not all(is_scalar(a) for a in args):
            raise scope.problem(f"this call of np.random.{name} is not supported", node, "draw numbers in a loop")
        out = arrays.allocate(scope, "empty", "int64" if whole else "float64", shape)
        scope.build.nest(shape, lambda i: scope.build.store(out, i, handler(scope, args, {}, node)))
        return out

    return handler


for _name in (
    "rand", "randn", "random", "random_sample", "normal", "standard_normal", "uniform", "exponential",
    "standard_exponential", "gamma", "standard_gamma", "beta", "lognormal", "laplace", "logistic", "gumbel",
    "weibull", "rayleigh", "triangular", "chisquare", "poisson", "binomial", "geometric", "randint", "standard_t",
    "standard_cauchy", "pareto", "power", "vonmises", "wald", "f",
):  # fmt: skip
    HANDLERS[getattr(np.random, _name)] = _draw(_name)


# -- methods -------------------------------------------------------------------------------------------------------


def method(scope: Scope, bound: Bound, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    """A method call on an array or a number."""
    owner, name = bound.owner, bound.method
    if isinstance(owner, Tuple):
        if name == "append":
            hint = "make an array of its final length and fill it"
            raise scope.problem("appending to a list is not differentiable", node, hint)
        raise scope.problem(f"'{name}' of a tuple is not differentiable", node, "use its items")
    if is_array(owner):
        if name in ("copy", "flatten", "ravel", "reshape", "fill", "transpose", "astype", "item", "view"):
            return _ARRAY_METHODS[name](scope, owner, args, kwargs, node)
        function = getattr(np, name, None)
        if function is not None and name in ("sum", "prod", "mean", "var", "std", "max", "min", "dot"):
            return calls.apply(scope, Static(function), [owner, *args], kwargs, node)
    if is_scalar(owner) and name in ("item", "copy", "conjugate"):
        return owner
    raise scope.problem(f"the method '{name}' of {describe(owner)} is not differentiable", node, "write it as a loop")


def _no_keywords(scope: Scope, kwargs: dict, node: ast.AST) -> None:
    if kwargs:
        name = next(iter(kwargs))
        raise scope.problem(f"the argument '{name}' is not supported here", node, "leave it out")


def _method_reshape(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    shape = list(args[0].items) if len(args) == 1 and isinstance(args[0], Tuple) else list(args)
    return subscripts.reshape(scope, owner, shape, node)


def _method_ravel(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    del args
    assert isinstance(owner.type, Array)
    if owner.type.ndim == 1:
        return owner
    if owner.type.layout == "A":
        hint = "write x.flatten() for a copy"
        raise scope.problem("ravel expects a contiguous array, because others are copied or not", node, hint)
    if owner.type.layout == "C":
        return subscripts.reshape(scope, owner, [integer(-1)], node)
    return _method_flatten(scope, owner, [], {}, node)


def _method_flatten(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    del args
    return subscripts.reshape(scope, arrays.copy(scope, owner), [integer(-1)], node)


def _method_fill(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    arrays.assign(scope, owner, args[0], node)
    return Static(None)


def _method_transpose(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    if args:
        raise scope.problem("transpose with axes is not differentiable yet", node, "use .T, or index in loops")
    return subscripts.transpose(scope, owner)


def _method_astype(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    return arrays.copy(scope, owner, dtype_name(scope, args[0], node))


def _method_item(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    assert isinstance(owner.type, Array)
    index = args if args else [integer(0)] * owner.type.ndim
    return scope.build.load(owner, tuple(index))


def _method_copy(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    del args, kwargs, node
    return arrays.copy(scope, owner)


def _method_view(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    _no_keywords(scope, kwargs, node)
    if args:
        raise scope.problem("a view of another dtype is not differentiable", node, "use astype")
    return owner


_ARRAY_METHODS: dict[str, Callable[..., Value]] = {
    "copy": _method_copy, "flatten": _method_flatten, "ravel": _method_ravel, "reshape": _method_reshape,
    "fill": _method_fill, "transpose": _method_transpose, "astype": _method_astype, "item": _method_item,
    "view": _method_view,
}  # fmt: skip

"""The entry: lower one function for given argument types."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.location import Location
from srcgrad.ir.nodes import Const, Function, Undef, Var
from srcgrad.ir.types import BOOL, Array
from srcgrad.transform.build import strong
from srcgrad.transform.lower import calls, creation, draws, effects, einsum, library, shaping, ufuncs  # noqa: F401  (they fill the table of handlers)
from srcgrad.transform.lower.scope import Context, PoisonedError, Scope, wrap
from srcgrad.transform.lower.values import (
    POISON,
    Closure,
    Lowered,
    Mismatch,
    Static,
    Tuple,
    Value,
    describe,
    is_atom,
)
from srcgrad.transform.simt.launch import Launch


def lower(
    function: Any, arguments: Sequence[tuple[str, Any]], calls_around: Sequence[Any] = (), *, trusted: bool = False,
    launch: Launch | None = None,
) -> Lowered:  # fmt: skip
    """Lower `function` for arguments of the given names and types, all of them, in order.

    `function` is a Python function, a method of an object, or a `custom_vjp`.

    `trusted` says that the shapes of its arrays are known to fit. With `launch` it is a kernel: what one thread does,
    with the extents of the grid as parameters after
    its own, and the indices of the thread as the last ones.

    Raises:
        UnsupportedError: something in it, or in a helper that it calls, cannot be differentiated.
    """
    bound = None
    if isinstance(function, types.MethodType):
        bound, function = function.__self__, function.__func__
    custom = function if hasattr(function, "defvjp") else None
    if custom is not None:
        function = custom.function
    source = calls.source_of(function)
    context = Context(calls=list(calls_around), lower=lower, trusted=trusted, launch=launch)
    params: list[Var] = []
    shapes: list[Any] = []
    signature: list[tuple[str, Any]] = []
    values: dict[str, Value] = {}
    for name, kind in arguments:
        value, tree = _parameter(name, kind, params, shapes)
        values[name] = value
        signature.append((name, tree))
    context.params.update(p for p in params if isinstance(p.type, Array))
    if launch is not None:
        context.counters.update(launch.indices)
    context.hints.update((p, (k, s)) for k, (p, s) in enumerate(zip(params, shapes, strict=True)) if s is not None)
    outer = Scope(context, source.filename, frozenset(), {}, function)
    args: list[Value] = [Static(bound)] if bound is not None else []
    result: Value = Static(None)
    try:
        args, kwargs = _match(source.node, args, values)
        if custom is not None:
            result = calls.apply(outer, Static(custom), args, kwargs, source.node)
        else:
            result = calls.inline(outer, function, args, kwargs, source.node)
    except UnsupportedError as error:
        context.problems.extend(p for p in error.problems if p not in context.problems)
    except PoisonedError:
        pass
    if context.problems:
        raise UnsupportedError(*sorted(context.problems, key=_position))
    if launch is not None and not (isinstance(result, Static) and result.object is None):
        at = Location.of(source.node, source.filename)
        raise UnsupportedError(Problem("a kernel returns nothing", at, "write its results into an array argument"))
    result = _check_result(result, source)
    captures = tuple(context.captures.values())
    hidden = [c.var for c in captures if c.var is not None]
    if launch is not None:
        params += launch.params
        signature += launch.signature
    taken = {n for n, _ in signature} | {p.hint for p in params}
    for var in hidden:  # a helper's global may have the name of an argument
        while var.hint in taken:
            object.__setattr__(var, "hint", f"{var.hint}_")
        taken.add(var.hint)
    loc = Location.of(source.node, source.filename)
    name = function.__name__ if function.__name__ != "<lambda>" else "lambda_"
    body = tuple(context.build.stack[0])
    places: tuple[Var, ...] = ()
    if launch is not None:
        body, places = (*launch.shared.values(), *body), launch.indices
    ir = Function(
        name, (*params, *hidden, *places), body, _atoms(result), (*signature, *((v.hint, v) for v in hidden)), loc
    )  # fmt: skip
    return Lowered(ir, captures, result, tuple(sorted(context.facts)))


def _position(problem: Problem) -> tuple[str, int, int]:
    return (problem.at.filename, problem.at.line, problem.at.column) if problem.at is not None else ("", 0, 0)


def _match(definition: Any, args: list[Value], values: dict[str, Value]) -> tuple[list[Value], dict[str, Value]]:
    spec = definition.args
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)][len(args) :]
    rest = dict(values)
    args = [*args, *(rest.pop(n) for n in positional if n in rest)]
    if spec.vararg is not None and spec.vararg.arg in rest:
        args += rest.pop(spec.vararg.arg).items
    return args, rest


def _parameter(name: str, kind: Any, params: list[Var], shapes: list[Any]) -> tuple[Value, Any]:
    if isinstance(kind, Constant):
        constant = kind.value
        return (Const(constant, BOOL) if isinstance(constant, bool) else _static(constant)), None
    if isinstance(kind, TupleOf):
        fields = kind.cls._fields if kind.cls is not None else range(len(kind.items))  # type: ignore[attr-defined]
        pairs = [_parameter(f"{name}_{f}", item, params, shapes) for f, item in zip(fields, kind.items, strict=True)]
        return Tuple(tuple(v for v, _ in pairs), kind.cls), tuple(t for _, t in pairs)
    shapes.append(kind.shape if isinstance(kind, Array) else None)
    var = Var(name, replace(kind, shape=None) if isinstance(kind, Array) else kind)
    params.append(var)
    return var, var


def _static(value: Any) -> Value:
    return wrap(value, None) if not isinstance(value, int | float) else Static(value)


def _check_result(value: Value, source: Any) -> Value:
    at = Location.of(source.node, source.filename)
    if isinstance(value, Tuple):
        return Tuple(tuple(_check_result(v, source) for v in value.items), value.cls, value.is_list)
    if isinstance(value, Undef):
        return value
    if is_atom(value):
        return strong(value)
    if isinstance(value, Static) and (value.object is None or isinstance(value.object, str)):
        return value
    if value is POISON or isinstance(value, Mismatch | Closure | Static) or value is not None:
        text = "results of different kinds" if isinstance(value, Mismatch) else describe(value)
        raise UnsupportedError(Problem(f"the function returns {text}", at, "return numbers, arrays or tuples of them"))
    return value


def _atoms(value: Value) -> Any:
    if isinstance(value, Tuple):
        return tuple(_atoms(v) for v in value.items)
    return value if is_atom(value) else None

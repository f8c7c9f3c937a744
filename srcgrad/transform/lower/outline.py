"""Helpers above the inlining budget: a call of a function of their own, compiled once, with derivatives of its own."""

from __future__ import annotations

import ast
import types
from dataclasses import replace

from srcgrad.errors import UnsupportedError
from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.nodes import Assign, Call, Custom, Effect, Function, Increment, Store, Undef, Var, flatten
from srcgrad.ir.types import Scalar
from srcgrad.ir.walk import statements
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.build import strong
from srcgrad.transform.lower import calls
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import (
    Lowered,
    Static,
    Tuple,
    Value,
    is_atom,
    leaves,
    rebuild,
    refill,
)
from srcgrad.transform.simplify import eliminate_dead_code, propagate_copies

NODES = 150  # of a syntax tree: a helper below this is not looked at
BUDGET = 40  # statements of IR that a helper may have and still be written out at each call


def try_outline(
    scope: Scope, function: types.FunctionType, args: list[Value], kwargs: dict[str, Value], node: ast.AST
) -> Value | None:  # fmt: skip
    """A call of a long helper, or None where it is short, or not of the kind that can stand by itself.

    It must take numbers, arrays and tuples of them, return numbers, write no array and draw no random numbers.
    """
    try:
        definition = calls.source_of(function).node
    except UnsupportedError:
        return None
    if sum(1 for _ in ast.walk(definition)) < NODES or scope.context.launch is not None:
        return None
    spec = definition.args
    if spec.vararg is not None or function.__code__ in scope.context.calls:
        return None
    names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    defaults = [calls.wrap(d, None) for d in function.__defaults__ or ()]
    keywords = {k: calls.wrap(v, None) for k, v in (function.__kwdefaults__ or {}).items()}
    env = calls.bind_arguments(scope, definition, args, kwargs, defaults, keywords, node, function.__name__)
    kinds = [(n, _kind(env[n])) for n in names]
    if any(kind is None for _, kind in kinds):
        return None
    lowered = _lowered(scope, function, tuple(kinds))
    if lowered is None:
        return None
    hidden = []
    for capture in lowered.captures:
        known = scope.context.captures.setdefault(capture.key, capture)
        if known.var is not None:
            hidden.append(known.var)
    atoms = [*(strong(a) for n in names for a in leaves(env[n])), *hidden]
    targets = tuple(Var("", a.type) for a in flatten(lowered.function.results))
    scope.build.emit(Call(targets, lowered.function, tuple(atoms), loc=scope.at(node)))
    return rebuild(lowered.result, list(targets))


def _kind(value: Value) -> object:
    """The type of an argument, or None for one that a function of its own cannot take."""
    if isinstance(value, Tuple):
        kinds = tuple(_kind(v) for v in value.items)
        return None if value.is_list or any(k is None for k in kinds) else TupleOf(kinds, value.cls)
    if is_atom(value):
        return None if isinstance(value, Undef) else value.type
    if isinstance(value, Static) and isinstance(value.object, str | type(None)):
        return Constant(value.object)
    return None


def _lowered(scope: Scope, function: types.FunctionType, kinds: tuple) -> Lowered | None:
    key = (function, kinds)
    if key not in scope.context.outlined:
        scope.context.outlined[key] = _lower(scope, function, kinds)
    return scope.context.outlined[key]


def _lower(scope: Scope, function: types.FunctionType, kinds: tuple) -> Lowered | None:
    """The helper by itself, if it is long and pure."""
    try:
        assert scope.context.lower is not None
        lowered = scope.context.lower(function, kinds, [*scope.context.calls])
    except UnsupportedError:
        return None  # written out, it is refused with all other problems of the function
    ir = eliminate_dead_code(propagate_copies(lowered.function))
    if len(list(statements(ir.body))) <= BUDGET or not _is_pure(ir):
        return None
    results = flatten(ir.results)
    if not results or not all(isinstance(a.type, Scalar) for a in results):
        return None
    signature = tuple((p.hint, p) for p in ir.params)
    function_ir = replace(ir, results=tuple(results), signature=signature)
    return replace(lowered, function=function_ir, result=refill(lowered.result, results))


def _is_pure(function: Function) -> bool:
    params, aliases = set(function.params), find_aliases(function)
    for stmt in statements(function.body):
        if isinstance(stmt, Custom | Effect) or (isinstance(stmt, Assign) and stmt.op.startswith("np.random.")):
            return False
        if isinstance(stmt, Store | Increment) and aliases.bases[stmt.array] & params:
            return False
    return True

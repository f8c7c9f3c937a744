"""Calls of functions whose gradient the user writes, and of gradients inside differentiable functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import Any

from srcgrad.ir.nodes import Custom, Function, Var
from srcgrad.ir.types import Array, is_float
from srcgrad.transform.build import Builder, strong
from srcgrad.transform.lower import arrays, calls
from srcgrad.transform.lower.scope import Capture, Context, Scope
from srcgrad.transform.lower.values import Static, Tuple, Value, describe, is_atom, leaves, rebuild


def custom_call(scope: Scope, target: Any, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """`target(*args)` for a `custom_vjp`: the value by its forward function, cut off from the arguments."""
    fwd, bwd = target.pair()
    for name, function in (("fwd", fwd), ("bwd", bwd)):  # `defvjp` may be called again
        key = ("attribute", id(target), name)
        scope.context.captures[key] = Capture(name, partial(getattr, target, name), function, None, key)
    if kwargs:
        raise scope.problem("a custom_vjp is called with positional arguments", node, "leave out the names")
    pair = calls.apply(scope, Static(fwd), args, {}, node)
    if not (isinstance(pair, Tuple) and len(pair.items) == 2):
        message = f"the forward function of '{target.__name__}' must return (value, residuals)"
        raise scope.problem(message, node, "return a pair")
    value, residuals = pair.items
    outs = [_cut(scope, leaf, node) for leaf in leaves(value)]
    result = rebuild(value, list(outs))
    floats = [o for o in outs if is_float(o.type)]
    targets = [leaf for a in args for leaf in leaves(a) if is_float(leaf.type)]
    pullback = _pullback(scope, bwd, residuals, value, args, target.__name__, node)
    scope.build.emit(
        Custom(tuple(floats), tuple(targets), tuple(leaves(residuals)), pullback, target.__name__, loc=scope.at(node))
    )  # fmt: skip
    return result


def _cut(scope: Scope, atom: Any, node: ast.AST) -> Var:
    """A copy of a value, through which no derivative flows."""
    if isinstance(atom.type, Array):
        return arrays.forced(scope, arrays.elementwise(scope, "stop_gradient", [atom], node))
    if not isinstance(atom, Var):
        scope.build.loc = scope.at(node)
    out = scope.build.op("stop_gradient", strong(atom))
    assert isinstance(out, Var)
    return out


def _pullback(
    scope: Scope, bwd: Any, residuals: Value, value: Value, args: list[Value], name: str, node: ast.AST
) -> Function:
    """The backward function in IR, on parameters for the residuals and for the cotangents."""
    outer = scope.context
    context = Context(build=Builder(), problems=outer.problems, captures=outer.captures, lower=outer.lower)
    context.build.loc = scope.at(node)
    inner = Scope(context, scope.filename, frozenset(), {}, scope.function, scope.parent, call_site=scope.call_site)
    held = [Var("residual", leaf.type) for leaf in leaves(residuals)]
    cts = [_cotangent(leaf) for leaf in leaves(value)]
    context.params.update(v for v in (*held, *cts) if isinstance(v, Var) and isinstance(v.type, Array))
    given = [rebuild(residuals, list(held)), _structured(value, iter(cts))]
    out = calls.apply(inner, Static(bwd), given, {}, node)
    found = list(out.items) if isinstance(out, Tuple) else [out]
    if len(found) != len(args):
        message = f"the backward function of '{name}' must return {len(args)} cotangents, but returns {len(found)}"
        raise scope.problem(message, node, "return a tuple of one cotangent for each argument")
    flat: list[Any] = []
    for arg, ct in zip(args, found, strict=True):
        flat += _matched(scope, arg, ct, name, node)
    flat = [context.build.cast(a, t) if not isinstance(a.type, Array) else a for a, t in flat]
    params = (*held, *(c for c in cts if isinstance(c, Var)))
    return Function(f"{name}_backward", params, tuple(context.build.stack[0]), tuple(flat), ())


def _cotangent(leaf: Any) -> Any:
    return Var("ct", leaf.type) if is_float(leaf.type) else None


def _structured(value: Value, cts: Iterator[Any]) -> Value:
    """The cotangent in the structure of the value; None for what has no derivative."""
    if isinstance(value, Tuple):
        return Tuple(tuple(_structured(v, cts) for v in value.items), value.cls)
    if not is_atom(value):
        return Static(None)
    ct = next(cts)
    return ct if ct is not None else Static(None)


def _matched(scope: Scope, arg: Value, ct: Value, name: str, node: ast.AST) -> list[tuple[Any, Any]]:
    """The parts of a cotangent that belong to float parts of an argument, with the types that they must have."""
    if isinstance(arg, Tuple):
        if not isinstance(ct, Tuple) or len(ct.items) != len(arg.items):
            raise scope.problem(f"a cotangent of '{name}' has another structure than its argument", node, "match it")
        return [p for a, c in zip(arg.items, ct.items, strict=True) for p in _matched(scope, a, c, name, node)]
    if not (is_atom(arg) and is_float(arg.type)):
        return []
    fits = is_atom(ct) and isinstance(ct.type, Array) == isinstance(arg.type, Array)
    if not fits or (isinstance(arg.type, Array) and ct.type.ndim != arg.type.ndim):
        message = f"a cotangent of '{name}' is {describe(ct)}, but its argument is {describe(arg)}"
        raise scope.problem(message, node, "give it the shape of the argument")
    return [(strong(ct), arg.type)]

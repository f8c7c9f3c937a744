"""Methods of arrays and numbers."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

from srcgrad.ir.nodes import Var, integer
from srcgrad.ir.types import Array
from srcgrad.transform.lower import arrays, calls, subscripts
from srcgrad.transform.lower.builtins import dtype_name, no_keywords
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Bound, Static, Tuple, Value, describe, is_array, is_scalar


def method(scope: Scope, bound: Bound, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    """A method call on an array or a number."""
    owner, name = bound.owner, bound.method
    if isinstance(owner, Tuple):
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


def _method_reshape(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    shape = list(args[0].items) if len(args) == 1 and isinstance(args[0], Tuple) else list(args)
    return subscripts.reshape(scope, owner, shape, node)


def _method_ravel(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
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
    no_keywords(scope, kwargs, node)
    del args
    return subscripts.reshape(scope, arrays.copy(scope, owner), [integer(-1)], node)


def _method_fill(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    arrays.assign(scope, owner, args[0], node)
    return Static(None)


def _method_transpose(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    if args:
        raise scope.problem("transpose with axes is not differentiable yet", node, "use .T, or index in loops")
    return subscripts.transpose(scope, owner)


def _method_astype(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    return arrays.copy(scope, owner, dtype_name(scope, args[0], node))


def _method_item(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    assert isinstance(owner.type, Array)
    index = args or [integer(0)] * owner.type.ndim
    return scope.build.load(owner, tuple(index))


def _method_copy(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    del args, kwargs, node
    return arrays.copy(scope, owner)


def _method_view(scope: Scope, owner: Var, args: list[Value], kwargs: dict, node: ast.AST) -> Value:
    no_keywords(scope, kwargs, node)
    if args:
        raise scope.problem("a view of another dtype is not differentiable", node, "use astype")
    return owner


_ARRAY_METHODS: dict[str, Callable[..., Value]] = {
    "copy": _method_copy, "flatten": _method_flatten, "ravel": _method_ravel, "reshape": _method_reshape,
    "fill": _method_fill, "transpose": _method_transpose, "astype": _method_astype, "item": _method_item,
    "view": _method_view,
}  # fmt: skip

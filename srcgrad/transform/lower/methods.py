"""Methods of arrays and numbers."""

from __future__ import annotations

import ast
from collections.abc import Callable

import numpy as np

from srcgrad.ir.nodes import Effect, If, Var, integer
from srcgrad.ir.types import Array, is_integer
from srcgrad.transform.lower import arrays, calls, shaping, sizes, views
from srcgrad.transform.lower.builtins import dtype_name
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import invoke
from srcgrad.transform.lower.values import Bound, Static, Tuple, Value, describe, is_operand, is_scalar

FUNCTIONS = (  # methods that are functions of NumPy too
    "sum", "prod", "mean", "var", "std", "max", "min", "ptp", "argmax", "argmin", "all", "any", "dot", "cumsum",
    "cumprod", "trace", "take", "repeat", "clip", "round", "argsort", "searchsorted", "nonzero", "compress", "diagonal",
    "swapaxes", "squeeze",
)  # fmt: skip
OF_NUMBERS = ("item", "copy", "conjugate")


def method(scope: Scope, bound: Bound, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """A method call on an array or a number."""
    owner, name = bound.owner, bound.method
    if isinstance(owner, Tuple):
        raise scope.problem(f"'{name}' of a tuple is not differentiable", node, "use its items")
    if is_operand(owner):
        if name in FUNCTIONS:
            given = [*args[:1], owner, *args[1:]] if name == "compress" else [owner, *args]
            return calls.apply(scope, Static(getattr(np, name)), given, kwargs, node)
        if name in _METHODS:
            return invoke(scope, name, _METHODS[name], args, kwargs, node, arrays.forced(scope, owner))
    if is_scalar(owner) and name in OF_NUMBERS:
        return invoke(scope, name, _number_itself, args, kwargs, node, owner)
    raise scope.problem(f"the method '{name}' of {describe(owner)} is not differentiable", node, "write it as a loop")


def _number_itself(scope: Scope, node: ast.AST, owner: Value) -> Value:
    del scope, node
    return owner


def _reshape(scope: Scope, node: ast.AST, owner: Var, shape: Value, /, *rest: Value) -> Value:
    parts = shape.items if isinstance(shape, Tuple) and not rest else (shape, *rest)
    return views.reshape(scope, owner, list(parts), node)


def _ravel(scope: Scope, node: ast.AST, owner: Var) -> Value:
    assert isinstance(owner.type, Array)
    if owner.type.ndim == 1 and owner.type.layout == "C":
        return owner
    return views.reshape(scope, owner, [integer(-1)], node)


def _flatten(scope: Scope, node: ast.AST, owner: Var) -> Value:
    return views.reshape(scope, arrays.copy(scope, owner), [integer(-1)], node)


def _fill(scope: Scope, node: ast.AST, owner: Var, value: Value) -> Value:
    if not is_scalar(value):
        raise scope.problem(f"'fill' expects a number, but got {describe(value)}", node, "write x[:] = values")
    arrays.assign(scope, owner, value, node)
    return Static(None)


def _transpose(scope: Scope, node: ast.AST, owner: Var, /, *axes: Value) -> Value:
    if not axes or (len(axes) == 1 and isinstance(axes[0], Static) and axes[0].object is None):
        return views.transpose(scope, owner)
    given = axes[0].items if len(axes) == 1 and isinstance(axes[0], Tuple) else axes
    return views.transpose(scope, owner, shaping.axes_of(scope, list(given), owner, node))


def _sort(scope: Scope, node: ast.AST, owner: Var, axis: Value = None) -> Value:
    given = {} if axis is None else {"axis": axis}
    arrays.assign(scope, owner, calls.apply(scope, Static(np.sort), [owner], given, node), node)
    return Static(None)


def _astype(scope: Scope, node: ast.AST, owner: Var, dtype: Value) -> Value:
    return arrays.copy(scope, owner, dtype_name(scope, dtype, node))


def _item(scope: Scope, node: ast.AST, owner: Var, /, *index: Value) -> Value:
    assert isinstance(owner.type, Array)
    if not index:
        _expect_one_element(scope, owner, node)
        return scope.build.load(owner, (integer(0),) * owner.type.ndim)
    parts = index[0].items if len(index) == 1 and isinstance(index[0], Tuple) else index
    if len(parts) != owner.type.ndim or not all(is_scalar(i) and is_integer(i.type) for i in parts):
        raise scope.problem("'item' expects one integer for each dimension", node, "index the array")
    return scope.build.load(owner, tuple(parts))


def _expect_one_element(scope: Scope, owner: Var, node: ast.AST) -> None:
    """Raise at run time, as NumPy does, where the array has more elements than one, or none."""
    size = sizes.size(scope, owner)
    if size == integer(1):
        return
    text = "raise ValueError('can only convert an array of size 1 to a Python scalar')"
    error = Effect(text, (), loc=scope.at(node))
    scope.build.emit(If(scope.build.op("!=", size, integer(1)), (error,), (), loc=scope.at(node)))


def _copy(scope: Scope, node: ast.AST, owner: Var, order: Value = None) -> Value:
    if order is not None and not (isinstance(order, Static) and order.object in ("C", "F", "A", "K")):
        raise scope.problem("'copy' expects 'C', 'F', 'A' or 'K' as its order", node, "leave it out")
    return arrays.copy(scope, owner)


def _view(scope: Scope, node: ast.AST, owner: Var, /, *dtype: Value) -> Value:
    if dtype:
        raise scope.problem("a view of another dtype is not differentiable", node, "use astype")
    return owner


_METHODS: dict[str, Callable[..., Value]] = {
    "copy": _copy, "flatten": _flatten, "ravel": _ravel, "reshape": _reshape, "fill": _fill, "transpose": _transpose,
    "astype": _astype, "item": _item, "view": _view, "sort": _sort,
}  # fmt: skip

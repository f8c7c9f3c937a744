"""NumPy functions that make arrays."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.ir.nodes import Atom, Const, Var, integer
from srcgrad.ir.types import BOOL, FLOAT64, INT64, Scalar, is_integer
from srcgrad.transform.lower import arrays, builtins, iteration, methods, sizes
from srcgrad.transform.lower.builtins import dtype_name, handles
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Bound, Range, Static, Tuple, Value, describe, is_array, is_operand, is_scalar


def shape_from(scope: Scope, value: Value, node: ast.AST) -> tuple[Atom, ...]:
    """A shape, given as an integer or a tuple of integers."""
    items = value.items if isinstance(value, Tuple) else (value,)
    for i in items:
        if not (is_scalar(i) and is_integer(i.type)):
            raise scope.problem("expected a shape of integers", node, "pass an int or a tuple of ints")
    return tuple(scope.build.cast(i, INT64) for i in items)


def _dtype(scope: Scope, value: Value | None, default: str, node: ast.AST) -> str:
    return default if value is None else dtype_name(scope, value, node)


def _expect_array(scope: Scope, value: Value, node: ast.AST) -> Var:
    if not is_array(value):
        raise scope.problem(f"expected an array, but got {describe(value)}", node, "pass an array")
    return value


def _create(fill: str) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, shape: Value, dtype: Value = None) -> Value:
        sizes = shape_from(scope, shape, node)
        return arrays.allocate(scope, fill, _dtype(scope, dtype, "float64", node), sizes)

    return handler


def _create_like(fill: str) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, a: Value, /, dtype: Value = None, *, shape: Value = None) -> Value:
        model = _expect_array(scope, a, node)
        name = _dtype(scope, dtype, model.type.dtype, node)
        if shape is not None:
            return arrays.allocate(scope, fill, name, shape_from(scope, shape, node))
        like = model if name == model.type.dtype else None
        return arrays.allocate(scope, fill, name, sizes.shape_of(scope, model), like)

    return handler


for _fill, _functions in {
    "empty": (np.empty, np.empty_like), "zeros": (np.zeros, np.zeros_like), "ones": (np.ones, np.ones_like),
}.items():  # fmt: skip
    builtins.HANDLERS[_functions[0]] = _create(_fill)
    builtins.HANDLERS[_functions[1]] = _create_like(_fill)


builtins.HANDLERS[np.ndarray] = _create("empty")


@handles(np.full)
def _full(scope: Scope, node: ast.AST, shape: Value, fill_value: Value, dtype: Value = None) -> Value:
    if not is_scalar(fill_value):
        raise scope.problem("np.full expects a number to fill with", node, "assign rows in a loop")
    sizes = shape_from(scope, shape, node)
    return arrays.filled(scope, sizes, fill_value, _dtype(scope, dtype, fill_value.type.dtype, node))


@handles(np.full_like)
def _full_like(scope: Scope, node: ast.AST, a: Value, fill_value: Value, dtype: Value = None) -> Value:
    if not is_array(a) or not is_scalar(fill_value):
        raise scope.problem("np.full_like expects an array and a number", node, "assign in a loop")
    return arrays.filled(scope, sizes.shape_of(scope, a), fill_value, _dtype(scope, dtype, a.type.dtype, node))


@handles(np.array, defers=True)
def _array(scope: Scope, node: ast.AST, object: Value, dtype: Value = None) -> Value:
    name = None if dtype is None else dtype_name(scope, dtype, node)
    if isinstance(object, Tuple):
        return arrays.from_items(scope, object, name, node)
    return arrays.copy(scope, arrays.as_array(scope, object, node), name)


@handles(np.copy, defers=True)
def _copy(scope: Scope, node: ast.AST, a: Value) -> Value:
    return _array(scope, node, a)


@handles(np.asarray)
def _same_array(scope: Scope, node: ast.AST, a: Value, dtype: Value = None) -> Value:
    """`np.asarray(x)`: x itself, unless the dtype changes."""
    if is_array(a) and _dtype(scope, dtype, a.type.dtype, node) == a.type.dtype:
        return a
    return _array(scope, node, a, dtype)


@handles(np.ascontiguousarray)
def _contiguous(scope: Scope, node: ast.AST, a: Value, dtype: Value = None) -> Value:
    if is_array(a) and _dtype(scope, dtype, a.type.dtype, node) == a.type.dtype:
        if a.type.layout == "C":
            return a
        return arrays.frozen_copy(scope, a, node)
    return _array(scope, node, a, dtype)


@handles(np.arange)
def _arange(
    scope: Scope, node: ast.AST, start: Value = None, stop: Value = None, step: Value = None, dtype: Value = None
) -> Value:  # fmt: skip
    start, stop = (integer(0), start) if stop is None else (integer(0) if start is None else start, stop)
    step = integer(1) if step is None else step
    if not all(is_scalar(a) for a in (start, stop, step)):
        raise scope.problem("np.arange expects numbers", node, "pass start, stop and step")
    start, stop, step = (scope.build.cast(a, INT64) if a.type == BOOL else a for a in (start, stop, step))
    op = scope.build.op
    whole = all(is_integer(a.type) for a in (start, stop, step))
    name = _dtype(scope, dtype, "int64" if whole else "float64", node)
    if whole:
        n = iteration.length_of_range(scope, Range(start, stop, step))
    else:
        n = op("max", scope.build.cast(op("np.ceil", op("/", op("-", stop, start), step)), INT64), integer(0))
    out = arrays.allocate(scope, "empty", name, (n,))

    def one(index: tuple[Atom, ...]) -> None:
        value = op("+", start, op("*", index[0], step))
        scope.build.store(out, index, scope.build.cast(value, Scalar(name)))

    arrays.nest(scope, (n,), one)
    return out


@handles(np.linspace)
def _linspace(scope: Scope, node: ast.AST, start: Value, stop: Value, num: Value = None) -> Value:
    n = integer(50) if num is None else num
    if not (is_scalar(start) and is_scalar(stop) and is_scalar(n) and is_integer(n.type)):
        message = "np.linspace expects two numbers and an integer"
        raise scope.problem(message, node, "pass start, stop and the number of points")
    op = scope.build.op
    start, stop = (scope.build.cast(a, FLOAT64) for a in (start, stop))
    gaps = op("max", op("-", n, integer(1)), integer(1))
    out = arrays.allocate(scope, "empty", "float64", (n,))

    def one(index: tuple[Atom, ...]) -> None:
        # a convex combination, so that both ends are exact, as in NumPy
        inner = op("+", start, op("*", index[0], op("/", op("-", stop, start), gaps)))
        last = op("&", op("==", index[0], op("-", n, integer(1))), op(">", n, integer(1)))
        scope.build.store(out, index, op("where", last, stop, inner))

    arrays.nest(scope, (n,), one)
    return out


@handles(np.eye)
def _eye(
    scope: Scope, node: ast.AST, N: Value, M: Value = None, k: Value = None, dtype: Value = None
) -> Value:  # fmt: skip
    rows, columns = N, (N if M is None else M)
    shift = 0 if k is None else k.value if isinstance(k, Const) else None
    if shift is None:
        raise scope.problem("np.eye expects a constant k", node, "write the number of the diagonal")
    if not all(is_scalar(n) and is_integer(n.type) for n in (rows, columns)):
        raise scope.problem("np.eye expects integers", node, "pass the number of rows and columns")
    name = _dtype(scope, dtype, "float64", node)
    out = arrays.allocate(scope, "zeros", name, (rows, columns))
    down, right = max(-shift, 0), max(shift, 0)
    op = scope.build.index
    n = op("min", op("-", rows, integer(down)), op("-", columns, integer(right)))
    one = Const(1.0, Scalar(name))

    def place(index: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return op("+", index[0], integer(down)), op("+", index[0], integer(right))

    arrays.nest(scope, (n,), lambda i: scope.build.store(out, place(i), one))
    return out


@handles(np.identity)
def _identity(scope: Scope, node: ast.AST, n: Value, dtype: Value = None) -> Value:
    return _eye(scope, node, n, dtype=dtype)


def _view_function(name: str) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, a: Value, /, *args: Value) -> Value:
        if not is_array(a):
            raise scope.problem(f"np.{name} expects an array, but got {describe(a)}", node, "pass an array")
        return methods.method(scope, Bound(a, name), list(args), {}, node)

    return handler


for _name in ("reshape", "ravel", "transpose"):
    builtins.HANDLERS[getattr(np, _name)] = _view_function(_name)


@handles(np.result_type, defers=True)
def _result_type(scope: Scope, node: ast.AST, first: Value, /, *others: Value) -> Value:
    kinds: list = []
    for a in (first, *others):
        if is_operand(a) or is_scalar(a):
            kinds.append(np.dtype(a.type.dtype))
        else:
            kinds.append(np.dtype(dtype_name(scope, a, node)))
    return Static(np.result_type(*kinds))


def _limits(table: Any) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, dtype: Value) -> Value:
        return Static(table(dtype_name(scope, dtype, node)))

    return handler


builtins.HANDLERS[np.finfo] = _limits(np.finfo)
builtins.HANDLERS[np.iinfo] = _limits(np.iinfo)


@handles(np.shape)
def _shape_function(scope: Scope, node: ast.AST, a: Value) -> Value:
    return Tuple(()) if is_scalar(a) else Tuple(sizes.own_shape(scope, _expect_array(scope, a, node)))


@handles(np.size)
def _size_function(scope: Scope, node: ast.AST, a: Value) -> Value:
    return integer(1) if is_scalar(a) else sizes.size(scope, _expect_array(scope, a, node))

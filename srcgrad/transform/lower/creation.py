"""NumPy functions that make arrays."""

from __future__ import annotations

import ast

import numpy as np

from srcgrad.ir.nodes import Atom, Const, integer
from srcgrad.ir.types import FLOAT64, INT64, Array, Scalar, is_integer
from srcgrad.transform.lower import arrays, builtins, iteration, methods
from srcgrad.transform.lower.builtins import dtype_name, handles
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Bound, Range, Static, Tuple, Value, describe, is_array, is_scalar


def _argument(args: list[Value], kwargs: dict[str, Value], position: int, name: str) -> Value | None:
    value = args[position] if len(args) > position else kwargs.get(name)
    return None if isinstance(value, Static) and value.object is None else value


def _only(scope: Scope, kwargs: dict[str, Value], names: set[str], node: ast.AST) -> None:
    for key in kwargs:
        if key not in names:
            raise scope.problem(f"the argument '{key}' is not supported here", node, "leave it out")


def _shape(scope: Scope, value: Value | None, node: ast.AST) -> tuple[Atom, ...]:
    items = value.items if isinstance(value, Tuple) else (value,)
    for i in items:
        if not (is_scalar(i) and is_integer(i.type)):
            raise scope.problem("expected a shape of integers", node, "pass an int or a tuple of ints")
    return tuple(scope.build.cast(i, INT64) for i in items)


def _dtype(scope: Scope, value: Value | None, default: str, node: ast.AST) -> str:
    return default if value is None else dtype_name(scope, value, node)


def _create(fill: str):
    def handler(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        _only(scope, kwargs, {"shape", "dtype"}, node)
        shape = _shape(scope, _argument(args, kwargs, 0, "shape"), node)
        dtype = _dtype(scope, _argument(args, kwargs, 1, "dtype"), "float64", node)
        return arrays.allocate(scope, fill, dtype, shape)

    return handler


def _create_like(fill: str):
    def handler(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        _only(scope, kwargs, {"dtype", "shape"}, node)
        model = args[0]
        if not is_array(model):
            raise scope.problem(f"expected an array, but got {describe(model)}", node, "pass an array")
        dtype = _dtype(scope, _argument(args, kwargs, 1, "dtype"), model.type.dtype, node)
        if "shape" in kwargs:
            return arrays.allocate(scope, fill, dtype, _shape(scope, kwargs["shape"], node))
        like = model if dtype == model.type.dtype else None
        return arrays.allocate(scope, fill, dtype, arrays.shape_of(scope, model), like)

    return handler


for _fill, _functions in {
    "empty": (np.empty, np.empty_like), "zeros": (np.zeros, np.zeros_like), "ones": (np.ones, np.ones_like),
}.items():  # fmt: skip
    builtins.HANDLERS[_functions[0]] = _create(_fill)
    builtins.HANDLERS[_functions[1]] = _create_like(_fill)


@handles(np.full)
def _full(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, {"shape", "fill_value", "dtype"}, node)
    value = _argument(args, kwargs, 1, "fill_value")
    if not is_scalar(value):
        raise scope.problem("np.full expects a number to fill with", node, "assign rows in a loop")
    shape = _shape(scope, _argument(args, kwargs, 0, "shape"), node)
    return arrays.filled(
        scope, shape, value, _dtype(scope, _argument(args, kwargs, 2, "dtype"), value.type.dtype, node)
    )


@handles(np.full_like)
def _full_like(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, {"fill_value", "dtype"}, node)
    model, value = args[0], _argument(args, kwargs, 1, "fill_value")
    if not is_array(model) or not is_scalar(value):
        raise scope.problem("np.full_like expects an array and a number", node, "assign in a loop")
    dtype = _dtype(scope, _argument(args, kwargs, 2, "dtype"), model.type.dtype, node)
    return arrays.filled(scope, arrays.shape_of(scope, model), value, dtype)


@handles(np.array, np.asarray, np.ascontiguousarray, np.copy)
def _array(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, {"dtype"}, node)
    requested = _argument(args, kwargs, 1, "dtype")
    dtype = None if requested is None else dtype_name(scope, requested, node)
    value = args[0]
    if is_scalar(value):
        raise scope.problem("arrays of rank 0 are not differentiable yet", node, "use the number itself")
    if isinstance(value, Tuple):
        return arrays.from_items(scope, value, dtype, node)
    if not is_array(value):
        raise scope.problem(f"{describe(value)} cannot become an array", node, "pass numbers or an array")
    return arrays.copy(scope, value, None if dtype in (None, value.type.dtype) else dtype)


def _same_array(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """`np.asarray(x)`: x itself, unless the dtype changes."""
    value = args[0]
    if is_array(value) and not kwargs and len(args) == 1:
        return value
    return _array(scope, args, kwargs, node)


def _contiguous(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    value = args[0]
    if is_array(value) and value.type.layout == "A":
        hint = "write x.copy()"
        raise scope.problem("np.ascontiguousarray copies or not, depending on the strides", node, hint)
    if is_array(value) and value.type.layout == "C":
        return value
    return _array(scope, args, kwargs, node)


builtins.HANDLERS[np.asarray] = _same_array
builtins.HANDLERS[np.ascontiguousarray] = _contiguous


@handles(np.arange)
def _arange(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, {"dtype", "start", "stop", "step"}, node)
    given = list(args)
    if "stop" in kwargs:
        given = [kwargs.get("start", integer(0)), kwargs["stop"]]
    requested = kwargs.get("dtype") or (given.pop() if len(given) == 4 else None)
    start, stop = (integer(0), given[0]) if len(given) == 1 else given[:2]
    step = kwargs.get("step") or (given[2] if len(given) > 2 else integer(1))
    if not all(is_scalar(a) for a in (start, stop, step)):
        raise scope.problem("np.arange expects numbers", node, "pass start, stop and step")
    op = scope.build.op
    whole = all(is_integer(a.type) for a in (start, stop, step))
    dtype = _dtype(scope, requested, "int64" if whole else "float64", node)
    if whole:
        n = iteration.length_of_range(scope, Range(start, stop, step))
    else:
        n = op("max", scope.build.cast(op("np.ceil", op("/", op("-", stop, start), step)), INT64), integer(0))
    out = arrays.allocate(scope, "empty", dtype, (n,))

    def one(index: tuple[Atom, ...]) -> None:
        value = op("+", start, op("*", index[0], step))
        scope.build.store(out, index, scope.build.cast(value, Scalar(dtype)))

    scope.build.nest((n,), one)
    return out


@handles(np.linspace)
def _linspace(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, {"num", "start", "stop"}, node)
    start, stop = _argument(args, kwargs, 0, "start"), _argument(args, kwargs, 1, "stop")
    n = _argument(args, kwargs, 2, "num") or integer(50)
    if len(args) > 3 or not (is_scalar(start) and is_scalar(stop) and is_scalar(n)):
        raise scope.problem("this call of np.linspace is not supported", node, "pass start, stop and num")
    op = scope.build.op
    start, stop = (scope.build.cast(a, FLOAT64) for a in (start, stop))
    gaps = op("max", op("-", n, integer(1)), integer(1))
    out = arrays.allocate(scope, "empty", "float64", (n,))

    def one(index: tuple[Atom, ...]) -> None:
        # a convex combination, so that both ends are exact, as in NumPy
        inner = op("+", start, op("*", index[0], op("/", op("-", stop, start), gaps)))
        last = op("&", op("==", index[0], op("-", n, integer(1))), op(">", n, integer(1)))
        scope.build.store(out, index, op("where", last, stop, inner))

    scope.build.nest((n,), one)
    return out


@handles(np.eye, np.identity)
def _eye(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, {"dtype"}, node)
    rows = args[0]
    columns = args[1] if len(args) > 1 else rows
    if len(args) > 2 or not (is_scalar(rows) and is_scalar(columns)):
        raise scope.problem("this call of np.eye is not supported", node, "pass the number of rows and columns")
    dtype = _dtype(scope, kwargs.get("dtype"), "float64", node)
    out = arrays.allocate(scope, "zeros", dtype, (rows, columns))
    n = scope.build.op("min", rows, columns)
    one = Const(1.0, Scalar(dtype))
    scope.build.nest((n,), lambda i: scope.build.store(out, (i[0], i[0]), one))
    return out


def _view_function(name: str):
    def handler(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        if not is_array(args[0]):
            raise scope.problem(f"np.{name} expects an array, but got {describe(args[0])}", node, "pass an array")
        assert isinstance(args[0].type, Array)
        return methods.method(scope, Bound(args[0], name), args[1:], kwargs, node)

    return handler


for _name in ("reshape", "ravel", "transpose"):
    builtins.HANDLERS[getattr(np, _name)] = _view_function(_name)


@handles(np.result_type)
def _result_type(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, set(), node)
    if not all(is_array(a) for a in args):
        raise scope.problem("np.result_type expects arrays", node, "name the dtype")
    return Static(np.result_type(*(np.dtype(a.type.dtype) for a in args)))


@handles(np.shape)
def _shape_function(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, set(), node)
    return Tuple(scope.build.shapes(args[0])) if is_array(args[0]) else Tuple(())


@handles(np.size)
def _size_function(scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    _only(scope, kwargs, set(), node)
    return arrays.size(scope, args[0]) if is_array(args[0]) else integer(1)

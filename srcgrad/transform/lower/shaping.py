"""NumPy functions that return views: other shapes and orders of the same elements."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable

import numpy as np

from srcgrad.ir.nodes import Atom, Const, NewAxis, Slice, Var, integer
from srcgrad.ir.types import is_integer
from srcgrad.transform.lower import arrays, creation, sizes, views
from srcgrad.transform.lower.builtins import handles
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Elements, Tuple, Value, is_scalar


def axes_of(scope: Scope, given: list[Value], array: Value, node: ast.AST, extra: int = 0) -> tuple[int, ...]:
    """Axes, given as constants, counted from the front; `extra` new ones are counted too."""
    ndim = array.type.ndim + extra
    found = []
    for axis in given:
        if not (isinstance(axis, Const) and is_integer(axis.type)):
            raise scope.problem("an axis must be a constant integer", node, "write the number of the axis")
        if not -ndim <= axis.value < ndim:
            raise scope.problem(f"axis {axis.value} is out of bounds for an array of rank {ndim}", node, "check it")
        found.append(axis.value % ndim)
    if len(set(found)) < len(found):
        raise scope.problem("an axis is given twice", node, "give each axis once")
    return tuple(found)


def _array(scope: Scope, value: Value, node: ast.AST) -> Var:
    return arrays.forced(scope, arrays.as_array(scope, value, node))


def _items(value: Value) -> list[Value]:
    return list(value.items) if isinstance(value, Tuple) else [value]


@handles(np.swapaxes)
def _swapaxes(scope: Scope, node: ast.AST, a: Value, axis1: Value, axis2: Value) -> Value:
    array = _array(scope, a, node)
    first, second = (axes_of(scope, [v], array, node)[0] for v in (axis1, axis2))
    order = list(range(array.type.ndim))  # type: ignore[union-attr]
    order[first], order[second] = second, first
    return views.transpose(scope, array, tuple(order))


@handles(np.moveaxis)
def _moveaxis(scope: Scope, node: ast.AST, a: Value, source: Value, destination: Value) -> Value:
    array = _array(scope, a, node)
    first, second = (axes_of(scope, _items(v), array, node) for v in (source, destination))
    if len(first) != len(second):
        raise scope.problem("moveaxis moves as many axes as it names places", node, "give one place for each axis")
    order = [k for k in range(array.type.ndim) if k not in first]  # type: ignore[union-attr]
    for to, axis in sorted(zip(second, first, strict=True)):
        order.insert(to, axis)
    return views.transpose(scope, array, tuple(order))


@handles(np.expand_dims)
def _expand_dims(scope: Scope, node: ast.AST, a: Value, axis: Value) -> Value:
    array = _array(scope, a, node)
    new = axes_of(scope, _items(axis), array, node, extra=len(_items(axis)))
    total = array.type.ndim + len(new)  # type: ignore[union-attr]
    return views.view(scope, array, [NewAxis() if k in new else Slice() for k in range(total)])


@handles(np.squeeze)
def _squeeze(scope: Scope, node: ast.AST, a: Value, axis: Value = None) -> Value:
    array = _array(scope, a, node)
    shape = sizes.shape_of(scope, array)
    if axis is None:
        gone = [k for k, n in enumerate(shape) if sizes.is_one(scope, n)]
        if any(not (sizes.is_one(scope, n) or sizes.is_not_one(scope, n)) for n in shape):
            message = "squeeze must know which axes have length 1 when the function is compiled"
            raise scope.problem(message, node, "name the axis: np.squeeze(x, axis=0)")
    else:
        gone = list(axes_of(scope, _items(axis), array, node))
    for k in gone:
        if not sizes.is_one(scope, shape[k]):
            fits = scope.build.op("==", shape[k], integer(1))
            sizes.expect(scope, fits, "cannot select an axis to squeeze out which has size not equal to one")
    if len(gone) == len(shape):
        return scope.build.load(array, (integer(0),) * len(shape))
    items = [integer(0) if k in gone else Slice() for k in range(len(shape))]
    return views.view(scope, array, items) if gone else array  # type: ignore[arg-type]


@handles(np.flip)
def _flip(scope: Scope, node: ast.AST, m: Value, axis: Value = None) -> Value:
    array = _array(scope, m, node)
    ndim = array.type.ndim  # type: ignore[union-attr]
    turned = tuple(range(ndim)) if axis is None else axes_of(scope, _items(axis), array, node)
    back = Slice(None, None, integer(-1))
    return views.view(scope, array, [back if k in turned else Slice() for k in range(ndim)])


@handles(np.flipud)
def _flipud(scope: Scope, node: ast.AST, m: Value) -> Value:
    return _flip(scope, node, m, integer(0))


@handles(np.fliplr)
def _fliplr(scope: Scope, node: ast.AST, m: Value) -> Value:
    return _flip(scope, node, m, integer(1))


@handles(np.rot90)
def _rot90(scope: Scope, node: ast.AST, m: Value, k: Value = None) -> Value:
    turns = 1 if k is None else k.value % 4 if isinstance(k, Const) else None
    array = _array(scope, m, node)
    if turns is None or array.type.ndim < 2:  # type: ignore[union-attr]
        raise scope.problem("np.rot90 expects a matrix and a constant number of turns", node, "write the number")
    back = Slice(None, None, integer(-1))
    rows, columns = (back if turns in (2, 3) else Slice()), (back if turns in (1, 2) else Slice())
    turned = views.view(scope, array, [rows, columns, *[Slice()] * (array.type.ndim - 2)])  # type: ignore[union-attr]
    if turns % 2 == 0:
        return turned
    return views.transpose(scope, turned, (1, 0, *range(2, array.type.ndim)))  # type: ignore[union-attr]


def _at_least(rank: int) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, a: Value, /) -> Value:
        array = _array(scope, a, node)
        ndim = array.type.ndim  # type: ignore[union-attr]
        if ndim >= rank:
            return array
        if ndim == 0:
            return arrays.filled(scope, (integer(1),) * rank, scope.build.load(array, ()), array.type.dtype)  # type: ignore[union-attr]
        items = {(1, 2): [NewAxis(), Slice()], (1, 3): [NewAxis(), Slice(), NewAxis()]}
        return views.view(scope, array, items.get((ndim, rank), [Slice(), Slice(), NewAxis()]))  # type: ignore[arg-type]

    return handler


for _rank, _function in ((1, np.atleast_1d), (2, np.atleast_2d), (3, np.atleast_3d)):
    handles(_function)(_at_least(_rank))


@handles(np.broadcast_to, defers=True)
def _broadcast_to(scope: Scope, node: ast.AST, array: Value, shape: Value) -> Value:
    """The elements, repeated; NumPy's is a view that cannot be written, so nor may what it is a view of."""
    source = arrays.as_array(scope, array, node)
    wanted = creation.shape_from(scope, shape, node)
    if source.type.ndim > len(wanted):
        raise scope.problem("the array has more axes than the shape that it is broadcast to", node, "index it")
    sizes.fit_into(scope, sizes.shape_of(scope, source), wanted)
    read, reads = arrays.reader(scope, source, wanted)
    shows = () if isinstance(source, Elements) else (source,)
    return Elements(wanted, source.type.dtype, read, tuple((a, False) for a, _ in reads), 1, shows, node)


@handles(np.diagonal)
def _diagonal(scope: Scope, node: ast.AST, a: Value, offset: Value = None) -> Value:
    """The diagonal of a matrix; NumPy's is a view that cannot be written, so nor may the matrix."""
    matrix = _array(scope, a, node)
    if matrix.type.ndim != 2:  # type: ignore[union-attr]
        raise scope.problem("np.diagonal expects a matrix", node, "index it")
    k = integer(0) if offset is None else offset
    if not (is_scalar(k) and is_integer(k.type)):
        raise scope.problem("the number of a diagonal must be an integer", node, "use int()")
    op = scope.build.op
    rows, columns = sizes.shape_of(scope, matrix)
    down, right = op("max", op("neg", k), integer(0)), op("max", k, integer(0))
    length = op("max", op("min", op("-", rows, down), op("-", columns, right)), integer(0))

    def item(index: tuple[Atom, ...]) -> Atom:
        return arrays.load(scope, matrix, (op("+", index[0], down), op("+", index[0], right)))

    return Elements((length,), matrix.type.dtype, item, ((matrix, False),), 1, (matrix,), node)  # type: ignore[union-attr]


def _split(*, even: bool) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, ary: Value, indices_or_sections: Value, axis: Value = None) -> Value:
        indices = indices_or_sections
        array = _array(scope, ary, node)
        ndim = array.type.ndim  # type: ignore[union-attr]
        where = axes_of(scope, [integer(0) if axis is None else axis], array, node)[0]
        n = sizes.shape_of(scope, array)[where]
        op = scope.build.op
        bounds: list[Atom | None]
        if isinstance(indices, Tuple) and all(is_scalar(i) and is_integer(i.type) for i in indices.items):
            bounds = [None, *indices.items, None]
        elif isinstance(indices, Const) and is_integer(indices.type) and indices.value > 0:
            count = indices.value
            each = op("//", n, integer(count))
            if even:
                fits = op("==", op("*", each, integer(count)), n)
                sizes.expect(scope, fits, "array split does not result in an equal division")
                bounds = [integer(0) if k == 0 else op("*", each, integer(k)) for k in range(count + 1)]
            else:
                rest = op("-", n, op("*", each, integer(count)))
                steps = [op("+", op("*", each, integer(k)), op("min", integer(k), rest)) for k in range(count + 1)]
                bounds = [integer(0), *steps[1:]]
        else:
            message = "np.split expects a constant number of parts, or a tuple of integers"
            raise scope.problem(message, node, "slice the array")
        parts = []
        for first, last in itertools.pairwise(bounds):
            items = [Slice(first, last) if k == where else Slice() for k in range(ndim)]
            parts.append(views.view(scope, array, items))  # type: ignore[arg-type]
        return Tuple(tuple(parts), is_list=True)

    return handler


handles(np.split)(_split(even=True))
handles(np.array_split)(_split(even=False))


@handles(np.hsplit)
def _hsplit(scope: Scope, node: ast.AST, ary: Value, indices_or_sections: Value) -> Value:
    ndim = arrays.as_array(scope, ary, node).type.ndim
    return _split(even=True)(scope, node, ary, indices_or_sections, integer(min(ndim - 1, 1)))


@handles(np.vsplit)
def _vsplit(scope: Scope, node: ast.AST, ary: Value, indices_or_sections: Value) -> Value:
    if arrays.as_array(scope, ary, node).type.ndim < 2:
        raise scope.problem("np.vsplit only works on arrays of 2 or more dimensions", node, "use np.split")
    return _split(even=True)(scope, node, ary, indices_or_sections, integer(0))


@handles(np.broadcast_arrays)
def _broadcast_arrays(scope: Scope, node: ast.AST, /, *args: Value) -> Value:
    parts = [arrays.as_array(scope, a, node) for a in args]
    shape = Tuple(sizes.broadcast(scope, [sizes.shape_of(scope, p) for p in parts]))
    return Tuple(tuple(arrays.forced(scope, _broadcast_to(scope, node, p, shape)) for p in parts))


@handles(np.ndim)
def _ndim(scope: Scope, node: ast.AST, a: Value) -> Value:
    return integer(0) if is_scalar(a) else integer(arrays.as_array(scope, a, node).type.ndim)

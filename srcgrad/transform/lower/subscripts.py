"""Subscripts: elements, slices, and indexing by arrays."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from srcgrad.ir.nodes import Atom, Const, Effect, If, NewAxis, Slice, Var, integer
from srcgrad.ir.types import BOOL, Array, is_float
from srcgrad.ir.types import is_integer as is_integer_type
from srcgrad.transform.build import strong
from srcgrad.transform.lower import arrays, calls, expressions, gather, views
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import plural
from srcgrad.transform.lower.values import Elements, Static, Tuple, Value, describe, is_array, is_operand, is_scalar

NOTHING = Static(None)
ABSENT: Any = object()  # an argument left out, where None is not the same


@dataclass(frozen=True)
class Element:
    """One element of an array."""

    array: Var
    index: tuple[Atom, ...]


def read(scope: Scope, owner: Value, node: ast.Subscript) -> Value:
    """`owner[...]`."""
    if isinstance(owner, Tuple):
        return _of_tuple(scope, owner, node)
    if isinstance(owner, Static) and isinstance(owner.object, str):
        index = expressions.expression(scope, node.slice)
        if _within(index, len(owner.object)):
            return Static(owner.object[index.value])
        raise scope.problem("a string can only be indexed by constants within it", node, "use a constant index")
    if isinstance(owner, Elements):
        items = _items(scope, node.slice, len(owner.shape), node)
        if len(items) == len(owner.shape) and all(is_scalar(i) for i in items) and scope.call_site is not None:
            return owner.item(tuple(items))  # library code, which indexes within range
        owner = arrays.forced(scope, owner)
    if not is_array(owner):
        raise scope.problem(f"{describe(owner)} cannot be indexed", node, "index an array or a tuple")
    where = place(scope, owner, node)
    if isinstance(where, Element):
        return scope.build.load(where.array, where.index)
    return gather.read(scope, where, node) if isinstance(where, gather.Chosen) else where


def _within(index: Value, length: int) -> bool:
    """Whether an index is a constant integer that a sequence of this length has an item at."""
    return isinstance(index, Const) and is_integer_type(index.type) and -length <= index.value < length


def write(scope: Scope, owner: Value, node: ast.Subscript, value: Value) -> None:
    """`owner[...] = value`."""
    if isinstance(owner, Tuple) and owner.is_list:
        index = expressions.expression(scope, node.slice)
        if not _within(index, len(owner.items)):
            raise scope.problem("a list can only be changed at constant indices within it", node, "use an array")
        items = list(owner.items)
        items[index.value] = value
        calls.relist(scope, node.value, owner, tuple(items), node)
        return
    if not is_array(owner):
        raise scope.problem(f"elements of {describe(owner)} cannot be assigned", node, "use an array")
    where = place(scope, owner, node)
    scope.build.loc = scope.at(node)
    if isinstance(where, gather.Chosen):
        gather.write(scope, where, value, node)
        return
    if not isinstance(where, Element):
        arrays.assign(scope, where, value, node)
        return
    arrays.check_writable(scope, owner, node)
    value = expressions.number_of(scope, value)
    if not is_scalar(value):
        raise scope.problem(f"expected a number for an element, but got {describe(value)}", node, "index it")
    if is_integer_type(owner.type.item) and is_float(value.type):
        value = scope.build.cast(value, owner.type.item)
    scope.build.store(where.array, where.index, value)


def place(scope: Scope, array: Value, node: ast.Subscript) -> Element | Var | gather.Chosen:
    """The element, view or choice of elements that `array[...]` names."""
    if not is_array(array):
        raise scope.problem(f"elements of {describe(array)} cannot be assigned", node, "use an array")
    items = _items(scope, node.slice, array.type.ndim, node)
    scope.build.loc = scope.at(node)
    if any(is_operand(i) for i in items):
        return gather.choose(scope, array, items, node)
    if len(items) == array.type.ndim and not any(isinstance(i, Slice | NewAxis) for i in items):
        trusted = scope.call_site is not None or all(views.is_nonnegative(scope, i) for i in items)  # type: ignore[arg-type]
        trusted = trusted and (scope.call_site is not None or _rows_only(scope, array))
        return Element(*views.address(scope, array, tuple(items), trusted=trusted))  # type: ignore[arg-type]
    return views.view(scope, array, items)


def _rows_only(scope: Scope, array: Var) -> bool:
    """Whether a view is in each axis either one index or everything, so that an index out of range stays an error."""
    return all(a.whole or a.step is None for a in views.placement(scope, array).axes)


def row(scope: Scope, array: Var, index: Atom) -> Value:
    """`array[index]`: an element of a vector, or a view."""
    assert isinstance(array.type, Array)
    if array.type.ndim == 1:
        return scope.build.load(*views.address(scope, array, (strong(index),), trusted=False))
    return views.view(scope, array, [strong(index), *[Slice()] * (array.type.ndim - 1)])


def _items(scope: Scope, node: ast.expr, ndim: int, at: ast.AST) -> list[Any]:
    """The parts of an index, with an ellipsis spelled out and short ones completed."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    alone = not isinstance(node, ast.Tuple)
    items: list[Any] = []
    for part in parts:
        if isinstance(part, ast.Constant) and part.value is Ellipsis:
            items.append(None)
        elif isinstance(part, ast.Slice):
            items.append(_slice(scope, part))
        elif isinstance(part, ast.Starred):
            several = expressions.expression(scope, part.value)
            if not isinstance(several, Tuple):
                raise scope.problem(f"{describe(several)} cannot be unpacked into an index", part, "unpack a tuple")
            items += [index_part(scope, v, part) for v in several.items]
        else:
            value = expressions.expression(scope, part)
            whole = alone and isinstance(value, Tuple) and not value.is_list  # a[(i, j)] is a[i, j]
            items += [index_part(scope, v, part) for v in (value.items if whole else (value,))]
    count = sum(consumed(i) for i in items)
    if count > ndim:
        message = f"too many indices: the array has {plural(ndim, 'dimension')}"
        raise scope.problem(message, at, "index each dimension once")
    full: list[Any] = [Slice()] * (ndim - count)
    out: list[Any] = []
    if None not in items:
        items.append(None)
    for i in items:
        if i is None:
            out += full
            full = []
        else:
            out.append(i)
    return out


def consumed(item: Any) -> int:
    """How many axes of the array a part of an index takes; a mask takes one for each of its own."""
    if item is None or isinstance(item, NewAxis):
        return 0
    return item.type.ndim if is_operand(item) and item.type.dtype == "bool" else 1


def index_part(scope: Scope, value: Value, node: ast.AST) -> Any:
    """A value in an index: an item of it, an array, or None for an ellipsis."""
    if isinstance(value, Static) and value.object is None:
        return NewAxis()
    if isinstance(value, Slice):
        return value
    if isinstance(value, Static) and value.object is Ellipsis:
        return None
    if isinstance(value, Tuple):
        value = arrays.from_items(scope, value, "int64" if not value.items else None, node)
    if is_operand(value):
        if is_float(value.type):
            message = f"expected integers or bools as indices, but got {describe(value)}"
            raise scope.problem(message, node, "use astype(int)")
        return value if value.type.ndim or value.type.dtype == "bool" else expressions.number_of(scope, value)
    if not is_scalar(value) or not (is_integer_type(value.type) or value.type == BOOL):
        raise scope.problem(f"expected an integer index, but got {describe(value)}", node, "use int()")
    if value.type == BOOL:
        raise scope.problem("indexing by a bool is not differentiable", node, "use if")
    return strong(value)


def _slice(scope: Scope, node: ast.Slice) -> Slice:
    def part(expr: ast.expr | None) -> Atom | None:
        if expr is None:
            return None
        value = expressions.expression(scope, expr)
        if isinstance(value, Static) and value.object is None:
            return None
        if not is_scalar(value) or not is_integer_type(value.type):
            raise scope.problem(f"expected an integer in a slice, but got {describe(value)}", expr, "use int()")
        return strong(value)

    return Slice(part(node.lower), part(node.upper), part(node.step))


def _of_tuple(scope: Scope, owner: Tuple, node: ast.Subscript) -> Value:
    if isinstance(node.slice, ast.Slice):
        bounds = _slice(scope, node.slice)
        parts = [bounds.start, bounds.stop, bounds.step]
        if all(p is None or isinstance(p, Const) for p in parts):
            return Tuple(owner.items[slice(*(p and p.value for p in parts))], is_list=owner.is_list)  # type: ignore[union-attr]
        raise scope.problem("a tuple can only be sliced by constants", node, "use an array")
    index = expressions.expression(scope, node.slice)
    if not (is_scalar(index) and is_integer_type(index.type)):
        raise scope.problem(f"expected an integer index, but got {describe(index)}", node, "use int()")
    if isinstance(index, Const):
        if not _within(index, len(owner.items)):
            what = f"{describe(owner).removeprefix('a ')} has {plural(len(owner.items), 'item')}"
            raise scope.problem(f"the index {index.value} is out of range: the {what}", node, "check the index")
        return owner.items[index.value]
    return element_of_tuple(scope, owner, index, node)


def element_of_tuple(scope: Scope, owner: Tuple, index: Value, node: ast.AST) -> Value:
    """`owner[index]` for an index known only at run time: all items must be numbers."""
    if not (is_scalar(index) and owner.items and all(is_scalar(i) for i in owner.items)):
        hint = "index with a constant, or use an array"
        raise scope.problem("a tuple of mixed types can only be indexed by constants", node, hint)
    t = expressions.unified(scope, list(owner.items), node)
    op = scope.build.op
    if isinstance(index, Const):
        return scope.build.cast(owner.items[index.value], t)
    nonnegative = op("where", op("<", index, integer(0)), op("+", index, integer(len(owner.items))), index)
    wrong = op("|", op("<", nonnegative, integer(0)), op(">=", nonnegative, integer(len(owner.items))))
    error = Effect("raise IndexError('tuple index out of range')", (), loc=scope.at(node))
    scope.build.emit(If(wrong, (error,), (), (), loc=scope.at(node)))
    out = scope.build.cast(owner.items[-1], t)
    for k in reversed(range(len(owner.items) - 1)):
        out = op("where", op("==", nonnegative, integer(k)), scope.build.cast(owner.items[k], t), out)
    return out

"""Elements, slices and views."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from srcgrad.ir.nodes import Atom, Const, Effect, If, NewAxis, Slice, Var, integer
from srcgrad.ir.types import BOOL, INT64, Array, is_float
from srcgrad.ir.types import is_integer as is_integer_type
from srcgrad.transform.build import strong
from srcgrad.transform.lower import arrays, calls, expressions
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import plural
from srcgrad.transform.lower.values import Static, Tuple, Value, describe, is_array, is_scalar


@dataclass(frozen=True)
class Element:
    """One element of an array."""

    array: Var
    index: tuple[Atom, ...]


Item = Atom | Slice | NewAxis


def read(scope: Scope, owner: Value, node: ast.Subscript) -> Value:
    """`owner[...]`."""
    if isinstance(owner, Tuple):
        return _of_tuple(scope, owner, node)
    if isinstance(owner, Static) and isinstance(owner.object, str):
        index = expressions.expression(scope, node.slice)
        if _within(index, len(owner.object)):
            return Static(owner.object[index.value])
        raise scope.problem("a string can only be indexed by constants within it", node, "use a constant index")
    if not is_array(owner):
        raise scope.problem(f"{describe(owner)} cannot be indexed", node, "index an array or a tuple")
    where = place(scope, owner, node)
    return scope.build.load(where.array, where.index) if isinstance(where, Element) else where


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
    if not isinstance(where, Element):
        arrays.assign(scope, where, value, node)
        return
    check_writable(scope, owner, node)
    if is_array(value) and value.type.ndim == 0:
        value = scope.build.load(value, ())
    if not is_scalar(value):
        raise scope.problem(f"expected a number for an element, but got {describe(value)}", node, "index it")
    if is_integer_type(owner.type.item) and is_float(value.type):
        value = scope.build.cast(value, owner.type.item)
    scope.build.store(where.array, where.index, value)


def check_writable(scope: Scope, array: Var, node: ast.AST) -> None:
    """A captured array may be read, not written: the caller could not see whether it changed."""
    if arrays.root(scope, array) in {c.var for c in scope.context.captures.values()}:
        hint = "pass it as an argument and return it"
        raise scope.problem("a differentiable function cannot write a global array", node, hint)


def place(scope: Scope, array: Value, node: ast.Subscript) -> Element | Var:
    """The element or view that `array[...]` names."""
    if not is_array(array):
        raise scope.problem(f"elements of {describe(array)} cannot be assigned", node, "use an array")
    items = _items(scope, node.slice, array.type.ndim, node)
    scope.build.loc = scope.at(node)
    if len(items) == array.type.ndim and not any(isinstance(i, Slice | NewAxis) for i in items):
        return Element(array, tuple(items))  # type: ignore[arg-type]
    return view(scope, array, items)


def row(scope: Scope, array: Var, index: Atom) -> Value:
    """`array[index]`: an element of a vector, or a view."""
    assert isinstance(array.type, Array)
    if array.type.ndim == 1:
        return scope.build.load(array, (strong(index),))
    return view(scope, array, [strong(index)])


def view(scope: Scope, array: Var, items: list[Item]) -> Var:
    """The view `array[items]`. Its layout is worked out by Numba's rules."""
    t = array.type
    assert isinstance(t, Array)
    given = [i for i in items if not isinstance(i, NewAxis)]
    ndim = t.ndim - sum(not isinstance(i, Slice) for i in given) + sum(isinstance(i, NewAxis) for i in items)
    out = scope.build.view(array, "index", tuple(items), Array(t.dtype, ndim, _layout(t, items, ndim)))
    scope.context.bases[out] = array
    return out


def _layout(t: Array, items: list[Item], ndim: int) -> str:
    if any(isinstance(i, NewAxis) for i in items):
        return "A"
    whole = Slice()
    meaningful = list(items)
    while meaningful and meaningful[-1] == whole:
        meaningful.pop()
    if not meaningful:
        return t.layout
    *outer, last = meaningful

    def contiguous(item: Item) -> bool:
        return not isinstance(item, Slice) or item.step is None

    if t.layout == "C" and not any(isinstance(i, Slice) for i in outer) and contiguous(last):
        return "C"
    if t.layout == "F" and ndim == 1 and not isinstance(items[0], Slice):
        return "A"
    return "A"


def transpose(scope: Scope, array: Var) -> Var:
    t = array.type
    assert isinstance(t, Array)
    if t.ndim < 2:
        return array
    out = scope.build.view(array, "transpose", (), Array(t.dtype, t.ndim, {"C": "F", "F": "C"}.get(t.layout, "A")))
    scope.context.bases[out] = array
    return out


def reshape(scope: Scope, array: Var, shape: list[Atom], node: ast.AST) -> Var:
    """`array.reshape(shape)`, one entry of which may be -1."""
    t = array.type
    assert isinstance(t, Array)
    if not shape:
        raise scope.problem("arrays of rank 0 are not differentiable yet", node, "index the array")
    for s in shape:
        if not (is_scalar(s) and is_integer_type(s.type)):
            raise scope.problem(f"reshape expects integers, but got {describe(s)}", node, "use int()")
    if t.layout != "C":
        hint = "write x.copy().reshape(...)"
        raise scope.problem("reshape expects a C-contiguous array, because others are copied or not", node, hint)
    sizes = [strong(scope.build.cast(s, INT64)) for s in shape]
    unknown = [k for k, s in enumerate(sizes) if isinstance(s, Const) and s.value == -1]
    if len(unknown) > 1:
        raise scope.problem("reshape can work out only one length", node, "give all lengths but one")
    if unknown:
        rest: Atom = integer(1)
        for k, s in enumerate(sizes):
            if k not in unknown:
                rest = scope.build.op("*", rest, s) if rest != integer(1) else s
        sizes[unknown[0]] = scope.build.op("//", arrays.size(scope, array), rest)
    out = scope.build.view(array, "reshape", tuple(sizes), Array(t.dtype, len(sizes), "C"))
    scope.context.bases[out] = array
    return out


def _items(scope: Scope, node: ast.expr, ndim: int, at: ast.AST) -> list[Item]:
    """The parts of an index, with an ellipsis spelled out and short ones completed."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    alone = not isinstance(node, ast.Tuple)
    items: list[Item | None] = []
    for part in parts:
        if isinstance(part, ast.Constant) and part.value is Ellipsis:
            items.append(None)
        elif isinstance(part, ast.Slice):
            items.append(_slice(scope, part))
        else:
            value = expressions.expression(scope, part)
            whole = alone and isinstance(value, Tuple) and not value.is_list  # a[(i, j)] is a[i, j]
            items += [_index(scope, v, part) for v in (value.items if whole else (value,))]
    count = sum(i is not None and not isinstance(i, NewAxis) for i in items)
    if count > ndim:
        message = f"too many indices: the array has {plural(ndim, 'dimension')}"
        raise scope.problem(message, at, "index each dimension once")
    full: list[Item] = [Slice()] * (ndim - count)
    out: list[Item] = []
    if None not in items:
        items.append(None)
    for i in items:
        if i is None:
            out += full
            full = []
        else:
            out.append(i)
    return out


def _index(scope: Scope, value: Value, node: ast.AST) -> Item:
    if isinstance(value, Static) and value.object is None:
        return NewAxis()
    if is_array(value) or isinstance(value, Tuple):
        message = f"indexing by {describe(value)} is not differentiable yet"
        raise scope.problem(message, node, "loop over the indices")
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

"""Whole-array operations, as loop nests over elements.

The value of an array expression is an `Elements` until an array is needed: so an expression is one loop nest, with the
assignment or reduction that it ends in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from srcgrad.ir.nodes import Atom, Increment, Stmt, Store, Var, integer
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.ir.walk import statements as all_statements
from srcgrad.rules import RULES
from srcgrad.transform.build import strong
from srcgrad.transform.lower import dtypes, expressions, sizes, views
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Elements, Tuple, Value, describe, is_array, is_operand, is_scalar

SIMPLE = 3  # the cost up to which elements are computed anew wherever a broadcast repeats them
_COSTS = {"/": 4, "//": 4, "%": 4, "**": 10}


def root(scope: Scope, array: Var) -> Var:
    """The array whose memory a view shows."""
    while array in scope.context.bases:
        array = scope.context.bases[array]
    return array


def allocate(scope: Scope, fill: str, dtype: str, shape: tuple[Atom, ...], like: Var | None = None) -> Var:
    """A new array, which nothing else shares memory with."""
    out = scope.build.alloc(fill, dtype, shape, like=like)
    scope.context.fresh.add(out)
    sizes.remember(scope, out, shape)
    return out


def nest(scope: Scope, shape: tuple[Atom, ...], body: Callable[[tuple[Atom, ...]], None]) -> None:
    """A loop nest over all indices of an array of this shape."""

    def inner(index: tuple[Atom, ...]) -> None:
        scope.context.counters.update(i for i in index if isinstance(i, Var))
        body(index)

    scope.build.nest(shape, inner)


def load(scope: Scope, array: Var, index: tuple[Atom, ...]) -> Atom:
    """An element at an index in range, which is not negative."""
    where, at = views.address(scope, array, index, trusted=True)
    return scope.build.load(where, at)


# -- array expressions ---------------------------------------------------------------------------------------------


def elements(scope: Scope, value: Value) -> Elements:
    """An array as an expression that reads it."""
    if isinstance(value, Elements):
        return value
    shape = sizes.shape_of(scope, value)
    return Elements(shape, value.type.dtype, lambda i: load(scope, value, i), ((value, True),))


def forced(scope: Scope, value: Value) -> Value:
    """`value`, computed into an array if it is an array expression."""
    out = _computed(scope, value)
    if isinstance(value, Elements) and value.shows:
        freeze(scope, [*value.shows, out], "an array of which NumPy has a view that cannot be written", value.node)
    return out


def _computed(scope: Scope, value: Value) -> Value:
    if not isinstance(value, Elements):
        return value
    like = next((a for a, aligned in value.reads if aligned and a.type.dtype == value.dtype), None)  # type: ignore[union-attr]
    if like is not None and (like in scope.context.placements or like.type.layout != "C"):  # type: ignore[union-attr]
        like = None
    out = allocate(scope, "empty", value.dtype, value.shape, like)
    nest(scope, value.shape, lambda i: scope.build.store(out, i, _fit(scope, value.item(i), out)))
    return out


def reader(scope: Scope, value: Value, shape: tuple[Atom, ...]) -> tuple[Callable, tuple]:
    """How to read an operand, which fits, at an index of the result; and the arrays that this reads."""
    if not is_operand(value):
        return lambda _: value, ()
    own = sizes.shape_of(scope, value)
    if isinstance(value, Elements) and value.cost > SIMPLE and sizes.is_stretched(scope, own, shape):
        value = forced(scope, value)
    source = elements(scope, value)
    follow = sizes.follow(scope, own, shape)
    straight = len(own) == len(shape) and all(sizes.same(scope, n, m) for n, m in zip(own, shape, strict=True))
    reads = source.reads if straight else tuple((a, False) for a, _ in source.reads)
    return lambda index: source.item(follow(index)), reads


def elementwise(scope: Scope, op: str, values: list[Value], node: ast.AST) -> Value:
    """`op` applied to each element, with broadcasting; a number if all operands have rank 0."""
    for v in values:
        if not (is_operand(v) or is_scalar(v)):
            raise scope.problem(f"'{op}' does not take {describe(v)}", node, "use numbers or arrays")
    scope.build.loc = loc = scope.at(node)
    op, dtype = dtypes.resolve(scope, op, values, node)
    shape = sizes.broadcast(scope, [sizes.shape_of(scope, v) for v in values if is_operand(v)])
    readers = [reader(scope, v, shape) for v in values]

    def item(index: tuple[Atom, ...]) -> Atom:
        read = [r(index) for r, _ in readers]
        scope.build.loc = loc
        return scope.build.cast(scope.build.op(op, *read), Scalar(dtype))

    if not shape:
        return item(())
    reads = tuple(dict.fromkeys(r for _, rs in readers for r in rs))
    cost = sum(v.cost for v in values if isinstance(v, Elements)) + _cost(op)
    return Elements(shape, dtype, item, reads, cost)


def _cost(op: str) -> int:
    return _COSTS.get(op, 20 if RULES[op].result == "float" else 1)


def mapped_over(scope: Scope, function: Callable[[list[Value]], Value], values: list[Value], node: ast.AST) -> Value:
    """A function of numbers applied to each element, with broadcasting."""
    values = [as_array(scope, v, node) if isinstance(v, Tuple) else v for v in values]
    shape = sizes.broadcast(scope, [sizes.shape_of(scope, v) for v in values if is_operand(v)])
    readers = [reader(scope, v, shape) for v in values]
    if not shape:
        return function([r(()) for r, _ in readers])
    with scope.build.block():  # thrown away: it only tells the type
        probe = function([Var("", v.type.item) if is_operand(v) else v for v in values])
    if not is_scalar(probe):
        raise scope.problem(f"a function of elements returns {describe(probe)}", node, "return a number")
    reads = tuple(dict.fromkeys((a, False) for _, rs in readers for a, _ in rs))
    dtype = probe.type.dtype
    cost = 20 + sum(v.cost for v in values if isinstance(v, Elements))

    def item(index: tuple[Atom, ...]) -> Atom:
        return scope.build.cast(function([r(index) for r, _ in readers]), Scalar(dtype))

    return Elements(shape, dtype, item, reads, cost)


def mapped(scope: Scope, value: Value, dtype: str, item: Callable[[Atom], Atom]) -> Elements:
    """A function of each element of an array, of result `dtype`."""
    source = elements(scope, value)
    return Elements(source.shape, dtype, lambda i: item(source.item(i)), source.reads, source.cost + 1)


def astype(scope: Scope, value: Value, dtype: str) -> Value:
    """Each element converted."""
    if value.type.dtype == dtype:
        return value
    return mapped(scope, value, dtype, lambda x: scope.build.cast(x, Scalar(dtype)))


def copy(scope: Scope, value: Value, dtype: str | None = None) -> Var:
    """A C-contiguous copy, of another dtype if one is given."""
    source = elements(scope, value)
    return _computed(scope, source if dtype is None else elements(scope, astype(scope, source, dtype)))


def filled(scope: Scope, shape: tuple[Atom, ...], value: Atom, dtype: str) -> Var:
    """`np.full`."""
    out = allocate(scope, "empty", dtype, shape)
    nest(scope, shape, lambda i: scope.build.store(out, i, _fit(scope, value, out)))
    return out


def _fit(scope: Scope, value: Atom, array: Var) -> Atom:
    assert isinstance(array.type, Array)
    return scope.build.cast(value, array.type.item)


# -- memory that is shared -----------------------------------------------------------------------------------------


def may_overlap(scope: Scope, a: Var, b: Var) -> bool:
    """Whether two handles can show the same memory, as far as is known while lowering."""
    one, other = root(scope, a), root(scope, b)
    known = scope.context.fresh | scope.context.params
    return one is other or not (one in known and other in known)


def check_writable(scope: Scope, array: Var, node: ast.AST) -> None:
    """A captured array may be read, not written: the caller could not see whether it changed."""
    base = root(scope, array)
    if base in {c.var for c in scope.context.captures.values()}:
        hint = "pass it as an argument and return it"
        raise scope.problem("a differentiable function cannot write a global array", node, hint)
    if base in scope.context.frozen:
        raise scope.problem(scope.context.frozen[base], node, "write to a copy")
    scope.context.written.add(base)


def frozen_copy(scope: Scope, value: Value, node: ast.AST) -> Var:
    """A copy where NumPy makes a copy or a view, depending on the strides: neither may be written afterwards."""
    out = copy(scope, value)
    if is_array(value):
        freeze(scope, [value, out], "an array of which NumPy makes a copy or a view, depending on its strides,", node)
    return out


def freeze(scope: Scope, which: list[Var], what: str, node: ast.AST) -> None:
    """From here on the memory that these arrays show may not be written."""
    why = f"{what} cannot be written"
    for base in {root(scope, a): None for a in which}:
        lasting = len(scope.build.stack) > 1 and scope.build.home.get(base) is not scope.build.stack[-1]
        if lasting and base in scope.context.written:  # by an earlier iteration, perhaps
            raise scope.problem(why, node, "make a copy first")
        scope.context.frozen[base] = why


def separate(scope: Scope, value: Value, target: Var) -> Value:
    """`value`, computed first where writing `target` could change it: NumPy reads the right-hand side as it was.

    What reads only the element that is then written needs no copy.
    """
    if not is_operand(value):
        return value
    source = elements(scope, value)
    own = sizes.shape_of(scope, target)
    straight = len(own) == len(source.shape) and all(
        sizes.same(scope, n, m) for n, m in zip(own, source.shape, strict=True)
    )
    for array, aligned in source.reads:
        if may_overlap(scope, array, target) and not (
            straight and aligned and views.same_place(scope, array, target)
        ):  # fmt: skip
            return copy(scope, value)
    return value


def writes_to(scope: Scope, new: list[Stmt], value: Elements) -> bool:
    """Whether statements write what an array expression reads."""
    written = {s.array for s in all_statements(tuple(new)) if isinstance(s, Store | Increment)}
    return any(may_overlap(scope, w, a) for w in written for a, _ in value.reads)


# -- assignment ----------------------------------------------------------------------------------------------------


def assign(scope: Scope, target: Var, value: Value, node: ast.AST) -> None:
    """`target[...] = value`."""
    check_writable(scope, target, node)
    value = separate(scope, _as_operand(scope, value, node), target)
    shape, read = _fitted(scope, target, value, node)

    def one(index: tuple[Atom, ...]) -> None:
        item = _fit(scope, read(index), target)
        scope.build.store(*views.address(scope, target, index, trusted=True), item)

    nest(scope, shape, one)


def update(scope: Scope, target: Var, op: str, value: Value, node: ast.AST) -> None:
    """`target op= value`, through to the memory that `target` shows."""
    check_writable(scope, target, node)
    if op == "@":
        assign(scope, target, expressions.binary(scope, op, target, value, node), node)
        return
    dtypes.expect_castable(scope, op, target, value, node)
    value = separate(scope, _as_operand(scope, value, node), target)
    shape, read = _fitted(scope, target, value, node)

    def one(index: tuple[Atom, ...]) -> None:
        array, at = views.address(scope, target, index, trusted=True)
        change(scope, array, at, op, read(index), node)

    nest(scope, shape, one)


def change(scope: Scope, array: Var, index: tuple[Atom, ...], op: str, value: Atom, node: ast.AST) -> None:
    """`array[index] op= value`, one element."""
    assert isinstance(array.type, Array)
    if op in "+-" and is_float(array.type):
        scope.build.increment(array, index, value if op == "+" else scope.build.op("neg", value))
    else:
        new = expressions.binary(scope, op, scope.build.load(array, index), value, node)
        scope.build.store(array, index, _fit(scope, new, array))


def _fitted(scope: Scope, target: Var, value: Value, node: ast.AST) -> tuple[tuple[Atom, ...], Callable]:
    """The shape of the target, and how to read a value that is assigned to it."""
    assert isinstance(target.type, Array)
    shape = sizes.shape_of(scope, target)
    if not is_operand(value):
        return shape, lambda _: value
    own = sizes.shape_of(scope, value)
    extra = len(own) - len(shape)
    if extra > 0:  # leading axes of length 1 are left out
        if not all(sizes.is_one(scope, n) for n in own[:extra]):
            message = f"{describe(value)} does not fit into {describe(target)}"
            raise scope.problem(message, node, "index it down to the rank of the target")
        source = elements(scope, value)
        value = Elements(
            own[extra:], source.dtype, lambda i: source.item((*[integer(0)] * extra, *i)),
            tuple((a, False) for a, _ in source.reads), source.cost,
        )  # fmt: skip
    sizes.fit_into(scope, sizes.shape_of(scope, value), shape)
    return shape, reader(scope, value, shape)[0]


def _as_operand(scope: Scope, value: Value, node: ast.AST) -> Value:
    if isinstance(value, Tuple):
        return from_items(scope, value, None, node)
    if not (is_operand(value) or is_scalar(value)):
        raise scope.problem(f"{describe(value)} cannot be assigned to array elements", node, "use numbers")
    return strong(value) if is_scalar(value) else value


# -- arrays from lists ---------------------------------------------------------------------------------------------


def as_array(scope: Scope, value: Value, node: ast.AST) -> Value:
    """A number, list, tuple or array as an array or array expression."""
    if is_operand(value):
        return value
    if is_scalar(value):
        value = strong(value)
        return Elements((), value.type.dtype, lambda _: value)
    if isinstance(value, Tuple):
        return from_items(scope, value, None, node)
    raise scope.problem(f"{describe(value)} cannot become an array", node, "pass numbers or an array")


def from_items(scope: Scope, value: Tuple, dtype: str | None, node: ast.AST) -> Var:
    """`np.array([...])` of nested lists or tuples of numbers and of arrays of one shape."""
    parts: list[tuple[tuple[int, ...], Any]] = []
    outer = _display_shape(scope, value, node)

    def visit(item: Value, index: tuple[int, ...]) -> None:
        if isinstance(item, Tuple):
            for k, inner in enumerate(item.items):
                visit(inner, (*index, k))
        else:
            parts.append((index, item))

    visit(value, ())
    if any(not (is_scalar(p) or is_operand(p)) for _, p in parts):
        raise scope.problem("np.array expects numbers in its lists", node, "fill an array in a loop")
    ranks = {p.type.ndim if is_operand(p) else 0 for _, p in parts}
    if len(ranks) > 1:
        raise scope.problem("the parts of this array differ in rank", node, "give all of them one shape")
    inner = sizes.shape_of(scope, parts[0][1]) if parts and is_operand(parts[0][1]) else ()
    for _, p in parts[1:]:
        for n, m in zip(sizes.shape_of(scope, p) if inner else (), inner, strict=True):
            if not sizes.same(scope, n, m):
                fits = scope.build.op("==", n, m)
                sizes.expect(scope, fits, "all the parts of an array must have the same shape")
    if not parts:
        name = dtype or "float64"
    else:
        kinds = [Var("", p.type.item) if is_operand(p) else p for _, p in parts]
        name = dtype or expressions.unified(scope, kinds, node).dtype
    out = allocate(scope, "empty", name, (*(integer(n) for n in outer), *inner))
    for index, part in parts:
        at = tuple(integer(k) for k in index)
        read = reader(scope, part, inner)[0]
        nest(scope, inner, lambda i, at=at, read=read: scope.build.store(out, (*at, *i), _fit(scope, read(i), out)))
    return out


def _display_shape(scope: Scope, value: Value, node: ast.AST) -> tuple[int, ...]:
    if not isinstance(value, Tuple):
        return ()
    inner = {_display_shape(scope, v, node) for v in value.items} or {()}
    if len(inner) > 1:
        raise scope.problem("the rows of this array differ in length", node, "give all rows one length")
    return (len(value.items), *inner.pop())

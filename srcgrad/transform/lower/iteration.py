"""What can be iterated over and unpacked."""

from __future__ import annotations

import ast

from srcgrad.ir.nodes import ZERO, Atom, Const, Effect, If, integer
from srcgrad.ir.types import INT64, is_integer
from srcgrad.transform.lower import expressions, sizes, subscripts
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import plural
from srcgrad.transform.lower.values import IndexGrid, Items, Range, Static, Tuple, Value, describe, is_array, is_scalar


def iterable(scope: Scope, node: ast.expr) -> Range | Items | IndexGrid | Tuple:
    """The iterable of a `for` statement."""
    return as_iterable(scope, expressions.container(scope, node), node)


def as_iterable(scope: Scope, value: Value, node: ast.AST) -> Range | Items | IndexGrid | Tuple:
    if isinstance(value, Range | Items | IndexGrid | Tuple):
        return value
    if is_array(value) and value.type.ndim > 0:
        return Items(sizes.own_shape(scope, value)[0], lambda i: subscripts.row(scope, value, i))
    if isinstance(value, Static) and isinstance(value.object, str):
        return Tuple(tuple(Static(c) for c in value.object))
    raise scope.problem(f"{describe(value)} cannot be looped over", node, "loop over a range, an array or a tuple")


def range_of(scope: Scope, args: list[Value], node: ast.AST) -> Range:
    """`range(stop)`, `range(start, stop)` or `range(start, stop, step)`."""
    if not 1 <= len(args) <= 3:
        hint = "write range(n), or range(start, stop, step)"
        raise scope.problem(f"range takes 1 to 3 arguments, but got {len(args)}", node, hint)
    for a in args:
        if not (is_scalar(a) and (is_integer(a.type) or a.type.dtype == "bool")):
            raise scope.problem("range expects integers", node, "use int() or np.arange")
    args = [scope.build.cast(a, INT64) if a.type.dtype == "bool" else a for a in args]
    if len(args) == 1:
        return Range(ZERO, args[0], integer(1))
    start, stop, *step = args
    if step and isinstance(step[0], Const) and step[0].value == 0:
        raise scope.problem("range expects a step other than zero", node, "use a positive or negative step")
    return Range(start, stop, step[0] if step else integer(1))


def as_items(scope: Scope, value: Value, node: ast.AST) -> Items:
    """An iterable as a length and a way to get each item; a range or array, not a tuple of mixed types."""
    thing = as_iterable(scope, value, node)
    if isinstance(thing, Range):
        if thing.snapshots is not None:
            hint = "write for t in checkpointed(range(n))"
            raise scope.problem("a checkpointed range must be what the loop itself runs over", node, hint)
        return Items(length_of_range(scope, thing), lambda i: _nth(scope, thing, i))
    if isinstance(thing, Items):
        return thing
    if isinstance(thing, Tuple):
        return Items(integer(len(thing.items)), lambda i: subscripts.element_of_tuple(scope, thing, i, node))
    raise scope.problem("this cannot be combined with other iterables", node, "write nested range loops")


def _nth(scope: Scope, r: Range, i: Atom) -> Atom:
    op = scope.build.op
    scaled = i if isinstance(r.step, Const) and r.step.value == 1 else op("*", i, r.step)
    return scaled if isinstance(r.start, Const) and r.start.value == 0 else op("+", r.start, scaled)


def length_of_range(scope: Scope, r: Range) -> Atom:
    """`len(range(start, stop, step))`."""
    op = scope.build.op
    one = isinstance(r.step, Const) and r.step.value == 1
    zero = isinstance(r.start, Const) and r.start.value == 0
    span = r.stop if zero else op("-", r.stop, r.start)
    if not one:
        # ceil(span / step) = -(-span // step), also for a negative step
        span = op("neg", op("//", op("neg", span), r.step))
    return op("max", span, ZERO)


def enumerated(scope: Scope, value: Value, start: Atom, node: ast.AST) -> Items | Tuple:
    thing = as_iterable(scope, value, node)
    if isinstance(thing, Tuple):
        op = scope.build.op
        return Tuple(tuple(Tuple((op("+", integer(k), start), v)) for k, v in enumerate(thing.items)))
    items = as_items(scope, thing, node)

    def item(i: Atom) -> Tuple:
        number = i if isinstance(start, Const) and start.value == 0 else scope.build.op("+", i, start)
        return Tuple((number, items.item(i)))

    return Items(items.length, item)


def zipped(scope: Scope, values: list[Value], node: ast.AST) -> Items | Tuple:
    things = [as_iterable(scope, v, node) for v in values]
    if all(isinstance(t, Tuple) for t in things):
        return Tuple(tuple(Tuple(row) for row in zip(*(t.items for t in things), strict=False)))
    parts = [as_items(scope, t, node) for t in things]
    length = parts[0].length
    for part in parts[1:]:
        length = scope.build.op("min", length, part.length)
    return Items(length, lambda i: Tuple(tuple(p.item(i) for p in parts)))


def reverse(scope: Scope, value: Value, node: ast.AST) -> Items | Tuple | Range:
    thing = as_iterable(scope, value, node)
    if isinstance(thing, Tuple):
        return Tuple(tuple(reversed(thing.items)), is_list=thing.is_list)
    items = as_items(scope, thing, node)
    op = scope.build.op
    if isinstance(thing, Range) and isinstance(thing.step, Const) and thing.step.value == 1:
        return Range(op("-", thing.stop, integer(1)), op("-", thing.start, integer(1)), integer(-1))
    return Items(items.length, lambda i: items.item(op("-", op("-", items.length, integer(1)), i)))


def unpack(scope: Scope, value: Value, count: int, node: ast.AST) -> list[Value]:
    """The items of `a, b = value`."""
    if isinstance(value, Tuple):
        if len(value.items) != count:
            message = f"expected {plural(count, 'value')} to unpack, but got {len(value.items)}"
            raise scope.problem(message, node, "name them all")
        return list(value.items)
    if is_array(value) and value.type.ndim > 0:
        length = sizes.own_shape(scope, value)[0]
        error = Effect(f"raise ValueError('expected {plural(count, 'value')} to unpack')", (), loc=scope.at(node))
        scope.build.emit(If(scope.build.op("!=", length, integer(count)), (error,), (), (), loc=scope.at(node)))
        return [subscripts.row(scope, value, integer(k)) for k in range(count)]
    raise scope.problem(f"{describe(value)} cannot be unpacked", node, "unpack a tuple")


def grid_of(scope: Scope, args: list[Value], node: ast.AST) -> IndexGrid:
    shape = args[0].items if len(args) == 1 and isinstance(args[0], Tuple) else tuple(args)
    if not all(is_scalar(s) and is_integer(s.type) for s in shape):
        raise scope.problem("np.ndindex expects a shape", node, "pass x.shape")
    return IndexGrid(tuple(scope.build.cast(s, INT64) for s in shape))

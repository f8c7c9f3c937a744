"""Views of arrays, and how their elements lie in the array that they are views of.

A slice that is read or written element by element is index arithmetic: `x[1:][i]` is `x[i + 1]`. The view itself
remains for where it is needed as an array.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from srcgrad.ir.nodes import Atom, Const, NewAxis, Slice, Var, integer
from srcgrad.ir.types import INT64, Array
from srcgrad.ir.types import is_integer as is_integer_type
from srcgrad.transform.build import strong
from srcgrad.transform.lower import arrays, sizes
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Value, describe, is_scalar

Item = Atom | Slice | NewAxis


@dataclass(frozen=True)
class Axis:
    """Where a view lies in one axis of its root: at `start`, or at `start + step * i` for index i of its own `axis`.

    `whole` says that it shows all of the root's axis, in order, so that negative indices count from the same end.
    """

    start: Atom
    step: Atom | None = None
    axis: int = 0
    whole: bool = False


@dataclass(frozen=True)
class Placement:
    """How a view lies in `root`, axis by axis of the root."""

    root: Var
    axes: tuple[Axis, ...]


def placement(scope: Scope, array: Var) -> Placement:
    """How an array lies in the array that it is a view of; an array that is no view, in itself."""
    found = scope.context.placements.get(array)
    if found is not None:
        return found
    assert isinstance(array.type, Array)
    return Placement(array, tuple(Axis(integer(0), integer(1), k, True) for k in range(array.type.ndim)))


def address(scope: Scope, array: Var, index: tuple[Atom, ...], *, trusted: bool) -> tuple[Var, tuple[Atom, ...]]:
    """The root and the index in it of `array[index]`.

    `trusted` indices are known to be in range and not negative; others stay with the view unless it is all of an axis.
    """
    placed = placement(scope, array)
    if not trusted and not all(a.whole or a.step is None for a in placed.axes):
        return array, index
    return placed.root, tuple(_at(scope, axis, index) for axis in placed.axes)


def _at(scope: Scope, axis: Axis, index: tuple[Atom, ...]) -> Atom:
    if axis.step is None:
        return axis.start
    op, offset = scope.build.index, index[axis.axis]
    if axis.step != integer(1):
        offset = op("neg", offset) if axis.step == integer(-1) else op("*", offset, axis.step)
    if axis.start == integer(0):
        return offset
    if isinstance(axis.start, Const) or axis.step == integer(1):
        return op("+", offset, axis.start)
    return op("+", axis.start, offset)


def same_place(scope: Scope, a: Var, b: Var) -> bool:
    """Whether equal indices of two handles are known to address the same element."""
    if a is b:
        return True
    one, other = placement(scope, a), placement(scope, b)

    def keys(placed: Placement) -> list[Any]:
        return [
            (sizes.key_of(scope, x.start), x.step and (sizes.key_of(scope, x.step), x.axis)) for x in placed.axes
        ]  # fmt: skip

    return one.root is other.root and keys(one) == keys(other)


def is_nonnegative(scope: Scope, atom: Atom) -> bool:
    """Whether an integer is known not to be negative."""
    if isinstance(atom, Const):
        return atom.value >= 0
    if atom in scope.context.counters:
        return True
    stmt = scope.build.definitions.get(atom)  # type: ignore[arg-type]
    if stmt is None:
        return False
    if stmt.op in ("+", "*", "//", "min"):
        return all(is_nonnegative(scope, a) for a in stmt.args)
    if stmt.op == "max":
        return any(is_nonnegative(scope, a) for a in stmt.args)
    return stmt.op == "shape"


# -- index views ---------------------------------------------------------------------------------------------------


def view(scope: Scope, array: Var, items: list[Item]) -> Var:
    """The view `array[items]`. Its layout is worked out by Numba's rules."""
    t = array.type
    assert isinstance(t, Array)
    given = [i for i in items if not isinstance(i, NewAxis)]
    ndim = t.ndim - sum(not isinstance(i, Slice) for i in given) + sum(isinstance(i, NewAxis) for i in items)
    if list(items) == [Slice()] * t.ndim:
        return array
    parent, shape = placement(scope, array), sizes.shape_of(scope, array)
    written = list(items)
    while written[-1] == Slice():  # x[i, :] is x[i], which Numba knows to be contiguous
        written.pop()
    out = scope.build.view(array, "index", tuple(written), Array(t.dtype, ndim, _layout(t, items, ndim)))
    scope.context.bases[out] = array
    own: list[Axis] = []  # how the view lies in `array`
    lengths: list[Atom] = []
    known = True
    axis = 0
    for item in items:
        if isinstance(item, NewAxis):
            lengths.append(integer(1))
            continue
        if isinstance(item, Slice):
            found = _bounds(scope, item, shape[axis])
            if found is None:
                known = False
            else:
                start, step, length = found
                own.append(Axis(start, step, len(lengths), item == Slice()))
                lengths.append(length)
        else:
            # an index out of range must stay so
            part = any(a.step is not None and a.axis == axis and not a.whole for a in parent.axes)
            known = known and not (part and scope.call_site is None)
            own.append(Axis(item))
        axis += 1
    if len(lengths) == ndim:
        sizes.remember(scope, out, tuple(lengths))
    if known:
        composed = tuple(_compose(scope, outer, own) for outer in parent.axes)
        scope.context.placements[out] = Placement(parent.root, composed)
    return out


def _compose(scope: Scope, outer: Axis, own: list[Axis]) -> Axis:
    """A root's axis as seen through two views: `outer` into the root, `own` into the view between."""
    if outer.step is None:
        return outer
    inner, op = own[outer.axis], scope.build.index
    if inner.step is None:
        return Axis(_at(scope, outer, (inner.start,) * (outer.axis + 1)))
    start = _at(scope, outer, (inner.start,) * (outer.axis + 1))
    step = inner.step if outer.step == integer(1) else op("*", outer.step, inner.step)
    return Axis(start, step, inner.axis, outer.whole and inner.whole)


def _bounds(scope: Scope, item: Slice, n: Atom) -> tuple[Atom, Atom, Atom] | None:
    """The first index, step and length of a slice of an axis of length n; None for a step known at run time only."""
    step = 1 if item.step is None else item.step.value if isinstance(item.step, Const) else None
    if step is None or step == 0:
        return None
    op = scope.build.index
    if item.start is None and item.stop is None:
        if step in (1, -1):
            return (integer(0) if step == 1 else op("-", n, integer(1))), integer(step), n
        start = integer(0) if step > 0 else op("-", n, integer(1))
        return start, integer(step), _steps(scope, n, abs(step))
    if step > 0:
        start = integer(0) if item.start is None else _clipped(scope, item.start, n, integer(0), None)
        stop = n if item.stop is None else _clipped(scope, item.stop, n, None, n)
        span = stop if start == integer(0) else op("-", stop, start)
    else:
        last = op("-", n, integer(1))
        start = last if item.start is None else _clipped(scope, item.start, n, None, last)
        stop = integer(-1) if item.stop is None else _clipped(scope, item.stop, n, integer(-1), None)
        span = op("-", start, stop)
    if not (start == integer(0) and step > 0 and is_nonnegative(scope, span)):
        span = op("max", span, integer(0))
    return start, integer(step), _steps(scope, span, abs(step))


def _steps(scope: Scope, span: Atom, step: int) -> Atom:
    """How many steps cover a span."""
    op = scope.build.index
    return span if step == 1 else op("//", op("+", span, integer(step - 1)), integer(step))


def _clipped(scope: Scope, bound: Atom, n: Atom, least: Atom | None, most: Atom | None) -> Atom:
    """A bound of a slice, counted from the front; where it runs off the end that matters, that end."""
    op = scope.build.index

    def low(atom: Atom) -> Atom:
        return atom if least is None else op("max", atom, least)

    def high(atom: Atom) -> Atom:
        return atom if most is None else op("min", atom, most)

    if is_nonnegative(scope, bound):
        return high(bound)
    if isinstance(bound, Const):
        return low(op("-", n, integer(-bound.value)))
    return op("where", op("<", bound, integer(0)), low(op("+", bound, n)), high(bound))


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
    return "A"


# -- other views ---------------------------------------------------------------------------------------------------


def transpose(scope: Scope, array: Var, axes: tuple[int, ...] | None = None) -> Var:
    """`array.transpose(axes)`; without axes, their order is reversed."""
    t = array.type
    assert isinstance(t, Array)
    order = tuple(reversed(range(t.ndim))) if axes is None else axes
    if order == tuple(range(t.ndim)):
        return array
    reverse = order == tuple(reversed(range(t.ndim)))
    layout = {"C": "F", "F": "C"}.get(t.layout, "A") if reverse else "A"
    items = () if reverse else tuple(integer(k) for k in order)
    out = scope.build.view(array, "transpose", items, Array(t.dtype, t.ndim, layout))
    scope.context.bases[out] = array
    parent, shape = placement(scope, array), sizes.shape_of(scope, array)
    sizes.remember(scope, out, tuple(shape[k] for k in order))
    moved = tuple(a if a.step is None else Axis(a.start, a.step, order.index(a.axis), a.whole) for a in parent.axes)
    scope.context.placements[out] = Placement(parent.root, moved)
    return out


def reshape(scope: Scope, array: Var, shape: list[Atom], node: ast.AST) -> Value:
    """`array.reshape(shape)`, one entry of which may be -1. What NumPy would copy is copied, and not written then."""
    t = array.type
    assert isinstance(t, Array)
    if not shape:
        n = sizes.size(scope, array)
        if not sizes.same(scope, n, integer(1)):
            sizes.expect(scope, scope.build.op("==", n, integer(1)), "cannot reshape the array into shape ()")
        arrays.freeze(scope, [array], "an array that is reshaped to rank 0", node)
        return arrays.load(scope, array, (integer(0),) * t.ndim)
    for s in shape:
        if not (is_scalar(s) and is_integer_type(s.type)):
            raise scope.problem(f"reshape expects integers, but got {describe(s)}", node, "use int()")
    wanted = [strong(scope.build.cast(s, INT64)) for s in shape]
    unknown = [k for k, s in enumerate(wanted) if isinstance(s, Const) and s.value == -1]
    if len(unknown) > 1:
        raise scope.problem("reshape can work out only one length", node, "give all lengths but one")
    total = sizes.size(scope, array)
    if unknown:
        rest = sizes.product(scope, tuple(s for k, s in enumerate(wanted) if k not in unknown))
        wanted[unknown[0]] = total if rest == integer(1) else scope.build.index("//", total, rest)
    if t.layout != "C":
        array = arrays.frozen_copy(scope, array, node)
    if not sizes.same(scope, sizes.product(scope, tuple(wanted)), total):
        fits = scope.build.index("==", sizes.product(scope, tuple(wanted)), total)
        sizes.expect(scope, fits, "cannot reshape the array: the numbers of elements differ")
    out = scope.build.view(array, "reshape", tuple(wanted), Array(t.dtype, len(wanted), "C"))
    scope.context.bases[out] = array
    sizes.remember(scope, out, tuple(wanted))
    return out

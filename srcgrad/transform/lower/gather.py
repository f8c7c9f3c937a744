"""Indexing by arrays: integer arrays and boolean masks, read and written (NumPy's advanced indexing)."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.ir.nodes import Atom, If, NewAxis, Slice, Var, integer
from srcgrad.numpy_lib import masks
from srcgrad.transform.lower import arrays, calls, expressions, sizes, views
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Elements, Static, Value, is_operand, is_scalar


@dataclass(frozen=True)
class Chosen:
    """The elements of `array` that integer arrays address.

    `index` has, for each axis of `array`, an integer, an array expression of integers of shape `shape`, or a number k
    for the k-th axis that is kept whole. `lead` is where the axes of `shape` stand among those of the result.
    """

    array: Var
    index: tuple[Any, ...]
    shape: tuple[Atom, ...]
    kept: tuple[Atom, ...]
    lead: int


@dataclass(frozen=True)
class Kept:
    """An axis that a choice keeps, by its place among those."""

    number: int


@dataclass(frozen=True)
class Masked(Chosen):
    """The elements of `array` for which a mask is true; its axes are the first of the array's."""

    mask: Value = None


def choose(scope: Scope, array: Var, items: list[Any], node: ast.AST) -> Chosen:
    """What `array[items]` addresses, for an index with arrays in it."""
    chosen = [k for k, i in enumerate(items) if is_operand(i)]
    if any(items[k].type.dtype == "bool" for k in chosen):
        if chosen == [0] and all(i == Slice() for i in items[1:]):
            return Masked(array, (), (), (), 0, items[0])
        return choose(scope, array, [p for i in items for p in _numbered(scope, i, node)], node)
    parts = [k for k, i in enumerate(items) if is_operand(i) or is_scalar(i)]  # an integer counts as an array here
    lead = 0
    if parts == list(range(parts[0], parts[-1] + 1)):
        lead = parts[0]
    plain = [Slice() if is_operand(i) or is_scalar(i) else i for i in items]
    base = views.view(scope, array, plain)
    lengths = sizes.shape_of(scope, base)
    numbers = {k: items[k] for k in parts}
    shape = sizes.broadcast(scope, [sizes.shape_of(scope, i) for i in items if is_operand(i)])
    index: list[Any] = []
    kept: list[Atom] = []
    for axis, item in enumerate(i for i in plain):
        if axis in numbers:
            index.append(_from_front(scope, numbers[axis], shape))
        else:
            index.append(Kept(len(kept)))
            kept.append(integer(1) if isinstance(item, NewAxis) else lengths[axis])
    return Chosen(base, tuple(index), shape, tuple(kept), lead)


def _numbered(scope: Scope, item: Any, node: ast.AST) -> list[Any]:
    """A mask among other indices as the integer arrays that it stands for."""
    if not (is_operand(item) and item.type.dtype == "bool"):
        return [item]
    return list(calls.apply(scope, Static(np.nonzero), [item], {}, node).items)


def _from_front(scope: Scope, item: Any, shape: tuple[Atom, ...]) -> Any:
    """Indices along one axis, as they stand."""
    if is_scalar(item):
        return item
    source = arrays.elements(scope, item)
    read, reads = arrays.reader(scope, item, shape)
    return Elements(shape, "int64", read, reads, source.cost)


def _place(scope: Scope, chosen: Chosen, index: tuple[Atom, ...]) -> tuple[Var, tuple[Atom, ...]]:
    """Where the element of the result at `index` is; indices out of range must stay so, so they address the view."""
    at = _at(chosen, index)
    axes = views.placement(scope, chosen.array).axes
    inner = {k for k, i in enumerate(chosen.index) if not isinstance(i, Kept)}
    if all(a.whole or a.step is None or a.axis not in inner for a in axes):
        return views.address(scope, chosen.array, at, trusted=True)
    return chosen.array, at


def _at(chosen: Chosen, index: tuple[Atom, ...]) -> tuple[Atom, ...]:
    """Where in the array the element of the result at `index` is."""
    count = len(chosen.shape)
    inner = index[chosen.lead : chosen.lead + count]
    outer = (*index[: chosen.lead], *index[chosen.lead + count :])
    return tuple(
        outer[i.number] if isinstance(i, Kept) else i.item(inner) if isinstance(i, Elements) else i
        for i in chosen.index
    )


def _result_shape(chosen: Chosen) -> tuple[Atom, ...]:
    return (*chosen.kept[: chosen.lead], *chosen.shape, *chosen.kept[chosen.lead :])


def read(scope: Scope, chosen: Chosen, node: ast.AST) -> Value:
    """`array[index]`."""
    if isinstance(chosen, Masked):
        mask = arrays.forced(scope, chosen.mask)
        return calls.inline(scope, masks.compress, [chosen.array, mask], {}, node, call_site=True)
    reads = [(chosen.array, False)]
    reads += [(a, False) for i in chosen.index if isinstance(i, Elements) for a, _ in i.reads]
    cost = 1 + sum(i.cost for i in chosen.index if isinstance(i, Elements))
    shape = _result_shape(chosen)
    return Elements(
        shape, chosen.array.type.dtype, lambda i: scope.build.load(*_place(scope, chosen, i)),  # type: ignore[union-attr]
        tuple(dict.fromkeys(reads)), cost,
    )  # fmt: skip


def write(scope: Scope, chosen: Chosen, value: Value, node: ast.AST) -> None:
    """`array[index] = value`; the last of repeated indices wins."""
    arrays.check_writable(scope, chosen.array, node)
    if isinstance(chosen, Masked):
        _write_masked(scope, chosen, value, "=", node)
        return
    value = _apart(scope, chosen, value, node)
    shape = _result_shape(chosen)
    fitted = _stretched(scope, value, shape, node)

    def one(index: tuple[Atom, ...]) -> None:
        where, at = _place(scope, chosen, index)
        scope.build.store(where, at, scope.build.cast(fitted(index), where.type.item))  # type: ignore[union-attr]

    arrays.nest(scope, shape, one)


def update(scope: Scope, chosen: Chosen, op: str, value: Value, node: ast.AST) -> None:
    """`array[index] op= value`: read, computed, then written, so repeated indices do not add up (as in NumPy)."""
    if isinstance(chosen, Masked):
        arrays.check_writable(scope, chosen.array, node)
        _write_masked(scope, chosen, value, op, node)
        return
    old = read(scope, chosen, node)
    write(scope, chosen, arrays.copy(scope, expressions.binary(scope, op, old, value, node)), node)


def accumulate(scope: Scope, chosen: Chosen, op: str, value: Value, node: ast.AST) -> None:
    """`np.add.at(array, index, value)`: repeated indices add up."""
    arrays.check_writable(scope, chosen.array, node)
    if isinstance(chosen, Masked):
        _write_masked(scope, chosen, value, op, node)
        return
    value = _apart(scope, chosen, value, node)
    shape = _result_shape(chosen)
    fitted = _stretched(scope, value, shape, node)

    def one(index: tuple[Atom, ...]) -> None:
        where, at = _place(scope, chosen, index)
        arrays.change(scope, where, at, op, fitted(index), node)

    arrays.nest(scope, shape, one)


def _apart(scope: Scope, chosen: Chosen, value: Value, node: ast.AST) -> Value:
    """The right-hand side, computed first where the writes could change it."""
    value = value if is_scalar(value) else arrays.as_array(scope, value, node)
    if is_operand(value):
        source = arrays.elements(scope, value)
        if any(arrays.may_overlap(scope, a, chosen.array) for a, _ in source.reads):
            return arrays.copy(scope, value)
    return value


def _stretched(scope: Scope, value: Value, shape: tuple[Atom, ...], node: ast.AST) -> Any:
    if is_operand(value):
        if value.type.ndim > len(shape):
            raise scope.problem("the value has more axes than what it is assigned to", node, "index it down")
        sizes.fit_into(scope, sizes.shape_of(scope, value), shape)
    return arrays.reader(scope, value, shape)[0]


def _write_masked(scope: Scope, chosen: Masked, value: Value, op: str, node: ast.AST) -> None:
    """`array[mask] = value` or `array[mask] op= value`."""
    array, mask = chosen.array, arrays.elements(scope, chosen.mask)
    assert array.type.ndim >= len(mask.shape)  # type: ignore[union-attr]
    if any(arrays.may_overlap(scope, a, array) for a, _ in mask.reads) or mask.cost > arrays.SIMPLE:
        mask = arrays.elements(scope, arrays.copy(scope, mask))
    value = value if is_scalar(value) else _apart(scope, chosen, value, node)
    shape = sizes.shape_of(scope, array)
    for n, m in zip(mask.shape, shape, strict=False):
        if not sizes.same(scope, n, m):
            sizes.expect(scope, scope.build.op("==", n, m), "boolean index did not match the shape of the array")
    if is_operand(value) and value.type.ndim == len(shape) - len(mask.shape) + 1:
        value = _one_by_one(scope, mask, value, shape[len(mask.shape) :], node)
    elif is_operand(value) and value.type.ndim > len(shape) - len(mask.shape):
        raise scope.problem("the value has more axes than what it is assigned to", node, "index it down")
    inner = shape[len(mask.shape) :]
    if is_operand(value) and not isinstance(value, _Numbered):
        sizes.fit_into(scope, sizes.shape_of(scope, value), inner)
    read = value if isinstance(value, _Numbered) else arrays.reader(scope, value, inner)[0]

    def one(index: tuple[Atom, ...]) -> None:
        own, rest = index[: len(mask.shape)], index[len(mask.shape) :]
        cond = mask.item(own)
        with scope.build.block() as body:
            item = read.item(own, rest) if isinstance(read, _Numbered) else read(rest)
            where, at = views.address(scope, array, index, trusted=True)
            if op == "=":
                scope.build.store(where, at, scope.build.cast(item, where.type.item))  # type: ignore[union-attr]
            else:
                arrays.change(scope, where, at, op, item, node)
        scope.build.emit(If(cond, tuple(body), (), loc=scope.build.loc))

    arrays.nest(scope, shape, one)


class _Numbered:
    """A value with one row for each true element of a mask."""

    def __init__(self, item: Any) -> None:
        self.item = item


def _one_by_one(scope: Scope, mask: Elements, value: Value, inner: tuple[Atom, ...], node: ast.AST) -> _Numbered:
    """Read the rows of `value` in the order of the true elements of the mask."""
    flags = arrays.forced(scope, mask)
    rows = arrays.forced(scope, value)
    shape = sizes.shape_of(scope, rows)
    sizes.fit_into(scope, shape[1:], inner)
    numbers = calls.inline(scope, masks.numbers, [flags, shape[0]], {}, node, call_site=True)
    follow = sizes.follow(scope, shape[1:], inner)
    return _Numbered(lambda own, rest: arrays.load(scope, rows, (arrays.load(scope, numbers, own), *follow(rest))))

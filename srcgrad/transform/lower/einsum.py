"""`np.einsum`, as one loop nest over all its labels."""

from __future__ import annotations

import ast

import numpy as np

from srcgrad.ir.nodes import Atom, Var, integer
from srcgrad.transform.lower import arrays, sizes
from srcgrad.transform.lower.builtins import handles
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Elements, Static, Value


@handles(np.einsum, defers=True)
def _einsum(scope: Scope, node: ast.AST, subscripts: Value, /, *operands: Value) -> Value:
    text = subscripts.object if isinstance(subscripts, Static) else None
    if not isinstance(text, str) or "." in text:
        raise scope.problem("np.einsum expects a constant string of labels", node, "write it as 'ij,jk->ik'")
    left, arrow, right = text.replace(" ", "").partition("->")
    labels = left.split(",")
    if not arrow:  # what appears once, in alphabetical order
        right = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    parts = [arrays.as_array(scope, o, node) for o in operands]
    if [len(one) for one in labels] != [p.type.ndim for p in parts] or not set(right) <= set(left):
        raise scope.problem("the labels of np.einsum do not fit its operands", node, "give each axis one label")
    lengths: dict[str, Atom] = {}
    for names, part in zip(labels, parts, strict=True):
        for c, n in zip(names, sizes.shape_of(scope, part), strict=True):
            if c not in lengths or sizes.is_one(scope, lengths[c]):
                lengths[c] = n
            elif not (sizes.same(scope, lengths[c], n) or sizes.is_one(scope, n)):
                sizes.expect(scope, scope.build.op("==", lengths[c], n), "the axes of one label differ in length")
    parts = [arrays.forced(scope, p) if isinstance(p, Elements) and p.cost > arrays.SIMPLE else p for p in parts]
    summed = [c for c in lengths if c not in right]
    order = [*right, *summed]
    dtype = np.result_type(*(p.type.dtype for p in parts)).name
    out = arrays.allocate(scope, "zeros", dtype, tuple(lengths[c] for c in right))

    def one(index: tuple[Atom, ...]) -> None:
        at = dict(zip(order, index, strict=True))
        total: Atom | None = None
        for names, part in zip(labels, parts, strict=True):
            shape = sizes.shape_of(scope, part)
            own = tuple(_reach(scope, at[c], n, lengths[c]) for c, n in zip(names, shape, strict=True))
            item = arrays.elements(scope, part).item(own)
            total = item if total is None else scope.build.op("*", total, item)
        assert total is not None
        place = tuple(at[c] for c in right)
        if dtype in ("float64", "float32"):
            scope.build.increment(out, place, scope.build.cast(total, out.type.item))  # type: ignore[union-attr]
        else:
            new = scope.build.op("+", scope.build.load(out, place), total)
            scope.build.store(out, place, scope.build.cast(new, out.type.item))  # type: ignore[union-attr]

    arrays.nest(scope, tuple(lengths[c] for c in order), one)
    return out if right else scope.build.load(out, ())


def _reach(scope: Scope, index: Atom, own: Atom, length: Atom) -> Atom:
    """An index along an axis that may have length 1."""
    stretches = own is not length and sizes.is_one(scope, own) and not sizes.is_one(scope, length)
    return integer(0) if stretches and isinstance(index, Var) else index

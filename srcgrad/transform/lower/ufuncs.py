"""`outer` and `at` of NumPy's elementwise functions, and other ways to write indices."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable

import numpy as np

from srcgrad.ir.nodes import NewAxis, Slice
from srcgrad.ir.types import is_integer
from srcgrad.rules import PRIMITIVES, RULES
from srcgrad.transform.build import strong
from srcgrad.transform.lower import arrays, gather, subscripts, views
from srcgrad.transform.lower.builtins import handles
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Static, Tuple, Value, describe, is_array, is_operand, is_scalar


def _outer(op: str) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, a: Value, b: Value, /) -> Value:
        one, other = (arrays.forced(scope, arrays.as_array(scope, v, node)) for v in (a, b))
        rank = other.type.ndim
        whole = [Slice()] * one.type.ndim
        return arrays.elementwise(scope, op, [views.view(scope, one, [*whole, *[NewAxis()] * rank]), other], node)

    return handler


def _at(op: str) -> Callable[..., Value]:
    def handler(scope: Scope, node: ast.AST, a: Value, indices: Value, b: Value, /) -> Value:
        if not is_array(a):
            raise scope.problem(f"ufunc.at does not change {describe(a)}", node, "pass an array")
        if not (is_scalar(b) or is_operand(b)):
            raise scope.problem(f"ufunc.at does not take {describe(b)}", node, "pass a number or an array")
        items = list(indices.items) if isinstance(indices, Tuple) and not indices.is_list else [indices]
        parts = [subscripts.index_part(scope, i, node) for i in items]
        parts += [Slice()] * (a.type.ndim - sum(subscripts.consumed(p) for p in parts))
        if any(is_operand(p) for p in parts):
            gather.accumulate(scope, gather.choose(scope, a, parts, node), op, b, node)
        elif all(is_scalar(p) for p in parts):
            where, index = views.address(scope, a, tuple(parts), trusted=False)
            arrays.check_writable(scope, a, node)
            arrays.change(scope, where, index, op, b, node)
        else:
            arrays.update(scope, views.view(scope, a, parts), op, b, node)
        return subscripts.NOTHING

    return handler


for _function, _op in PRIMITIVES.items():
    if isinstance(_function, np.ufunc) and RULES[_op].arity == 2:
        handles(_function.outer)(_outer(_op))
        handles(_function.at)(_at(_op))


@handles(np.ix_)
def _ix(scope: Scope, node: ast.AST, /, *args: Value) -> Value:
    out = []
    for k, a in enumerate(args):
        vector = arrays.forced(scope, arrays.as_array(scope, a, node))
        if vector.type.ndim != 1 or vector.type.dtype == "bool":
            raise scope.problem("np.ix_ expects vectors of integers", node, "use np.nonzero for a mask")
        out.append(views.view(scope, vector, [Slice() if j == k else NewAxis() for j in range(len(args))]))
    return Tuple(tuple(out))


@handles(builtins.slice)
def _slice(scope: Scope, node: ast.AST, start: Value, stop: Value = subscripts.ABSENT, step: Value = None, /) -> Value:
    if stop is subscripts.ABSENT:
        start, stop = None, start
    parts = [None if isinstance(p, Static) and p.object is None else p for p in (start, stop, step)]
    if not all(p is None or (is_scalar(p) and is_integer(p.type)) for p in parts):
        raise scope.problem("slice expects integers", node, "use int()")
    return Slice(*(None if p is None else strong(p) for p in parts))

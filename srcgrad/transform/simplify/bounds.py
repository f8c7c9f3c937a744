"""Integers that the bounds of loops settle: a slice that lies within its axis is not cut off at the end.

    for i in range(n - 2):                            for i in range(n - 2):
        m = max(min(i + 3, n) - i, 0)        ->           m = 3

Then the length of `x[i : i + 3]` is a constant, and that it fits another one need not be checked in each iteration.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import FALSE, TRUE, Assign, Atom, Function, Var, integer
from srcgrad.ir.types import INT64
from srcgrad.ir.walk import rebuilt, statements, with_values
from srcgrad.transform.analysis.affine import Affine, Iterations
from srcgrad.transform.analysis.places import find_places


def settle_bounds(function: Function) -> Function:
    """Put in minima, maxima, differences and comparisons of integers that are the same in every iteration.

    >>> from srcgrad.ir.nodes import ONE, ZERO, For, Store
    >>> from srcgrad.ir.types import Array
    >>> n, i, m, a = Var("n", INT64), Var("i", INT64), Var("m", INT64), Var("a", Array("int64", 1, "C"))
    >>> loop = For(i, ZERO, n, ONE, (), (Assign(m, "max", (i, ZERO)), Store(a, (ZERO,), m)))
    >>> settle_bounds(Function("f", (n, a), (loop,), (), ())).body[0].body[-1].value
    %i
    """
    while True:
        moment = Iterations(find_places(function), [], None)
        mapping: dict[Var, Atom] = {}
        for stmt in statements(function.body):
            if isinstance(stmt, Assign) and len(stmt.args) == 2 and all(a.type == INT64 for a in stmt.args):
                value = _settled(stmt.op, *stmt.args, moment)
                if value is not None:
                    mapping[stmt.target] = value
        if not mapping:
            return function
        body = rebuilt(function.body, lambda s, m=mapping: None if getattr(s, "target", None) in m else s)
        function = with_values(replace(function, body=body), mapping)


def _settled(op: str, a: Atom, b: Atom, moment: Iterations) -> Atom | None:
    """What `op` gives wherever it runs, by the bounds of the loops around; None where that depends."""
    difference = moment.form(a, later=False).plus(moment.form(b, later=False), -1)

    def at_least(form: Affine, bound: int) -> bool:
        least = moment.least(form)
        return least is not None and least >= bound

    above, below = difference, difference.scaled(-1)
    match op:
        case "-":
            return None if difference.terms else integer(difference.constant)
        case "min" | "max":
            first, second = (above, below) if op == "max" else (below, above)
            return a if at_least(first, 0) else b if at_least(second, 0) else None
        case ">" | ">=" | "<" | "<=":
            more, less = (above, below) if op[0] == ">" else (below, above)
            strict = int(len(op) == 1)
            return TRUE if at_least(more, strict) else FALSE if at_least(less, 1 - strict) else None
        case "==" | "!=":
            if not difference.terms and not difference.constant:
                return TRUE if op == "==" else FALSE
            apart = at_least(above, 1) or at_least(below, 1)
            return (FALSE if op == "==" else TRUE) if apart else None
        case _:
            return None

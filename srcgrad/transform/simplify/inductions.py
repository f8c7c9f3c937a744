"""Counters that a loop steps by a constant, or by what grows by a constant, as functions of the loop's index.

Then they need no tape. M. P. Gerlek, E. Stoltz, M. Wolfe, Beyond induction variables (1995), for sums up to the second
order: the position in a packed triangle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from srcgrad.ir.nodes import Assign, Atom, Block, Carried, Const, For, Function, If, Stmt, Var, While, integer
from srcgrad.ir.types import INT64
from srcgrad.ir.walk import with_values
from srcgrad.transform.analysis.affine import Affine, Iterations, Symbol
from srcgrad.transform.analysis.places import Places, find_places
from srcgrad.transform.build import Builder

Moved = Callable[[Builder, Atom, Atom], Atom]  # a counter after so many iterations, from its first value
Rule = Callable[[For, Carried], Moved | None]
Step = Callable[[Places], Rule]


def eliminate_inductions(function: Function) -> Function:
    """Replace integers that each iteration of a `for` loop changes by a constant.

    >>> from srcgrad.ir.nodes import ONE, ZERO
    >>> n, i, p, q, r = (Var(h, INT64) for h in "nipqr")
    >>> loop = For(i, ZERO, n, ONE, (Carried(p, ZERO, q, r),), (Assign(q, "+", (p, ONE)),))
    >>> eliminate_inductions(Function("f", (n,), (loop,), (r,), ())).body[0].carried
    ()
    """
    for step in (_constant_step, _linear_step):
        function = _eliminated(function, step)
    return function


def _eliminated(function: Function, step: Step) -> Function:
    mapping: dict[Var, Atom] = {}
    body = _block(function.body, mapping, step(find_places(function)))
    if not mapping:
        return function
    return with_values(replace(function, body=body), mapping)


def _block(block: Block, mapping: dict[Var, Atom], step: Rule) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                then, orelse = _block(stmt.then, mapping, step), _block(stmt.orelse, mapping, step)
                out.append(replace(stmt, then=then, orelse=orelse))
            case For(exit=None, step=Const(value=1)):
                out += _loop(stmt, mapping, step)
            case For() | While():
                out.append(replace(stmt, body=_block(stmt.body, mapping, step)))
            case _:
                out.append(stmt)
    return tuple(out)


def _loop(loop: For, mapping: dict[Var, Atom], step: Rule) -> list[Stmt]:
    before, after = Builder(), Builder()
    before.algebra = after.algebra = True
    before.loc = after.loc = loop.loc
    kept: list[Carried] = []
    for c in loop.carried:
        moved = step(loop, c) if c.inside.type == INT64 else None
        if moved is None:
            kept.append(c)
            continue
        number = before.op("-", loop.index, loop.start)
        mapping[c.inside] = moved(before, c.init, number)
        trips = after.op("max", after.op("-", loop.stop, loop.start), integer(0))
        mapping[c.result] = moved(after, c.init, trips)
    body = (*before.stack[0], *_block(loop.body, mapping, step))
    return [replace(loop, carried=tuple(kept), body=body), *after.stack[0]]


def _increment(loop: For, carried: Carried) -> tuple[int, Atom] | None:
    """What each iteration adds to a counter, and its sign."""
    for stmt in loop.body:
        if isinstance(stmt, Assign) and stmt.target is carried.next and stmt.op in ("+", "-"):
            if stmt.args[0] is carried.inside and stmt.args[1].type == INT64:
                return (1 if stmt.op == "+" else -1), stmt.args[1]
    return None


def _constant_step(places: Places) -> Rule:
    """Counters that each iteration changes by the same constant."""
    del places

    def rule(loop: For, carried: Carried) -> Moved | None:
        found = _increment(loop, carried)
        if found is None or not isinstance(found[1], Const):
            return None
        by = integer(found[0] * found[1].value)
        return lambda build, init, trips: build.op("+", init, build.op("*", trips, by))

    return rule


def _linear_step(places: Places) -> Rule:
    """Counters that each iteration changes by a constant multiple of the index and by what is known before the loop."""
    bounds = Iterations(places, [], None)

    def form(atom: Atom) -> Affine:
        stmt = places.home.get(atom) if isinstance(atom, Var) else None
        if isinstance(stmt, Assign) and stmt.op == "max" and stmt.args[1] == integer(0):
            inner = bounds.form(stmt.args[0], later=False)
            least = bounds.least(inner)
            if least is not None and least >= 0:
                return inner
        return bounds.form(atom, later=False)

    def rule(loop: For, carried: Carried) -> Moved | None:
        found = _increment(loop, carried)
        if found is None:
            return None
        sign, by = found
        (body,) = places.sides[loop]
        terms = form(by).scaled(sign)
        slope = dict(terms.terms).get(Symbol(loop.index), 0)
        rest = terms.plus(Affine(0, ((Symbol(loop.index), 1),)), -slope)
        if any(places.of[s.var].within(body) for s, _ in rest.terms):
            return None

        def moved(build: Builder, init: Atom, trips: Atom) -> Atom:
            each: Atom = integer(rest.constant)
            for s, n in rest.terms:
                each = build.op("+", each, build.op("*", s.var, integer(n)))
            each = build.op("+", each, build.op("*", loop.start, integer(slope)))
            total = build.op("+", init, build.op("*", trips, each))
            pairs = build.op("//", build.op("*", trips, build.op("-", trips, integer(1))), integer(2))
            return build.op("+", total, build.op("*", pairs, integer(slope)))

        return moved

    return rule

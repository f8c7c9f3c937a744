"""Counters that a loop steps by a constant, as functions of the loop's index: they need no tape."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Assign, Atom, Block, Carried, Const, For, Function, If, Stmt, Var, While, integer
from srcgrad.ir.types import INT64
from srcgrad.ir.walk import map_tree, substitute
from srcgrad.transform.build import Builder


def eliminate_inductions(function: Function) -> Function:
    """Replace integers that each iteration of a `for` loop changes by a constant.

    >>> from srcgrad.ir.nodes import ONE, ZERO
    >>> n, i, p, q, r = (Var(h, INT64) for h in "nipqr")
    >>> loop = For(i, ZERO, n, ONE, (Carried(p, ZERO, q, r),), (Assign(q, "+", (p, ONE)),))
    >>> eliminate_inductions(Function("f", (n,), (loop,), (r,), ())).body[0].carried
    ()
    """
    mapping: dict[Var, Atom] = {}
    body = _block(function.body, mapping)
    if not mapping:
        return function
    resolved = {v: _final(a, mapping) for v, a in mapping.items()}
    results = map_tree(lambda a: resolved.get(a, a) if isinstance(a, Var) else a, function.results)
    return replace(function, body=substitute(body, resolved), results=results)


def _final(atom: Atom, mapping: dict[Var, Atom]) -> Atom:
    while isinstance(atom, Var) and atom in mapping:
        atom = mapping[atom]
    return atom


def _block(block: Block, mapping: dict[Var, Atom]) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                then, orelse = _block(stmt.then, mapping), _block(stmt.orelse, mapping)
                out.append(replace(stmt, then=then, orelse=orelse))
            case For(exit=None, step=Const(value=1)):
                out += _loop(stmt, mapping)
            case For() | While():
                out.append(replace(stmt, body=_block(stmt.body, mapping)))
            case _:
                out.append(stmt)
    return tuple(out)


def _loop(loop: For, mapping: dict[Var, Atom]) -> list[Stmt]:
    steps = {s.target: s for s in loop.body if isinstance(s, Assign) and s.op in ("+", "-")}
    before, after = Builder(), Builder()
    before.algebra = after.algebra = True
    before.loc = after.loc = loop.loc
    kept: list[Carried] = []
    for c in loop.carried:
        by = _step(c, steps.get(c.next) if isinstance(c.next, Var) else None)
        if by is None:
            kept.append(c)
            continue
        number = before.op("-", loop.index, loop.start)
        mapping[c.inside] = before.op("+", c.init, before.op("*", number, integer(by)))
        trips = after.op("max", after.op("-", loop.stop, loop.start), integer(0))
        mapping[c.result] = after.op("+", c.init, after.op("*", trips, integer(by)))
    body = (*before.stack[0], *_block(loop.body, mapping))
    return [replace(loop, carried=tuple(kept), body=body), *after.stack[0]]


def _step(carried: Carried, stmt: Assign | None) -> int | None:
    """The constant that each iteration adds."""
    if stmt is None or carried.inside.type != INT64 or stmt.args[0] is not carried.inside:
        return None
    by = stmt.args[1]
    if not (isinstance(by, Const) and by.type == INT64):
        return None
    return by.value if stmt.op == "+" else -by.value

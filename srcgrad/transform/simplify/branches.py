"""Branches on the same condition become one, so that the later one finds what the earlier one has computed.

    if i < n:                                  if i < n:
        y[i] = f(x[i])                             y[i] = f(x[i])
    if i < n:                      ->              bx[i] += by[i] * df(x[i])
        bx[i] += by[i] * df(x[i])

A loop fused with its reverse has such pairs.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Atom, Block, Const, For, Function, If, Result, Stmt, Undef, Var, While
from srcgrad.ir.walk import substitute, with_values
from srcgrad.transform.simplify.fuse import Fuser

WINDOW = 40  # how many statements ahead a partner is looked for


def merge_branches(function: Function) -> Function:
    """Merge branches on the same condition in a block, where the later one can run right after the earlier one."""
    mapping: dict[Var, Atom] = {}  # results that are others
    body = _distinct(_Merger(function).block(function.body), mapping)
    return with_values(replace(function, body=body), mapping)


class _Merger:
    def __init__(self, function: Function) -> None:
        self.fuser = Fuser(function)

    def block(self, block: Block) -> Block:
        work = [self.inside(s) for s in block]
        k = 0
        while k < len(work):
            first = work[k]
            partner = self.partner(work, k) if isinstance(first, If) and isinstance(first.cond, Var) else None
            if partner is None:
                k += 1
                continue
            second = work.pop(partner)
            assert isinstance(first, If)
            assert isinstance(second, If)
            work[k] = self.merged(first, second)
        return tuple(work)

    def inside(self, stmt: Stmt) -> Stmt:
        if isinstance(stmt, If):
            return replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse))
        return replace(stmt, body=self.block(stmt.body)) if isinstance(stmt, For | While) else stmt

    def partner(self, work: list[Stmt], k: int) -> int | None:
        """Where the next branch on the same condition is, if it can run right after this one."""
        first = work[k]
        assert isinstance(first, If)
        for m in range(k + 1, min(k + 1 + WINDOW, len(work))):
            second = work[m]
            if isinstance(second, If) and second.cond is first.cond:
                fits = not self.fuser.summary(second).effects
                return m if fits and all(self.fuser.commute(s, second) for s in work[k + 1 : m]) else None
        return None

    def merged(self, first: If, second: If) -> If:
        """Both, one after the other; what the first one defines is known on each side of the second one."""

        def at(atom: Atom, way: dict[Var, Atom]) -> Atom:
            return way.get(atom, atom) if isinstance(atom, Var) else atom

        ways = ({r.var: r.then for r in first.results}, {r.var: r.orelse for r in first.results})
        then, orelse = (substitute(b, way) for b, way in zip((second.then, second.orelse), ways, strict=True))
        following = [Result(r.var, at(r.then, ways[0]), at(r.orelse, ways[1])) for r in second.results]
        return replace(
            first, then=self.block((*first.then, *then)), orelse=self.block((*first.orelse, *orelse)),
            results=(*first.results, *following),
        )  # fmt: skip


def _distinct(block: Block, mapping: dict[Var, Atom]) -> Block:
    """A block whose branches define no result that is the same as another; `mapping` gets what stands for those."""
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                then, orelse = _distinct(stmt.then, mapping), _distinct(stmt.orelse, mapping)
                known: dict[tuple, Var] = {}
                kept: list[Result] = []
                for r in stmt.results:
                    key = (_key(r.then, mapping), _key(r.orelse, mapping), r.var.type)
                    if key in known:
                        mapping[r.var] = known[key]
                    else:
                        known[key] = r.var
                        kept.append(r)
                out.append(replace(stmt, then=then, orelse=orelse, results=tuple(kept)))
            case For() | While():
                out.append(replace(stmt, body=_distinct(stmt.body, mapping)))
            case _:
                out.append(stmt)
    return tuple(out)


def _key(atom: Atom, mapping: dict[Var, Atom]) -> object:
    """What tells atoms apart: 0.0 and -0.0 are equal, and not the same."""
    return (type(atom), repr(atom), atom.type) if isinstance(atom, Const | Undef) else mapping.get(atom, atom)

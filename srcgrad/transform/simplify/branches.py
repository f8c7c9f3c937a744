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
from srcgrad.ir.walk import map_tree, substitute
from srcgrad.transform.simplify.fuse import Fuser

WINDOW = 40  # how many statements ahead a partner is looked for


def merge_branches(function: Function) -> Function:
    """Merge branches on the same condition in a block, where the later one can run right after the earlier one."""
    merger = _Merger(function)
    body = merger.block(function.body)
    mapping = merger.mapping
    results = map_tree(lambda a: mapping.get(a, a) if isinstance(a, Var) else a, function.results)
    return replace(function, body=substitute(body, mapping), results=results)


class _Merger:
    def __init__(self, function: Function) -> None:
        self.fuser = Fuser(function)
        self.mapping: dict[Var, Atom] = {}  # results that are others

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
            then, orelse = self.block(stmt.then), self.block(stmt.orelse)
            return replace(stmt, then=then, orelse=orelse, results=self.distinct(stmt.results))
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
        results = self.distinct((*first.results, *following))
        return replace(
            first, then=self.block((*first.then, *then)), orelse=self.block((*first.orelse, *orelse)), results=results
        )  # fmt: skip

    def distinct(self, results: tuple[Result, ...]) -> tuple[Result, ...]:
        """Results without those that are the same as others."""
        known: dict[tuple, Var] = {}
        out: list[Result] = []
        for r in results:
            key = (_key(r.then), _key(r.orelse), r.var.type)
            if key in known:
                self.mapping[r.var] = known[key]
            else:
                known[key] = r.var
                out.append(r)
        return tuple(out)


def _key(atom: Atom) -> object:
    """What tells atoms apart: 0.0 and -0.0 are equal, and not the same."""
    return (type(atom), repr(atom), atom.type) if isinstance(atom, Const | Undef) else atom

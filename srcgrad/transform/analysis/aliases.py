"""Which arrays a handle can stand for: a may-points-to analysis over SSA handles."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.nodes import (
    Alloc,
    Block,
    For,
    Function,
    If,
    ListAppend,
    ListGet,
    ListNew,
    Reserve,
    Stmt,
    Var,
    View,
    While,
)  # fmt: skip
from srcgrad.ir.types import Array, HandleList
from srcgrad.ir.walk import statements
from srcgrad.transform.analysis.rotations import find_rotation


@dataclass(frozen=True)
class Aliases:
    """Result of `find_aliases`.

    Attributes:
        bases: for each handle the arrays that it can show: parameters, or targets of `Alloc` and `Reserve`.
        merged: handles that a branch or loop chooses among several, with the handles that flow into them.
        family: for each base, the bases that handles share with it, by way of merged handles; a family either has
            adjoints as a whole or not at all.
        turns: for handles that a loop carries in turns (`u, v = v, u`), and views of them, the loop, whether it is past
            and which handle, where the arrays are different ones before the loop: then so they are at any moment.
    """

    bases: dict[Var, frozenset[Var]]
    merged: dict[Var, tuple[Var, ...]]
    family: dict[Var, frozenset[Var]]
    turns: dict[Var, tuple[Stmt, bool, Var]] = field(default_factory=dict)

    def may_overlap(self, a: Var, b: Var) -> bool:
        """Whether two handles can show the same memory."""
        return bool(self.bases[a] & self.bases[b])

    def may_meet(self, a: Var, b: Var) -> bool:
        """The same, at one moment: nothing is said of what they show in different iterations of the loops around."""
        one, other = self.turns.get(a), self.turns.get(b)
        if one is not None and other is not None and one[:2] == other[:2] and one[2] is not other[2]:
            return False
        return self.may_overlap(a, b)

    def chosen(self, handle: Var) -> bool:
        """Whether the arrays of `handle` take part in a choice, so that its identity is known only at run time."""
        return any(base in self.chosen_bases for base in self.bases[handle])

    @property
    def chosen_bases(self) -> frozenset[Var]:
        return frozenset(b for h in self.merged for b in self.bases[h])


def find_aliases(function: Function) -> Aliases:
    """The arrays that each handle of `function` can show."""
    return aliases_of(function.body, function.params)


def aliases_of(body: Block, params: tuple[Var, ...]) -> Aliases:
    flows: dict[Var, list[Var]] = {}
    bases: dict[Var, set[Var]] = {p: {p} for p in params if isinstance(p.type, Array)}
    merged: dict[Var, tuple[Var, ...]] = {}

    def flow(target: Var, *sources: object) -> None:
        bases.setdefault(target, set())
        flows.setdefault(target, []).extend(s for s in sources if isinstance(s, Var))

    for stmt in statements(body):
        match stmt:
            case Alloc():
                bases.setdefault(stmt.target, set()).add(stmt.target)
            case Reserve():
                flow(stmt.target, stmt.base)
                bases[stmt.target].add(stmt.target)
            case View():
                flow(stmt.target, stmt.base)
            case ListNew():
                flow(stmt.target, *stmt.items)
            case ListAppend():
                flow(stmt.list, stmt.item)
            case ListGet():
                flow(stmt.target, stmt.list)
            case If():
                for r in stmt.results:
                    if isinstance(r.var.type, Array | HandleList):
                        flow(r.var, r.then, r.orelse)
                        merged[r.var] = tuple(a for a in (r.then, r.orelse) if isinstance(a, Var))
            case For() | While():
                for c in stmt.carried:
                    if isinstance(c.inside.type, Array | HandleList):
                        flow(c.inside, c.init, c.next)
                        flow(c.result, c.init, c.next)
                        sources = tuple(a for a in (c.init, c.next) if isinstance(a, Var))
                        merged[c.inside] = merged[c.result] = sources
    _close(bases, flows)
    frozen = {v: frozenset(b) for v, b in bases.items()}
    return Aliases(frozen, merged, _families(frozen, merged), _turns(body, frozen))


def _turns(body: Block, bases: dict[Var, frozenset[Var]]) -> dict[Var, tuple[Stmt, bool, Var]]:
    turns: dict[Var, tuple[Stmt, bool, Var]] = {}
    for stmt in statements(body):
        if isinstance(stmt, View) and stmt.base in turns:
            turns[stmt.target] = turns[stmt.base]
        elif isinstance(stmt, For | While):
            rotation = find_rotation(stmt)
            first = [bases.get(c.init, frozenset()) if isinstance(c.init, Var) else frozenset() for c in rotation]
            apart = all(first) and len(frozenset().union(*first)) == sum(map(len, first))
            for c in rotation:
                if apart or c.apart:
                    turns[c.inside], turns[c.result] = (stmt, False, c.inside), (stmt, True, c.inside)
    return turns


def _close(bases: dict[Var, set[Var]], flows: dict[Var, list[Var]]) -> None:
    changed = True
    while changed:
        changed = False
        for target, sources in flows.items():
            before = len(bases[target])
            for source in sources:
                bases[target] |= bases.get(source, set())
            changed |= len(bases[target]) > before


def _families(bases: dict[Var, frozenset[Var]], merged: dict[Var, tuple[Var, ...]]) -> dict[Var, frozenset[Var]]:
    family: dict[Var, set[Var]] = {b: {b} for bs in bases.values() for b in bs}
    for handle in (*merged, *bases):
        members = set().union(*(family[b] for b in bases[handle])) if bases[handle] else set()
        for b in members:
            family[b] = members
    return {b: frozenset(members) for b, members in family.items()}

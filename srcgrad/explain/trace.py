"""What simplification did to loops and tapes, seen from outside: the function before and after each stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from srcgrad.ir.nodes import Alloc, For, Function, Increment, Stmt, Store, Var
from srcgrad.ir.walk import defined, introduced, statements


@dataclass(eq=False)
class Trace:
    """Watches stages; a loop is known by its index, which no stage but fusion takes away from one that stays.

    Attributes:
        loops: the loops seen, by index, each as it was first seen.
        into: for the index of each loop that was fused with an earlier one, the index of that.
        smaller: for tapes that lost an axis, what they became.
    """

    loops: dict[Var, For] = field(default_factory=dict)
    into: dict[Var, Var] = field(default_factory=dict)
    smaller: dict[Var, Var] = field(default_factory=dict)

    def __call__(self, stage: str, before: Function, after: Function) -> None:
        """See one stage."""
        for loop in _loops(before):
            self.loops.setdefault(loop.index, loop)
        if stage == "fuse_loops":
            self._fused(before, after)
        elif stage == "contract_tapes":
            pairs = zip(_tapes(before), _tapes(after), strict=True)
            self.smaller.update({a: b for a, b in pairs if a is not b})

    def _fused(self, before: Function, after: Function) -> None:
        kept = {loop.index: loop for loop in _loops(after)}
        owner = {mark: index for index, loop in kept.items() for mark in _marks(loop)}
        for loop in _loops(before):
            if loop.index not in kept:
                found = [owner[m] for m in _marks(loop) if m in owner]
                if found:
                    self.into[loop.index] = found[0]

    def root(self, index: Var) -> Var:
        """The index of the loop that the loop of this index ended up in."""
        while index in self.into:
            index = self.into[index]
        return index

    def tape(self, tape: Var) -> Var:
        """What became of a tape."""
        while tape in self.smaller:
            tape = self.smaller[tape]
        return tape


def _loops(function: Function) -> Iterator[For]:
    return (s for s in statements(function.body) if isinstance(s, For))


def _tapes(function: Function) -> Iterator[Var]:
    return (s.target for s in statements(function.body) if isinstance(s, Alloc) and s.tape)


def _marks(loop: For) -> Iterator[object]:
    """What tells the loop that holds these statements, before and after another one's have joined them."""
    for c in loop.carried:
        yield from (c.inside, c.result)
    for stmt in loop.body:
        yield from defined(stmt)
        yield from introduced(stmt)
        if isinstance(stmt, Store | Increment):
            yield _access(stmt)


def _access(stmt: Stmt) -> object:
    """A write, by its location and array: substitution of the index makes a new statement of it."""
    assert isinstance(stmt, Store | Increment)
    return type(stmt), stmt.array, stmt.loc

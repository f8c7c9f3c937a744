"""Copies of whole arrays that need not be made: what is read from a copy is still in the array itself.

    for i in range(8):
        tape[i] = tile[i]              ->
    for i in range(8):                         for i in range(8):
        s += tape[i] * tape[i]                     s += tile[i] * tile[i]

Fusion of a loop with its reverse leaves such copies: what was saved for the reverse is read in the same iteration.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Alloc, Block, Const, For, Function, If, Increment, Load, Stmt, Store, Var, While, flatten
from srcgrad.ir.walk import blocks, defined, operands, rebuilt, statements, yields
from srcgrad.transform.analysis.aliases import Aliases, find_aliases


def forward_copies(function: Function) -> Function:
    """Read from arrays instead of tapes that are copies of them, where those are filled and read in one block."""
    forwarder = _Forwarder(function)
    return replace(function, body=forwarder.block(function.body))


class _Forwarder:
    def __init__(self, function: Function) -> None:
        self.aliases: Aliases = find_aliases(function)
        self.uses: dict[Var, list[Stmt]] = {}
        self.allocs: dict[Var, Alloc] = {}
        for stmt in statements(function.body):
            if isinstance(stmt, Alloc):
                self.allocs[stmt.target] = stmt
            for atom in (*operands(stmt), *yields(stmt)):
                if isinstance(atom, Var):
                    self.uses.setdefault(atom, []).append(stmt)
        self.leaving = set(flatten(function.results))

    def block(self, block: Block) -> Block:
        found = next((f for k, s in enumerate(block) if (f := self.copied(block, k, s)) is not None), None)
        while found is not None:
            block = found
            found = next((f for k, s in enumerate(block) if (f := self.copied(block, k, s)) is not None), None)
        return tuple(self.inside(s) for s in block)

    def inside(self, stmt: Stmt) -> Stmt:
        if isinstance(stmt, If):
            return replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse))
        return replace(stmt, body=self.block(stmt.body)) if isinstance(stmt, For | While) else stmt

    def copied(self, block: Block, k: int, stmt: Stmt) -> Block | None:
        """The block without a copy that a statement in it makes, where what reads the copy can do without."""
        for store in _innermost(stmt):
            load = self.source(stmt, store)
            if load is not None:
                later = block[k + 1 :]
                fits = self.is_read_in(later, store.array)
                if fits and not self.is_overwritten(block[k:], store.array, load.array):
                    kept = _without(stmt, store)
                    return (*block[:k], *kept, *_redirected(later, store.array, load.array))
        return None

    def source(self, stmt: Stmt, store: Store) -> Load | None:
        """What a nest of loops stores, if it fills a whole tape with the elements of another array."""
        tape = self.allocs.get(store.array)
        if tape is None or not tape.tape or store.array in self.leaving:
            return None
        loops: list[For] = []
        inner = stmt
        while isinstance(inner, For):
            loops.append(inner)
            inner = inner.body[0]
        found = [s for s in loops[-1].body if isinstance(s, Load) and s.target is store.value] if loops else []
        if len(found) != 1 or found[0].index != store.index or found[0].array is store.array:
            return None
        if any(found[0].array in defined(s) for s in statements((stmt,))):
            return None  # a view, which may be another one in each iteration
        whole = len(loops) == len(store.index) and all(
            loop.index is i and loop.start == Const(0, loop.start.type) and loop.step == Const(1, loop.step.type)
            and (loop.stop is n or (isinstance(n, Const) and loop.stop == n))
            for loop, i, n in zip(loops, store.index, tape.shape, strict=True)
        )  # fmt: skip
        return found[0] if whole and len(self.aliases.bases[found[0].array]) == 1 else None

    def is_read_in(self, later: Block, tape: Var) -> bool:
        """Whether all else that is done with a tape is to read its elements in these statements, from its start."""
        inside = set(statements(later))
        loads = [s for s in self.uses[tape] if s in inside and isinstance(s, Load)]
        others = [s for s in self.uses[tape] if s not in loads]
        from_end = any(isinstance(i, Const) and i.value < 0 for s in loads for i in s.index)
        return not from_end and len(others) == 1 and isinstance(others[0], Store)

    def is_overwritten(self, block: Block, tape: Var, array: Var) -> bool:
        """Whether the array is written from the copy, which `block` starts with, to the last read from it."""
        loads = {s for s in self.uses[tape] if isinstance(s, Load)}
        last = max((k for k, s in enumerate(block) if not loads.isdisjoint(statements((s,)))), default=0)
        written = (s for s in statements(block[: last + 1]) if not isinstance(s, Load | For | If | While | Alloc))
        return any(
            isinstance(a, Var) and a in self.aliases.bases and self.aliases.may_overlap(a, array)
            for s in written for a in (operands(s)[:1] if isinstance(s, Store | Increment) else operands(s))
        )  # fmt: skip


def _innermost(stmt: Stmt) -> list[Store]:
    """The stores in the innermost body of a perfect nest of loops."""
    while isinstance(stmt, For) and len(stmt.body) == 1 and isinstance(stmt.body[0], For):
        stmt = stmt.body[0]
    plain = isinstance(stmt, For) and not stmt.carried and stmt.exit is None and not any(blocks(s) for s in stmt.body)
    return [s for s in stmt.body if isinstance(s, Store)] if plain else []  # type: ignore[attr-defined]


def _without(stmt: Stmt, store: Store) -> tuple[Stmt, ...]:
    """A nest without a store, if anything else is stored there."""
    if len([s for s in statements((stmt,)) if isinstance(s, Store | Increment)]) == 1:
        return ()

    def left(s: Stmt) -> Stmt:
        return replace(s, body=tuple(left(i) for i in s.body if i is not store)) if isinstance(s, For) else s

    return (left(stmt),)


def _redirected(block: Block, tape: Var, array: Var) -> Block:
    def change(stmt: Stmt) -> Stmt:
        return replace(stmt, array=array) if isinstance(stmt, Load) and stmt.array is tape else stmt

    return rebuilt(block, change)

"""Tapes that grow while an iteration runs, on a GPU, where nothing can grow: how much they need is counted before.

    for i in prange(n):                          needed = device.zeros(1, np.int64)
        tape = np.empty(64)                      counting[device.grid(n)](n, x, needed)
        while ...:                     ->        tapes = device.empty((needed[0], threads))
            tape = reserve(tape, top + 1)        kernel[device.grid(n)](n, x, bx, tapes)
            tape[top] = y

The counting kernel is the loop without all that it writes, so it can run before the loop without a trace.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    ZERO,
    Alloc,
    Block,
    Call,
    For,
    Function,
    If,
    Increment,
    Load,
    Reserve,
    Stmt,
    Store,
    Var,
    View,
    While,
)
from srcgrad.ir.walk import arrays_written, free, rebuilt, statements
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.build import Builder
from srcgrad.transform.simplify import eliminate_dead_code


class Growth:
    """The growing tapes of a loop.

    Attributes:
        tapes: the allocations that they start as.
    """

    def __init__(self, loop: For, aliases: Aliases) -> None:
        self.loop, self.aliases = loop, aliases
        inside = list(statements(loop.body))
        grown = {b for s in inside if isinstance(s, Reserve) for b in aliases.bases[s.base]}
        self.tapes = frozenset(s.target for s in inside if isinstance(s, Alloc) and s.target in grown)

    def counting(self, most: Var) -> For | None:
        """The loop as one that raises `most[0]` to the greatest size that a tape takes; None where it cannot be had."""
        loop = replace(self.loop, carried=(), body=self._counting(self.loop.body, most))
        bare = eliminate_dead_code(Function("counting", tuple(free((loop,))), (loop,), (), ()))
        written = {a for s in statements(self.loop.body) for a in arrays_written(s)}
        for s in statements(bare.body):
            if isinstance(s, Call):
                return None
            if isinstance(s, Load) and s.array is not most:
                if any(self.aliases.may_overlap(s.array, w) for w in written):
                    return None
        (found,) = bare.body
        assert isinstance(found, For)
        return found

    def _counting(self, block: Block, most: Var) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case Store() | Increment():
                    continue
                case Reserve():
                    build = Builder()
                    build.loc = stmt.loc
                    build.store(most, (ZERO,), build.op("max", build.load(most, (ZERO,)), stmt.size))
                    out += [*build.stack[0], View(stmt.target, stmt.base, "same", loc=stmt.loc)]
                case For() | While():
                    out.append(replace(stmt, body=self._counting(stmt.body, most)))
                case If():
                    sides = {"then": self._counting(stmt.then, most), "orelse": self._counting(stmt.orelse, most)}
                    out.append(replace(stmt, **sides))
                case _:
                    out.append(stmt)
        return tuple(out)


def settled(block: Block) -> Block:
    """A block in which tapes have the room that they need."""

    def change(stmt: Stmt) -> Stmt:
        return View(stmt.target, stmt.base, "same", loc=stmt.loc) if isinstance(stmt, Reserve) else stmt

    return rebuilt(block, change)

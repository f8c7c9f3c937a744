"""Count the trips of loops whose number is not known when they start, for the reverse sweep to run as many."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Assign,
    Atom,
    Block,
    Carried,
    For,
    Function,
    If,
    Loop,
    Stmt,
    Var,
    While,
)  # fmt: skip
from srcgrad.ir.types import INT64


def count_trips(function: Function) -> tuple[Function, dict[Var, Var]]:
    """Give each `while` loop, and each `for` loop with an exit, a carried trip count.

    Returns:
        The function, and for the count inside each such loop the count after it. `trip_count` finds it again.
    """
    counts: dict[Var, Var] = {}
    return replace(function, body=_block(function.body, counts)), counts


def _block(block: Block, counts: dict[Var, Var]) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                out.append(replace(stmt, then=_block(stmt.then, counts), orelse=_block(stmt.orelse, counts)))
            case For(exit=None):
                out.append(replace(stmt, body=_block(stmt.body, counts)))
            case For() | While():
                inside, after, result = Var("trips", INT64), Var("", INT64), Var("trips", INT64)
                step = Assign(after, "+", (inside, ONE), loc=stmt.loc)
                counts[inside] = result
                carried = (*stmt.carried, Carried(inside, ZERO, after, result))
                out.append(replace(stmt, carried=carried, body=(*_block(stmt.body, counts), step)))
            case _:
                out.append(stmt)
    return tuple(out)


def trip_count(loop: Loop, counts: dict[Var, Var]) -> Atom | None:
    """The var that holds the trip count of `loop` after it, if it has one."""
    return next((counts[c.inside] for c in loop.carried if c.inside in counts), None)

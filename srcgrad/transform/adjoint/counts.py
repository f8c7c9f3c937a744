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
    Const,
    For,
    Function,
    If,
    Loop,
    Stmt,
    Var,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64
from srcgrad.transform.build import Builder


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


def iteration_number(build: Builder, index: Atom, start: Atom, step: Atom) -> Atom:
    """`(index - start) // step`."""
    if isinstance(step, Const) and step.value == -1:
        return build.op("-", start, index)
    offset = index if start == ZERO else build.op("-", index, start)
    return offset if step == ONE else build.op("//", offset, step)


def trips(build: Builder, start: Atom, stop: Atom, step: Atom) -> Atom:
    """`len(range(start, stop, step))`."""
    if isinstance(step, Const) and step.value == -1:
        start, stop, step = stop, start, ONE
    span = stop if start == ZERO else build.op("-", stop, start)
    if step != ONE:
        span = build.op("neg", build.op("//", build.op("neg", span), step))  # rounded up, also for a negative step
    if isinstance(span, Const):
        return integer(max(span.value, 0))
    if isinstance(span, Var) and span in build.definitions and build.definitions[span].op == "shape":
        return span  # a size is not negative
    return build.op("max", span, ZERO)

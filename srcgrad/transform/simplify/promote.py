"""Scalar replacement: what a loop adds to one element of an array is added up in a number first.

S. Carr, K. Kennedy, Scalar replacement in the presence of conditional control flow (1994).
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    ONE,
    Assign,
    Atom,
    Block,
    Call,
    Carried,
    Const,
    For,
    Function,
    If,
    Increment,
    Library,
    Load,
    Stmt,
    Store,
    Var,
    While,
    number,
)  # fmt: skip
from srcgrad.ir.types import BOOL, Array
from srcgrad.ir.walk import defined, introduced, statements
from srcgrad.transform.analysis.aliases import Aliases, find_aliases


def promote_sums(function: Function) -> Function:
    """Let innermost loops add to elements that are the same in all their iterations once, at their end."""
    return replace(function, body=_block(function.body, find_aliases(function)))


def _block(block: Block, aliases: Aliases) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                out.append(replace(stmt, then=_block(stmt.then, aliases), orelse=_block(stmt.orelse, aliases)))
            case For(exit=None, step=Const(value=1 | -1)) if not _has_loops(stmt):
                out += _promoted(stmt, aliases)
            case For() | While():
                out.append(replace(stmt, body=_block(stmt.body, aliases)))
            case _:
                out.append(stmt)
    return tuple(out)


def _has_loops(stmt: For) -> bool:
    return any(isinstance(s, For | While | Call | Library) for s in statements(stmt.body))


def _promoted(loop: For, aliases: Aliases) -> list[Stmt]:
    inside = list(statements(loop.body))
    own = {v for s in (loop, *inside) for v in introduced(s)} | {v for s in inside for v in defined(s)}
    accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
    body: list[Stmt] = []
    carried, sums = list(loop.carried), []
    for stmt in loop.body:
        if not (isinstance(stmt, Increment) and _is_fixed(stmt, own) and _is_alone(stmt, accesses, aliases)):
            body.append(stmt)
            continue
        assert isinstance(stmt.array.type, Array)
        item = stmt.array.type.item
        inside_var, after, total = (Var(stmt.array.hint, item) for _ in range(3))
        body.append(Assign(after, "+", (inside_var, stmt.value), loc=stmt.loc))
        carried.append(Carried(inside_var, number(0.0, item), after, total))
        sums.append(replace(stmt, value=total))
    if not sums:
        return [loop]
    runs = Var("", BOOL)
    first, last = (loop.start, loop.stop) if loop.step == ONE else (loop.stop, loop.start)
    added = replace(loop, carried=tuple(carried), body=tuple(body))
    if isinstance(first, Const) and isinstance(last, Const):
        return [added, *sums] if first.value < last.value else [added]
    return [
        added,
        Assign(runs, "<", (first, last), loc=loop.loc),
        If(runs, tuple(sums), (), loc=loop.loc),  # an element that no iteration adds to may not exist
    ]


def _is_fixed(stmt: Increment, own: set[Var]) -> bool:
    atoms: tuple[Atom, ...] = (stmt.array, *stmt.index)
    fits = isinstance(stmt.array.type, Array) and stmt.value.type == stmt.array.type.item
    return fits and not any(a in own for a in atoms if isinstance(a, Var))


def _is_alone(stmt: Increment, accesses: list, aliases: Aliases) -> bool:
    """Whether nothing else in the loop addresses the array."""
    return not any(s is not stmt and aliases.may_overlap(s.array, stmt.array) for s in accesses)

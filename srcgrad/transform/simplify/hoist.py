"""Loop-invariant code motion, for sizes and indices."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Assign, Block, Const, For, Function, If, Stmt, Undef, Var, While
from srcgrad.ir.types import is_integer
from srcgrad.ir.walk import defined, introduced, statements

CHEAP = ("+", "-", "*", "min", "max", "neg", "shape")


def hoist_invariants(function: Function) -> Function:
    """Move integer arithmetic on values from outside a loop to before it, so that bounds are known where a nest starts.

    Integer arithmetic cannot fail, so it may run also where the loop makes no trip.

    >>> from srcgrad.ir.nodes import ONE, ZERO, integer
    >>> from srcgrad.ir.types import INT64
    >>> n, m, i = (Var(h, INT64) for h in "nmi")
    >>> loop = For(i, ZERO, n, ONE, (), (Assign(m, "-", (n, integer(1))),))
    >>> [type(s).__name__ for s in hoist_invariants(Function("f", (n,), (loop,), (), ())).body]
    ['Assign', 'For']
    """
    results = [r for s in statements(function.body) if isinstance(s, If) for r in s.results]
    partial = {r.var for r in results if any(isinstance(a, Undef) for a in (r.then, r.orelse))}
    return replace(function, body=_block(function.body, partial))


def _block(block: Block, partial: set[Var]) -> Block:
    """Hoist in a block; `partial` vars have a value on some paths only, and stay in the branches that read them."""
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                then, first = _split(_block(stmt.then, partial), set(partial))
                orelse, second = _split(_block(stmt.orelse, partial), set(partial))
                out += [*first, *second, replace(stmt, then=then, orelse=orelse)]
            case For() | While():
                body, moved = _split(_block(stmt.body, partial), set(introduced(stmt)))
                out += [*moved, replace(stmt, body=body)]
            case _:
                out.append(stmt)
    return tuple(out)


def _split(block: Block, local: set[Var]) -> tuple[Block, list[Stmt]]:
    """What stays in a block, and what can move before the statement that it belongs to."""
    stays: list[Stmt] = []
    moves: list[Stmt] = []
    for stmt in block:
        if (
            isinstance(stmt, Assign)
            and (stmt.op in CHEAP or _divides_by_constant(stmt))
            and is_integer(stmt.target.type)
            and all(a not in local and (stmt.op == "shape" or is_integer(a.type)) for a in stmt.args)
        ):
            moves.append(stmt)
        else:
            stays.append(stmt)
            local.update(defined(stmt))
    return tuple(stays), moves


def _divides_by_constant(stmt: Assign) -> bool:
    return stmt.op in ("//", "%") and isinstance(stmt.args[1], Const) and stmt.args[1].value != 0

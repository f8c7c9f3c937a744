"""What all threads of a block store alike, one of them stores.

    for t in range(128):                           for t in range(128):
        tape[b] = part[0]              ->              if t == 0:
        ...                                                tape[b] = part[0]

A value that is the same for all threads is saved by all of them in the sequential form of a kernel. On a GPU that would
be a race, if a harmless one.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import ZERO, Assign, Atom, Block, For, Function, If, Increment, Load, Stmt, Store, Var, While
from srcgrad.ir.types import BOOL
from srcgrad.ir.walk import defined, statements
from srcgrad.transform.analysis.aliases import Aliases, find_aliases


def store_once(function: Function) -> Function:
    """Guard the stores in loops over threads of which neither the index nor the value depends on the thread."""
    if not any(isinstance(s, For) and s.axis.startswith("thread.") for s in statements(function.body)):
        return function
    return replace(function, body=_block(function.body, find_aliases(function)))


def _block(block: Block, aliases: Aliases) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case For() if stmt.axis.startswith("thread."):
                out.append(_region(stmt, (), aliases))
            case For() | While():
                out.append(replace(stmt, body=_block(stmt.body, aliases)))
            case If():
                out.append(replace(stmt, then=_block(stmt.then, aliases), orelse=_block(stmt.orelse, aliases)))
            case _:
                out.append(stmt)
    return tuple(out)


def _region(loop: For, around: tuple[For, ...], aliases: Aliases) -> For:
    loops = (*around, loop)
    if loop.body and isinstance(loop.body[-1], For) and loop.body[-1].axis.startswith("thread."):
        return replace(loop, body=(*loop.body[:-1], _region(loop.body[-1], loops, aliases)))
    inside = list(statements(loops[0].body))
    changed = {s.array for s in inside if isinstance(s, Store | Increment)}
    own: set[Atom] = {s.index for s in loops}
    out: list[Stmt] = []
    for stmt in (*(s for outer in around for s in outer.body[:-1]), *loop.body):
        if isinstance(stmt, Assign):
            is_own = any(a in own for a in stmt.args)
        elif isinstance(stmt, Load):
            is_own = any(a in own for a in stmt.index) or any(aliases.may_overlap(stmt.array, c) for c in changed)
        else:
            is_own = True
        if is_own:
            own.update(defined(stmt))
        if stmt not in loop.body:
            continue
        if isinstance(stmt, Store) and not any(a in own for a in (stmt.array, *stmt.index, stmt.value)):
            out += _by_the_first(stmt, loops)
        else:
            out.append(stmt)
    return replace(loop, body=tuple(out))


def _by_the_first(store: Store, loops: tuple[For, ...]) -> list[Stmt]:
    out: list[Stmt] = []
    conds = [Var("", BOOL) for _ in loops]
    for cond, loop in zip(conds, loops, strict=True):
        out.append(Assign(cond, "==", (loop.index, ZERO), loc=store.loc))
    while len(conds) > 1:
        both = Var("", BOOL)
        out.append(Assign(both, "&", (conds.pop(), conds.pop()), loc=store.loc))
        conds.append(both)
    return [*out, If(conds[0], (store,), (), loc=store.loc)]

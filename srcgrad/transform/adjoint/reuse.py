"""Tapes that one turn of a loop after another uses are allocated once, before the loop."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Alloc, Assign, Atom, Stmt, Var
from srcgrad.ir.walk import defined
from srcgrad.transform.build import Builder

SIZES = ("+", "-", "*", "//", "max", "min", "neg", "shape")


def reuse_tapes(build: Builder, before: list[Stmt], longest: dict[Atom, Atom], heads: list[Var]) -> None:
    """Move the allocations of tapes in the block that is open to the block `before` the loops around it.

    Fresh memory costs as much as what is done with it. `longest` gives, for atoms in the loop that the tapes' sizes
    depend on, those outside of it for which the sizes are largest; `heads` are what that loop carries.
    """
    level = next(k for k, block in enumerate(build.stack) if block is before)
    inside = [s for block in build.stack[level + 1 :] for s in block]
    local: dict[Var, Stmt | None] = dict.fromkeys(heads) | {v: s for s in inside for v in defined(s)}
    block = build.stack[-1]
    for k, stmt in enumerate(list(block)):
        if isinstance(stmt, Alloc) and stmt.tape:
            build.stack.append(before)
            known = dict(longest)
            sizes = [_outside(build, n, known, local) for n in stmt.shape]
            build.stack.pop()
            if None not in sizes:
                before.append(replace(stmt, shape=tuple(n for n in sizes if n is not None), tape=False))
                build.home[stmt.target] = before
                block[k] = None  # type: ignore[call-overload]
    block[:] = [s for s in block if s is not None]


def _outside(build: Builder, atom: Atom, known: dict[Atom, Atom], local: dict[Var, Stmt | None]) -> Atom | None:
    """An integer as it is computed outside, or None where it cannot be."""
    if atom in known:
        return known[atom]
    if not isinstance(atom, Var) or atom not in local:
        return atom
    stmt = local[atom]
    if not (isinstance(stmt, Assign) and stmt.op in SIZES):
        return None
    args = [_outside(build, a, known, local) for a in stmt.args]
    if None in args:
        return None
    target = Var(atom.hint, atom.type)
    build.emit(Assign(target, stmt.op, tuple(a for a in args if a is not None), loc=stmt.loc))
    known[atom] = target
    return target

"""What an adjoint need not do of its forward sweep: fill the arrays of the kernel that its reverse does not read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from srcgrad.ir.nodes import Block, Function, Increment, Stmt, Store, Var
from srcgrad.ir.walk import operands, rebuilt, statements
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.written import written_parameters
from srcgrad.transform.simplify import eliminate_dead_code


def without_unread(function: Function, params: Iterable[Var]) -> Function:
    """`function` without stores to those of its parameters that nothing reads once they are gone."""
    aliases = find_aliases(function)
    unread = written_parameters(function) & set(params)
    while unread:
        smaller = eliminate_dead_code(replace(function, body=_without_stores(function.body, unread, aliases)))
        read = {b for s in statements(smaller.body) if not _asks_size(s) for b in _bases(s, aliases)}
        if not unread & read:
            return smaller
        unread -= read
    return function


def _asks_size(stmt: Stmt) -> bool:
    return getattr(stmt, "op", "") == "shape"


def _bases(stmt: Stmt, aliases: Aliases) -> set[Var]:
    return {b for a in operands(stmt) if isinstance(a, Var) for b in aliases.bases.get(a, ())}


def _without_stores(block: Block, arrays: frozenset[Var], aliases: Aliases) -> Block:
    def change(stmt: Stmt) -> Stmt | None:
        return None if isinstance(stmt, Store | Increment) and aliases.bases[stmt.array] <= arrays else stmt

    return rebuilt(block, change)

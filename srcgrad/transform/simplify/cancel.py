"""Adjoints that are taken out of an array and put back.

    b = ba[i]
    ba[i] = 0.0                    ->          b = ba[i]
    ...                                        ...
    ba[i] += b

The reverse of `a[i] = a[i] + ...` leaves that: what is added to the element has the adjoint of the sum.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Atom, Block, Const, For, Function, If, Increment, Load, Stmt, Store, Var, While
from srcgrad.ir.walk import operands, statements
from srcgrad.transform.analysis.aliases import Aliases, find_aliases


def cancel_clears(function: Function) -> Function:
    """Store once what is added to an element that has just been cleared, or not at all where that was there before."""
    return replace(function, body=_block(function.body, find_aliases(function)))


def _block(block: Block, aliases: Aliases) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                out.append(replace(stmt, then=_block(stmt.then, aliases), orelse=_block(stmt.orelse, aliases)))
            case For() | While():
                out.append(replace(stmt, body=_block(stmt.body, aliases)))
            case Increment() if stmt.sharing == "exclusive" and stmt.value.type == stmt.array.type.item:  # type: ignore[union-attr]
                _add(stmt, out, aliases)
            case _:
                out.append(stmt)
    return tuple(out)


def _add(stmt: Increment, out: list[Stmt], aliases: Aliases) -> None:
    """Append an increment to a block, or what it comes to."""
    cleared = next((k for k in reversed(range(len(out))) if _touches(out[k], stmt.array, aliases)), None)
    store = out[cleared] if cleared is not None else None
    if not (isinstance(store, Store) and _same_place(store, stmt) and _is_zero(store.value)):
        out.append(stmt)
        return
    assert cleared is not None
    del out[cleared]
    if not _was_there(stmt, out[:cleared], aliases):
        out.append(Store(stmt.array, stmt.index, stmt.value, loc=stmt.loc))


def _was_there(stmt: Increment, before: list[Stmt], aliases: Aliases) -> bool:
    """Whether a value is what the element held."""
    for earlier in reversed(before):
        if isinstance(earlier, Load) and earlier.target is stmt.value:
            return _same_place(earlier, stmt)
        if _touches(earlier, stmt.array, aliases) and not isinstance(earlier, Load):
            return False
    return False


def _same_place(one: Load | Store | Increment, other: Increment) -> bool:
    return one.array is other.array and one.index == other.index


def _is_zero(value: Atom) -> bool:
    return isinstance(value, Const) and value.value == 0.0


def _touches(stmt: Stmt, array: Var, aliases: Aliases) -> bool:
    """Whether a statement, or one in it, reads or writes memory of an array, or could."""
    for s in statements((stmt,)):
        if isinstance(s, Load | Store | Increment):
            if aliases.may_overlap(s.array, array):
                return True
        elif any(a in aliases.bases and aliases.may_overlap(a, array) for a in operands(s) if isinstance(a, Var)):
            return True
    return False

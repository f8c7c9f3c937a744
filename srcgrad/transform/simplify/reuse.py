"""Arrays made anew in every iteration of a loop, and adjoint buffers before their first and after their last use.

An array that each iteration fills before it reads it is made once, before the loop: the reverse of the privatization of
P. Tu, D. Padua, Automatic array privatization (1993). What is added to zeros first is stored instead, so that adjoint
buffers fill themselves in that sense; and what is cleared last is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from srcgrad.ir.nodes import Alloc, Atom, Block, For, Function, If, Increment, Load, Stmt, Store, Var, While
from srcgrad.ir.walk import blocks, defined, introduced, statements
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.independence import never_negative
from srcgrad.transform.analysis.scratch import Scratch


def reuse_arrays(function: Function) -> Function:
    """Allocate arrays of one iteration once for all iterations; drop zeros that are written and never read."""
    scratch = Scratch(function, find_aliases(function))
    function = replace(function, body=_trimmed(function.body, scratch))
    scratch = Scratch(function, find_aliases(function))
    return replace(function, body=_hoisted(function.body, scratch))


# -- first and last accesses ---------------------------------------------------------------------------------------


def _trimmed(block: Block, scratch: Scratch) -> Block:
    out = [_inside(s, lambda b: _trimmed(b, scratch)) for s in block]
    for k, alloc in enumerate(out):
        if not (isinstance(alloc, Alloc) and alloc.target in scratch.private) or alloc.cleared:
            continue
        users = [m for m, s in enumerate(out) if any(_addresses(t, alloc.target) for t in statements((s,)))]
        if not users:
            continue
        last = out[users[-1]]
        dead = _last_writes(last, alloc.target)
        out[users[-1]] = _mapped(last, dict.fromkeys(dead))
        first = out[users[0]]
        added = [s for s in statements((first,)) if _addresses(s, alloc.target)]
        if alloc.fill == "zeros" and len(added) == 1 and isinstance(added[0], Increment):
            stored = Store(alloc.target, added[0].index, added[0].value, loc=added[0].loc)
            nest = _mapped(first, {added[0]: stored})
            if nest is not None and stored.value.type == alloc.target.type.item and scratch.fills(nest, alloc.target):  # type: ignore[union-attr]
                out[users[0]], out[k] = nest, replace(alloc, fill="empty")
    return tuple(s for s in out if s is not None)


def _last_writes(stmt: Stmt, array: Var) -> list[Stmt]:
    """The writes at the end of all accesses to an array, if each iteration of a nest has an element of its own."""
    loops: list[For] = []
    block: Block = (stmt,)
    while True:
        own = [s for s in block if any(_addresses(t, array) for t in statements((s,)))]
        if len(own) != 1 or not isinstance(own[0], For):
            break
        loops.append(own[0])
        block = own[0].body
    if not all(_addresses(s, array) for s in own) or len({s.index for s in own}) != 1:  # type: ignore[attr-defined]
        return []
    index: tuple[Atom, ...] = own[0].index  # type: ignore[attr-defined]
    if not all(loop.index in index and never_negative(loop) for loop in loops):
        return []
    found: list[Stmt] = []
    while own and not isinstance(own[-1], Load):
        found.append(own.pop())
    return found


# -- allocations ---------------------------------------------------------------------------------------------------


def _hoisted(block: Block, scratch: Scratch) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        stmt = _inside(stmt, lambda b: _hoisted(b, scratch))
        if isinstance(stmt, While) or (isinstance(stmt, For) and not stmt.axis):  # threads and blocks have their own
            own = {v for s in (stmt, *statements(stmt.body)) for v in introduced(s)}
            own |= {v for s in statements(stmt.body) for v in defined(s)}
            moves = [s for s in _movable(stmt.body, scratch) if not any(a in own for a in (*s.shape, s.like))]
            stmt = replace(stmt, body=tuple(s for s in stmt.body if s not in moves))
            out += [replace(s, fill="empty") for s in moves]
        out.append(stmt)
    return tuple(out)


def _movable(body: Block, scratch: Scratch) -> Iterator[Alloc]:
    """The arrays of a loop's body that are filled before they are read, whatever was in them."""
    for k, stmt in enumerate(body):
        if isinstance(stmt, Alloc) and stmt.target in scratch.private and scratch.is_filled(body[k + 1 :], stmt.target):
            yield stmt


# -- rebuilding ----------------------------------------------------------------------------------------------------


def _addresses(stmt: Stmt, array: Var) -> bool:
    return isinstance(stmt, Load | Store | Increment) and stmt.array is array


def _inside(stmt, change):
    """A statement with its blocks changed."""
    if isinstance(stmt, If):
        return replace(stmt, then=change(stmt.then), orelse=change(stmt.orelse))
    return replace(stmt, body=change(stmt.body)) if isinstance(stmt, For | While) else stmt


def _mapped(stmt: Stmt, mapping: dict) -> Stmt | None:
    """A statement with some, in it or itself, replaced; by None where they go away."""
    if stmt in mapping or not blocks(stmt):
        return mapping.get(stmt, stmt)
    return _inside(stmt, lambda b: tuple(t for s in b if (t := _mapped(s, mapping)) is not None))

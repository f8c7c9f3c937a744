"""What `prange` loops raise and assert, raised and asserted before them: their iterations run in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcgrad.ir.nodes import (
    ZERO,
    Alloc,
    Assign,
    Block,
    Call,
    Custom,
    Effect,
    For,
    Function,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Reserve,
    Stmt,
    Store,
    Sweep,
    Var,
    While,
)
from srcgrad.ir.types import BOOL
from srcgrad.ir.walk import arrays_written, defined, free, introduced, rebuilt, statements, uses
from srcgrad.transform.analysis.affine import Iterations
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.independence import starts_at_a_number
from srcgrad.transform.analysis.places import Places, find_places
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import fresh_copy, inline_function
from srcgrad.transform.simplify import eliminate_dead_code, propagate_copies, see_through_views

_WRITES = (Call, Custom, Effect, Increment, Library, ListAppend, Store, Sweep)
_MAKES = (Alloc, ListGet, ListNew, Reserve)


def hoist_guards(function: Function) -> Function:
    """`function` with what its `prange` loops raise and assert raised before them.

    `np.max` of a row raises in every iteration if rows are empty: so it does before the first, if there is one. What
    depends on the iteration, but on nothing that iterations write, is looked at in a loop of its own. A loop whose
    index is that of an array raises where run time has it start below 0: its iterations -1 and n - 1 may meet.
    """
    if not any(isinstance(s, For) and s.parallel for s in statements(function.body)):
        return function
    return replace(function, body=_hoisted(function.body, find_places(function), find_aliases(function)))


def _hoisted(block: Block, places: Places, aliases: Aliases) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case For() if stmt.parallel:
                out += _if_it_runs(stmt, _start_guard(stmt, places))
                out += _looked_at_before(stmt, aliases) or [stmt]
            case For() | While():
                out.append(replace(stmt, body=_hoisted(stmt.body, places, aliases)))
            case If():
                then, orelse = (_hoisted(b, places, aliases) for b in (stmt.then, stmt.orelse))
                out.append(replace(stmt, then=then, orelse=orelse))
            case _:
                out.append(stmt)
    return tuple(out)


def _start_guard(loop: For, places: Places) -> list[Stmt]:
    """What raises where a loop that `starts_at_a_number` starts below 0, if its index is that of an array."""
    moment = Iterations(places, [], None)
    if moment.least(moment.form(loop.start, later=False)) is not None or not starts_at_a_number(loop.index, places):
        return []
    if not any(isinstance(s, Load | Store | Increment) and loop.index in s.index for s in statements(loop.body)):
        return []
    below = Var("", BOOL)
    error = Effect("raise ValueError('a prange loop over elements of arrays starts below 0')", (), loc=loop.loc)
    return [Assign(below, "<", (loop.start, ZERO), loc=loop.loc), If(below, (error,), (), (), loc=loop.loc)]


def _if_it_runs(loop: For, guards: Sequence[Stmt]) -> list[Stmt]:
    """What is done once, if a loop makes a trip at all."""
    if not guards:
        return []
    runs = Var("", BOOL)
    test = Assign(runs, "<", (loop.start, loop.stop), loc=loop.loc)
    return [test, If(runs, tuple(guards), (), (), loc=loop.loc)]


def _looked_at_before(loop: For, aliases: Aliases) -> list[Stmt] | None:
    """A loop that does nothing but raise what `loop` raises, and `loop` without that; None where that is not possible.

    What it needs must not be what iterations write, add up, or draw.
    """
    inside = list(statements(loop.body))
    guards = {s for s in inside if isinstance(s, Effect) and s.text.startswith(("raise ", "assert "))}
    if not guards:
        return None
    written = frozenset(b for s in inside for a in arrays_written(s) for b in aliases.bases[a])
    left_out = {s for s in inside if isinstance(s, _WRITES)} - guards
    rest, alone = (rebuilt((loop,), lambda s, d=d: None if s in d else s) for d in (guards, left_out))
    alone = tuple(replace(s, parallel=False) for s in alone)  # type: ignore[call-arg]
    given = free(alone)
    whole = Function("guards", tuple(given), alone, (), (), loop.loc)
    whole = eliminate_dead_code(propagate_copies(see_through_views(replace(fresh_copy(whole), results=()))))
    outside = dict(zip(whole.params, given, strict=True))
    made = {v for s in inside for v in (*defined(s), *introduced(s))}
    if any(outside[p] in made for p in free(whole.body)):
        return None  # what a call gives
    needed = list(statements(whole.body))
    if any(isinstance(s, _MAKES) for s in needed):
        return None
    bases = find_aliases(whole).bases
    for stmt in needed:
        if isinstance(stmt, Assign) and stmt.op.startswith(("np.random.", "text:")):
            return None
        if isinstance(stmt, Load) and any(aliases.bases[outside[b]] & written for b in bases[stmt.array]):
            return None
    if not whole.body:
        return list(rest)  # what is never raised
    (own,) = whole.body
    assert isinstance(own, For)
    if own.carried:
        return None
    if own.index not in uses(own.body):  # all iterations raise, or none
        whole = replace(whole, body=tuple(_if_it_runs(own, own.body)))
    build = Builder()
    inline_function(build, whole, given)
    return [*build.stack[0], *rest]

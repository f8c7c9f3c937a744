"""What `prange` loops raise and assert, raised and asserted before them: their iterations run in any order."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    ZERO,
    Alloc,
    Assign,
    Atom,
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
from srcgrad.ir.walk import defined, free, introduced, rebuilt, statements
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
                lift = _Lift(stmt)
                body = tuple(s for s in stmt.body if not lift.take(s))
                guards = [*_start_guard(stmt, places), *lift.guards]
                if guards:
                    runs = Var("", BOOL)
                    out.append(Assign(runs, "<", (stmt.start, stmt.stop), loc=stmt.loc))
                    out.append(If(runs, tuple(guards), (), (), loc=stmt.loc))
                rest = replace(stmt, body=body)
                found = _looked_at_before(rest, aliases)
                out += [rest] if found is None else found
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


class _Lift:
    """Takes guards out of a loop: branches that raise on a condition that is the same in all iterations."""

    def __init__(self, loop: For) -> None:
        inside = list(statements(loop.body))
        self.home = {v: s for s in inside for v in defined(s)}
        self.made = {loop.index, *self.home, *(v for s in inside for v in introduced(s))}
        self.guards: list[Stmt] = []
        self.known: dict[Var, Atom] = {}

    def take(self, stmt: Stmt) -> bool:
        """Whether a statement is such a guard; then it is among `guards`."""
        if not (isinstance(stmt, If) and not stmt.results and not stmt.orelse):
            return False
        if not all(isinstance(s, Effect) and s.text.startswith("raise ") and not s.args for s in stmt.then):
            return False
        steps: list[Stmt] = []
        cond = self.outside(stmt.cond, steps)
        if cond is None:
            return False
        self.guards += [*steps, replace(stmt, cond=cond)]
        return True

    def outside(self, atom: Atom, steps: list[Stmt]) -> Atom | None:
        """A value computed before the loop, by new statements; None if it depends on the iteration."""
        if not isinstance(atom, Var) or atom not in self.made:
            return atom
        if atom in self.known:
            return self.known[atom]
        stmt = self.home.get(atom)
        if not isinstance(stmt, Assign) or stmt.op.startswith(("np.random.", "text:")):
            return None
        array = stmt.args[0]
        alloc = self.home.get(array) if stmt.op == "shape" and isinstance(array, Var) else None
        if isinstance(alloc, Alloc):
            return self.outside(alloc.shape[stmt.args[1].value], steps)  # type: ignore[union-attr]
        args = [self.outside(a, steps) for a in stmt.args]
        if any(a is None for a in args):
            return None
        found = self.known[atom] = Var(atom.hint, atom.type)
        steps.append(replace(stmt, target=found, args=tuple(args)))
        return found


def _looked_at_before(loop: For, aliases: Aliases) -> list[Stmt] | None:
    """A loop that does nothing but raise what `loop` raises, and `loop` without that; None where that is not possible.

    What it needs must not be what iterations write, add up, or draw.
    """
    inside = list(statements(loop.body))
    guards = {s for s in inside if isinstance(s, Effect) and s.text.startswith(("raise ", "assert "))}
    if not guards:
        return None
    writers = [s.array for s in inside if isinstance(s, Store | Increment)]
    writers += [s.args[k] for s in inside if isinstance(s, Call) for k in s.writes]  # type: ignore[misc]
    written = frozenset(b for a in writers for b in aliases.bases[a])
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
    if any(isinstance(s, For) and s.carried for s in whole.body):
        return None
    build = Builder()
    inline_function(build, whole, given)
    return [*build.stack[0], *rest]

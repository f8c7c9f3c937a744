"""Refuse `prange` loops that cannot run in parallel, at the user's line."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Const,
    Effect,
    For,
    Function,
    If,
    Increment,
    Load,
    Stmt,
    Store,
    Var,
    While,
)
from srcgrad.ir.types import BOOL, Scalar
from srcgrad.ir.walk import defined, introduced, rebuilt, statements
from srcgrad.transform.analysis.affine import Iterations
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.independence import only_sums, starts_at_a_number
from srcgrad.transform.analysis.places import Places, find_places
from srcgrad.transform.analysis.scratch import Scratch
from srcgrad.transform.parallel.sharing import OPAQUE, sharing_of


def hoist_guards(function: Function) -> Function:
    """Errors that depend on nothing in a `prange` loop are raised before it.

    `np.max` of a row raises in every iteration if rows are empty: so it does before the first, if there is one. A loop
    whose index is that of an array raises where run time has it start below 0: its iterations -1 and n - 1 may meet.
    """
    if not any(isinstance(s, For) and s.parallel for s in statements(function.body)):
        return function
    return replace(function, body=_hoisted(function.body, find_places(function)))


def _hoisted(block: Block, places: Places) -> Block:
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
                out.append(replace(stmt, body=body))
            case For() | While():
                out.append(replace(stmt, body=_hoisted(stmt.body, places)))
            case If():
                out.append(replace(stmt, then=_hoisted(stmt.then, places), orelse=_hoisted(stmt.orelse, places)))
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


def check_parallel(function: Function) -> None:
    """Check that the iterations of every outermost `prange` loop can run in any order.

    Raises:
        UnsupportedError: what one iteration needs or writes, another one writes, or a loop ends early.
    """
    aliases, places = find_aliases(function), find_places(function)
    scratch = Scratch(function, aliases)
    problems = []
    for stmt in statements(function.body):
        if not (isinstance(stmt, For) and stmt.parallel):
            continue
        outer = [places.loop_of(p) for p in places.at[stmt].loops]
        if any(isinstance(o, For) and o.parallel for o in outer):
            continue  # it runs inside an iteration of that one
        if sharing_of(stmt, aliases, scratch, places) is None:
            problems.append(_reason(stmt))
    if problems:
        raise UnsupportedError(*problems)


def one_after_another(block: Block) -> Block:
    """A block whose parallel loops are ordinary ones: `prange` is `range` inside another one, and on one thread."""
    return rebuilt(block, lambda s: replace(s, parallel=False) if isinstance(s, For) else s)


def _reason(loop: For) -> Problem:
    inside = list(statements(loop.body))
    if loop.exit is not None:
        hint = "write range, or let the other iterations do nothing"
        return Problem("a prange loop cannot end early", loop.loc, hint)
    if loop.step != Const(1, loop.step.type):
        return Problem("a prange loop steps by 1", loop.loc, "write for k in prange(n) and compute the index from k")
    if any(isinstance(s, Assign) and s.op.startswith("np.random.") for s in inside):
        hint = "draw the numbers before the loop"
        return Problem("random draws in a prange loop depend on the order of its iterations", loop.loc, hint)
    if any(isinstance(s, Effect) for s in inside):
        hint = "write range, or do it after the loop"
        message = "prints, assertions and errors in a prange loop depend on the order of its iterations"
        return Problem(message, loop.loc, hint)
    if any(isinstance(s, OPAQUE) for s in inside):
        hint = "write range, or do it before or after the loop"
        message = "a prange loop cannot call library routines and functions with a gradient of their own, or grow lists"
        return Problem(message, loop.loc, hint)
    for c in loop.carried:
        name = f"'{c.inside.hint}'" if c.inside.hint else "a value"
        if not isinstance(c.inside.type, Scalar) or not only_sums(replace(loop, carried=(c,)), inside):
            hint = "only sums, s += ..., that the loop does not read are carried; write range for anything else"
            return Problem(f"{name} is carried from one iteration of a prange loop to the next", loop.loc, hint)
    written = {s.array: None for s in inside if isinstance(s, Store)}
    read = {s.array for s in inside if isinstance(s, Load)}
    names = [a.hint for a in written if isinstance(a, Var) and a.hint]
    array = next((n for a, n in zip(written, names, strict=False) if a in read), names[0] if names else "an array")
    hint = "let iteration i write element [i] only, or write range"
    return Problem(f"the iterations of a prange loop may not meet in '{array}'", loop.loc, hint)

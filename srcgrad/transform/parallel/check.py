"""Refuse `prange` loops that cannot run in parallel, at the user's line."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    Assign,
    Block,
    Const,
    Effect,
    For,
    Function,
    Load,
    Store,
    Var,
)
from srcgrad.ir.walk import rebuilt, statements
from srcgrad.transform.analysis.analyses import Analyses, analyses_of
from srcgrad.transform.analysis.independence import may_call
from srcgrad.transform.analysis.places import Places
from srcgrad.transform.parallel.folds import folds_of
from srcgrad.transform.parallel.sharing import OPAQUE, sharing_of


def check_parallel(function: Function) -> None:
    """Check that the iterations of every outermost `prange` loop can run in any order.

    Raises:
        UnsupportedError: what one iteration needs or writes, another one writes, or a loop ends early.
    """
    analyses = analyses_of(function)
    loops = outermost(function, analyses.places)
    problems = [_reason(loop, analyses) for loop in loops if sharing_of(loop, analyses) is None]
    if problems:
        raise UnsupportedError(*problems)


def outermost(function: Function, places: Places) -> list[For]:
    """The `prange` loops of `function`; those inside another one run in an iteration of that."""
    found = [s for s in statements(function.body) if isinstance(s, For) and s.parallel]
    return [s for s in found if not places.in_parallel(s)]


def one_after_another(block: Block) -> Block:
    """A block whose parallel loops are ordinary ones: `prange` is `range` inside another one, and on one thread."""
    return rebuilt(block, lambda s: replace(s, parallel=False) if isinstance(s, For) else s)


def _reason(loop: For, analyses: Analyses) -> Problem:
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
        message = "a prange loop cannot call functions with a gradient of their own, or grow lists"
        return Problem(message, loop.loc, hint)
    if not may_call(loop, inside, analyses):
        hint = "write range, or pass a copy: np.sort(row.copy())"
        message = "routines of libraries in a prange loop cannot read arrays that iterations write"
        return Problem(message, loop.loc, hint)
    _, carried_on = folds_of(loop, inside)
    if carried_on:
        name = f"'{carried_on[0].inside.hint}'" if carried_on[0].inside.hint else "a value"
        hint = "sums (s += ...), products and extremes (m = max(m, ...)) that the loop does not read are carried"
        return Problem(f"{name} is carried from one iteration of a prange loop to the next", loop.loc, hint)
    written = {s.array: None for s in inside if isinstance(s, Store)}
    read = {s.array for s in inside if isinstance(s, Load)}
    names = [a.hint for a in written if isinstance(a, Var) and a.hint]
    array = next((n for a, n in zip(written, names, strict=False) if a in read), names[0] if names else "an array")
    hint = "let iteration i write element [i] only, or write range"
    return Problem(f"the iterations of a prange loop may not meet in '{array}'", loop.loc, hint)

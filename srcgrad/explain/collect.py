"""Gather the facts about the derivative of a function at given arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import FunctionType, MethodType
from typing import Any

from srcgrad.explain.decisions import label
from srcgrad.explain.facts import Facts, Note, Tape
from srcgrad.explain.notes import (
    Made,
    Notes,
    call_notes,
    loop_notes,
    outermost,
    routine_notes,
    value_notes,
    variable_notes,
)
from srcgrad.explain.sizes import Sizes
from srcgrad.explain.sources import Key, is_users, key, sources
from srcgrad.explain.trace import Trace
from srcgrad.explain.vectors import vector_notes
from srcgrad.ir.nodes import Increment, Store, Var
from srcgrad.ir.printer import print_function
from srcgrad.ir.types import Scalar
from srcgrad.ir.walk import defined, statements
from srcgrad.program import parameters_of, resolve_argnums
from srcgrad.structure import leaves
from srcgrad.transform import pipeline
from srcgrad.transform.adjoint import Plan


def collect(
    function: FunctionType | MethodType, arguments: Sequence[tuple[str, Any]], values: Sequence[Any], argnums: Any
) -> Facts:
    """The facts about the value and gradient of `function` in one function.

    Args:
        function: the user's function.
        arguments: names and types of its arguments.
        values: the arguments.
        argnums: which to differentiate with respect to.
    """
    before, after = Trace(), Trace()
    lowered = pipeline.primal(function, arguments, before)
    primal = lowered.function
    names = resolve_argnums(argnums, [n for n, _ in arguments], primal.name)
    wrt = parameters_of(primal, arguments, names, primal.name)
    scalar = isinstance(lowered.result, Var) and isinstance(lowered.result.type, Scalar)
    adjoint, plan = pipeline.planned_adjoint(primal, wrt, None, 1.0 if scalar else None, after)
    given = dict(zip(primal.params, _flat(arguments, values, lowered.captures), strict=False))
    made = Made(plan, after, adjoint, Sizes(adjoint, given), Sizes(plan.function, given))
    notes: Notes = defaultdict(list)
    loop_notes(made, notes)
    fusion_notes(before, after, notes)
    variable_notes(made, notes)
    tapes: list[Tape] = [*value_notes(made, notes), *routine_notes(made, notes)]
    call_notes(made, notes)
    vector_notes(adjoint, notes)
    active = active_values(plan)
    active[key(primal.loc)] += [p.hint for p in wrt]
    printed = print_function(pipeline.printable(adjoint))
    used = {key(loc) for loc in printed.lines if is_users(loc)} | set(notes) | set(active)
    return Facts(primal.name, tuple(names), sources(primal.loc, used, active, notes), tuple(tapes), printed)


def _flat(arguments: Sequence[tuple[str, Any]], values: Sequence[Any], captures: Sequence[Any]) -> list[Any]:
    flat = [leaf for (_, kind), v in zip(arguments, values, strict=True) for leaf in leaves(v, kind)]
    return flat + [c.read() for c in captures if c.var is not None]


def active_values(plan: Plan) -> defaultdict[Key, list[str]]:
    """For each line, the values computed there, and arrays written, that carry a derivative."""
    found: defaultdict[Key, list[str]] = defaultdict(list)
    for stmt in statements(plan.function.body):
        if is_users(stmt.loc):
            given = (stmt.array,) if isinstance(stmt, Store | Increment) else defined(stmt)
            found[key(stmt.loc)] += [label(v, stmt.loc) for v in given if plan.activity.is_active(v)]
    return defaultdict(list, {at: outermost(names) for at, names in found.items() if names})


def fusion_notes(before: Trace, after: Trace, notes: Notes) -> None:
    """Say which lines' array expressions have become one loop."""
    groups: dict[Var, set[Key]] = defaultdict(set)
    for index, loop in before.loops.items():
        if loop.mode == "elementwise" and is_users(loop.loc):
            groups[after.root(before.root(index))].add(key(loop.loc))
    for lines in groups.values():
        for at in lines if len(lines) > 1 else ():
            others = ", ".join(str(n) for _, n in sorted(lines - {at}))
            notes[at].append(Note("fused", f"one loop with line{'s' if len(lines) > 2 else ''} {others}"))

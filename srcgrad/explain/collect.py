"""Gather the facts about the derivative of a function at given arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from srcgrad.backend import Options
from srcgrad.backend.assembly import vector_calls
from srcgrad.derive import parameters_of
from srcgrad.errors import UnsupportedError
from srcgrad.explain.decisions import label
from srcgrad.explain.facts import Facts, Note, Tape
from srcgrad.explain.notes import (
    Made,
    Notes,
    call_notes,
    iteration_tapes,
    loop_notes,
    outermost,
    record_tapes,
    routine_notes,
    tapes_of,
    value_notes,
    variable_notes,
)
from srcgrad.explain.pieces import piece_notes, piece_tapes, pieces
from srcgrad.explain.sizes import Sizes
from srcgrad.explain.sources import Key, is_users, key, sources
from srcgrad.explain.trace import Trace
from srcgrad.explain.vectors import lane_notes, vector_notes
from srcgrad.ir.nodes import Function, Increment, Store, Var
from srcgrad.ir.printer import print_function
from srcgrad.ir.types import Array, Scalar, Type
from srcgrad.ir.walk import defined, statements
from srcgrad.program import UserFunction, resolve_argnums
from srcgrad.structure import leaves
from srcgrad.transform import pipeline
from srcgrad.transform.adjoint import Plan, checkpoint_large

Arguments = Sequence[tuple[str, Any]]


def collect(
    program: UserFunction, arguments: Arguments, values: Sequence[Any], argnums: Any, *, compiled: bool = False
) -> Facts:
    """The facts about the value and gradient of `program` in one function.

    Args:
        program: the user's function.
        arguments: names and types of its arguments.
        values: the arguments.
        argnums: which to differentiate with respect to.
        compiled: compile it, to see which calls LLVM vectorises.
    """
    before = Trace()
    lowered = pipeline.primal(program.function, arguments, before)
    primal = lowered.function
    names = resolve_argnums(argnums, [n for n, _ in arguments], primal.name)
    wrt = parameters_of(primal, arguments, names, primal.name)
    seed = 1.0 if isinstance(lowered.result, Var) and isinstance(lowered.result.type, Scalar) else None
    flat = [leaf for (_, kind), v in zip(arguments, values, strict=True) for leaf in leaves(v, kind)]
    given = dict(zip(primal.params, flat + [c.read() for c in lowered.captures if c.var is not None], strict=False))
    made, is_frugal = _made(primal, wrt, seed, given, len(flat), program.options.memory_budget)
    notes: Notes = defaultdict(list)
    fusion_notes(before, made.trace, notes)
    piece_notes(made, notes, " because its tape would take more than memory_budget" if is_frugal else "")
    active: defaultdict[Key, list[str]] = defaultdict(list)
    active[key(primal.loc)] += [p.hint for p in wrt]
    tapes: list[Tape] = []
    for part in (made, *pieces(made)):
        loop_notes(part, notes)
        tapes += [*value_notes(part, notes), *routine_notes(part, notes), *record_tapes(part), *iteration_tapes(part)]
        variable_notes(part, notes)
        call_notes(part, notes)
        for at, found in active_values(part.plan).items():
            active[at] += found
    tapes += piece_tapes(made, primal, {made.trace.tape(v) for v in tapes_of(made.plan)})
    printable = pipeline.printable(made.adjoint)
    if program.options.target != "python":
        lanes = pipeline.in_lanes(pipeline.flattened(printable))
        lane_notes(printable, lanes, notes)
        vector_notes(lanes, notes, _vector_calls(lanes, given, program.options) if compiled else None)
    printed = print_function(printable)
    used = {key(loc) for loc in printed.lines if is_users(loc)} | set(notes) | set(active)
    return Facts(primal.name, tuple(names), sources(primal.loc, used, active, notes), tuple(tapes), printed)


def _vector_calls(function: Function, given: Mapping[Var, Any], options: Options) -> dict[str, int]:
    """What LLVM vectorises, by the names in libm."""
    args = [given.get(p, _example(p.type)) for p in function.params]
    return vector_calls(print_function(function, pipeline.direct_accesses(function)), options, args)


def _made(
    primal: Function, wrt: tuple[Var, ...], seed: float | None, given: dict[Var, Any], own: int, budget: int
) -> tuple[Made, bool]:
    """The adjoint as a call with these arguments has it, and whether loops are checkpointed for its tape's sake."""

    def attempt(function: Function) -> Made:
        trace = Trace()
        adjoint, plan = pipeline.planned_adjoint(function, wrt, None, seed, trace)
        return Made(plan, trace, adjoint, Sizes(adjoint, given), Sizes(plan.function, given))

    made = attempt(primal)
    if any(eval(fact, {}, {"p": list(given.values())}) for fact in pipeline.beyond(made.adjoint, primal, own, budget)):
        try:
            return attempt(checkpoint_large(primal, made.adjoint)), True
        except UnsupportedError:
            pass
    return made, False


def _example(of: Type) -> Any:
    """A cotangent of this type."""
    return np.zeros((1,) * of.ndim, of.dtype) if isinstance(of, Array) else 1.0


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

"""Checkpointed loops: their plans, what they keep, and what to say of them."""

from __future__ import annotations

from collections.abc import Iterator

from srcgrad.explain.facts import Note, Tape
from srcgrad.explain.notes import Made, Notes
from srcgrad.explain.sizes import Sizes, size_in_bytes
from srcgrad.explain.sources import is_users, key
from srcgrad.ir.nodes import Alloc, Function, Sweep, Var
from srcgrad.ir.types import Array, is_float
from srcgrad.ir.walk import statements
from srcgrad.transform.adjoint import Plan, planned_helper


def pieces(made: Made) -> Iterator[Made]:
    """For each checkpointed loop, the plan by which its pieces are reversed."""
    for stmt in _sweeps(made.plan):
        active = tuple(
            k for k, p in enumerate(stmt.replay.params) if is_float(p.type) and made.plan.activity.is_active(p)
        )
        if active:
            plan = planned_helper(stmt.replay, active)
            inner = Made(plan, made.trace, made.adjoint, made.sizes, Sizes(plan.function, {}), piece=True)
            yield inner
            yield from pieces(inner)


def piece_notes(made: Made, notes: Notes, why: str) -> None:
    """Say of each checkpointed loop how it is reversed; `why` it is checkpointed."""
    for stmt in _sweeps(made.plan):
        if is_users(stmt.loc):
            start, stop, step = (made.primal.number(a) for a in stmt.bounds)
            known = None not in (start, stop, step)
            runs = f"{len(range(start, stop, step)):,} iterations, " if known else ""
            many = f"at most {stmt.snapshots} snapshots" if stmt.snapshots else "snapshots at equal distances"
            text = f"{runs}checkpointed{why}: run again from {many}, and reversed piece by piece"
            notes[key(stmt.loc)].append(Note("loop", text))


def piece_tapes(made: Made, primal: Function, known: set[Var]) -> Iterator[Tape]:
    """What checkpointed loops keep: snapshots, the tape of one piece, and arrays to run it on again."""
    loops = {stmt.loc for stmt in _sweeps(made.plan)}
    if not loops:
        return
    given = {s.target for s in statements(primal.body) if isinstance(s, Alloc)} | known
    for stmt in statements(made.adjoint.body):
        if not isinstance(stmt, Alloc) or stmt.fill != "empty" or stmt.target in given:
            continue
        what = _what(stmt.target.hint, at_loop=stmt.loc in loops)
        if what:
            assert isinstance(stmt.target.type, Array)
            shape = made.sizes.allocated.get(stmt.target)
            dtype = stmt.target.type.dtype
            yield Tape(what, stmt.loc.line, dtype, shape, size_in_bytes(shape, dtype))


def _what(hint: str, *, at_loop: bool) -> str:
    if hint == "kept_at":
        return "where the snapshots are"
    if hint.endswith("_kept"):
        return f"snapshots of {hint.removesuffix('_kept')}"
    if hint.endswith("_tape"):
        name = hint.removesuffix("_tape")
        return f"{'a value' if name == 'value' else name}, of one piece"
    return f"{hint}, to run a piece again" if at_loop else ""


def _sweeps(plan: Plan) -> list[Sweep]:
    return [s for s in statements(plan.function.body) if isinstance(s, Sweep)]

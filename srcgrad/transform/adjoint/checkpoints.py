"""The two sweeps of a checkpointed loop.

A. Griewank, A. Walther, Algorithm 799: revolve, ACM TOMS 26(1), 2000. The state of the loop, the numbers that it
carries and the arrays that it overwrites, is kept at some iterations. The reverse sweep takes the newest snapshot that
it has not done with, runs the loop from there without a tape, takes more snapshots on the way where that is the
schedule, and reverses the last piece, whose tape is small. It works on copies of the arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from srcgrad.ir.nodes import (
    ONE,
    TRUE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Carried,
    For,
    Function,
    If,
    Result,
    Sweep,
    Var,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import FLOAT64, INT64, Array, is_float
from srcgrad.transform.adjoint.counts import trips
from srcgrad.transform.adjoint.reuse import reuse_tapes
from srcgrad.transform.adjoint.schedule import step_before_snapshot
from srcgrad.transform.adjoint.sums import Sums, adjoint_name, zero
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import inline_function
from srcgrad.transform.splice import inline_python

if TYPE_CHECKING:
    from srcgrad.transform.adjoint.plan import Plan
    from srcgrad.transform.adjoint.reverse import Reverse


@dataclass(eq=False)
class Checkpoints:
    """Arrays with one row a snapshot: of each number of the state, and of each array of it that the loop reads."""

    numbers: tuple[Var, ...]
    arrays: dict[int, Var] = field(default_factory=dict)  # by position among the sweep's arrays


def new_checkpoints(stmt: Sweep) -> Checkpoints:
    numbers = tuple(Var(f"{t.hint or 'value'}_kept", Array(t.type.dtype, 1)) for t in stmt.targets)  # type: ignore[union-attr]
    rows = {}
    for k in stmt.state:
        t = stmt.arrays[k].type
        if k not in stmt.blank:
            assert isinstance(t, Array)
            rows[k] = Var(f"{stmt.arrays[k].hint or 'array'}_kept", Array(t.dtype, 1 + t.ndim))
    return Checkpoints(numbers, rows)


class _Runner:
    """Writes runs of one checkpointed loop on given values and arrays."""

    def __init__(
        self, build: Builder, stmt: Sweep, bounds: tuple[Atom, ...], free: tuple[Atom, ...], arrays: list[Var]
    ) -> None:
        self.build, self.stmt = build, stmt
        self.start, self.stop, self.step = bounds
        self.free, self.arrays = free, arrays
        op = build.op
        self.bounds: tuple[Atom, Atom] = (ZERO, ZERO)  # of the last run
        self.count = trips(build, *bounds)
        if stmt.snapshots:
            self.block: Atom = ONE
            self.slots = op("max", op("min", self.count, integer(stmt.snapshots)), ONE)
        else:
            root = op("np.sqrt", build.cast(self.count, FLOAT64))
            self.block = op("max", build.cast(op("np.ceil", root), INT64), ONE)
            ends = op("+", self.count, op("-", self.block, ONE))
            self.slots = op("max", op("//", ends, self.block), ONE)

    def allocate(self, kept: Checkpoints) -> None:
        build, loc = self.build, self.stmt.loc
        for var in kept.numbers:
            build.emit(Alloc(var, "empty", (self.slots,), loc=loc))
        for k, var in kept.arrays.items():
            build.emit(Alloc(var, "empty", (self.slots, *build.shapes(self.arrays[k])), loc=loc))

    def save(self, kept: Checkpoints, slot: Atom, numbers: list[Atom], arrays: list[Var] | None = None) -> None:
        build = self.build
        for var, value in zip(kept.numbers, numbers, strict=True):
            build.store(var, (slot,), value)
        for k, var in kept.arrays.items():
            self._copy((arrays or self.arrays)[k], self._row(var, slot))

    def restore(self, kept: Checkpoints, slot: Atom) -> list[Atom]:
        """Put the arrays back, and return the numbers."""
        for k, var in kept.arrays.items():
            self._copy(self._row(var, slot), self.arrays[k])
        return [self.build.load(var, (slot,)) for var in kept.numbers]

    def _row(self, var: Var, slot: Atom) -> Var:
        t = var.type
        assert isinstance(t, Array)
        return self.build.view(var, "index", (slot,), Array(t.dtype, t.ndim - 1))

    def _copy(self, source: Var, target: Var) -> None:
        build = self.build
        build.nest(build.shapes(target), lambda i: build.store(target, i, build.load(source, i)))

    def index(self, iteration: Atom) -> Atom:
        """The loop's index in iteration number `iteration`."""
        op = self.build.op
        return op("+", self.start, op("*", iteration, self.step))

    def run(self, function: Function, first: Atom, last: Atom, numbers: list[Atom], *more: Atom) -> list[Atom]:
        """The iterations `first`, ..., `last` - 1."""
        self.bounds = (self.index(first), self.index(last))
        return inline_function(self.build, function, (*self.bounds, *numbers, *self.free, *self.arrays, *more))

    def loop_over_slots(self, kept: Checkpoints, inits: list[Atom], targets: tuple[Var, ...]) -> None:
        """Run all of the loop, keeping the state at equal distances."""
        build, op = self.build, self.build.op
        slot = Var("piece", INT64)
        inside = [Var(t.hint, t.type) for t in targets]
        with build.block() as body:
            first = op("*", slot, self.block)
            last = op("min", op("+", first, self.block), self.count)
            self.save(kept, slot, list(inside))
            nexts = self.run(self.stmt.segment, first, last, list(inside))
        carried = tuple(Carried(*c) for c in zip(inside, inits, nexts, targets, strict=True))
        build.emit(For(slot, ZERO, self.slots, ONE, carried, tuple(body), loc=self.stmt.loc))


def forward_sweep(build: Builder, stmt: Sweep, kept: Checkpoints | None) -> None:
    """Run a checkpointed loop in the forward sweep; where snapshots are taken there, take them."""
    build.loc = stmt.loc
    if kept is not None:
        runner = _Runner(build, stmt, stmt.bounds, stmt.free, list(stmt.arrays))
        runner.allocate(kept)
        runner.loop_over_slots(kept, list(stmt.inits), stmt.targets)
        return
    start, stop, _ = stmt.bounds
    results = inline_function(build, stmt.segment, (start, stop, *stmt.inits, *stmt.free, *stmt.arrays))
    for target, value in zip(stmt.targets, results, strict=True):
        build.emit(Assign(target, "cast", (value,), loc=stmt.loc))


def reverse_sweep(reverse: Reverse, stmt: Sweep, sums: Sums) -> None:
    """Run a checkpointed loop again, piece by piece, and backwards."""
    plan, build = reverse.plan, reverse.build
    cts = {t: ct for t in stmt.targets if (ct := sums.take(t)) is not None}
    params = stmt.replay.params
    active = [k for k, p in enumerate(params) if is_float(p.type) and reverse.is_active(p)]
    first_array = len(params) - len(stmt.arrays)
    if not cts and not any(reverse.is_active(stmt.arrays[k]) for k in stmt.state):
        return
    adjoint, _ = plan.helper_adjoint(stmt.replay, tuple(active))
    buffers = [plan.adjoint(stmt.arrays[k - first_array]) for k in active if k >= first_array]
    numbers, bounds, free = (plan.values(atoms) for atoms in (stmt.inits, stmt.bounds, stmt.free))
    kept, early = _kept(plan, stmt)
    originals = [_before(plan, stmt, k, early=early) for k in range(len(stmt.arrays))]
    build.loc = stmt.loc
    arrays = [_scratch(build, a) if k in stmt.state else a for k, a in enumerate(originals)]
    runner = _Runner(build, stmt, bounds, free, arrays)
    if early:
        top: Atom = build.op("-", runner.slots, ONE)
        places = None
    else:
        runner.allocate(kept)
        runner.save(kept, ZERO, list(numbers), originals)
        places = build.alloc("empty", "int64", (runner.slots,), "kept_at")
        build.store(places, (ZERO,), ZERO)
        top = ZERO
    _Backwards(reverse, runner, kept, places, adjoint, active, buffers).write(top, cts, sums)


def _kept(plan: Plan, stmt: Sweep) -> tuple[Checkpoints, bool]:
    """Where the snapshots are, and whether the forward sweep takes them: outside of loops, at equal distances."""
    early = plan.places.at[stmt].loop is None and not stmt.snapshots
    kept = new_checkpoints(stmt)
    return (plan.checkpoints.setdefault(stmt, kept), True) if early else (kept, False)


def _before(plan: Plan, stmt: Sweep, k: int, *, early: bool) -> Var:
    """An array as it was before the loop; of one that the snapshots hold, or that nobody reads, only the shape."""
    array = stmt.arrays[k]
    if k in stmt.state and (early or k in stmt.blank) and plan.handle_is_there(array):
        return plan.handle(array)
    return plan.saved_array(array, stmt) if k in stmt.state else plan.array(array, stmt)


def _scratch(build: Builder, array: Var) -> Var:
    assert isinstance(array.type, Array)
    return build.alloc("empty", array.type.dtype, build.shapes(array), array.hint, like=array)


class _Backwards:
    """Writes the loop over the pieces."""

    def __init__(
        self, reverse: Reverse, runner: _Runner, kept: Checkpoints, places: Var | None, adjoint: Function,
        active: list[int], buffers: list[Var],
    ) -> None:  # fmt: skip
        self.reverse, self.runner, self.kept, self.places = reverse, runner, kept, places
        self.adjoint, self.active, self.buffers = adjoint, active, buffers
        stmt = runner.stmt
        self.build, self.stmt = runner.build, stmt
        self.floats = [k for k, t in enumerate(stmt.targets) if is_float(t.type)]
        first_free = 2 + len(stmt.targets)
        self.free = [k - first_free for k in active if first_free <= k < first_free + len(stmt.free)]

    def write(self, top: Atom, cts: dict[Var, Atom], sums: Sums) -> None:
        build, stmt, op = self.build, self.stmt, self.build.op
        given = [cts.get(stmt.targets[k]) or zero(stmt.targets[k].type) for k in self.floats]
        given += [zero(stmt.free[k].type) for k in self.free]
        of = [stmt.targets[k] for k in self.floats] + [stmt.free[k] for k in self.free]
        inside = [Var(adjoint_name(v) if isinstance(v, Var) else "", v.type) for v in of]
        slot, end = Var("kept", INT64), Var("end", INT64)
        self.before = build.stack[-1]
        self.longest = (self.runner.index(ZERO), self.runner.index(self.runner.block))
        self.heads = [slot, end, *inside]
        with build.block() as body:
            slot_next, end_next, nexts = self.piece(slot, end, list(inside))
            again = op(">", end_next, ZERO)
        inits, ends = [top, self.runner.count, *given], [slot_next, end_next, *nexts]
        results = [Var(v.hint, v.type) for v in self.heads]
        carried = tuple(Carried(*c) for c in zip(self.heads, inits, ends, results, strict=True))
        build.emit(While(op(">", self.runner.count, ZERO), again, carried, tuple(body), loc=stmt.loc))
        totals = results[2:]
        for k, total in zip(self.floats, totals, strict=False):
            self.reverse.add(sums, stmt.inits[k], total)
        for k, total in zip(self.free, totals[len(self.floats) :], strict=True):
            self.reverse.add(sums, stmt.free[k], total)

    def piece(self, slot: Var, end: Var, cts: list[Atom]) -> tuple[Atom, Atom, list[Atom]]:
        """One turn: from a snapshot on, either to the next one, or to the piece that is reversed."""
        build, op, runner = self.build, self.build.op, self.runner
        numbers = runner.restore(self.kept, slot)
        if self.places is None:
            start = op("*", slot, runner.block)
            return op("-", slot, ONE), start, self.reversed(start, end, numbers, cts)
        start = build.load(self.places, (slot,))
        length, free = op("-", end, start), op("-", runner.slots, slot)
        is_last = op("<=", length, runner.block)
        if self.stmt.snapshots:
            is_last = build.choose(is_last, lambda: TRUE, lambda: op("==", free, ONE), TRUE.type)
        with build.block() as then:
            before = op("max", start, op("-", end, runner.block))
        with build.block() as orelse:
            step: Atom = runner.block
            if self.stmt.snapshots:
                (step,) = inline_python(build, step_before_snapshot, [length, free])
            after = op("+", start, step)
        until = self._if(is_last, then, before, orelse, after)
        numbers = runner.run(self.stmt.replay, start, until, numbers)
        with build.block() as then:
            cts_after = self.reversed(until, end, numbers, cts)
            gone = op("-", slot, self._if(op("==", until, start), [], ONE, [], ZERO))
        with build.block() as orelse:
            above = op("+", slot, ONE)
            runner.save(self.kept, above, numbers)
            build.store(self.places, (above,), until)
        slot_next, end_next = Var("kept", INT64), Var("end", INT64)
        results = [Result(slot_next, gone, above), Result(end_next, until, end)]
        merged = [Var(getattr(ct, "hint", ""), ct.type) for ct in cts]
        results += [Result(m, a, b) for m, a, b in zip(merged, cts_after, cts, strict=True)]
        build.emit(If(is_last, tuple(then), tuple(orelse), tuple(results), loc=self.stmt.loc))
        return slot_next, end_next, list(merged)

    def _if(self, cond: Atom, then: list, a: Atom, orelse: list, b: Atom) -> Atom:
        out = Var("", INT64)
        self.build.emit(If(cond, tuple(then), tuple(orelse), (Result(out, a, b),), loc=self.stmt.loc))
        return out

    def reversed(self, first: Atom, last: Atom, numbers: list[Atom], cts: list[Atom]) -> list[Atom]:
        """A piece with its tape, and backwards: the cotangents of the floats before it, and of what it only reads."""
        seeds = cts[: len(self.floats)]
        found = self.runner.run(self.adjoint, first, last, numbers, *self.buffers, *seeds)
        reuse_tapes(self.build, self.before, dict(zip(self.runner.bounds, self.longest, strict=True)), self.heads)
        gradients = dict(zip(self.active, found, strict=False))
        before = [gradients.get(2 + k, zero(self.stmt.targets[k].type)) for k in self.floats]
        first_free = 2 + len(self.stmt.targets)
        for k, total in zip(self.free, cts[len(self.floats) :], strict=True):
            before.append(self.build.op("+", total, gradients[first_free + k]))
        return before

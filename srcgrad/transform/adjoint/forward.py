"""The forward sweep: the primal, and with it the stores that fill the tape."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Carried,
    For,
    If,
    Library,
    Loop,
    Reserve,
    Result,
    Stmt,
    Store,
    Sweep,
    Undef,
    Var,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import Array
from srcgrad.ir.walk import defined, introduced
from srcgrad.transform.adjoint.checkpoints import forward_sweep
from srcgrad.transform.adjoint.counts import iteration_number, trips
from srcgrad.transform.adjoint.handles import Family, recorded
from srcgrad.transform.adjoint.plan import Plan
from srcgrad.transform.adjoint.regions import LoopPlan
from srcgrad.transform.adjoint.saved import save, sizes_of, slot_number
from srcgrad.transform.analysis.places import Place
from srcgrad.transform.build import Builder

Key = Var  # a growing tape, or the count of its used slots, by the var that stands for its final value


@dataclass(eq=False)
class Forward:
    """Rebuilds the primal with its tape.

    Attributes:
        final: for what the reverse sweep calls a growing tape, its last handle.
    """

    plan: Plan
    final: dict[Var, Atom] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.build = Builder()
        self.build.algebra = True
        self.build.definitions.update(self.plan.build.definitions)
        self.slots: dict[Place, tuple[Atom, ...]] = {}
        self.bases: dict[Place, Atom] = {}
        self.home = {v: p for p in self.plan.loops.values() for v in p.stored}

    def run(self) -> list[Stmt]:
        state: dict[Key, Atom] = {}
        for loop in self.plan.loops.values():
            if loop.grows:
                state[loop.top] = ZERO
                for tape in loop.stored.values():
                    state[tape] = self._empty(tape)
            else:
                self.final[loop.top] = ZERO
        for tape in self.plan.records.values():
            state[tape] = self._empty(tape)
        for saved in self.plan.saved.values():
            if saved.where is not None:
                state.update({saved.top: ZERO, **{t: self._empty(t) for t in (saved.tape, saved.where)}})
        self.block(self.plan.function.body, self.plan.places.root, state)
        self.final.update(state)
        return self.build.stack[0]

    def _empty(self, tape: Var) -> Var:
        assert isinstance(tape.type, Array)
        target = Var(tape.hint, tape.type)
        self.build.emit(Alloc(target, "empty", (integer(64),)))
        return target

    def block(self, block: Block, place: Place, state: dict[Key, Atom]) -> None:
        for stmt in block:
            self.build.loc = stmt.loc
            if isinstance(stmt, For | While):
                self._save(stmt, place, state)
            match stmt:
                case If():
                    self.branch(stmt, state)
                case For() | While():
                    self.loop(stmt, state)
                case Sweep():
                    self._save(stmt, place, state)
                    forward_sweep(self.build, stmt, self.plan.checkpoints.get(stmt))
                case _:
                    self.build.emit(stmt)
            for var in defined(stmt):
                self.store(var, place, state)
            self._record(stmt, state)
            if isinstance(stmt, Library):
                self._save(stmt, place, state)

    def _save(self, stmt: Library | Loop | Sweep, place: Place, state: dict[Key, Atom]) -> None:
        """Copy the arrays that the pullback of a routine or the reverse of a loop reads and that will not be there."""
        for (owner, array), saved in self.plan.saved.items():
            if owner is stmt:
                slot = self.slots[place.loop] if place.loop is not None else ()
                if saved.grows:
                    assert place.loop is not None
                    slot = (slot_number(self.build, self.plan.places, place.loop, slot),)
                save(self.build, stmt, saved, array, slot, state)

    def store(self, var: Var, place: Place, state: dict[Key, Atom]) -> None:
        """Put a value that was just computed on the tape, if the reverse sweep asks for it."""
        plan = self.home.get(var)
        if plan is None:
            return
        assert place.loop is not None
        tape = plan.stored[var]
        target = tape if plan.rectangular else state[tape]
        assert isinstance(target, Var)
        self.build.emit(Store(target, self.slots[plan.place], var, loc=self.build.loc))

    def _record(self, stmt: Stmt, state: dict[Key, Atom]) -> None:
        """Note how an array that enters a choice inside a loop was made."""
        if not isinstance(stmt, Assign):
            return
        for family, record in self.plan.records.items():
            for site, handle in enumerate(family.dynamic):
                if self.plan.handles.number[handle] is stmt.target:
                    self._write_record(family, site, handle, stmt.target, record, state)

    def _write_record(self, family: Family, site: int, handle: Var, number: Var, record: Var, state: dict) -> None:
        op = self.build.op
        row = op("-", number, integer(family.first))
        start = op("*", row, integer(family.width))
        grown = Var(record.hint, record.type)
        self.build.emit(Reserve(grown, state[record], op("+", start, integer(family.width)), loc=self.build.loc))
        state[record] = grown
        numbers = self.plan.handles.number
        made = recorded(self.plan.places.home[handle], family, self.plan.aliases)
        for j, atom in enumerate((integer(site), *(numbers.get(a, a) for a in made))):  # type: ignore[arg-type]
            self.build.emit(Store(grown, (op("+", start, integer(j)),), atom, loc=self.build.loc))

    # -- control flow --------------------------------------------------------------------------------------------

    def branch(self, stmt: If, state: dict[Key, Atom]) -> None:
        sides, ends = [], []
        for place, body in zip(self.plan.places.sides[stmt], (stmt.then, stmt.orelse), strict=True):
            inner = dict(state)
            with self.build.block() as statements:
                self.block(body, place, inner)
            sides.append(tuple(statements))
            ends.append(inner)
        results = list(stmt.results)
        for key in state:
            if ends[0][key] is not ends[1][key]:
                merged = Var(key.hint, key.type)
                results.append(Result(merged, ends[0][key], ends[1][key]))
                state[key] = merged
        self.build.emit(replace(stmt, then=sides[0], orelse=sides[1], results=tuple(results)))

    def loop(self, stmt: Loop, state: dict[Key, Atom]) -> None:
        (place,) = self.plan.places.sides[stmt]
        if place in self.plan.one_by_one:
            self._alone(stmt, place)
            return
        facts = self.plan.loops[place]
        grows = facts.grows
        if len(place.loops) == 1:
            self._allocate(place)
        if grows and facts.counted:
            self._reserve_run(facts, stmt, state)
        inner: dict[Key, Atom] = {key: Var(key.hint, key.type) for key in state}
        heads = dict(inner)
        with self.build.block() as statements:
            if facts.rectangular:
                self.slots[place] = tuple(self._iteration(p) for p in place.loops)
            elif grows:
                self._slot(facts, stmt, place, inner)
            for var in introduced(stmt):
                self.store(var, place, inner)
            self.block(stmt.body, place, inner)
            if grows and not facts.counted:
                inner[facts.top] = self.build.op("+", inner[facts.top], ONE)
        carried = list(stmt.carried)
        for key, head in heads.items():
            result = Var(key.hint, key.type)
            assert isinstance(head, Var)
            carried.append(Carried(head, state[key], inner[key], result))
            state[key] = result
        self.build.emit(replace(stmt, carried=tuple(carried), body=tuple(statements)))

    def _alone(self, stmt: Loop, place: Place) -> None:
        """A loop whose reverse runs each iteration again, with tapes of its own: none that grows passes through it."""
        if len(place.loops) == 1:
            self._allocate(place)
        with self.build.block() as statements:
            if self.plan.loops[place].stored:  # what an iteration reads and others overwrite
                self.slots[place] = tuple(self._iteration(p) for p in place.loops)
            self.block(stmt.body, place, {})
        self.build.emit(replace(stmt, body=tuple(statements)))

    def _slot(self, facts: LoopPlan, stmt: Loop, place: Place, inner: dict[Key, Atom]) -> None:
        """Where a loop with growing tapes stores this iteration; one that may end any time reserves one slot more."""
        if facts.counted:
            assert isinstance(stmt, For)
            number = iteration_number(self.build, stmt.index, stmt.start, stmt.step)
            self.slots[place] = (self.build.op("+", self.bases[place], number),)
            return
        self.slots[place] = (inner[facts.top],)
        size = self.build.op("+", inner[facts.top], ONE)
        for tape in facts.stored.values():
            inner[tape] = self._grow(inner[tape], tape, size, stmt)

    def _reserve_run(self, facts: LoopPlan, stmt: Loop, state: dict[Key, Atom]) -> None:
        """Reserve the slots of all iterations before the loop starts."""
        assert isinstance(stmt, For)
        n = trips(self.build, stmt.start, stmt.stop, stmt.step)
        self.bases[facts.place] = state[facts.top]
        size = self.build.op("+", state[facts.top], n)
        for tape in facts.stored.values():
            state[tape] = self._grow(state[tape], tape, size, stmt)
        state[facts.top] = size

    def _grow(self, old: Atom, tape: Var, size: Atom, stmt: Loop) -> Var:
        grown = Var(tape.hint, tape.type)
        assert isinstance(old, Var)
        self.build.emit(Reserve(grown, old, size, loc=stmt.loc))
        return grown

    def _iteration(self, place: Place) -> Atom:
        loop = self.plan.places.loop_of(place)
        assert isinstance(loop, For)
        return iteration_number(self.build, loop.index, loop.start, loop.step)

    def _allocate(self, outermost: Place) -> None:
        """The tapes of a rectangular nest: one axis a loop."""
        for place, facts in self.plan.loops.items():
            if not facts.rectangular or not place.within(outermost):
                continue
            for tape in facts.stored.values():
                self.build.emit(Alloc(tape, "empty", self._trips(place), tape=True, loc=facts.loop.loc))
        for (stmt, _), saved in self.plan.saved.items():
            loop_body = self.plan.places.at[stmt].loop
            if saved.shape is not None and loop_body is not None and loop_body.within(outermost):
                shape = (*self._trips(loop_body), *sizes_of(self.build, saved.shape))
                self.build.emit(Alloc(saved.tape, "empty", shape, tape=True, loc=stmt.loc))

    def _trips(self, place: Place) -> tuple[Atom, ...]:
        """How often each of the loops around a place runs."""
        loops = [self.plan.places.loop_of(p) for p in place.loops]
        return tuple(trips(self.build, s.start, s.stop, s.step) for s in loops if isinstance(s, For))


def export(block: list[Stmt], wanted: set[Var]) -> tuple[Block, dict[Var, Var]]:
    """Make vars defined in branches available after them, on the paths that define them.

    Returns:
        The block, and for each var of `wanted` that is defined in a branch the var that stands for it afterwards.
    """
    mapping: dict[Var, Var] = {}
    return tuple(_export(s, wanted, mapping) for s in block), mapping


def _export(stmt: Stmt, wanted: set[Var], mapping: dict[Var, Var]) -> Stmt:
    if not isinstance(stmt, If):
        return stmt
    results = list(stmt.results)
    sides = []
    for k, body in enumerate((stmt.then, stmt.orelse)):
        inner: dict[Var, Var] = {}
        block = tuple(_export(s, wanted, inner) for s in body)
        inner |= {v: v for s in body for v in defined(s) if v in wanted}
        for var, here in inner.items():
            out = Var(var.hint, var.type)
            nothing = Undef(var.type, silent=True)
            results.append(Result(out, nothing, here) if k else Result(out, here, nothing))
            mapping[var] = out
        sides.append(block)
    return replace(stmt, then=sides[0], orelse=sides[1], results=tuple(results))

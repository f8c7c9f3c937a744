"""What to say at each line: decisions about values, loops and calls, put into words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from srcgrad.explain.decisions import Decision, decisions, label, shortened, why_copied
from srcgrad.explain.facts import Note, Tape
from srcgrad.explain.sizes import Sizes, size_in_bytes
from srcgrad.explain.sources import Key, is_users, key
from srcgrad.explain.trace import Trace
from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Call,
    For,
    Function,
    If,
    Library,
    Load,
    Loop,
    Reserve,
    Stmt,
    Sweep,
    Var,
    While,
)
from srcgrad.ir.types import Array, Scalar, is_integer
from srcgrad.ir.walk import defined, statements
from srcgrad.transform.adjoint import Plan
from srcgrad.transform.adjoint.snapshots import Snapshot
from srcgrad.transform.analysis.places import Place

Notes = defaultdict[Key, list[Note]]
AT_ONCE = "in the iteration that computes it"


@dataclass(frozen=True, eq=False)
class Made:
    """An adjoint with all that its making showed: the plan, what simplification did, the sizes in its final form.

    With `piece`, the plan is that of a checkpointed loop, which is reversed piece by piece inside `adjoint`.
    """

    plan: Plan
    trace: Trace
    adjoint: Function
    sizes: Sizes
    primal: Sizes
    piece: bool = False

    def tape(self, what: str, stmt: Stmt, tape: Var, *, grows: bool) -> Tape | None:
        """What a tape of the plan takes in the end; None where nothing is left of it."""
        assert isinstance(tape.type, Array)
        if self.piece:
            return None
        if grows:
            left = any(isinstance(s, Reserve) and s.base.hint == tape.hint for s in statements(self.adjoint.body))
            return Tape(what, stmt.loc.line, tape.type.dtype, None, None, grows=True) if left else None
        now = self.trace.tape(tape)
        if not any(isinstance(s, Alloc) and s.target is now for s in statements(self.adjoint.body)):
            return None
        shape = self.sizes.allocated.get(now)
        return Tape(what, stmt.loc.line, tape.type.dtype, shape, size_in_bytes(shape, tape.type.dtype))

    def is_one_pass(self, loop: Loop) -> bool:
        """Whether a loop's iterations are reversed one by one, each as soon as it has run."""
        reverse = self.plan.reversals.get(loop)
        if not isinstance(loop, For) or reverse is None:
            return False
        return self.trace.root(reverse.index) is self.trace.root(loop.index)


def value_notes(made: Made, notes: Notes) -> Iterator[Tape]:
    """Say of each value that the reverse sweep needs how it is had.

    Yields:
        The tapes, with what is left of them in the end.
    """
    grouped: dict[tuple[Key, str, str], list[Decision]] = defaultdict(list)
    told: set[Var] = set()
    for d in decisions(made.plan):
        if not is_users(d.stmt.loc) or (d.kind == "recomputed" and is_integer(d.var.type)):
            continue
        kind = "at once" if _at_once(made, d) else d.kind
        if kind in ("stored", "copied") and not made.piece and _kept(made, d) is None:
            continue  # simplification has found that nothing reads it
        grouped[key(d.stmt.loc), kind, AT_ONCE if kind == "at once" else d.why].append(d)
    for (at, kind, why), group in sorted(grouped.items(), key=lambda item: item[0][0]):
        names = shortened(outermost([_name(made.plan, d) for d in group]))
        taken = ""
        if kind in ("stored", "copied"):
            kept = {d.tape: _kept(made, d) for d in group if d.tape is not None}
            tapes = [t for t in kept.values() if t is not None]
            yield from (t for var, t in kept.items() if t is not None and var not in told)
            told |= kept.keys()
            copy = " from a copy of the whole array" if kind == "copied" else ""
            taken = f"{copy} ({_bytes(tapes)})" if tapes else f"{copy} for a piece" if made.piece else copy
        notes[at].append(Note(kind, f"{names}{taken} {why}"))


def _name(plan: Plan, decision: Decision) -> str:
    """What to call a value; the number of an array that is one of several is what says which of them it is."""
    for handle, number in plan.handles.number.items():
        if number is decision.var:
            return f"which array {handle.hint or 'it'} is"
    return label(decision.var, decision.stmt.loc)


def _body(plan: Plan, var: Var) -> Place | None:
    return plan.places.of[var].loop


def _at_once(made: Made, decision: Decision) -> bool:
    """Whether a value is needed in the very iteration that computes it, and no tape is left of it."""
    body = _body(made.plan, decision.var)
    if body is None or not made.is_one_pass(made.plan.places.loop_of(body)):
        return False
    return decision.kind != "copied" and (decision.kind != "stored" or _kept(made, decision) is None)


def _kept(made: Made, decision: Decision) -> Tape | None:
    assert decision.tape is not None
    name = _name(made.plan, decision)
    if decision.kind == "copied":
        assert isinstance(decision.stmt, Load)
        snapshot = made.plan.snapshot_of(decision.stmt)
        assert isinstance(snapshot, Snapshot)
        saved = made.plan.saved[snapshot.at, snapshot.array]
        return made.tape(f"copies of {snapshot.array.hint or name}", decision.stmt, saved.tape, grows=saved.grows)
    (facts,) = (p for p in made.plan.loops.values() if p.stored.get(decision.var) is decision.tape)
    return made.tape(name, decision.stmt, decision.tape, grows=not facts.rectangular)


def variable_notes(made: Made, notes: Notes) -> None:
    """Say which numbers computed outside of loops the reverse sweep reads."""
    found: dict[Key, list[str]] = defaultdict(list)
    for var in made.plan.read:
        stmt = made.plan.places.home.get(var)
        if isinstance(stmt, Assign | Load | If) and isinstance(var.type, Scalar) and not is_integer(var.type):
            if is_users(stmt.loc):
                found[key(stmt.loc)].append(label(var, stmt.loc))
    for at, names in found.items():
        notes[at].append(Note("kept", f"{shortened(outermost(sorted(names)))} in a variable"))


def routine_notes(made: Made, notes: Notes) -> Iterator[Tape]:
    """Say which arrays are copied for the derivatives of routines, and for loops run again; yield the copies."""
    for (stmt, array), saved in made.plan.saved.items():
        if isinstance(stmt, Library | Sweep) and is_users(stmt.loc):
            name = array.hint or "an array"
            tape = made.tape(f"copies of {name}", stmt, saved.tape, grows=saved.grows)
            if tape is not None:
                yield tape
            if tape is not None or made.piece:
                taken = f"({_bytes([tape])})" if tape is not None else "for a piece"
                why = why_copied(made.plan, array, stmt)
                notes[key(stmt.loc)].append(Note("copied", f"{name} {taken} because {why}"))


def record_tapes(made: Made) -> Iterator[Tape]:
    """What tells arrays apart that are made in loops."""
    for family, record in made.plan.records.items():
        home = made.plan.places.home[family.dynamic[0]]
        tape = made.tape("numbers and shapes of arrays made in a loop", home, record, grows=True)
        if tape is not None:
            yield tape


def iteration_tapes(made: Made) -> Iterator[Tape]:
    """What the iterations of loops that are reversed one by one keep, each for itself."""
    inside = list(statements(made.adjoint.body))
    for one in made.plan.one_by_one.values():
        indices = {made.trace.root(v) for v in (one.once, one.again) if v is not None}
        body = [t for s in inside if isinstance(s, For) and s.index in indices for t in statements(s.body)]
        grown = {s.base.hint for s in body if isinstance(s, Reserve)}
        names = {s.target.hint: s.target.type for s in body if isinstance(s, Alloc) and s.target.hint.endswith("_tape")}
        for hint, of in names.items():
            assert isinstance(of, Array)
            what = f"{hint.removesuffix('_tape')}, for one iteration at a time"
            yield Tape(what, one.loop.loc.line, of.dtype, None, None, grows=hint in grown)


def loop_notes(made: Made, notes: Notes) -> None:
    """Say of each loop of the user's how it is reversed."""
    for place, facts in made.plan.loops.items():
        loop = facts.loop
        if not is_users(loop.loc) or (made.piece and len(place.loops) == 1):  # of a piece, `piece_notes` speaks
            continue
        if isinstance(loop, For) and loop.mode == "elementwise":
            if made.is_one_pass(loop):
                notes[key(loop.loc)].append(Note("loop", "an array expression: value and gradient run as one loop"))
            continue
        trips = made.primal.trips.get(loop.index) if isinstance(loop, For) else None
        runs = f"{trips:,} iterations, " if trips is not None else ""
        notes[key(loop.loc)].append(Note("loop", f"{runs}{_reversal(made, loop, place)}"))


def _reversal(made: Made, loop: Loop, place: Place) -> str:
    plan = made.plan
    reverse = plan.reversals.get(loop)
    if reverse is None:
        active = any(plan.activity.is_active(v) for s in statements((loop,)) for v in defined(s))
        if active and any(place.within(other) for other in plan.one_by_one):
            return "reversed in each iteration of the loop around it, with the tape of that"
        return "not reversed: nothing in it has a derivative"
    if made.is_one_pass(loop):
        return "one pass: each is reversed as soon as it has run, because they are independent"
    if place in plan.one_by_one:
        return "each runs a second time and is reversed at once, with a tape of its own, because they are independent"
    if reverse.mode == "reversed":
        return "reversed first to last, because they are independent"
    if any(p in plan.waiting for p in _inner(place)):
        return "reversed last to first, because a loop in it has a tape that grows"
    if isinstance(loop, While) or loop.exit is not None:
        return "counted, and reversed last to first"
    return "reversed last to first, because they are not known to be independent"


def _inner(place: Place) -> Iterator[Place]:
    for child in place.children:
        yield child
        yield from _inner(child)


def call_notes(made: Made, notes: Notes) -> None:
    """Say which helpers are called, rather than written out."""
    for stmt in statements(made.plan.function.body):
        if isinstance(stmt, Call) and is_users(stmt.loc):
            text = f"'{stmt.function.name}' is a function of its own; its reverse runs it again, with its own tape"
            notes[key(stmt.loc)].append(Note("call", text))


def tapes_of(plan: Plan) -> Iterator[Var]:
    """All the tapes of a plan, as it knows them."""
    for loop in plan.loops.values():
        yield from loop.stored.values()
    for saved in plan.saved.values():
        yield saved.tape


def outermost(names: list[str]) -> list[str]:
    """Without texts that are parts of others."""
    unique = list(dict.fromkeys(names))
    return [n for n in unique if not any(n != other and n in other and not n.isidentifier() for other in unique)]


def _bytes(tapes: list[Tape]) -> str:
    if any(t.grows for t in tapes):
        return "on a tape that grows"
    if any(t.size is None for t in tapes):
        return "of a size that only the call shows"
    return f"{sum(t.size or 0 for t in tapes):,} bytes"

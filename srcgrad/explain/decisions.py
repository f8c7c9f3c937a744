"""How the reverse sweep gets at each value that it needs, and why: a final plan, read."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from srcgrad.ir.location import Location
from srcgrad.ir.nodes import Alloc, Assign, Call, For, If, Load, Stmt, Undef, Var, While
from srcgrad.ir.walk import introduced, operands, statements
from srcgrad.transform.adjoint import Plan
from srcgrad.transform.adjoint.snapshots import Snapshot

LONGEST = 40  # characters of the user's text that stand for a value without a name


@dataclass(frozen=True, eq=False)
class Decision:
    """How one value is had.

    Attributes:
        var: the value.
        stmt: the statement that defines it.
        kind: "stored", "recomputed", "read again", "left in place" or "copied".
        why: the reason, a phrase that goes on after the value's name.
        tape: for "stored" and "copied", where it is kept; as the plan knows it.
    """

    var: Var
    stmt: Stmt
    kind: str
    why: str
    tape: Var | None = None


def decisions(plan: Plan) -> Iterator[Decision]:
    """One for each value defined in a loop that the reverse sweep asked for, or needs for one that it asked for."""
    work = [v for v in plan.requests if not plan.is_at_hand(v)]
    seen: set[Var] = set()
    tapes = {v: tape for loop in plan.loops.values() for v, tape in loop.stored.items()}
    while work:
        var = work.pop(0)
        if var in seen:
            continue
        seen.add(var)
        found, needs = _decision(plan, var, plan.places.home[var], tapes)
        if found is not None:
            yield found
        work += [a for a in needs if isinstance(a, Var) and not plan.is_at_hand(a)]


def _decision(plan: Plan, var: Var, stmt: Stmt, tapes: dict[Var, Var]) -> tuple[Decision | None, tuple[Any, ...]]:
    """What is done for a value, and the values that this takes in turn. It follows `Plan._had`."""
    if var in plan.kept:
        store = plan.kept[var]
        why = f"because {_array(store.array, store.loc)} still holds it"
        return Decision(var, stmt, "left in place", why), store.index
    if var not in plan.chosen and plan.is_recomputed(var, stmt):
        return _again(plan, var, stmt)
    if isinstance(stmt, Load):
        snapshot = plan.snapshot_of(stmt)
        if snapshot in plan.chosen and isinstance(snapshot, Snapshot):
            saved = plan.saved.get((snapshot.at, snapshot.array))
            tape = saved.tape if saved is not None else None
            return Decision(var, stmt, "copied", f"because {why_lost(plan, var, stmt)}", tape), stmt.index
    if var not in tapes:  # asked for by an attempt at writing a branch that was given up
        return None, ()
    return Decision(var, stmt, "stored", _why_stored(plan, var, stmt), tapes[var]), ()


def _again(plan: Plan, var: Var, stmt: Stmt) -> tuple[Decision | None, tuple[Any, ...]]:
    match stmt:
        case Load():
            return Decision(var, stmt, "read again", _why_there(plan, stmt)), stmt.index
        case If():
            inside = [*statements(stmt.then), *statements(stmt.orelse)]
            read = tuple(a for s in inside for a in (s.index if isinstance(s, Load) else operands(s)))
            arms = tuple(a for r in stmt.results if r.var is var for a in (r.then, r.orelse))
            own = {s.target for s in inside if isinstance(s, Assign | Load)}
            needs = tuple(a for a in (stmt.cond, *read, *arms) if a not in own)
            return Decision(var, stmt, "recomputed", "by a short branch"), needs
        case Assign(op="shape", args=(array, axis)):
            home = plan.places.home.get(array)  # type: ignore[arg-type]
            made = isinstance(home, Alloc) and not plan.handle_is_there(array)  # type: ignore[arg-type]
            return None, (home.shape[axis.value],) if made else ()  # type: ignore[union-attr]
        case Assign():
            return Decision(var, stmt, "recomputed", "by arithmetic"), stmt.args
        case _:
            return None, ()


def _why_there(plan: Plan, load: Load) -> str:
    overlap = plan.aliases.may_overlap
    writes = [s for array, s in plan.stability.writes if overlap(load.array, array)]
    name = _array(load.array, load.loc)
    if not writes:
        return f"because {name} is never written"
    if not any(plan.places.may_follow(w, load) for w in writes):
        return f"because {name} is not written afterwards"
    return f"because what {lines_of(writes)} writes later are other elements of {name}"


def _why_stored(plan: Plan, var: Var, stmt: Stmt) -> str:
    """Why a value is on the tape, itself or in place of what it is computed from."""
    if not plan.is_recomputed(var, stmt):
        return f"because {why_lost(plan, var, stmt)}"
    lost = list(dict.fromkeys(_lost(plan, var)))
    if not lost:
        return "because that takes less than what it is computed from"
    names = list(dict.fromkeys(label(v, plan.places.home[v].loc) for v in lost))
    reasons = shortened(list(dict.fromkeys(why_lost(plan, v, plan.places.home[v]) for v in lost)), 2)
    if names == [label(var, stmt.loc)]:
        return f"because {reasons}"
    if len(names) == 1:
        return f"because it is computed from {names[0]}, and {reasons}"
    return f"in place of {shortened(names)}, because {reasons}"


def _lost(plan: Plan, var: Var) -> Iterator[Var]:
    """The values that cannot be had again among those that a value is computed from."""
    work, seen = [var], set()
    while work:
        v = work.pop(0)
        if v in seen or plan.is_at_hand(v) or v in plan.kept:
            continue
        seen.add(v)
        stmt = plan.places.home[v]
        if not plan.is_recomputed(v, stmt):
            yield v
            continue
        inside = [stmt] if not isinstance(stmt, If) else [stmt, *statements((*stmt.then, *stmt.orelse))]
        read = [a for s in inside for a in (s.index if isinstance(s, Load) else operands(s))]
        arms = [a for r in stmt.results if r.var is v for a in (r.then, r.orelse)] if isinstance(stmt, If) else []
        work += [a for a in (*read, *arms) if isinstance(a, Var) and a in plan.places.home and a not in seen]


def why_lost(plan: Plan, var: Var, stmt: Stmt) -> str:
    """Why a value cannot be had again."""
    match stmt:
        case Load():
            if not plan.handle_is_there(stmt.array):
                return f"{_array(stmt.array, stmt.loc)} is another array in each iteration"
            return overwritten(_array(stmt.array, stmt.loc), list(plan.stability.overwrites(stmt)))
        case For() | While():
            if var in introduced(stmt):
                return "each iteration changes it"
            return f"the loop of line {stmt.loc.line} computes it"
        case Call():
            return f"a call of '{stmt.function.name}' computes it"
        case If():
            arms = [a for r in stmt.results if r.var is var for a in (r.then, r.orelse)]
            if any(isinstance(a, Undef) for a in arms):
                return "one path only gives it a value"
            return "the branch is too long to run again, or reads what is overwritten"
        case Assign(op=op) if op.startswith("np.random."):
            return "a random draw is made once"
        case Assign(op="shape"):
            return "it is the size of an array that is another one in each iteration"
        case _:
            return "it is known at run time only"


def why_copied(plan: Plan, array: Var, stmt: Stmt) -> str:
    """Why an array that a routine's derivative, or a loop that is run again, reads is copied."""
    name = _array(array, stmt.loc)
    if not plan.handle_is_there(array):
        return f"{name} is another array in each iteration"
    writes = [
        write for written, write in plan.stability.writes
        if plan.aliases.may_overlap(array, written) and plan.places.may_follow(write, stmt)
    ]  # fmt: skip
    return overwritten(name, writes) if writes else f"the loop overwrites {name}, and is run again"


def overwritten(name: str, writes: list[Stmt]) -> str:
    """The phrase for an array that some statements overwrite."""
    return f"{name} is overwritten in {lines_of(writes)}"


def lines_of(writes: list[Stmt]) -> str:
    """The lines of some statements, in words."""
    return lines_text({w.loc.line for w in writes})


def lines_text(numbers: set[int]) -> str:
    """`line 7`, `lines 7 and 9`.

    >>> lines_text({9, 2, 7})
    'lines 2, 7 and 9'
    """
    shown = [str(n) for n in sorted(numbers)]
    return f"line {shown[0]}" if len(shown) == 1 else f"lines {', '.join(shown[:-1])} and {shown[-1]}"


def label(var: Var, loc: Location) -> str:
    """A value by the user's name for it, or by the user's text that computes it."""
    if is_named(var, loc):
        return var.hint
    text = loc.text()
    if loc.end_line > loc.line:
        return f"a value of line {loc.line}"
    shown = " ".join(text[loc.column : loc.end_column].split())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 3]}..."


def is_named(var: Var, loc: Location) -> bool:
    """Whether the hint of a value is a name in the user's text there, and not one of srcgrad's own."""
    lines = (linecache.getline(loc.filename, n) for n in range(loc.line, loc.end_line + 1))
    return bool(var.hint) and any(re.search(rf"\b{re.escape(var.hint)}\b", text) for text in lines)


def _array(array: Var, loc: Location) -> str:
    return f"'{array.hint}'" if is_named(array, loc) else "the array"


def shortened(items: list[str], most: int = 4) -> str:
    """`a, b and c`; of many, the first few."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"

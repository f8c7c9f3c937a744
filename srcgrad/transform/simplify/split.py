"""Loop distribution of increments to neighbours, which no vector instruction can make as they are written.

K. Kennedy, K. S. McKinley, Loop distribution with arbitrary control flow (1990), in its simplest case. One loop with
`b[i, j - 1] += q; b[i, j + 1] += q; b[i + 1, j] += q` cannot run several iterations at once. After one that keeps all q
in a buffer, two loops can: `b[i, j] += row[j + 1] + row[j - 1]` and `b[i + 1, j] += row[j]`. What a row has beyond the
ends of the loop is zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Const,
    For,
    Function,
    If,
    Increment,
    Library,
    Load,
    Stmt,
    Store,
    Var,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import BOOL, INT64, Array, Scalar, is_float
from srcgrad.ir.walk import defined, introduced, statements
from srcgrad.transform.analysis.affine import Affine, Iterations
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.places import find_places

SHORT = 8  # trips for which one loop is as good as several
NEAR = 8  # elements between increments that share a loop


def split_increments(function: Function) -> Function:
    """Split innermost loops that add to neighbouring elements of an array which they do not touch otherwise.

    Only increments whose order is free are moved, and only those that run along the last axis of the array. The loop
    must be in another one: a buffer that is used once costs as much as it saves.

    >>> from srcgrad.ir.types import FLOAT64
    >>> b, q, n = Var("b", Array("float64", 1)), Var("q", FLOAT64), Var("n", INT64)
    >>> i, j, left, right = (Var(h, INT64) for h in ("i", "j", "left", "right"))
    >>> def add(at): return Increment(b, (at,), q, loose=True)
    >>> steps = Assign(left, "-", (j, ONE)), Assign(right, "+", (j, ONE)), Assign(q, "cast", (j,))
    >>> loop = For(j, ONE, n, ONE, (), (*steps, add(left), add(right)))
    >>> *_, outer = split_increments(Function("f", (b, n), (For(i, ZERO, n, ONE, (), (loop,)),), (), ())).body
    >>> [type(s).__name__ for s in outer.body]
    ['For', 'For']
    """
    splitter = _Splitter(function)
    body = splitter.block(function.body, ())
    return replace(function, body=body)


@dataclass(eq=False)
class _Level:
    """A loop around those that are split: what it defines, and what is to come before it."""

    own: set[Var]
    before: list[Stmt] = field(default_factory=list)


@dataclass(frozen=True)
class _Scope:
    """What an innermost loop defines, and how."""

    loop: For
    own: frozenset[Var]
    steps: dict[Var, Assign]

    def varies(self, atom: Atom) -> bool:
        return isinstance(atom, Var) and atom in self.own

    def origin(self, value: Var) -> Var:
        """The value that another is a constant multiple of: one buffer does for both."""
        while value in self.steps:
            op, args = self.steps[value].op, self.steps[value].args
            by = [a for a in args if isinstance(a, Var)]
            if op not in ("neg", "*") or len(by) != 1 or by[0].type != value.type or not self.varies(by[0]):
                break
            (value,) = by
        return value

    def steps_to(self, goals: Iterable[Atom], known: Iterable[Atom]) -> list[Assign]:
        """The operations that compute some values from what is known and what does not vary, in order."""
        needed: set[Var] = set()
        work = list(goals)
        while work:
            atom = work.pop()
            if isinstance(atom, Var) and self.varies(atom) and atom not in known and atom not in needed:
                needed.add(atom)
                work += self.steps[atom].args
        return [s for s in self.steps.values() if s.target in needed]


@dataclass(frozen=True)
class _Group:
    """Increments that share a loop. Where `shifts` is not empty, each is to the element that far from the index."""

    members: list[Increment]
    shifts: tuple[int, ...] = ()

    @property
    def pad(self) -> int:
        return max(self.shifts) - min(self.shifts) if self.shifts else 0


class _Splitter:
    def __init__(self, function: Function) -> None:
        self.aliases = find_aliases(function)
        places = find_places(function)
        self.moment = Iterations(places, [], None)
        self.home = places.home

    def block(self, block: Block, around: tuple[_Level, ...]) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case If():
                    then, orelse = self.block(stmt.then, around), self.block(stmt.orelse, around)
                    out.append(replace(stmt, then=then, orelse=orelse))
                case For() if stmt.axis:  # its iterations are threads: rows would be shared by them
                    out.append(stmt)
                case For() if not _has_loops(stmt):
                    out += self.split(stmt, around)
                case For() | While():
                    level = _Level(_made(stmt))
                    body = self.block(stmt.body, (*around, level))
                    out += [*level.before, replace(stmt, body=body)]
                case _:
                    out.append(stmt)
        return tuple(out)

    def split(self, loop: For, around: tuple[_Level, ...]) -> list[Stmt]:
        """The loop, or what comes in its place."""
        home = _home(loop, around)
        if home is None or loop.exit is not None or not _is_unit(loop.step) or _is_short(loop):
            return [loop]
        steps = {s.target: s for s in loop.body if isinstance(s, Assign)}
        scope = _Scope(loop, frozenset(_made(loop)), steps)
        moved = self.movable(scope)
        if not moved:
            return [loop]
        groups = self.groups(moved, scope)
        rows = _Rows(scope, home, groups, self.home)
        ends = [rows.gathered(group) if group.shifts else rows.added(group) for group in groups]
        stays = (s for s in loop.body if s not in moved)
        return [replace(loop, body=(*rows.first, *stays, *rows.stores)), *ends]

    def movable(self, scope: _Scope) -> list[Increment]:
        """The increments that can run after the loop, and gain by it."""
        inside = list(statements(scope.loop.body))
        accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
        top = set(scope.loop.body)
        found: list[Increment] = []
        for array in dict.fromkeys(s.array for s in accesses if isinstance(s, Increment) and s.loose):
            same = [s for s in accesses if self.aliases.may_meet(s.array, array)]
            mine = [s for s in same if isinstance(s, Increment) and s.array is array and s in top and s.loose]
            if len(mine) == len(same) and not scope.varies(array) and len({s.index for s in mine}) > 1:
                if all(self.runs_along(s, scope) for s in mine):
                    found += mine
        return found

    def runs_along(self, stmt: Increment, scope: _Scope) -> bool:
        """Whether the index moves by one element of the last axis in each iteration of the loop, and no other does."""
        if not stmt.index or not isinstance(stmt.value.type, Scalar) or not is_float(stmt.value.type):
            return False
        *outer, last = (dict(self.form(i, scope)) for i in stmt.index)
        return not any(outer) and last == {scope.loop.index: 1}

    def form(self, atom: Atom, scope: _Scope) -> Iterator[tuple[Var, int]]:
        """What of an integer varies in the loop."""
        form: Affine = self.moment.form(atom, later=False)
        return ((s.var, n) for s, n in form.terms if s.var in scope.own)

    def groups(self, moved: list[Increment], scope: _Scope) -> list[_Group]:
        """Increments along one row share a loop if they are near each other, and none counts from the row's end."""
        rows: dict[tuple[Atom, ...], list[tuple[Increment, int]]] = {}
        alone: dict[tuple[Atom, ...], list[Increment]] = {}
        for stmt in moved:
            *outer, last = stmt.index
            form = self.moment.form(last, later=False)
            least = self.moment.least(form)
            plain = len(form.terms) == 1 and least is not None and least >= 0
            if plain and stmt.value.type == stmt.array.type.item and not any(map(scope.varies, outer)):  # type: ignore[union-attr]
                rows.setdefault((stmt.array, *outer), []).append((stmt, form.constant))
            else:
                alone.setdefault((stmt.array, *stmt.index), []).append(stmt)
        found = []
        for (array, *_), row in rows.items():
            group = _Group([s for s, _ in row], tuple(c for _, c in row))
            if 0 < group.pad <= NEAR and all(scope.varies(s.value) for s in group.members):
                found.append(group)
            else:
                for s, _ in row:
                    alone.setdefault((array, *s.index), []).append(s)
        return found + [_Group(members) for members in alone.values()]


class _Rows:
    """The buffers of one loop, each for one value, and the loops that read them.

    Args:
        scope: the loop.
        before: where buffers are allocated.
        groups: the increments that are made from them.
        steps: where values are defined.
    """

    def __init__(self, scope: _Scope, before: list[Stmt], groups: list[_Group], steps: dict[Var, Stmt]) -> None:
        self.scope, self.before, self.loc, self.steps = scope, before, scope.loop.loc, steps
        loop = scope.loop
        self.first: list[Stmt] = []  # at the start of the loop
        self.stores: list[Stmt] = []  # at its end
        self.of: dict[Var, Var] = {}
        self.pads: dict[Var, int] = {}
        for group in groups:
            for origin in (scope.origin(s.value) for s in group.members if isinstance(s.value, Var)):
                self.pads[origin] = max(self.pads.get(origin, 0), group.pad)
        rising = loop.step == ONE
        self.low = loop.start if rising else self.shifted(before, loop.stop, 1)
        self.high = loop.stop if rising else self.shifted(before, loop.start, 1)
        self.length = self.op(before, "max", self.since(before, self.high), ZERO)

    def op(self, block: list[Stmt], op: str, a: Atom, b: Atom) -> Atom:
        if b == ZERO and op in ("+", "-"):
            return a
        if isinstance(a, Const) and isinstance(b, Const):
            return integer({"+": a.value + b.value, "-": a.value - b.value, "max": max(a.value, b.value)}[op])
        target = Var("", INT64)
        block.append(Assign(target, op, (a, b), loc=self.loc))
        return target

    def shifted(self, block: list[Stmt], atom: Atom, by: int) -> Atom:
        """`atom + by`; `(x - 1) + 1` is x."""
        match self.steps.get(atom) if isinstance(atom, Var) else None:
            case Assign(op="+" | "-" as op, args=(base, Const(value=value))) if not self.scope.varies(base):
                atom, by = base, by + (value if op == "+" else -value)
        return self.op(block, "+" if by >= 0 else "-", atom, integer(abs(by)))

    def since(self, block: list[Stmt], index: Atom, by: int = 0) -> Atom:
        """`index - low + by`: where in a row the value of an iteration is, if there are `by` zeros before the first."""
        if isinstance(self.low, Const):
            return self.shifted(block, index, by - self.low.value)
        return self.shifted(block, self.op(block, "-", index, self.low), by)

    def row(self, value: Var, array: Var) -> Var:
        """The buffer of a value."""
        if value not in self.of:
            assert isinstance(value.type, Scalar)
            pad = self.pads[value]
            row = self.of[value] = Var(f"{value.hint or array.hint or 'value'}_row", Array(value.type.dtype, 1))
            size = self.shifted(self.before, self.length, 2 * pad)
            self.before.append(Alloc(row, "zeros" if pad else "empty", (size,), padded=True, loc=self.loc))
            slot = self.since(self.first, self.scope.loop.index, pad)
            self.stores.append(Store(row, (slot,), value, loc=self.loc))
        return self.of[value]

    def value(self, stmt: Increment, index: Atom, shift: int, body: list[Stmt]) -> Atom:
        """What an increment added, `shift` iterations before one; from the row."""
        if not self.scope.varies(stmt.value):
            return stmt.value
        assert isinstance(stmt.value, Var)
        origin = self.scope.origin(stmt.value)
        row = self.row(origin, stmt.array)
        fresh: dict[Var, Atom] = {origin: Var("", origin.type)}
        slot = self.since(body, index, self.pads[origin] - shift)
        body.append(Load(fresh[origin], row, (slot,), loc=stmt.loc))  # type: ignore[arg-type]
        self.again(self.scope.steps_to((stmt.value,), fresh), fresh, body)
        return fresh[stmt.value]

    def again(self, steps: list[Assign], fresh: dict[Var, Atom], body: list[Stmt]) -> None:
        for step in steps:
            target = Var("", step.target.type)
            body.append(replace(step, target=target, args=tuple(_renamed(a, fresh) for a in step.args)))
            fresh[step.target] = target

    def added(self, group: _Group) -> For:
        """A loop that makes increments to the same elements."""
        index = Var(self.scope.loop.index.hint, INT64)
        fresh: dict[Var, Atom] = {self.scope.loop.index: index}
        body: list[Stmt] = []
        self.again(self.scope.steps_to(group.members[0].index, fresh), fresh, body)
        for stmt in group.members:
            value = self.value(stmt, index, 0, body)
            body.append(replace(stmt, index=tuple(_renamed(a, fresh) for a in stmt.index), value=value))
        return self.loop(index, self.low, self.high, body)

    def gathered(self, group: _Group) -> For:
        """A loop over the elements of a row that adds to each all that it gets."""
        index = Var(self.scope.loop.index.hint, INT64)
        body: list[Stmt] = []
        total: Atom | None = None
        for stmt, shift in zip(group.members, group.shifts, strict=True):
            value = self.value(stmt, index, shift, body)
            if total is not None:
                both = Var("", stmt.value.type)
                body.append(Assign(both, "+", (total, value), True, loc=stmt.loc))
                value = both
            total = value
        assert total is not None
        stmt = group.members[0]
        body.append(replace(stmt, index=(*stmt.index[:-1], index), value=total))
        first = self.shifted(self.before, self.low, min(group.shifts))
        last = self.shifted(self.before, self.high, max(group.shifts))
        runs, stop = Var("", BOOL), Var("", INT64)  # without iterations, no element is known to exist
        self.before.append(Assign(runs, "<", (self.low, self.high), loc=self.loc))
        self.before.append(Assign(stop, "where", (runs, last, first), loc=self.loc))
        return self.loop(index, first, stop, body)

    def loop(self, index: Var, start: Atom, stop: Atom, body: list[Stmt]) -> For:
        return For(index, start, stop, ONE, (), tuple(body), None, self.scope.loop.mode, loc=self.loc)


def _renamed(atom: Atom, fresh: dict[Var, Atom]) -> Atom:
    return fresh.get(atom, atom) if isinstance(atom, Var) else atom


def _home(loop: For, around: tuple[_Level, ...]) -> list[Stmt] | None:
    """What is put before the outermost loop that the bounds of this one do not depend on; None if there is none."""
    bounds = [a for a in (loop.start, loop.stop) if isinstance(a, Var)]
    home = None
    for level in reversed(around):
        if any(b in level.own for b in bounds):
            break
        home = level.before
    return home


def _made(loop: For | While) -> set[Var]:
    return {v for s in (loop, *statements(loop.body)) for v in introduced(s)} | {
        v for s in statements(loop.body) for v in defined(s)
    }


def _has_loops(stmt: For) -> bool:
    return any(isinstance(s, For | While | Call | Library) for s in statements(stmt.body))


def _is_unit(step: Atom) -> bool:
    return isinstance(step, Const) and step.value in (1, -1)


def _is_short(loop: For) -> bool:
    if not (isinstance(loop.start, Const) and isinstance(loop.stop, Const)):
        return False
    return abs(loop.stop.value - loop.start.value) < SHORT

"""Refuse kernels whose threads may race, at the user's line.

Two threads of a block must not meet in an element between two barriers, and two blocks not at all, unless both only
read, or both add by `cuda.atomic.add`. They do not meet if the indices of both accesses cannot be equal, with all that
is known of the indices of threads, blocks and loops, and of the conditions around the accesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Block,
    Call,
    Custom,
    Effect,
    For,
    Function,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Stmt,
    Store,
    Sweep,
    Var,
    While,
)
from srcgrad.ir.walk import statements, with_sharing, without
from srcgrad.transform.analysis.aliases import find_aliases
from srcgrad.transform.analysis.meetings import Access, Meetings
from srcgrad.transform.analysis.places import Place, find_places
from srcgrad.transform.analysis.signs import Signs
from srcgrad.transform.simt.launch import Barrier


def check_races(function: Function) -> Function:
    """Check a kernel as `serialise` leaves it; take its barriers away, where loops over threads end by now.

    Raises:
        UnsupportedError: two threads may meet, or a thread does what cannot be done in any order.
    """
    problems = [p for s in statements(function.body) if (p := _unordered(s)) is not None]
    if not problems:
        problems = list(_Races(function).problems())
    if problems:
        raise UnsupportedError(*problems)
    return replace(function, body=without(function.body, Barrier))


def mark_atomics(function: Function) -> Function:
    """`function` with the increments as atomic in which two threads, or two blocks, may meet.

    It takes loops over threads to be done by all threads of a block before the next one is begun.
    """
    races = _Races(function)
    marked: set[Stmt] = set()
    for kind in ("thread", "block"):
        for nest in races.nests(function.body, kind):
            marked.update(races.shared_sums(kind, nest))
    return with_sharing(function, lambda s: "atomic" if s in marked else "exclusive")


def may_race(function: Function, grid: For) -> bool:
    """Whether blocks of a grid, or threads of one loop over threads, may meet other than by additions.

    The function may be a derivative. Barriers are taken to stand between loops over threads.
    """
    races = _Races(with_sharing(function, lambda _: "atomic"))
    loops = {s.index: s for s in statements(races.function.body) if isinstance(s, For)}
    whole = loops[grid.index]
    nests = [("block", whole), *(("thread", s) for s in races.nests(whole.body, "thread"))]
    return any(True for kind, nest in nests for _ in races.between(kind, nest, nest, None, set()))


def _unordered(stmt: Stmt) -> Problem | None:
    """Why a statement cannot run in a kernel."""
    match stmt:
        case Barrier():
            return None
        case Effect():
            message = "what a kernel prints, asserts or raises depends on which thread comes first"
            return Problem(message, stmt.loc, "take it out")
        case Assign() if stmt.op.startswith("np.random."):
            message = "random draws in a kernel depend on which thread comes first"
            return Problem(message, stmt.loc, "draw the numbers before, and pass them as an array")
        case Call() | Custom() | Library() | ListAppend() | ListGet() | ListNew() | Sweep():
            message = "a kernel cannot call library routines and functions with a gradient of their own"
            return Problem(message, stmt.loc, "write it as a Python function")
        case _:
            return None


@dataclass(frozen=True)
class _Open:
    """Of a block: the loops over threads that its start and its end reach without a barrier, and whether one passes."""

    first: tuple[For, ...] = ()
    last: tuple[For, ...] = ()
    through: bool = True


class _Races:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.aliases, self.places = find_aliases(function), find_places(function)
        self.meetings = Meetings(self.places, self.aliases, Signs(function, self.aliases))
        self.tapes = {s.target for s in statements(function.body) if isinstance(s, Alloc) and s.tape}
        self.together: list[tuple[For, For, Place | None]] = []  # loops over threads with no barrier in between

    def problems(self) -> Iterator[Problem]:
        """At most one for each array."""
        found: set[Var] = set()
        grid = next((s for s in self.function.body if isinstance(s, For) and s.axis.startswith("block")), None)
        if grid is not None:
            yield from self.between("block", grid, grid, None, found)
        self.open(self.function.body)
        for first, second, loop in self.together:
            yield from self.between("thread", first, second, loop, found)

    # -- which threads run at once ---------------------------------------------------------------------------------

    def open(self, block: Block) -> _Open:
        """Note which loops over threads of a block have no barrier in between."""
        first: tuple[For, ...] = ()
        last: tuple[For, ...] = ()
        through = True
        for stmt in block:
            match stmt:
                case For() if stmt.axis.startswith("thread"):
                    self.together.append((stmt, stmt, None))
                    inner = _Open((stmt,), (stmt,))
                case For() if stmt.axis:
                    inner = self.open(stmt.body)
                case For() | While():
                    inner = self.open(stmt.body)
                    body = self.places.sides[stmt][0]
                    self.together += [(a, b, body) for a, b in product(inner.last, inner.first)]
                    inner = replace(inner, through=True)  # it may not run at all
                case If():
                    sides = [self.open(b) for b in (stmt.then, stmt.orelse)]
                    starts, ends = sides[0].first + sides[1].first, sides[0].last + sides[1].last
                    inner = _Open(starts, ends, any(s.through for s in sides))
                case Barrier():
                    inner = _Open(through=False)
                case _:
                    continue
            self.together += [(a, b, None) for a, b in product(last, inner.first)]
            first += inner.first if through else ()
            last = (*inner.last, *(last if inner.through else ()))
            through &= inner.through
        return _Open(first, last, through)

    # -- whether they meet -----------------------------------------------------------------------------------------

    def between(self, kind: str, first: For, second: For, loop: Place | None, found: set[Var]) -> Iterator[Problem]:
        """The problems of two nests of loops over threads or blocks, `second` an iteration of `loop` later."""
        others = self.accesses(second)
        axes = _axes(first, kind) | _axes(second, kind)
        common = self.common(first, second, loop)
        seen: set[tuple] = set()
        for one, other in product(self.accesses(first), others):
            if (isinstance(one, Load) and isinstance(other, Load)) or _both_atomic(one, other):
                continue
            if one is other and isinstance(one, Store) and one.array in self.tapes:
                continue  # what threads only repeat: all store the same
            bases = self.aliases.bases[one.array] & self.aliases.bases[other.array]
            if common(one.array) and common(other.array) and not self.aliases.may_meet(one.array, other.array):
                continue  # names that change places
            key = frozenset((a.array, a.index, self.places.at[a]) for a in (one, other))
            if loop is not None:  # what is made in it is made anew
                bases -= {b for b in bases if self.places.of[b].within(loop)}
            if not bases or bases & found or key in seen:
                continue
            seen.add(key)
            if self.meet(one, other, axes, common):
                found |= bases
                yield _problem(kind, one, other, next(iter(bases)))

    def nests(self, block: Block, kind: str) -> Iterator[For]:
        """The first loops of the nests over threads or blocks in a block."""
        for loop in statements(block):
            if isinstance(loop, For) and loop.axis.startswith(kind):
                owner = self.places.at[loop].owner
                if not (isinstance(owner, For) and owner.axis.startswith(kind)):
                    yield loop

    def shared_sums(self, kind: str, nest: For) -> set[Stmt]:
        """The increments of a nest that other iterations may add to the same element."""
        axes = _axes(nest, kind)
        common = self.common(nest, nest, None)
        sums = [s for s in self.accesses(nest) if isinstance(s, Increment)]
        found: set[Stmt] = set()
        for k, one in enumerate(sums):
            for other in sums[k:]:
                if not {one, other} <= found and self.aliases.may_overlap(one.array, other.array):
                    if self.meet(one, other, axes, common):
                        found |= {one, other}
        return found

    def accesses(self, nest: For) -> list[Access]:
        """Those to arrays that are made outside of a nest."""
        inside = list(statements(nest.body))
        own = {s.target for s in inside if isinstance(s, Alloc)}
        found = (s for s in inside if isinstance(s, Load | Store | Increment))
        return [s for s in found if not self.aliases.bases[s.array] <= own]

    def common(self, first: For, second: For, loop: Place | None) -> Callable[[Var], bool]:
        """Whether a value is the same for both: it is made around both, in the same iteration."""
        around = [self.places.at[first], self.places.at[second]]

        def is_common(var: Var) -> bool:
            home = self.places.of[var]
            return all(p.within(home) for p in around) and not (loop is not None and home.within(loop))

        return is_common

    def meet(self, one: Access, other: Access, axes: set[str], common: Callable[[Var], bool]) -> bool:
        """Whether two threads, or blocks, that differ along one of these axes may access the same element."""
        own, others = self.indices(one), self.indices(other)
        # None: all threads along the axis do it
        apart = [(own[a], others[a]) if a in own and a in others else None for a in sorted(axes)]
        return self.meetings.may_meet(one, other, apart, common)

    def indices(self, stmt: Stmt) -> dict[str, Var]:
        """The indices of the loops over threads and blocks around a statement, by axis."""
        around = (self.places.loop_of(p) for p in self.places.at[stmt].loops)
        return {loop.axis: loop.index for loop in around if isinstance(loop, For) and loop.axis}


def _axes(nest: For, kind: str) -> set[str]:
    """The axes of a nest of loops over threads or blocks."""
    return {s.axis for s in statements((nest,)) if isinstance(s, For) and s.axis.startswith(kind)}


def _both_atomic(one: Access, other: Access) -> bool:
    return all(isinstance(s, Increment) and s.sharing == "atomic" for s in (one, other))


def _problem(kind: str, one: Access, other: Access, array: Var) -> Problem:
    name = f"'{array.hint}'" if array.hint else "an array"
    read = next((s for s in (one, other) if isinstance(s, Load)), None)
    who = "another thread" if kind == "thread" else "another block"
    if read is None:
        at = one if not (isinstance(one, Increment) and one.sharing == "atomic") else other
        hint = "let each thread write elements of its own, or use cuda.atomic.add"
        return Problem(f"{who} may write the same element of {name}", at.loc, hint)
    if kind == "thread":
        message = f"{who} may write this element of {name}, without a barrier in between"
        return Problem(message, read.loc, "call cuda.syncthreads() between the write and the read")
    hint = "read from another array than is written, or launch a kernel for each part of the work"
    return Problem(f"{who} may write this element of {name}", read.loc, hint)

"""What the reverse sweep does to get at a value of the forward sweep: still there, recompute, or store on the tape.

The reverse sweep mirrors the blocks of the primal. Each `Region` is the reverse of one block; what an iteration needs
of its forward twin is brought in by a prologue, at most once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.location import NOWHERE
from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Const,
    For,
    Function,
    If,
    ListGet,
    Load,
    Loop,
    Result,
    Slice,
    Stmt,
    Store,
    Sweep,
    Var,
    View,
    While,
)  # fmt: skip
from srcgrad.ir.types import Array, Scalar
from srcgrad.ir.walk import statements
from srcgrad.transform.adjoint.availability import Availability
from srcgrad.transform.adjoint.checkpoints import Checkpoints
from srcgrad.transform.adjoint.counts import iteration_number, trip_count, trips
from srcgrad.transform.adjoint.handles import Family, Handles
from srcgrad.transform.adjoint.regions import LoopPlan, OneByOne, Region
from srcgrad.transform.adjoint.saved import Saved, read_back, saved_as, slot_number
from srcgrad.transform.adjoint.snapshots import Snapshot, Snapshots
from srcgrad.transform.analysis.activity import Activity
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.places import Place, Places
from srcgrad.transform.analysis.shapes import Shapes
from srcgrad.transform.analysis.stability import Stability
from srcgrad.transform.build import Builder


@dataclass(eq=False)
class Plan(Availability):
    """The forward sweep's facts, and how each value that the reverse sweep asks for is had."""

    function: Function
    aliases: Aliases
    activity: Activity
    places: Places
    counts: dict[Var, Var]
    handles: Handles
    build: Builder
    make_list: Callable[[Plan, Family, Region], Var]
    helper_adjoint: Callable[[Function, tuple[int, ...]], tuple[Function, tuple[int, ...]]]
    whole_adjoint: Callable[[Function, tuple[int, ...]], Function]  # the same, with the results; nothing simplified
    joint: bool  # whether both sweeps are one function
    chosen: frozenset[Var | Snapshot] = frozenset()  # what is better stored than computed again
    growing: frozenset[Place] | None = None  # loops that may have tapes that grow; all that could, where it is None
    waiting: list[Place] = field(default_factory=list)  # those of them in loops that could be reversed in any order
    late: dict[Place, list[Place]] = field(default_factory=dict)  # those loops, each with what waits in it
    alone: frozenset[Place] = frozenset()  # of these, those to reverse one iteration at a time
    apart: frozenset[Var] = frozenset()  # the indices of those that must be
    one_by_one: dict[Place, OneByOne] = field(default_factory=dict)  # how that went
    cleared: set[Var] = field(default_factory=set)  # scratch arrays of loops that are reversed in any order
    loops: dict[Place, LoopPlan] = field(default_factory=dict)
    read: set[Var] = field(default_factory=set)  # what the reverse sweep has of the forward sweep by name
    reversals: dict[Loop, For] = field(default_factory=dict)  # the headers of the loops that reverse them
    saved: dict[tuple[Stmt, Var], Saved] = field(default_factory=dict)  # arrays that routines' pullbacks read
    checkpoints: dict[Sweep, Checkpoints] = field(default_factory=dict)  # that the forward sweep takes
    requests: dict[Var, None] = field(default_factory=dict)  # what the reverse sweep has asked for
    depth: int = 0  # of computing again
    records: dict[Family, Var] = field(default_factory=dict)  # the tapes of dynamic handles
    entered: dict[Family, Var] = field(default_factory=dict)  # how many dynamic handles there were

    def __post_init__(self) -> None:
        self.stability = Stability(self.function, self.aliases, self.places)
        self.shapes = Shapes(self.places)
        self.snapshots = Snapshots(self.function, self.places, self.stability)
        self.chain: list[Region] = []
        for stmt in statements(self.function.body):
            if isinstance(stmt, Assign):
                self.build.definitions[stmt.target] = stmt
            if isinstance(stmt, For | While):
                (place,) = self.places.sides[stmt]
                self.loops[place] = LoopPlan(stmt, place, all(self._outer_bounds(p) for p in place.loops))
        if self.growing is None:
            self.growing = frozenset(place for place, loop in self.loops.items() if not loop.rectangular)

    def _outer_bounds(self, place: Place) -> bool:
        """Whether a loop's bounds are known before the nest that it is in."""
        loop = self.places.loop_of(place)
        if not isinstance(loop, For) or loop.exit is not None:
            return False
        return all(isinstance(b, Const) or self.is_outside(b) for b in (loop.start, loop.stop, loop.step))

    # -- regions -------------------------------------------------------------------------------------------------

    @contextmanager
    def region(self, place: Place) -> Iterator[Region]:
        """The reverse of `place`, inside the region that is being written."""
        region = Region(place, self.chain[-1] if self.chain else None)
        self.chain.append(region)
        try:
            yield region
        finally:
            self.chain.pop()

    def region_of(self, place: Place) -> Region:
        return next(r for r in reversed(self.chain) if r.place is place)

    @contextmanager
    def prologue(self, region: Region) -> Iterator[None]:
        self.build.stack.append(region.prologue)
        try:
            yield
        finally:
            self.build.stack.pop()

    # -- values --------------------------------------------------------------------------------------------------

    def value(self, atom: Atom) -> Atom:
        """An atom that holds, where the reverse sweep is being written, what `atom` was in the forward sweep."""
        if not isinstance(atom, Var) or self.is_outside(atom):
            return atom
        region = self.region_of(self.places.of[atom])
        if not self.depth:
            self.requests[atom] = None
        if atom not in region.values:
            self.depth += 1
            region.values[atom] = self._had(atom, region)
            self.depth -= 1
        return region.values[atom]

    def values(self, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return tuple(self.value(a) for a in atoms)

    def _had(self, var: Var, region: Region) -> Atom:
        stmt = self.places.home[var]
        if var in self.kept:
            return self._read_back(self.kept[var], region)
        if var not in self.chosen and self.is_recomputed(var, stmt):
            return self._recompute(var, stmt, region)
        snapshot = self.snapshot_of(stmt)
        if snapshot is not None and snapshot in self.chosen:
            return self._reload(stmt, snapshot, region)  # type: ignore[arg-type]
        return self._store(var, region)

    def snapshot_of(self, stmt: Stmt) -> Snapshot | None:
        """The copy of an array that a load could be repeated from."""
        return self.snapshots.of(stmt) if isinstance(stmt, Load) else None

    def _recompute(self, var: Var, stmt: Stmt, region: Region) -> Atom:
        match stmt:
            case Assign(op="shape", args=(array, axis)):
                assert isinstance(array, Var)
                assert isinstance(axis, Const)
                home = self.places.home.get(array)
                if not self.handle_is_there(array):
                    assert isinstance(home, Alloc)
                    return self.value(home.shape[axis.value])
                args: tuple[Atom, ...] = (self.handle(array), axis)
            case Assign():
                args = self.values(stmt.args)
            case Load():
                handle, index = self.handle(stmt.array), self.values(stmt.index)
            case If():
                return self._replay(var, stmt, region)
        target = Var(var.hint, var.type)
        with self.prologue(region):
            if isinstance(stmt, Assign):
                self.build.definitions[target] = replace(stmt, target=target, args=args)
                self.build.emit(self.build.definitions[target])
            else:
                self.build.emit(Load(target, handle, index, stmt.order, loc=stmt.loc))
        return target

    def _read_back(self, store: Store, region: Region) -> Atom:
        """A value from the array that it was stored in."""
        assert isinstance(store.value, Var)
        target = Var(store.value.hint, store.value.type)
        handle, index = self.handle(store.array), self.values(store.index)
        with self.prologue(region):
            self.build.emit(Load(target, handle, index, loc=store.loc))
        return target

    def _reload(self, stmt: Load, snapshot: Snapshot, region: Region) -> Atom:
        """An element of an array as it was, from a copy of the whole."""
        target = Var(stmt.target.hint, stmt.target.type)
        index = self.values(stmt.index)
        array, slot = self._copy_of(snapshot.array, snapshot.at)
        saved = self.saved[snapshot.at, snapshot.array]
        if saved.grows:
            home = self.region_of(self.places.at[snapshot.at])
            if snapshot not in home.copies:
                with self.prologue(home):
                    home.copies[snapshot] = read_back(self.build, saved, snapshot.array, slot)
            array, slot = home.copies[snapshot], ()
        with self.prologue(region):
            self.build.emit(Load(target, array, (*slot, *index), loc=stmt.loc))
        return target

    def _replay(self, var: Var, stmt: If, region: Region) -> Atom:
        """Run a small branch again, for one of its results."""
        cond = self.value(stmt.cond)
        (result,) = (r for r in stmt.results if r.var is var)
        sides = []
        for place, atom in zip(self.places.sides[stmt], (result.then, result.orelse), strict=True):
            inner = Region(place, region)
            chain = self.chain
            self.chain = [*chain[: chain.index(region) + 1], inner]
            try:
                sides.append((self.value(atom), inner.prologue))
            finally:
                self.chain = chain
        target = Var(var.hint, var.type)
        with self.prologue(region):
            (then, first), (orelse, second) = sides
            results = (Result(target, then, orelse),)
            self.build.emit(If(cond, tuple(first), tuple(second), results, loc=stmt.loc))
        return target

    # -- the tape ------------------------------------------------------------------------------------------------

    def _store(self, var: Var, region: Region) -> Atom:
        """Put `var` on the tape of its loop, and read it off."""
        assert isinstance(var.type, Scalar)
        home = self.region_of(self.tape_place(var))
        plan = self.loops[home.place]
        if var not in plan.stored:
            axes = len(home.place.loops) if plan.rectangular else 1
            plan.stored[var] = Var(f"{var.hint or 'value'}_tape", Array(var.type.dtype, axes))
        target = Var(var.hint, var.type)
        slot = self.slot(home)
        with self.prologue(region if home.place is region.place.loop else home):
            self.build.emit(Load(target, plan.stored[var], slot, loc=self._loc(var)))
        return target

    def _loc(self, var: Var):
        return self.places.home[var].loc

    def slot(self, region: Region) -> tuple[Atom, ...]:
        """Where the tapes of a loop hold the values of the iteration that `region` reverses."""
        plan = self.loops[region.place]
        if not plan.rectangular:
            if not region.slot:
                with self.prologue(region):
                    number = region.counter or self.iteration(region)
                    region.slot = (self.build.op("+", region.base, number),)
            return region.slot
        outer = [self.region_of(p) for p in region.place.loops]
        return tuple(self.iteration(r) for r in outer)

    def iteration(self, region: Region) -> Atom:
        """The number of the iteration, from 0, of a `for` loop that `region` reverses."""
        loop = self.places.loop_of(region.place)
        assert isinstance(loop, For)
        index = region.values[loop.index]
        with self.prologue(region):
            return iteration_number(self.build, index, self.value(loop.start), self.value(loop.step))

    def array(self, array: Var, stmt: Stmt) -> Var:
        """A whole array as it was at `stmt`, in the region that reverses the block of `stmt`: still there, or saved."""
        if self.array_is_still_there(array, stmt):
            return self.handle(array)
        home = self.places.home.get(array)
        if isinstance(home, View) and home.how == "transpose":
            region = self.region_of(self.places.at[stmt])
            return self._view(home, self.array(home.base, stmt), region, array.hint)
        return self.saved_array(array, stmt)

    def saved_array(self, array: Var, stmt: Stmt) -> Var:
        """A copy of a whole array as it was at `stmt`, in the region that reverses the block of `stmt`."""
        tape, slot = self._copy_of(array, stmt)
        if not slot:
            return tape
        with self.prologue(self.region_of(self.places.at[stmt])):  # a branch not taken leaves nothing to read
            return read_back(self.build, self.saved[stmt, array], array, slot)

    def _copy_of(self, array: Var, stmt: Stmt) -> tuple[Var, tuple[Atom, ...]]:
        """A copy of an array as it was at `stmt`: where it is kept, and the index of this iteration's."""
        place = self.places.at[stmt]
        plan = self.loops[place.loop] if place.loop is not None else None
        shape = self.shapes.of(array) if plan is not None and plan.rectangular else None
        saved = self.saved.setdefault((stmt, array), saved_as(array, len(place.loops), shape))
        if plan is None:
            return saved.tape, ()
        plan.saves = plan.saves or saved.grows
        slot = self.slot(self.region_of(plan.place))
        if saved.grows:
            with self.prologue(self.region_of(place)):
                slot = (slot_number(self.build, self.places, plan.place, slot),)
        return saved.tape, slot

    # -- handles -------------------------------------------------------------------------------------------------

    def handle(self, handle: Var) -> Var:
        """The array that `handle` stood for: itself, or the same view again."""
        if self.is_outside(handle):
            return handle
        region = self.region_of(self.places.of[handle])
        if handle not in region.values:
            stmt = self.places.home[handle]
            assert isinstance(stmt, View)
            region.values[handle] = self._view(stmt, self.handle(stmt.base), region, handle.hint)
        out = region.values[handle]
        assert isinstance(out, Var)
        return out

    def _view(self, stmt: View, base: Var, region: Region, hint: str) -> Var:
        assert isinstance(base.type, Array)
        if stmt.how == "reshape" and base.type.layout != "C":
            message = "an array that is one of several, some of them strided, cannot be reshaped in reverse mode"
            raise UnsupportedError(Problem(message, stmt.loc, "reshape a copy of it"))
        items = tuple(self._item(i) for i in stmt.items)
        target = Var(hint, stmt.target.type)
        with self.prologue(region):
            self.build.emit(View(target, base, stmt.how, items, loc=stmt.loc))
        return target

    def _item(self, item):
        if isinstance(item, Slice):
            return Slice(*(None if a is None else self.value(a) for a in (item.start, item.stop, item.step)))
        return self.value(item) if isinstance(item, Var) else item

    def adjoint(self, handle: Var) -> Var:
        """The adjoint buffer of the array that `handle` stood for."""
        region = self.region_of(self.places.of[handle])
        if handle not in region.adjoints:
            region.adjoints[handle] = self._adjoint(handle, region)
        return region.adjoints[handle]

    def _adjoint(self, handle: Var, region: Region) -> Var:
        stmt = self.places.home.get(handle)
        hint = f"b{handle.hint}" if handle.hint else "badjoint"
        family = self.handles.family(handle, self.aliases)
        number = self.handles.number.get(handle)
        if family is not None and number is not None:
            adjoints = self.adjoint_list(family)
            if handle in region.adjoints:  # made together with the list
                return region.adjoints[handle]
            assert isinstance(adjoints.type.element, Array)  # type: ignore[union-attr]
            target = Var(hint, adjoints.type.element)  # type: ignore[union-attr]
            if any(c.inside is handle for c in region.rotation):
                return target  # the reversed loop carries it
            index = self.value(number)
            with self.prologue(region):
                self.build.emit(_list_get(target, adjoints, index, stmt))
            return target
        return self.own_adjoint(handle, stmt, region, hint)

    def own_adjoint(self, handle: Var, stmt: Stmt | None, region: Region, hint: str) -> Var:
        """The adjoint of an array of which there is one: a parameter, an allocation, a view."""
        assert isinstance(handle.type, Array)
        if isinstance(stmt, View):
            return self._view(stmt, self.adjoint(stmt.base), region, hint)
        if stmt is not None and not isinstance(stmt, Alloc):
            message = f"'{handle.hint or 'this array'}' cannot be differentiated in reverse mode at this order"
            raise UnsupportedError(Problem(message, stmt.loc, "use jvp of the gradient (forward over reverse)"))
        if stmt is None or self.handle_is_there(handle):
            source = self.handle(handle)
            with self.prologue(region):
                shape = self.build.shapes(source)
                cleared = handle in self.cleared
                return self.build.alloc("zeros", handle.type.dtype, shape, hint, like=source, cleared=cleared)
        shape = self.values(stmt.shape)
        with self.prologue(region):
            return self.build.alloc("zeros", handle.type.dtype, shape, hint)

    def adjoint_list(self, family: Family) -> Var:
        """The list of the adjoint buffers of a family, in the order of their numbers."""
        region = self.region_of(family.home)
        if family.token not in region.adjoints:
            region.adjoints[family.token] = self.make_list(self, family, region)
        return region.adjoints[family.token]


def _list_get(target: Var, adjoints: Var, index: Atom, stmt: Stmt | None) -> ListGet:
    return ListGet(target, adjoints, index, loc=stmt.loc if stmt is not None else NOWHERE)


def count_of(plan: Plan, loop: Loop) -> Atom:
    """The number of trips that `loop` made, where the reverse sweep is being written."""
    counted = trip_count(loop, plan.counts)
    if counted is not None:
        return plan.value(counted)
    assert isinstance(loop, For)
    return trips(plan.build, plan.value(loop.start), plan.value(loop.stop), plan.value(loop.step))

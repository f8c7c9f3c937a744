"""What the iterations of a loop share, and how: the labels that decide how an increment is spelled.

- *exclusive*: every iteration has elements of its own (its index addresses an axis, or the equations between the
  indices of two iterations have no solution), so a plain write will do;
- *private*: a scratch array, which every thread gets for itself;
- *neighbour*: increments at bounded distances from the iteration's own index: chunks of iterations that are not next
  to each other do not meet (red-black ordering; Y. Saad, Iterative Methods for Sparse Linear Systems, 2nd ed., 12.4);
- *reduction*: anything else that is only added to: partial sums, one a chunk, added up in a fixed order;
- *scattered*: a reduction at indices that run time chooses, of which an iteration may meet few: atomic additions, where
  partial sums would take too much memory;
- *mixed*: every element is one iteration's own, or only added to, at any distance: on a GPU by atomic
  additions; a CPU runs such a loop on one thread.

What fits none cannot run in parallel. That a primal's writes do not meet also says that the increments of its reverse
at the same indices do not (J. Hueckelheim, L. Hascoet, FormAD, 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Call,
    Const,
    Custom,
    Effect,
    For,
    Increment,
    ListAppend,
    ListGet,
    Load,
    Reserve,
    Store,
    Sweep,
    Var,
)
from srcgrad.ir.types import Array
from srcgrad.ir.walk import defined, introduced, statements
from srcgrad.transform.analysis.affine import Affine, Iterations, Symbol
from srcgrad.transform.analysis.analyses import Analyses
from srcgrad.transform.analysis.independence import keep_apart, may_call, moving, shared_sums
from srcgrad.transform.analysis.places import Places
from srcgrad.transform.parallel.folds import Fold, folds_of

OPAQUE = (Custom, Effect, Sweep)


@dataclass
class Sharing:
    """How a loop can run in parallel.

    Attributes:
        folds: the values that it carries.
        private: the scratch arrays.
        neighbours: arrays that are added to at constant distances, and the greatest such distance.
        reduced: handles of arrays that get partial sums.
        scattered: those of them that are added to at indices which run time chooses.
        mixed: arrays some of whose elements are an iteration's own, and others added to by several.
    """

    folds: list[Fold] = field(default_factory=list)
    private: list[Var] = field(default_factory=list)
    neighbours: dict[Var, int] = field(default_factory=dict)
    reduced: list[Var] = field(default_factory=list)
    scattered: list[Var] = field(default_factory=list)
    mixed: list[Var] = field(default_factory=list)

    @property
    def only_sums(self) -> bool:
        """Whether nothing is carried but sums."""
        return all(f.op == "+" for f in self.folds)

    @property
    def summed(self) -> list[Var]:
        """The arrays to elements of which several iterations add."""
        return [*self.reduced, *self.neighbours, *self.mixed]


def sharing_of(loop: For, analyses: Analyses) -> Sharing | None:
    """How the iterations of `loop` share what they write; None where they cannot run in parallel."""
    aliases, scratch, places = analyses.aliases, analyses.scratch, analyses.places
    inside = list(statements(loop.body))
    if loop.exit is not None or loop.step != Const(1, loop.step.type) or any(isinstance(s, OPAQUE) for s in inside):
        return None
    if any(isinstance(s, Assign) and s.op.startswith(("np.random.", "text:")) for s in inside):
        return None
    if not may_call(loop, inside, analyses):
        return None
    folds, carried_on = folds_of(loop, inside)
    if carried_on:
        return None
    found = Sharing(folds)
    made = {loop.index, *(v for s in inside for v in (*defined(s), *introduced(s)))}
    if any(isinstance(s, ListAppend | ListGet) and s.list not in made for s in inside):
        return None
    own = {s.target for s in inside if isinstance(s, Alloc | Reserve)}
    if not all(aliases.bases[s.base] <= own for s in inside if isinstance(s, Reserve)):
        return None  # a tape of all iterations
    accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
    calls = [s for s in inside if isinstance(s, Call)]  # of helpers, which read arrays, and add to some
    added = {s.args[k]: None for s in calls for k in s.writes}
    asked = [a for s in calls for k, a in enumerate(s.args) if isinstance(a.type, Array) and k not in s.writes]
    written = {s.array: None for s in accesses if not isinstance(s, Load)} | added
    for handle in written:
        if aliases.bases[handle] <= own:
            continue
        if scratch.is_scratch(handle, loop) or scratch.is_padded(handle, loop):
            found.private.append(handle)
            continue
        mine = [s for s in accesses if _meet(s.array, handle, made, analyses)]
        others = [a for a in (*asked, *added) if a is not handle or a in asked]
        if handle in made or any(s.array is not handle for s in mine):
            return None  # the same memory by two names
        if any(_meet(a, handle, made, analyses) for a in others):
            return None
        axes = [set(moving(s.index, loop.index, made, places)) for s in mine]
        if handle not in added and (keep_apart(axes, loop.index) or _beside(mine, loop, made, places)):
            continue  # exclusive
        only_added = all(isinstance(s, Increment) for s in mine)
        chosen = handle not in added and all(_is_chosen(s.index, made, places) for s in mine)
        shared: list[Increment] | None = None
        if loop.parallel and handle not in added and not (only_added and chosen):
            shared = shared_sums(loop, mine, analyses)
        if shared == []:
            continue  # exclusive
        if (shared is None and not only_added) or not handle.type.ndim:  # type: ignore[union-attr]
            return None
        distance = None if handle in added else _distance(shared or mine, loop.index, made, places)  # type: ignore[arg-type]
        if distance is not None:
            found.neighbours[handle] = distance
        elif only_added:
            found.reduced.append(handle)
            if chosen:
                found.scattered.append(handle)
        else:
            found.mixed.append(handle)
    return found


def _beside(mine: list[Load | Store | Increment], loop: For, made: set[Var], places: Places) -> bool:
    """Whether, along an axis, accesses are at the loop's index, or read before its first value or behind its last."""
    moment = Iterations(places, [], None)
    start, stop = (moment.form(b, later=False) for b in (loop.start, loop.stop))

    def is_positive(form: Affine) -> bool:
        least = moment.least(form)
        return least is not None and least >= 0

    def is_outside(atom: Atom) -> bool:
        form = moment.form(atom, later=False)
        if any(s.var in made for s, _ in form.terms) or not is_positive(form):
            return False
        return is_positive(start.plus(form, -1).plus(Affine(-1))) or is_positive(form.plus(stop, -1))

    return is_positive(start) and any(
        all(s.index[k] is loop.index or (isinstance(s, Load) and is_outside(s.index[k])) for s in mine)
        for k in range(len(mine[0].index))
    )


def _is_chosen(index: tuple[Atom, ...], made: set[Var], places: Places) -> bool:
    """Whether an index depends on what an iteration computes, not on indices of loops alone."""
    symbols = {s.var for i in index for s, _ in Iterations(places, [], None).form(i, later=False).terms}
    return any(v in made and getattr(places.home.get(v), "index", None) is not v for v in symbols)


def _meet(other: Var, handle: Var, made: set[Var], analyses: Analyses) -> bool:
    """Whether two handles can show the same memory in two iterations; one made in the loop may be another each time."""
    return analyses.aliases.may_overlap(other, handle) if other in made else analyses.may_meet(other, handle)


def _distance(mine: list[Increment], own: Var, made: set[Var], places: Places) -> int | None:
    """How many iterations apart some increments can meet, along the best axis; None if there is none that bounds it."""
    best: int | None = None
    for axis in range(len(mine[0].index)):
        found = [_reach(s.index[axis], own, made, places) for s in mine]
        if any(f is None for f in found) or len({f[0] for f in found}) > 1:  # type: ignore[index]
            continue
        ((step, _),) = {f[0] for f in found}  # type: ignore[index]
        low, high = min(f[1] for f in found), max(f[2] for f in found)  # type: ignore[index]
        span = -(-(high - low) // abs(step))
        best = span if best is None else min(best, span)
    return best


def _reach(
    index: Atom, own: Var, made: set[Var], places: Places
) -> tuple[tuple[int, frozenset[tuple[Symbol, int]]], int, int] | None:
    """An index that moves with a loop: its step and what is the same in all iterations, and the bounds of the rest.

    The rest are constants and the indices of inner loops with constant bounds. None counts from the end of the axis.
    """
    moment = Iterations(places, [], None)
    form = moment.form(index, later=False)
    step = sum(n for s, n in form.terms if s.var is own)
    inner = tuple((s, n) for s, n in form.terms if s.var in made and s.var is not own)
    rest = Affine(form.constant, inner)
    low, high, least = moment.least(rest), moment.least(rest.scaled(-1)), moment.least(form)
    if not step or low is None or high is None or least is None or least < 0:
        return None
    return (step, frozenset((s, n) for s, n in form.terms if s.var not in made)), low, -high

"""Loops whose iterations can run in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Call,
    Carried,
    Const,
    Custom,
    Effect,
    For,
    If,
    Increment,
    Library,
    ListAppend,
    ListGet,
    ListNew,
    Load,
    Reserve,
    Stmt,
    Store,
    Sweep,
    Var,
)
from srcgrad.ir.types import Scalar, is_float
from srcgrad.ir.walk import arrays_written, defined, introduced, statements, uses
from srcgrad.transform.analysis.affine import Affine, Iterations, Symbol
from srcgrad.transform.analysis.analyses import Analyses
from srcgrad.transform.analysis.meetings import Access
from srcgrad.transform.analysis.places import Places

_OPAQUE = (Call, Custom, Effect, ListAppend, ListGet, ListNew, Reserve, Sweep)
_KINDS = 24  # of accesses to an array: beyond, to compare them all would take too long


def is_independent(loop: For, analyses: Analyses, *, at_once: bool = False) -> bool:
    """Whether no iteration needs or overwrites what another one writes, and floats are carried only as plain sums.

    With `at_once` the iterations do not run one after the other: then `a[0] = a[0] + x` is no sum.

    Then the reverses of the iterations can run in any order, too: what they share, they only add to. The adjoint of a
    scratch array is zero between the reverses of two iterations: each clears what it has filled.
    """
    inside = list(statements(loop.body))
    if loop.exit is not None or any(isinstance(s, _OPAQUE) for s in inside):
        return False
    if not may_call(loop, inside, analyses):
        return False
    if loop.axis:  # `simt/races.py` has seen to it, and its reverse only adds to what the loop reads
        return _carries_only_sums(loop, inside)
    least = Iterations(analyses.places, [], None).least(Affine(0, ((Symbol(loop.index), 1),)))
    if not never_negative(loop) and (least is None or least < 0):
        return False
    if not _carries_only_sums(loop, inside):
        return False
    return _touches_own_elements(loop, inside, analyses, at_once=at_once)


def may_call(loop: For, inside: list[Stmt], analyses: Analyses) -> bool:
    """Whether the routines of libraries that iterations call on threads read nothing that other iterations write."""
    calls = [s for s in inside if isinstance(s, Library)]
    if not calls:
        return True
    if not loop.parallel:
        return False
    bases = analyses.aliases.bases
    own = {s.target for s in inside if isinstance(s, Alloc | Reserve)}
    if not all(bases[out] <= own for s in calls for out in s.outs):
        return False
    made = {v for s in inside for v in (*defined(s), *introduced(s))}
    changed = {b for s in inside for w in arrays_written(s) for b in _outside(w, made, own, analyses)}
    read = {b for s in calls for a in s.ins for b in _outside(a, made, own, analyses)}
    return not any(analyses.may_meet(a, w) for a in read for w in changed)


def _outside(handle: Var, made: set[Var], own: set[Var], analyses: Analyses) -> set[Var]:
    """What a handle in a loop can show of what was there before its iteration: handles or arrays from outside."""
    aliases, found = analyses.aliases, set()
    todo, seen = [handle], set()
    while todo:
        h = analyses.places.root_of(todo.pop())
        if h in seen or aliases.bases[h] <= own:
            continue
        seen.add(h)
        if h not in made:
            found.add(h)
        elif h in aliases.merged:
            todo += aliases.merged[h]
        else:
            found |= aliases.bases[h] - own
    return found


def never_negative(loop: For) -> bool:
    """Whether the index is known never to be negative: a negative one addresses an element that another one does."""
    if not isinstance(loop.step, Const):
        return False
    last = loop.start if loop.step.value > 0 else loop.stop
    return isinstance(last, Const) and last.value >= (0 if loop.step.value > 0 else -1)


def sums_of(loop: For) -> frozenset[Var] | None:
    """All values on the way of the sums that an independent loop carries; None where it carries other numbers."""
    home = {v: s for s in statements(loop.body) for v in defined(s)}
    found: set[Var] = set()

    def follow(c: Carried) -> bool:
        found.update((c.inside, c.result))
        value = c.next
        while value is not c.inside:
            if not isinstance(value, Var) or not is_float(value.type):
                return False
            found.add(value)
            stmt = home[value]
            if isinstance(stmt, Assign):
                value = stmt.args[0]
                continue
            if not isinstance(stmt, For):
                return False
            (inner,) = (k for k in stmt.carried if k.result is value)
            if not follow(inner):
                return False
            value = inner.init
        return True

    return frozenset(found) if all(follow(c) for c in loop.carried) else None


def only_sums(loop: For, inside: list[Stmt]) -> bool:
    """Whether all numbers that a loop carries, integers too, are plain sums that the body does not read."""
    read = list(uses(loop.body))
    home = {v: s for s in inside for v in defined(s)}
    return all(c.next not in read and is_chain(c.next, c.inside, home, read) for c in loop.carried)


def _carries_only_sums(loop: For, inside: list[Stmt]) -> bool:
    read = list(uses(loop.body))
    home = {v: s for s in inside for v in defined(s)}
    for c in loop.carried:
        if not isinstance(c.inside.type, Scalar):
            return False
        if is_float(c.inside.type) and (c.next in read or not is_chain(c.next, c.inside, home, read)):
            return False
    return True


def is_chain(
    value: Atom, start: Var, home: Mapping[Var, Stmt], read: list[Var], ops: tuple[str, ...] = ("+", "-")
) -> bool:  # fmt: skip
    """Whether `value`, which ends an iteration, is `start` with terms added to it, and nothing else reads a sum.

    With other `ops`, the first operand is what these are done to.
    """
    reads: Counter[Atom] = Counter()  # by the sum itself
    todo, seen = [value], {start}
    while todo:
        v = todo.pop()
        if v in seen:
            continue
        seen.add(v)  # type: ignore[arg-type]
        stmt = home.get(v) if isinstance(v, Var) else None
        match stmt:
            case Assign(args=(before, after)) if stmt.op in ops:
                turned = after is start and stmt.op in ("np.maximum", "np.minimum")
                earlier: tuple[Atom, ...] = (after if turned else before,)
            case For() if stmt.exit is None:
                (c,) = (c for c in stmt.carried if c.result is v)
                if read.count(c.next) != 1 or not is_chain(c.next, c.inside, home, read, ops):  # type: ignore[arg-type]
                    return False
                earlier = (c.init,)
            case If():  # terms that are added on some condition
                (r,) = (r for r in stmt.results if r.var is v)
                earlier = (r.then, r.orelse)
            case _:
                return False
        reads.update(earlier)
        todo += earlier
    return all(read.count(v) == n for v, n in reads.items())  # type: ignore[arg-type]


Reach = tuple[int, int, int, frozenset[tuple[Symbol, int]]]


def moving(index: tuple[Atom, ...], own: Var, made: set[Var], places: Places) -> Iterator[Reach]:
    """The axes along which an access moves with a loop, each with where: from, to, and an affine form to be added.

    The form is the same in each iteration but for the index of the loop. Indices of loops inside make up the rest.
    """
    moment = Iterations(places, [], None)
    for k, atom in enumerate(index):
        form = moment.form(atom, later=False)
        inner = Affine(0, tuple((s, n) for s, n in form.terms if s.var in made and s.var is not own))
        least = moment.least(form)
        if atom is own and least is None and starts_at_a_number(own, places):
            least = 0
        low, high = moment.least(inner), moment.least(inner.scaled(-1))
        moves = any(s.var is own for s, _ in form.terms)
        if moves and low is not None and high is not None and least is not None and least >= 0:
            rest = frozenset(t for t in form.terms if t not in inner.terms)
            yield k, form.constant + low, form.constant - high, rest  # none counts from the end of the axis


def starts_at_a_number(own: Var, places: Places) -> bool:
    """Whether a loop, given by its index, starts at a number that run time chooses: `parallel/check.py` guards it."""
    loop = places.home[own]
    assert isinstance(loop, For)
    form = Iterations(places, [], None).form(loop.start, later=False)
    return form.constant >= 0 and all(n > 0 for _, n in form.terms)


def keep_apart(accesses: list[set[Reach]], own: Var) -> bool:
    """Whether accesses, each given by `moving`, meet in no element in two different iterations.

    That is so if along one axis all move alike with the loop, and are no further apart than its next iteration.
    """
    for axis in {k for k, *_ in accesses[0]}:
        found = [(low, high, terms) for at in accesses for k, low, high, terms in at if k == axis]
        if len(found) < len(accesses) or len({terms for *_, terms in found}) > 1:
            continue
        (step,) = (n for s, n in found[0][2] if s.var is own)
        if max(high for _, high, _ in found) - min(low for low, *_ in found) < abs(step):
            return True
    return False


def shared_sums(loop: For, accesses: Sequence[Access], analyses: Analyses) -> list[Increment] | None:
    """Of accesses to an array in a loop: the increments of elements that other iterations add to as well.

    Returns:
        None where iterations may meet in another way, or where there are too many accesses to tell.
    """
    places, meetings = analyses.places, analyses.meetings
    kinds: dict[Any, list[Access]] = {}
    for s in accesses:
        kinds.setdefault((type(s) is Load, type(s) is Increment, s.index, places.at[s]), []).append(s)
    if len(kinds) > _KINDS:
        return None
    found: dict[Increment, None] = {}
    for alike, others in combinations_with_replacement(kinds.values(), 2):
        one, other = alike[0], others[0]
        if isinstance(one, Load) and isinstance(other, Load):
            continue
        if meetings.of_iterations(loop, one, other):
            if not (isinstance(one, Increment) and isinstance(other, Increment)):
                return None
            found.update(dict.fromkeys((*alike, *others)))  # type: ignore[arg-type]
    return list(found)


def _touches_own_elements(loop: For, inside: list[Stmt], analyses: Analyses, *, at_once: bool) -> bool:
    aliases, scratch, places = analyses.aliases, analyses.scratch, analyses.places
    own = {s.target for s in inside if isinstance(s, Alloc)}
    # a handle made in the loop may show other elements each time
    made = {loop.index, *(v for s in inside for v in (*defined(s), *introduced(s)))}
    accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
    written = {b for s in accesses if not isinstance(s, Load) for b in aliases.bases[s.array]} - own
    for base in written:
        mine = [s for s in accesses if base in aliases.bases[s.array]]
        if all(isinstance(s, Increment) for s in mine) or scratch.is_scratch(base, loop):
            continue
        if not at_once and _accumulates(loop, inside, mine, places):
            continue
        for array in {s.array: None for s in mine if not isinstance(s, Load)}:
            # handles from outside show the same arrays in all iterations of the loop
            same = [s for s in mine if s.array in made or analyses.may_meet(s.array, array)]
            axes = [set(moving(s.index, loop.index, made, places)) for s in same]
            if any(s.array is not array for s in same) or array in made:
                return False
            if not keep_apart(axes, loop.index) and (not loop.parallel or shared_sums(loop, same, analyses) is None):
                return False
    return True


def _accumulates(loop: For, inside: list[Stmt], mine: list[Load | Store | Increment], places: Places) -> bool:
    """Whether what a loop does with an array is `a[i] = a[i] + ...`, where nothing else reads the sum."""
    loads = [s for s in mine if isinstance(s, Load)]
    stores = [s for s in mine if isinstance(s, Store)]
    if len({s.array for s in mine}) > 1 or len(loads) != len(stores) or len(mine) != 2 * len(loads):
        return False
    home = {v: s for s in inside for v in defined(s)}
    read = list(uses(loop.body))
    for load in loads:
        pair = [s for s in stores if s.index == load.index and places.at[s] is places.at[load]]
        if len(pair) != 1 or places.order[pair[0]] < places.order[load]:
            return False
        value = pair[0].value
        if not (is_float(value.type) and read.count(value) == 1 and is_chain(value, load.target, home, read)):  # type: ignore[arg-type]
            return False
    return len({s.index for s in stores}) == 1

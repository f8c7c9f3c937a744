"""Independent iterations that are reversed one at a time, each run again at once before its reverse.

    for i in prange(n):                          for i in prange(n):
        while ...:                                   y, tape = ...  # the iteration again, with a tape of its own
            y = ...                    ->            for k in range(trips - 1, -1, -1):
        s += y                                           ... tape[k] ...

An iteration becomes a function, and its adjoint is that of any function: both sweeps in one, all that it stores made
in it. So tapes that grow are its own, and the reverse can run in any order and on threads. Where nothing is in the way
between the loop and its reverse, the loop itself does not run: each iteration runs once, and then backwards. Otherwise
it runs a second time, without what it writes and adds up. What it reads must not have been overwritten since then; what
it loads once, outside of its own loops, may also come from a tape of the loop.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Carried,
    For,
    Function,
    Increment,
    Library,
    Load,
    Store,
    Var,
)
from srcgrad.ir.types import INT64, Array, Scalar, is_float
from srcgrad.ir.walk import free, map_tree, rebuilt, statements, substitute, uses
from srcgrad.transform.adjoint.handles import choosing_loops
from srcgrad.transform.adjoint.own import with_own_arrays
from srcgrad.transform.adjoint.regions import OneByOne
from srcgrad.transform.adjoint.sums import Sums, adjoint_name, zero
from srcgrad.transform.analysis.activity import Activity
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.analyses import analyses_of
from srcgrad.transform.analysis.independence import is_independent, only_sums
from srcgrad.transform.analysis.places import Place
from srcgrad.transform.inline import inline_function
from srcgrad.transform.parallel.check import one_after_another
from srcgrad.transform.simplify import eliminate_dead_code, parted_loops, propagate_copies

if TYPE_CHECKING:
    from srcgrad.transform.adjoint.plan import Plan
    from srcgrad.transform.adjoint.reverse import Reverse

_DRAWS = ("np.random.", "text:")


@dataclass(frozen=True, eq=False)
class Iteration:
    """An iteration as a function: of the index, the sums so far, and all that the loop reads; it returns the sums.

    `given` are the parameters after the sums, by the names that they have outside.
    """

    function: Function
    given: tuple[Var, ...]


@functools.lru_cache(maxsize=256)
def iteration_of(loop: For) -> Iteration:
    """An iteration of a loop that carries nothing but sums."""
    sums = tuple(c.inside for c in loop.carried)
    results = tuple(c.next for c in loop.carried)
    body = one_after_another(loop.body)
    given = tuple(v for v in free(body, results) if v is not loop.index and v not in sums)
    params = (loop.index, *sums, *given)
    signature = tuple((p.hint, p) for p in params)
    return Iteration(with_own_arrays(Function("iteration", params, body, results, signature, loop.loc)), given)


def stands_alone(loop: For, aliases: Aliases) -> bool:
    """Whether an iteration of a loop, which is independent, can be a function.

    It carries sums only, draws nothing, and knows each array that it writes by one name.
    """
    inside = list(statements(loop.body))
    if any(isinstance(s, Assign) and s.op.startswith(_DRAWS) for s in inside):
        return False
    if not all(isinstance(c.inside.type, Scalar) for c in loop.carried) or not only_sums(loop, inside):
        return False
    given = iteration_of(loop).given
    if not all(isinstance(v.type, Scalar | Array) for v in given):
        return False
    arrays = [v for v in given if isinstance(v.type, Array)]
    written = {b for s in inside if isinstance(s, Store | Increment) for b in aliases.bases[s.array]}
    for k, a in enumerate(arrays):
        for b in arrays[k + 1 :]:
            if aliases.may_meet(a, b) and aliases.bases[a] & aliases.bases[b] & written:
                return False
    return True


class NotAlone(Exception):  # noqa: N818 - it asks for another plan
    """The iterations of a loop, given by its index, had to stand alone, and cannot."""

    def __init__(self, index: Var) -> None:
        self.index = index


def alone_by_choice(function: Function, activity: Activity, aliases: Aliases) -> frozenset[Var]:
    """The outermost parallel loops, by their indices, whose iterations can be functions and choose among own arrays."""
    choosing = choosing_loops(function, activity, aliases)
    loops = [s for s in statements(function.body) if isinstance(s, For) and s.parallel and s.index in choosing]
    if not loops:
        return frozenset()
    analyses = analyses_of(function, aliases)
    return frozenset(
        s.index for s in loops
        if s.axis in ("", "grid") and not analyses.places.in_parallel(s)
        and is_independent(s, analyses) and stands_alone(s, aliases)
    )  # fmt: skip


def run_again(
    whole: Function, given: Sequence[Var], lost: frozenset[Var]
) -> tuple[Function, frozenset[Var], list[Var]] | None:  # fmt: skip
    """The adjoint of an iteration without what it writes to arrays of the primal and what it adds up.

    Args:
        whole: returns the sums and the gradients.
        given: those of its parameters that are adjoint buffers, which it adds to all the same.
        lost: what it loads and cannot load again.

    Returns:
        The function, which returns the gradients only; the arrays of the primal that it reads; and what of `lost` it
        needs, parameters at its end. None where a write may be to an array of the primal or to one of its own.
    """
    bases = find_aliases(whole).bases
    primal = {p for p in whole.params if isinstance(p.type, Array)}.difference(given)
    writes = [s for s in statements(whole.body) if isinstance(s, Store | Increment) and bases[s.array] & primal]
    if not all(bases[s.array] <= primal for s in writes):
        return None
    dropped = {*writes, *(s for s in whole.body if isinstance(s, Load) and s.target in lost)}
    rest = replace(whole, body=rebuilt(whole.body, lambda s: None if s in dropped else s), results=whole.results[1])
    rest = eliminate_dead_code(propagate_copies(rest))
    needed = [v for v in free(rest.body, rest.results) if v in lost]
    rest = replace(rest, params=(*rest.params, *needed))
    bases = find_aliases(rest).bases
    read = {b for s in statements(rest.body) if isinstance(s, Load) for b in bases[s.array]}
    read |= {b for s in statements(rest.body) if isinstance(s, Library) for a in s.ins for b in bases[a]}
    return rest, frozenset(read & primal), needed


def lost_loads(plan: Plan, loop: For) -> frozenset[Var]:
    """What each iteration loads once and cannot load again, as it is overwritten; a tape can have a slot for it."""
    (place,) = plan.places.sides[loop]
    if not plan.loops[place].rectangular:
        return frozenset()
    own = {s.target for s in statements(loop.body) if isinstance(s, Alloc)}
    loads = [s for s in loop.body if isinstance(s, Load) and not plan.aliases.bases[s.array] <= own]
    return frozenset(s.target for s in loads if not plan.stability.is_still_there(s))


def reads_the_same(plan: Plan, loop: For, read: set[Var], lost: frozenset[Var]) -> bool:
    """Whether a loop that runs again after the forward sweep finds in these arrays what it found the first time.

    What it loads, but for what is `lost` anyway, is not overwritten, by itself neither; what it stores, and so may read
    back, stays where it is. The arrays that it makes are made again.
    """
    bases, stability = plan.aliases.bases, plan.stability
    concerned = {b for array in read for b in bases[array]}
    own = {s.target for s in statements(loop.body) if isinstance(s, Alloc)}
    for stmt in statements(loop.body):
        if isinstance(stmt, Library):
            if not all(stability.is_not_written_after(a, stmt, own) for a in stmt.ins if bases[a] & concerned):
                return False
            continue
        if not (isinstance(stmt, Load | Store | Increment) and bases[stmt.array] & concerned):
            continue
        if isinstance(stmt, Load):
            if stmt.target not in lost and next(stability.overwrites(stmt, own), None) is not None:
                return False
        elif not (isinstance(stmt, Store) and stability.is_kept(stmt)):
            return False
    return True


def reverse_one_by_one(reverse: Reverse, loop: For, cts: dict[Carried, Atom], sums: Sums) -> bool:
    """Write the reverse of a loop, whose sums have these cotangents; and before it the loop with both sweeps in one.

    Returns:
        Whether it could be written: the reverse sweep must have the arrays that the loop reads.
    """
    plan, build = reverse.plan, reverse.build
    (place,) = plan.places.sides[loop]
    iteration = iteration_of(loop)
    shift = 1 + len(loop.carried)
    active = [p for p in iteration.given if reverse.is_active(p)]
    whole = plan.whole_adjoint(iteration.function, tuple(shift + iteration.given.index(p) for p in active))
    arrays = [p for p in iteration.given if isinstance(p.type, Array)]
    buffers = [p for p in active if isinstance(p.type, Array)]
    first = len(iteration.function.params)
    lost = lost_loads(plan, loop)
    rest = run_again(whole, whole.params[first : first + len(buffers)], lost)
    if rest is None:
        return False
    again, read, needed = rest
    outside = dict(zip(whole.params, iteration.function.params, strict=False))
    used = {outside.get(v) for v in uses(again.body)}
    if not all(plan.handle_is_there(a) for a in arrays if a in used):
        return False
    repeatable = reads_the_same(plan, loop, {outside[a] for a in read}, lost)
    reverse.leaves_clear(loop)
    given: list[Atom] = [
        plan.value(p) if p not in arrays else plan.handle(p) if p in used else p for p in iteration.given
    ]
    given += [plan.adjoint(p) for p in buffers]
    given += [cts.get(c) or zero(c.inside.type) for c in loop.carried if is_float(c.inside.type)]
    numbers = [p for p in active if p not in buffers]
    before = [sums.get(p) or zero(p.type) for p in numbers]
    bounds = (plan.value(loop.start), plan.value(loop.stop), plan.value(loop.step))

    def write(function: Function, own: list[Carried], mode: str) -> For:
        """A loop over calls of the iteration's function that carries these sums, and the adjoints of numbers."""
        index = Var(loop.index.hint, INT64)
        totals = [Var(adjoint_name(p), p.type) for p in numbers]
        starts = [c.inside for c in own] or [zero(c.inside.type) for c in loop.carried]
        with plan.region(place) as region, build.block() as body:
            region.values[loop.index] = index
            stored = [plan.value(v) for v in needed] if function is again else []
            found = inline_function(build, function, [index, *starts, *given, *stored])
            after = [build.op("+", t, g) for t, g in zip(totals, found[len(own) :], strict=True)]
        carried = [replace(c, next=end) for c, end in zip(own, found, strict=False)]
        for p, inside, init, following in zip(numbers, totals, before, after, strict=True):
            carried.append(Carried(inside, init, following, Var(adjoint_name(p), p.type)))
        build.emit(
            For(
                index, *bounds, tuple(carried), (*region.prologue, *body), mode=mode, parallel=loop.parallel,
                loc=loop.loc,
            )
        )  # fmt: skip
        return build.stack[-1][-1]  # type: ignore[return-value]

    once = None
    if plan.joint and plan.places.at[loop] is plan.places.root:
        own = [Carried(_like(c.inside), c.init, c.next, _like(c.result)) for c in loop.carried]
        once = write(whole, own, loop.mode).index
    done = plan.reversals[loop] = write(again, [], "reversed" if loop.mode == "sequential" else loop.mode)
    for p, c in zip(numbers, done.carried, strict=True):
        sums.set(p, c.result)
    plan.one_by_one[place] = OneByOne(loop, once, done.index, repeatable)
    return True


def _like(var: Var) -> Var:
    return Var(var.hint, var.type)


def settle_iterations(whole: Function, plan: Plan) -> tuple[Function, set[Place]]:
    """Let the iterations of loops that are reversed one by one run once, where they can; the others run again.

    Returns:
        The function, and the bodies of the loops that can do neither.
    """
    failed = set()
    for place, one in plan.one_by_one.items():
        once = _run_once(whole, one)
        if once is not None:
            plan.reversals[one.loop] = one.loop
        elif not one.repeatable:
            failed.add(place)
        rest = tuple(s for s in whole.body if not (isinstance(s, For) and s.index is one.once))
        whole = once or replace(whole, body=rest)
    return whole, failed


def _run_once(whole: Function, one: OneByOne) -> Function | None:
    """`whole` with both sweeps of a loop in one; None where something between the two is in the way."""
    at = {s.index: k for k, s in enumerate(whole.body) if isinstance(s, For)}
    if one.once not in at:
        return None
    body = list(whole.body)
    first, once, again = at[one.loop.index], at[one.once], at[one.again]
    loops = [s for s in (body[first], body[once], body[again]) if isinstance(s, For)]
    forward, both, reverse = loops
    parts = parted_loops(whole, forward, [*body[first + 1 : once], *body[once + 1 : again]], reverse)
    if parts is None:
        return None
    body = [*body[:first], *parts[0], both, *parts[1], *body[again + 1 :]]
    results = [c.result for c in (*forward.carried, *reverse.carried)]
    mapping = dict(zip(results, [c.result for c in both.carried], strict=True))
    changed = map_tree(lambda a: mapping.get(a, a), whole.results)
    return replace(whole, body=substitute(tuple(body), mapping), results=changed)  # type: ignore[arg-type]

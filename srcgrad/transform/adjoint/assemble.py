"""Put the sweeps together: in one function (joint), or as a forward and a reverse function (split)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from srcgrad.ir.nodes import (
    Atom,
    Block,
    Call,
    For,
    Function,
    If,
    Library,
    ListGet,
    Load,
    Reserve,
    Result,
    Stmt,
    Undef,
    Var,
    While,
    flatten,
    number,
)  # fmt: skip
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.ir.walk import free, map_tree, statements, substitute
from srcgrad.transform.adjoint.buffers import make_list
from srcgrad.transform.adjoint.closing import close_checkpointed
from srcgrad.transform.adjoint.counts import count_trips
from srcgrad.transform.adjoint.cut import values_to_store
from srcgrad.transform.adjoint.forward import Forward, export
from srcgrad.transform.adjoint.handles import number_handles
from srcgrad.transform.adjoint.helpers import settle_calls
from srcgrad.transform.adjoint.iterations import NotAlone, alone_by_choice, settle_iterations
from srcgrad.transform.adjoint.plan import Plan
from srcgrad.transform.adjoint.reverse import Reverse
from srcgrad.transform.adjoint.snapshots import Snapshot
from srcgrad.transform.adjoint.sums import Sums, zero
from srcgrad.transform.analysis.activity import find_activity
from srcgrad.transform.analysis.aliases import aliases_of, find_aliases
from srcgrad.transform.analysis.places import Place, Places
from srcgrad.transform.build import Builder
from srcgrad.transform.simplify import eliminate_dead_code, eliminate_inductions, propagate_copies


@dataclass(frozen=True)
class Split:
    """A function's two sweeps.

    `forward` returns the results and the tape, a flat tuple; `reverse` takes the tape and the cotangents of the float
    results, and returns the gradients.
    """

    forward: Function
    reverse: Function


@dataclass(frozen=True)
class _Sweeps:
    function: Function
    forward: Block
    reverse: Block
    seeds: tuple[Var, ...]
    gradients: tuple[Atom, ...]
    plan: Plan


def joint_adjoint(
    function: Function, wrt: tuple[Var, ...], objective: Any = None, seed: float | None = None
) -> Function:
    """Value and gradient of `function` in one function.

    Args:
        function: in the form that lowering gives.
        wrt: its float parameters, scalars and arrays, to differentiate with respect to.
        objective: the results to differentiate, a nested tuple; all of them where it is None.
        seed: the cotangent of a scalar objective, where it is a constant and no parameter.

    Returns:
        A function of the same parameters and of one cotangent for each float in the objective. It returns the results,
        then
        the gradient of the sum of cotangent times result for each of `wrt`.
    """
    return planned_adjoint(function, wrt, objective, seed)[0]


def planned_adjoint(
    function: Function, wrt: tuple[Var, ...], objective: Any = None, seed: float | None = None
) -> tuple[Function, Plan]:
    """`joint_adjoint`, and the plan that it was written by."""
    function, objective = _settled(function, function.results if objective is None else objective)
    sweeps = _sweeps(function, wrt, objective, seed, joint=True, certain=True)
    seeds = tuple((s.hint, s) for s in sweeps.seeds)
    sweeps.plan.read = set(free(sweeps.reverse))
    whole = _joined(sweeps, (function.results, *sweeps.gradients))
    whole = replace(
        function, name=f"{function.name}_adjoint", params=whole.params, body=whole.body, results=whole.results,
        signature=(*function.signature, *seeds),
    )  # fmt: skip
    return whole, sweeps.plan


def _joined(sweeps: _Sweeps, results: Any, given: Iterable[Var] = ()) -> Function:
    """Both sweeps in one function; `given` are parameters between its own and the cotangents."""
    forward, mapping = export(list(sweeps.forward), {*free(sweeps.reverse), *flatten(results)})
    body = (*forward, *substitute(sweeps.reverse, mapping))
    results = map_tree(lambda a: mapping.get(a, a), results)
    params = (*sweeps.function.params, *given, *sweeps.seeds)
    whole, failed = settle_iterations(Function("", params, body, results, ()), sweeps.plan)
    assert not failed  # as before the values of branches had names outside of them
    return whole


def split_adjoint(function: Function, wrt: tuple[Var, ...]) -> Split:
    """The forward sweep and the reverse sweep of `function` as two functions. See `joint_adjoint`.

    The reverse function can run any number of times: it does not change the tape, and nothing on the tape is an
    array that the caller can get at.
    """
    function, _ = _settled(function, ())
    sweeps = _sweeps(function, wrt, function.results, None)
    tape = [v for v in free(sweeps.reverse, sweeps.gradients) if v not in sweeps.seeds]
    forward, mapping = export(list(sweeps.forward), set(tape))
    forward = _loud(forward)
    kept = [mapping.get(v, v) for v in tape]
    build = Builder()
    exposed = _exposed(function, forward)
    read = _contents_read(sweeps.reverse, sweeps.gradients)
    saved: list[Var] = []
    for inside, var in zip(tape, kept, strict=True):
        visible = isinstance(var.type, Array) and inside in read and var in exposed
        saved.append(_copied(build, var) if visible else var)
    results = (function.results, tuple(saved))
    forward_function = replace(
        function, name=f"{function.name}_forward", body=(*forward, *build.stack[0]), results=results
    )
    params = tuple(Var(v.hint or "saved", s.type) for v, s in zip(tape, saved, strict=True))
    renamed = dict(zip(tape, params, strict=True))
    # a value that differs in layout (a copy is contiguous) only changes what the back end infers
    body = substitute(sweeps.reverse, renamed)  # type: ignore[arg-type]
    gradients = map_tree(lambda a: renamed.get(a, a), sweeps.gradients)
    reverse = Function(
        f"{function.name}_reverse", (*params, *sweeps.seeds), body, gradients,
        (("tape", params), *((s.hint, s) for s in sweeps.seeds)), function.loc,
    )  # fmt: skip
    return Split(forward_function, reverse)


@functools.lru_cache(maxsize=256)
def helper_adjoint(function: Function, active: tuple[int, ...]) -> tuple[Function, tuple[int, ...]]:
    """The adjoint of a helper, for its caller's reverse sweep.

    Returns:
        A function of the helper's parameters, of an adjoint buffer for each active array among them and of a cotangent
        for each float result, which adds to the buffers and returns the gradients of the active numbers; and the
        positions of the buffers.
    """
    whole = whole_adjoint(function, active)
    writes = range(len(function.params), len(function.params) + sum(_is_array(function.params[k]) for k in active))
    return eliminate_dead_code(propagate_copies(replace(whole, results=whole.results[1]))), tuple(writes)


@functools.lru_cache(maxsize=256)
def whole_adjoint(function: Function, active: tuple[int, ...]) -> Function:
    """The same function as it is written; it returns the results of the helper, then the gradients."""
    function, given, sweeps = _helper_sweeps(function, active)
    wrt = tuple(function.params[k] for k in active)
    gradients = tuple(g for p, g in zip(wrt, sweeps.gradients, strict=True) if p not in given)
    whole = _joined(sweeps, (function.results, gradients), given.values())
    signature = tuple((p.hint, p) for p in whole.params)
    return replace(whole, name=f"{function.name}_adjoint", signature=signature, loc=function.loc)


def _is_array(param: Var) -> bool:
    return isinstance(param.type, Array)


def planned_helper(function: Function, active: tuple[int, ...]) -> Plan:
    """The plan that `helper_adjoint` is written by."""
    return _helper_sweeps(function, active)[2].plan


def _helper_sweeps(function: Function, active: tuple[int, ...]) -> tuple[Function, dict[Var, Var], _Sweeps]:
    """A helper in the form that is reversed, its caller's buffers for its active arrays, and its sweeps."""
    function, _ = _settled(function, ())
    wrt = tuple(function.params[k] for k in active)
    given = {p: Var(f"b{p.hint}", Array(p.type.dtype, p.type.ndim, "A")) for p in wrt if isinstance(p.type, Array)}
    return function, given, _sweeps(function, wrt, function.results, None, given, joint=True)


def _settled(function: Function, objective: Any) -> tuple[Function, Any]:
    """`function` in the form that is reversed, and `objective` in its terms.

    Calls that cannot be reversed as calls are written out, counters are functions of loop indices.
    """
    both = eliminate_inductions(settle_calls(replace(function, results=(function.results, objective))))
    both = close_checkpointed(both)
    results, objective = both.results
    return replace(both, results=results), objective


def _sweeps(
    function: Function, wrt: tuple[Var, ...], objective: Any, constant: float | None,
    given: dict[Var, Var] | None = None, *, joint: bool = False, certain: bool = False,
) -> _Sweeps:  # fmt: skip
    """The forward and the reverse sweep; the reverse reads what it needs of the forward by name.

    `joint` says that both will be one function. `given` holds adjoint buffers of parameters that the caller has.
    `certain` says that the cotangent of a single result is not zero: the caller of a pullback or of a helper may have
    made no use of it.
    """
    counted, counts = count_trips(function)
    aliases = find_aliases(counted)
    ends = (objective, tuple(given or ()))  # what the caller has a buffer for, it may go on with
    activity = find_activity(replace(counted, results=ends), wrt, aliases)

    def with_loops(apart: frozenset[Var]) -> _Sweeps:
        numbered, handles, places = number_handles(counted, activity, aliases, apart)
        whole = replace(function, body=numbered.body, params=numbered.params)

        def attempt(
            chosen: frozenset[Var | Snapshot], growing: frozenset[Place] | None, alone: frozenset[Place]
        ) -> tuple[Plan, _Sweeps]:
            build = Builder()
            build.algebra = build.loose = True
            plan = Plan(
                numbered, aliases, activity, places, counts, handles, build, make_list, helper_adjoint, whole_adjoint,
                joint, chosen, growing, alone=alone, apart=apart,
            )  # fmt: skip
            return plan, _written(plan, whole, wrt, objective, constant, given or {}, certain=certain)

        try:
            return _settled_sweeps(attempt, places, apart, given or {})
        except NotAlone as loop:
            return with_loops(apart - {loop.index})

    return with_loops(alone_by_choice(counted, activity, aliases))


def _settled_sweeps(
    attempt: Callable[..., tuple[Plan, _Sweeps]], places: Places, apart: frozenset[Var], given: dict[Var, Var]
) -> _Sweeps:  # fmt: skip
    """The sweeps with the best values to store, the tapes that grow known, and iterations that stand alone.

    Raises:
        NotAlone: those of a loop that is `apart` do not.
    """

    def settled(alone: frozenset[Place]) -> tuple[Plan, _Sweeps]:
        plan, sweeps = attempt(frozenset(), None, alone)
        chosen = values_to_store(plan)
        if chosen != {v for p in plan.loops.values() for v in p.stored}:
            plan, sweeps = attempt(chosen, None, alone)
        grown = frozenset(place for place, p in plan.loops.items() if p.grows)
        if not grown.issuperset(plan.waiting):
            later, better = attempt(chosen, grown, alone)
            if all(place in grown for place, p in later.loops.items() if p.grows):
                return later, better
        return plan, sweeps

    must = frozenset(places.of[index] for index in apart)
    plan, sweeps = settled(must)
    alone = must | {at for at, inner in plan.late.items() if any(plan.loops[p].grows for p in inner)}
    while alone:
        plan, better = settled(alone)
        body = (*better.forward, *better.reverse)
        params = (*better.function.params, *better.seeds, *given.values())
        _, failed = settle_iterations(Function("", params, body, (), ()), plan)
        failed |= alone.difference(plan.one_by_one)
        for index in apart:
            if places.of[index] in failed:
                raise NotAlone(index)
        if not failed:
            return better
        alone -= failed
    return sweeps


def _written(
    plan: Plan, function: Function, wrt: tuple[Var, ...], objective: Any, constant: float | None, given: dict[Var, Var],
    *, certain: bool,
) -> _Sweeps:  # fmt: skip
    """Both sweeps, under a plan."""
    build, places = plan.build, plan.places
    reverse = Reverse(plan, objective if certain else ())
    of = dict(places.of)
    for loop in plan.loops.values():
        of[loop.top] = places.root
    sums = Sums(places.root, None, of)
    sums.current.update({loop.top: loop.top for loop in plan.loops.values()})
    with plan.region(places.root) as root:
        root.adjoints.update(given)
        seeds = _seed(reverse, sums, function, objective, constant)
        reverse.block(function.body, sums)
        gradients: list[Atom] = []
        for p in wrt:
            if isinstance(p.type, Array):
                gradients.append(plan.adjoint(p))
            else:
                gradients.append(sums.current.get(p) or zero(p.type))
    forward = Forward(plan)
    body = tuple(forward.run())
    written = (*root.prologue, *build.stack[0])
    return _Sweeps(plan.function, body, substitute(written, forward.final), seeds, tuple(gradients), plan)


def _seed(reverse: Reverse, sums: Sums, function: Function, objective: Any, constant: float | None) -> tuple[Var, ...]:
    """Start the reverse sweep: the cotangent of each float result is added to its adjoint."""
    seeds: list[Var] = []
    taken = {p.hint for p in function.params}
    build = reverse.build
    for k, atom in enumerate(a for a in flatten(objective) if is_float(a.type)):
        hint = f"b{getattr(atom, 'hint', '') or 'result'}"
        while hint in taken:
            hint += f"_{k}"
        taken.add(hint)
        if constant is not None:
            if isinstance(atom.type, Scalar):
                reverse.add(sums, atom, number(constant, atom.type))
            elif isinstance(atom, Var) and reverse.is_active(atom):  # an array of rank 0
                build.increment(reverse.plan.adjoint(atom), (), number(constant, atom.type))
            continue
        if isinstance(atom.type, Array):
            seed = Var(hint, Array(atom.type.dtype, atom.type.ndim, "A"))
            if isinstance(atom, Var) and reverse.is_active(atom):
                target = reverse.plan.adjoint(atom)
                shape = build.shapes(seed)
                build.nest(shape, lambda i, s=seed, t=target: build.increment(t, i, build.load(s, i)))
        else:
            seed = Var(hint, atom.type)
            reverse.add(sums, atom, seed)
        seeds.append(seed)
    return tuple(seeds)


def _contents_read(reverse: Block, gradients: tuple[Atom, ...]) -> set[Var]:
    """The arrays from outside whose elements the reverse sweep reads, or returns; others only lend their shape."""
    outer = [v for v in free(reverse, gradients) if isinstance(v.type, Array)]
    aliases = aliases_of(reverse, tuple(outer))
    found: set[Var] = set()
    for stmt in statements(reverse):
        if isinstance(stmt, Load):
            found |= aliases.bases[stmt.array]
        elif isinstance(stmt, Library | Call):
            given = stmt.ins if isinstance(stmt, Library) else stmt.args
            found |= {b for a in given for b in aliases.bases.get(a, ())}  # type: ignore[call-overload]
        elif isinstance(stmt, Reserve | ListGet):
            found |= aliases.bases.get(stmt.target, frozenset())
    for atom in gradients:
        if isinstance(atom, Var) and isinstance(atom.type, Array):
            found |= aliases.bases[atom]
    return found


def _exposed(function: Function, forward: Block) -> set[Var]:
    """The handles of the forward sweep onto memory that the caller also has: parameters, captured arrays, results."""
    aliases = aliases_of(forward, function.params)
    outside = {p for p in function.params if isinstance(p.type, Array)}
    for atom in flatten(function.results):
        if isinstance(atom, Var) and isinstance(atom.type, Array):
            outside |= aliases.bases[atom]
    return {h for h, bases in aliases.bases.items() if bases & outside}


def _copied(build: Builder, array: Var) -> Var:
    assert isinstance(array.type, Array)
    shape = build.shapes(array)
    out = build.alloc("empty", array.type.dtype, shape, f"{array.hint or 'array'}_saved", like=array)
    build.nest(shape, lambda i: build.store(out, i, build.load(array, i)))
    return out


def _loud(block: Block) -> Block:
    """Print every missing value: the tape of a split adjoint is read as a whole."""
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                results = tuple(Result(r.var, _spoken(r.then), _spoken(r.orelse)) for r in stmt.results)
                out.append(replace(stmt, then=_loud(stmt.then), orelse=_loud(stmt.orelse), results=results))
            case For() | While():
                out.append(replace(stmt, body=_loud(stmt.body)))
            case _:
                out.append(stmt)
    return tuple(out)


def _spoken(atom: Atom) -> Atom:
    return Undef(atom.type) if isinstance(atom, Undef) else atom

"""What threads add to their neighbours' elements, as what each element gets from its neighbours: no atomic additions.

    for i in prange(1, n - 1):                    for p in prange(0, n):
        bu[i - 1] += f(i)              ->             if 1 <= p + 1 < n - 1:
        bu[i + 1] += g(i)                                 total += f(p + 1)
                                                      if 1 <= p - 1 < n - 1:
                                                          total += g(p - 1)
                                                      bu[p] += total

It takes constant distances along the axes of a nest of loops, and computes what is added once for each of them. What
the nest does besides is left to it, and comes after.

After J. Hueckelheim et al., Automatic Differentiation for Adjoint Stencil Loops (2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from srcgrad.ir.nodes import (
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Assign,
    Atom,
    Block,
    Const,
    For,
    Function,
    If,
    Increment,
    Load,
    Result,
    Stmt,
    Store,
    Var,
    View,
    While,
    integer,
    number,
)
from srcgrad.ir.types import BOOL, INT64, is_float
from srcgrad.ir.walk import defined, introduced, rebuilt, statements
from srcgrad.transform.analysis.affine import Iterations
from srcgrad.transform.analysis.analyses import Analyses, analyses_of
from srcgrad.transform.analysis.indices import Moment
from srcgrad.transform.analysis.places import Place, Places
from srcgrad.transform.build import Builder
from srcgrad.transform.device.nests import nest_of
from srcgrad.transform.inline import inline_function
from srcgrad.transform.parallel.sharing import sharing_of
from srcgrad.transform.simplify import eliminate_dead_code, propagate_copies

MOST = 16  # distances
CHEAP = 40  # operations on floats in an iteration: it is computed again for each distance

Offset = tuple[int, ...]


def gather_increments(function: Function) -> Function:
    """Turn increments at constant distances from the indices of parallel loops into sums of their own."""
    if not any(isinstance(s, For) and s.parallel for s in statements(function.body)):
        return function
    analyses = analyses_of(function)
    body = _block(function.body, analyses)
    if body is function.body:
        return function
    return eliminate_dead_code(propagate_copies(replace(function, body=body)))


def _block(block: Block, analyses: Analyses) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case For() if stmt.parallel:
                out += _gathered(stmt, analyses)
            case For() | While():
                body = _block(stmt.body, analyses)
                out.append(stmt if body is stmt.body else replace(stmt, body=body))
            case If():
                then, orelse = _block(stmt.then, analyses), _block(stmt.orelse, analyses)
                same = then is stmt.then and orelse is stmt.orelse
                out.append(stmt if same else replace(stmt, then=then, orelse=orelse))
            case _:
                out.append(stmt)
    return block if all(a is b for a, b in zip(out, block, strict=False)) and len(out) == len(block) else tuple(out)


def _gathered(loop: For, analyses: Analyses) -> list[Stmt]:
    """What takes the place of a parallel loop: itself, if nothing can be gathered."""
    sharing = sharing_of(loop, analyses)
    if sharing is None or sharing.private:
        return [loop]
    nest = nest_of(loop, sharing, analyses.aliases, lambda inner: sharing_of(inner, analyses)).loops
    body = (*(s for outer in nest[:-1] for s in outer.body[:-1]), *nest[-1].body)
    if not _is_simple(body, analyses):
        return [loop]
    added = dict.fromkeys(s.array for s in statements(body) if isinstance(s, Increment))
    targets = [t for h in added if (t := _target(h, nest, body, analyses)) is not None]
    if not targets:
        return [loop]
    gone = {s for t in targets for s in t.offsets}
    return [*(s for t in targets for s in t.loops(nest, body)), *rebuilt((loop,), lambda s: None if s in gone else s)]


def _is_simple(body: Block, analyses: Analyses) -> bool:
    """Whether an iteration is cheap and straight-line, and reads nothing that it, or another one, wrote before."""
    inside = list(statements(body))
    if not all(isinstance(s, Assign | Load | Store | Increment | If | View) for s in inside):
        return False
    if sum(isinstance(s, Assign) and is_float(s.target.type) for s in inside) > CHEAP:
        return False
    writes: list[Store | Increment] = []
    for s in inside:
        if isinstance(s, Store | Increment):
            writes.append(s)
        elif isinstance(s, Load):
            mine = (w for w in writes if analyses.aliases.may_meet(s.array, w.array))
            if not all(_on_other_side(s, w, analyses.places) for w in mine):
                return False
    return True


def _on_other_side(a: Stmt, b: Stmt, places: Places) -> bool:
    """Whether two statements of an iteration are on different sides of a branch."""
    sides: dict[Stmt | None, Place] = {}
    place: Place | None = places.at[a]
    while place is not None:
        sides[place.owner] = place
        place = place.parent
    place = places.at[b]
    while place is not None:
        if isinstance(place.owner, If) and sides.get(place.owner, place) is not place:
            return True
        place = place.parent
    return False


@dataclass(frozen=True)
class _Target:
    """An array that is added to, and how far from the indices of the nest each increment is.

    Attributes:
        axes: for each axis of the array the loop of the nest that moves along it, or an index that is always the same.
    """

    array: Var
    axes: tuple[Atom, ...]
    offsets: Mapping[Increment, Offset]

    def loops(self, nest: tuple[For, ...], body: Block) -> list[Stmt]:
        """The sums of all elements, in a nest of loops over them."""
        build = Builder()
        build.algebra, build.loc = True, nest[0].loc
        own = {loop.index: Var(loop.index.hint, INT64) for loop in nest}
        bounds = {}
        for k, loop in enumerate(nest):
            low, high = min(o[k] for o in self.offsets.values()), max(o[k] for o in self.offsets.values())
            start = build.op("max", build.op("+", loop.start, integer(low)), ZERO)  # no element below is added to
            bounds[loop] = start, build.op("+", loop.stop, integer(high))
        with build.block() as inner:
            for v in own.values():
                build.home[v] = inner
            self._sum(build, nest, body, own)
        code: Block = tuple(inner)
        for loop in reversed(nest):
            mode = "reversed" if loop.mode == "sequential" else loop.mode
            code = (For(own[loop.index], *bounds[loop], ONE, (), code, mode=mode, parallel=True, loc=loop.loc),)
        return [*build.stack[0], *code]

    def _sum(self, build: Builder, nest: tuple[For, ...], body: Block, own: Mapping[Var, Var]) -> None:
        """What is added to one element, if anything is."""
        total: Atom = number(0.0, self.array.type)
        found: Atom = FALSE
        for offset in dict.fromkeys(self.offsets.values()):
            steps = zip((own[loop.index] for loop in nest), offset, strict=True)
            at = [build.op("-", k, integer(d)) if d > 0 else build.op("+", k, integer(-d)) for k, d in steps]
            within: Atom = TRUE
            for k, loop in zip(at, nest, strict=True):
                for test in (build.op(">=", k, loop.start), build.op("<", k, loop.stop)):
                    within = test if within == TRUE else build.op("&", within, test)
            wanted = {s for s, o in self.offsets.items() if o == offset}
            code, *ends = _accumulated(body, wanted, total, found)
            with build.block() as inner:
                iteration = Function("", tuple(loop.index for loop in nest), code, tuple(ends), ())
                after = inline_function(build, iteration, at)
            sofar = Var("total", total.type), Var("", BOOL)
            results = [Result(v, a, b) for v, a, b in zip(sofar, after, (total, found), strict=True)]
            build.emit(If(within, tuple(inner), (), tuple(results), loc=nest[0].loc))
            total, found = sofar
        with build.block() as inner:
            build.increment(self.array, tuple(own.get(a, a) for a in self.axes), total)  # type: ignore[arg-type]
        build.emit(If(found, tuple(inner), (), (), loc=nest[0].loc))


def _accumulated(block: Block, wanted: set[Increment], total: Atom, found: Atom) -> tuple[Block, Atom, Atom]:
    """A block that writes nothing, but adds the values of some increments to a total, and notes that there are any."""
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case Increment() if stmt in wanted:
                if isinstance(total, Const) and stmt.value.type == total.type:
                    total, found = stmt.value, TRUE
                    continue
                after = Var("total", total.type)
                out.append(Assign(after, "+", (total, stmt.value), loc=stmt.loc))
                total, found = after, TRUE
            case Increment() | Store():
                pass
            case If():
                then, *ends = _accumulated(stmt.then, wanted, total, found)
                orelse, *others = _accumulated(stmt.orelse, wanted, total, found)
                results = list(stmt.results)
                if any(s in wanted for s in statements((stmt,))):
                    sofar = Var("total", total.type), Var("", BOOL)
                    results += [Result(v, a, b) for v, a, b in zip(sofar, ends, others, strict=True)]
                    total, found = sofar
                out.append(replace(stmt, then=then, orelse=orelse, results=tuple(results)))
            case _:
                out.append(stmt)
    return tuple(out), total, found


def _target(handle: Var, nest: tuple[For, ...], body: Block, analyses: Analyses) -> _Target | None:
    """How an array is added to, if it is at constant distances, and not touched otherwise."""
    aliases, places = analyses.aliases, analyses.places
    accesses = [s for s in statements(body) if isinstance(s, Load | Store | Increment)]
    mine = [s for s in accesses if aliases.may_meet(s.array, handle)]
    if not is_float(handle.type) or any(not isinstance(s, Increment) or s.array is not handle for s in mine):
        return None
    made = {v for s in statements((nest[0],)) for v in (*defined(s), *introduced(s))}
    if handle in made:
        return None
    found: dict[Increment, Offset] = {}
    axes: tuple[Atom, ...] | None = None
    for stmt in mine:
        assert isinstance(stmt, Increment)
        moment = Moment(places, aliases, analyses.meetings.signs, 0, lambda _: True, {})
        moment.at(stmt)
        own: list[Atom] = []
        distance: dict[Atom, int] = {}
        for atom in stmt.index:
            form = Iterations(places, [], None).form(atom, later=False)
            moving = [(s.var, n) for s, n in form.terms if s.var in made]
            if not moving:
                own.append(atom)
            elif len(form.terms) == 1 and moving[0][1] == 1 and moving[0][0] not in own:
                own.append(moving[0][0])
                distance[moving[0][0]] = form.constant
                if moment.facts.allow([], [moment.form(atom) * -1 - 1]):
                    return None  # it may count from the end of the axis
            else:
                return None
        if set(distance) != {loop.index for loop in nest}:
            return None
        if axes not in (None, tuple(own)):
            return None
        axes = tuple(own)
        found[stmt] = tuple(distance[loop.index] for loop in nest)
    assert axes is not None
    return _Target(handle, axes, found) if 1 < len(set(found.values())) <= MOST else None

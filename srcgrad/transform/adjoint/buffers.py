"""The adjoint buffers of arrays that names choose among, as a list in the order of their numbers."""

from __future__ import annotations

from srcgrad.ir.nodes import (
    ZERO,
    Alloc,
    Atom,
    Const,
    If,
    ListAppend,
    ListGet,
    ListNew,
    Result,
    Slice,
    Undef,
    Var,
    View,
    integer,
)  # fmt: skip
from srcgrad.ir.types import Array, HandleList
from srcgrad.transform.adjoint.handles import Family, numbered_base, recorded
from srcgrad.transform.adjoint.plan import Plan
from srcgrad.transform.adjoint.regions import Region
from srcgrad.transform.analysis.places import Place


def make_list(plan: Plan, family: Family, region: Region) -> Var:
    """Write, into the prologue of the family's home, the list of its adjoint buffers, all zero."""
    done: dict[Var, Var] = {}
    own = [_fixed(plan, family, handle, region, done) for handle in family.fixed]
    types = [v.type for v in own] + [_dynamic_type(plan, h) for h in family.dynamic]
    first = types[0]
    assert isinstance(first, Array)
    layout = "C" if all(isinstance(t, Array) and t.layout == "C" for t in types) else "A"
    element = Array(first.dtype, first.ndim, layout)
    target = Var("adjoints", HandleList(element))
    with plan.prologue(region):
        items = tuple(_strided(plan, v, element) for v in own)
        if not items:
            items = (_strided(plan, plan.build.alloc("zeros", first.dtype, (ZERO,) * first.ndim), element),)
        plan.build.emit(ListNew(target, items))
    if family.dynamic:
        _append_dynamic(plan, family, region, target, element)
    return target


def _strided(plan: Plan, array: Var, element: Array) -> Var:
    """A handle of type `element`: lists hold arrays of one layout."""
    return array if array.type == element else plan.build.view(array, "strided", (), element)


def _fixed(plan: Plan, family: Family, handle: Var, region: Region, done: dict[Var, Var]) -> Var:
    """The adjoint buffer of an array that exists once a run of the family's home."""
    if handle in done:
        return done[handle]
    place = plan.places.of[handle]
    stmt = plan.places.home.get(handle)
    if isinstance(stmt, View) and stmt.base in family.fixed:
        _fixed(plan, family, stmt.base, region, done)
    hint = f"b{handle.hint}" if handle.hint else "badjoint"
    if handle in region.adjoints:
        done[handle] = region.adjoints[handle]
    elif place is region.place:
        done[handle] = region.adjoints[handle] = plan.own_adjoint(handle, stmt, region, hint)
    else:
        done[handle] = _in_branch(plan, handle, place, region, hint, done)
    return done[handle]


def _in_branch(plan: Plan, handle: Var, place: Place, region: Region, hint: str, done: dict[Var, Var]) -> Var:
    """The same for one made in a branch: where it was not taken, an empty stand-in keeps the numbers in order."""
    path = []
    while place is not region.place:
        path.append(place)
        assert place.parent is not None
        place = place.parent

    def descend(left: list[Place], outer: Region) -> Var:
        if not left:
            return plan.own_adjoint(handle, plan.places.home[handle], outer, hint)
        *rest, side = left
        with plan.region(side) as inside:
            inside.adjoints.update({h: v for h, v in done.items() if plan.places.of[h] is side})
            made = descend(rest, inside)
        branch = side.owner
        assert isinstance(branch, If)
        cond = plan.value(branch.cond)
        target, nothing, body = Var(hint, made.type), Undef(made.type), tuple(inside.prologue)
        taken = plan.places.sides[branch].index(side) == 0
        blocks = (body, ()) if taken else ((), body)
        result = Result(target, made, nothing) if taken else Result(target, nothing, made)
        with plan.prologue(outer):
            plan.build.emit(If(cond, *blocks, (result,), loc=branch.loc))
        return target

    return descend(path, region)


def _dynamic_type(plan: Plan, handle: Var) -> Array:
    stmt = plan.places.home[handle]
    assert isinstance(handle.type, Array)
    return Array(handle.type.dtype, handle.type.ndim, "C" if isinstance(stmt, Alloc) else "A")


def _append_dynamic(plan: Plan, family: Family, region: Region, target: Var, element: Array) -> None:
    """Append the buffers of arrays made in loops, as the forward sweep recorded them."""
    build = plan.build
    record = plan.records.setdefault(family, Var("made", Array("int64", 1)))
    assert family.total is not None
    listed = {h: numbered_base(plan.places.home[h], family, plan.aliases) for h in family.dynamic}
    bases = {h: plan.adjoint(plan.places.home[h].base) for h in family.dynamic if _is_view(plan, h) and not listed[h]}  # type: ignore[attr-defined]

    def one(index: Var) -> None:
        start = build.op("*", build.op("-", index, integer(family.first)), integer(family.width))
        site = build.load(record, (start,))

        def choose(k: int) -> None:
            if k == len(family.dynamic) - 1:
                append(k)
                return
            with build.block() as then:
                append(k)
            with build.block() as orelse:
                choose(k + 1)
            cond = build.op("==", site, integer(k))
            build.emit(If(cond, tuple(then), tuple(orelse)))

        def append(k: int) -> None:
            handle = family.dynamic[k]
            stmt = plan.places.home[handle]
            assert isinstance(stmt, Alloc | View)
            atoms = recorded(stmt, family, plan.aliases)
            read: list[Atom] = [build.load(record, (build.op("+", start, integer(j + 1)),)) for j in range(len(atoms))]
            if isinstance(stmt, Alloc):
                made = build.alloc("zeros", element.dtype, tuple(read))
            else:
                base = bases.get(handle)
                if base is None:
                    base = Var("", element)
                    build.emit(ListGet(base, target, read.pop(0)))
                made = build.view(base, stmt.how, _items(stmt, read), _dynamic_type(plan, handle))
            build.emit(ListAppend(target, _strided(plan, made, element)))

        choose(0)

    with plan.prologue(region):
        build.loop(family.total, one, hint="k", start=integer(family.first))


def _is_view(plan: Plan, handle: Var) -> bool:
    return isinstance(plan.places.home[handle], View)


def _items(stmt: View, read: list[Atom]) -> tuple:
    """The index of a view with its atoms replaced by what was recorded."""
    left = list(read)
    out: list[object] = []
    for item in stmt.items:
        if isinstance(item, Slice):
            out.append(Slice(*(None if a is None else left.pop(0) for a in (item.start, item.stop, item.step))))
        elif isinstance(item, Var | Const):
            out.append(left.pop(0))
        else:
            out.append(item)
    return tuple(out)

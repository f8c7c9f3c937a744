"""Number the arrays that a name chooses among, so that the reverse sweep finds the adjoint of the one it stood for.

A handle that a branch or a loop merges (`u, v = v, u`) can stand for several arrays. Each array that enters such a
choice gets a number, and each merged handle an integer that says which one it is: an ordinary SSA value, which the
reverse sweep reads, recomputes or takes off the tape like any other. The adjoint buffers are in a list, in the order of
these numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    ONE,
    Alloc,
    Assign,
    Atom,
    Block,
    Carried,
    For,
    Function,
    If,
    ListGet,
    Result,
    Stmt,
    Undef,
    Var,
    View,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64, is_float
from srcgrad.ir.walk import view_atoms
from srcgrad.transform.analysis.activity import Activity
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.places import Place, Places, find_places


@dataclass(eq=False)
class Family:
    """Arrays that merged handles choose among.

    Attributes:
        bases: the arrays.
        home: the block that all of them, and all choices among them, are in.
        fixed: handles that enter a choice and exist once in each run of `home`; their number is their position.
        dynamic: handles that enter a choice from inside a deeper loop: numbered by a counter, and recorded.
        width: integers recorded for each of them.
    """

    bases: frozenset[Var]
    home: Place
    fixed: list[Var]
    dynamic: list[Var]
    width: int = 0
    token: Var = field(default_factory=lambda: Var("adjoints", INT64))  # stands for the list of adjoint buffers
    total: Atom | None = None  # the counter after the last dynamic handle

    @property
    def first(self) -> int:
        """The number of the first dynamic handle; a list without fixed ones starts with a stand-in."""
        return max(len(self.fixed), 1)


@dataclass(frozen=True)
class Handles:
    """Which family each base belongs to, and the number of each merged or dynamic handle."""

    families: tuple[Family, ...]
    number: dict[Var, Atom]

    def family(self, handle: Var, aliases: Aliases) -> Family | None:
        return next((f for f in self.families if not f.bases.isdisjoint(aliases.bases[handle])), None)


def number_handles(
    function: Function, activity: Activity, aliases: Aliases, apart: frozenset[Var] = frozenset()
) -> tuple[Function, Handles, Places]:  # fmt: skip
    """Number the handles of every active family that a branch or loop chooses among.

    Loops that are `apart`, given by their indices, are left as they are: each of their iterations is a function of its
    own, and numbers its arrays itself.
    """
    places = find_places(function)
    number: dict[Var, Atom] = {}
    families = [
        _family(bases, aliases, places)
        for bases in _active_families(activity, aliases)
        if apart.isdisjoint(_indices(_whereabouts(bases, aliases, places), places))
    ]
    for family in families:
        for k, handle in enumerate(family.fixed):
            number[handle] = integer(k)
        for handle in aliases.merged:
            if is_float(handle.type) and aliases.bases[handle] & family.bases:
                number[handle] = Var(f"{handle.hint or 'array'}_id", INT64)
        for handle in family.dynamic:
            number[handle] = Var(f"{handle.hint or 'array'}_id", INT64)
    if not families:
        return function, Handles((), {}), places
    body = function.body
    for family in families:
        merged = {h for h in aliases.merged if h in number and aliases.bases[h] & family.bases}
        body = Numbering(family, number, merged).run(body)
    numbered = replace(function, body=body)
    places = find_places(numbered)
    for family in families:
        entries = family.fixed + family.dynamic
        family.home = places.root if family.dynamic else _home(family.bases, entries, aliases, places)
    return numbered, Handles(tuple(families), number), places


def choosing_loops(function: Function, activity: Activity, aliases: Aliases) -> frozenset[Var]:
    """The loops in which each iteration chooses among arrays of its own, given by their indices."""
    places = find_places(function)
    found = (_indices(_whereabouts(b, aliases, places), places) for b in _active_families(activity, aliases))
    return frozenset(chain.from_iterable(found))


def _indices(place: Place, places: Places) -> list[Var]:
    """The indices of the loops around a block, outermost first."""
    around = [places.loop_of(p) for p in place.loops]
    return [loop.index for loop in around if isinstance(loop, For)]


def _active_families(activity: Activity, aliases: Aliases) -> list[frozenset[Var]]:
    chosen = aliases.chosen_bases
    return list(dict.fromkeys(aliases.family[b] for b in aliases.bases if b in chosen and activity.is_active(b)))


def _whereabouts(bases: frozenset[Var], aliases: Aliases, places: Places) -> Place:
    """The block that all choices among these arrays are in."""
    return _common([_outer(h, places) for h in aliases.merged if aliases.bases[h] & bases])


def _position(var: Var, places: Places) -> int:
    return places.order.get(places.home[var], -1) if var in places.home else -1


def _family(bases: frozenset[Var], aliases: Aliases, places: Places) -> Family:
    merged = {h for h in aliases.merged if aliases.bases[h] & bases}
    entries = _entries(merged, aliases, places)
    home = _home(bases, entries, aliases, places)
    if not all(places.of[v].loop is home.loop and _is_simple(v, aliases, places) for v in entries):
        home = places.root  # buffers made in loops are numbered through, over all runs of all loops
    fixed = [v for v in entries if places.of[v].loop is home.loop and _is_simple(v, aliases, places)]
    dynamic = [v for v in entries if v not in fixed]
    family = Family(bases, home, fixed, dynamic)
    for handle in entries:
        stmt = places.home.get(handle)
        same = len({(h.type.ndim, h.type.dtype) for h in entries}) == 1  # type: ignore[union-attr]
        if not same or (handle in dynamic and not isinstance(stmt, Alloc | View)):
            what = f"'{handle.hint}'" if handle.hint else "this array"
            message = f"{what} is one of several arrays in a way that is not differentiable yet"
            hint = "copy it, or allocate the arrays outside of the loop"
            if isinstance(stmt, ListGet):  # in the reverse of a reverse
                hint = "use jvp of the gradient (forward over reverse)"
            raise UnsupportedError(Problem(message, stmt.loc if stmt is not None else None, hint))
    for handle in dynamic:
        family.width = max(family.width, 1 + len(recorded(places.home[handle], family, aliases)))
    return family


def _entries(merged: set[Var], aliases: Aliases, places: Places) -> list[Var]:
    """The handles that enter a choice from outside, and the views that others of them are views of."""
    found = dict.fromkeys(s for h in aliases.merged if h in merged for s in aliases.merged[h] if s not in merged)
    work = list(found)
    while work:
        stmt = places.home.get(work.pop())
        if isinstance(stmt, View) and stmt.base not in merged and stmt.base not in found:
            if not _is_simple(stmt.base, aliases, places) or places.of[stmt.base] is not places.root:
                found[stmt.base] = None
                work.append(stmt.base)
    return sorted(found, key=lambda v: _position(v, places))


def _home(bases: frozenset[Var], entries: list[Var], aliases: Aliases, places: Places) -> Place:
    merged = [h for h in aliases.merged if aliases.bases[h] & bases]
    return _common([_outer(v, places) for v in (*bases, *merged, *entries)])


def _is_simple(handle: Var, aliases: Aliases, places: Places) -> bool:
    """Whether a handle is a parameter, an allocation, or a view of one that is not itself chosen at run time."""
    if handle in aliases.merged:
        return False
    stmt = places.home.get(handle)
    if isinstance(stmt, View):
        return _is_simple(stmt.base, aliases, places)
    return stmt is None or isinstance(stmt, Alloc)


def _outer(var: Var, places: Places) -> Place:
    """The block that a handle's statement is in; for what a loop gives its body, the block around the loop."""
    stmt = places.home.get(var)
    return places.root if stmt is None else places.at[stmt]


def _common(found: list[Place]) -> Place:
    out = found[0]
    for place in found[1:]:
        while not place.within(out):
            assert out.parent is not None
            out = out.parent
    # a branch is not a home: its arrays may be chosen among outside, and a home runs whenever its parent does
    while isinstance(out.owner, If):
        assert out.parent is not None
        out = out.parent
    return out


def numbered_base(stmt: Stmt, family: Family, aliases: Aliases) -> Var | None:
    """The base of a dynamic view, if its buffer is itself in the list."""
    if not isinstance(stmt, View):
        return None
    listed = stmt.base in aliases.merged or stmt.base in family.fixed or stmt.base in family.dynamic
    return stmt.base if listed else None


def recorded(stmt: Stmt, family: Family, aliases: Aliases) -> tuple[Var | Atom, ...]:
    """What says how a dynamic handle was made: its shape, or the index of a view, after the handle it is a view of."""
    assert isinstance(stmt, Alloc | View)
    if isinstance(stmt, Alloc):
        return stmt.shape
    base = numbered_base(stmt, family, aliases)
    return (*((base,) if base is not None else ()), *view_atoms(stmt.items))


class Numbering:
    """Adds the numbers of one family to the IR."""

    def __init__(self, family: Family, number: dict[Var, Atom], merged: set[Var]) -> None:
        self.family, self.number, self.merged = family, number, merged

    def run(self, block: Block) -> Block:
        body, self.family.total = self.block(block, integer(self.family.first))
        return body

    def of(self, handle: Atom) -> Atom:
        return integer(0) if isinstance(handle, Undef) else self.number[handle]  # type: ignore[index]

    def block(self, block: Block, counter: Atom) -> tuple[Block, Atom]:
        out: list[Stmt] = []
        for stmt in block:
            if isinstance(stmt, Alloc | View) and stmt.target in self.family.dynamic:
                own = self.number[stmt.target]
                assert isinstance(own, Var)
                following = Var("", INT64)
                out += [stmt, Assign(own, "+", (counter, integer(0)), loc=stmt.loc)]
                out.append(Assign(following, "+", (counter, ONE), loc=stmt.loc))
                counter = following
                continue
            match stmt:
                case If():
                    stmt, counter = self._if(stmt, counter)
                case For() | While():
                    stmt, counter = self._loop(stmt, counter)
            out.append(stmt)
        return tuple(out), counter

    def _if(self, stmt: If, counter: Atom) -> tuple[If, Atom]:
        then, first = self.block(stmt.then, counter)
        orelse, second = self.block(stmt.orelse, counter)
        results = list(stmt.results)
        for r in stmt.results:
            if r.var in self.merged:
                own = self.number[r.var]
                assert isinstance(own, Var)
                results.append(Result(own, self.of(r.then), self.of(r.orelse)))
        if first is not second:
            merged = Var("", INT64)
            results.append(Result(merged, first, second))
            counter = merged
        return replace(stmt, then=then, orelse=orelse, results=tuple(results)), counter

    def _loop(self, stmt: For | While, counter: Atom) -> tuple[For | While, Atom]:
        inside = Var("", INT64)
        body, last = self.block(stmt.body, inside)
        carried = list(stmt.carried)
        for c in stmt.carried:
            if c.inside in self.merged:
                within, after = self.number[c.inside], self.number[c.result]
                assert isinstance(within, Var)
                assert isinstance(after, Var)
                carried.append(Carried(within, self.of(c.init), self.of(c.next), after))
        if last is not inside:
            result = Var("", INT64)
            carried.append(Carried(inside, counter, last, result))
            counter = result
        return replace(stmt, carried=tuple(carried), body=body), counter

"""Which loops can be run again from a snapshot, and what a snapshot must hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.errors import Problem, UnsupportedError
from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Carried,
    Custom,
    For,
    Stmt,
    Undef,
    Var,
    View,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64, Array, HandleList
from srcgrad.ir.walk import arrays_written, free, statements
from srcgrad.transform.adjoint.handles import Family, Numbering
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.places import Places
from srcgrad.transform.analysis.shapes import Shapes


def refuse(stmt: Stmt, message: str, hint: str) -> UnsupportedError:
    return UnsupportedError(Problem(message, stmt.loc, hint))


@dataclass(eq=False)
class Facts:
    """What a loop does with arrays.

    Attributes:
        loop: the loop.
        merged: handles whose choice is known by a number at run time, in this loop and before it.
        entries: the arrays that each of them chooses among, in the order of their numbers.
        number: the numbers.
        fresh: carried handles of arrays that iterations make, and nobody writes to later.
        written: arrays from outside that the loop writes to.
        checked: of the fresh handles, those that are not known to keep their shape.
    """

    loop: For
    merged: dict[Var, None] = field(default_factory=dict)
    entries: list[Var] = field(default_factory=list)
    number: dict[Var, Atom] = field(default_factory=dict)
    fresh: list[Carried] = field(default_factory=list)
    written: frozenset[Var] = frozenset()
    checked: list[Var] = field(default_factory=list)

    def numbered(self, body: Block) -> Block:
        """Give each merged handle an integer companion."""
        if not self.merged:
            return body
        self.number = {h: integer(k) for k, h in enumerate(self.entries)}
        self.number |= {h: Var(f"{h.hint or 'array'}_id", INT64) for h in self.merged}
        family = Family(frozenset(), None, self.entries, [])  # type: ignore[arg-type]
        return Numbering(family, self.number, set(self.merged)).run(body)


def examined(loop: For, aliases: Aliases, places: Places) -> Facts:
    inside = list(statements(loop.body))
    if loop.exit is not None:
        raise refuse(loop, "a checkpointed loop cannot be left early", "leave out checkpointed, or run all iterations")
    for stmt in inside:
        if isinstance(stmt, Assign) and stmt.op.startswith("np.random."):
            hint = "draw the numbers into an array before the loop"
            raise refuse(stmt, "a checkpointed loop cannot draw random numbers, because it runs again", hint)
        if isinstance(stmt, Custom) and set(free(stmt.pullback.body, stmt.pullback.results)) - {*stmt.pullback.params}:
            message = f"the backward function of '{stmt.name}', in a checkpointed loop, reads an array from outside"
            raise refuse(stmt, message, "return it in the residuals")
    own = {b for s in inside for b in aliases.bases.get(getattr(s, "target", None), ()) if b is getattr(s, "target", 0)}  # type: ignore[arg-type]
    written = frozenset(b for s in inside for w in arrays_written(s) for b in aliases.bases[w] if b not in own)
    facts = Facts(loop, written=written)
    for c in loop.carried:
        if isinstance(c.inside.type, HandleList):
            raise refuse(loop, "a checkpointed loop cannot change a list of arrays", "use an array")
        if isinstance(c.inside.type, Array):
            found = choices(c.inside, aliases, places)
            if found is not None and all(_is_fixed(e, found[0], loop, aliases, places) for e in found[1]):
                _note(facts, found)
            else:
                _check_fresh(c, facts, own, inside, aliases, places)
                facts.fresh.append(c)
    for handle in free((loop,)):
        if isinstance(handle.type, Array) and (root := places.root_of(handle)) in aliases.merged:
            if aliases.bases[root] & written:
                found = choices(root, aliases, places)
                if not all(_is_fixed(e, found[0], loop, aliases, places) for e in found[1]):
                    message = f"a checkpointed loop writes {_named(root)}, which is one of several arrays"
                    raise refuse(loop, message, "copy it to an array of its own before the loop")
                _note(facts, found)
    return facts


def _note(facts: Facts, found: tuple[set[Var], list[Var]]) -> None:
    facts.merged.update(dict.fromkeys(found[0]))
    facts.entries += [e for e in found[1] if e not in facts.entries]


def _named(handle: Var) -> str:
    return f"'{handle.hint}'" if handle.hint else "an array"


def choices(handle: Var, aliases: Aliases, places: Places) -> tuple[set[Var], list[Var]]:
    """The merged handles that flow into one, and the arrays and views that they choose among."""
    merged: set[Var] = set()
    entries: dict[Var, None] = {}
    work = [handle]
    while work:
        at = work.pop()
        if at not in aliases.merged:
            entries[at] = None
        elif at not in merged:
            merged.add(at)
            work += aliases.merged[at]
            home = places.home[at]
            if isinstance(home, For | While):
                work += [v for c in home.carried if at in (c.inside, c.result) for v in (c.inside, c.result)]
    return merged, list(entries)


def _is_fixed(entry: Var, merged: set[Var], loop: For, aliases: Aliases, places: Places) -> bool:
    """Whether an array, or a view of one, is made before the loop, and once for each choice that it enters."""
    root = places.root_of(entry)
    if root in aliases.merged:
        return False
    for handle in (entry, root):
        home = places.home.get(handle)
        if home is None:
            continue
        known = isinstance(home, Alloc | View) and places.order[home] < places.order[loop]
        if not known or not places.at[loop].within(places.of[handle]):
            return False
        around = [places.sides[h][0] for m in merged if isinstance(h := places.home[m], For | While)]
        if any(places.of[handle].within(body) for body in around):
            return False
    return True


def _check_fresh(
    carried: Carried, facts: Facts, own: set[Var], inside: list[Stmt], aliases: Aliases, places: Places
) -> None:
    """Raise unless the arrays that a handle stands for keep what they hold once an iteration has made them."""
    loop, bases, name = facts.loop, aliases.bases[carried.result] | aliases.bases[carried.inside], carried.inside
    hint = "make the arrays before the loop, and copy into them"
    if isinstance(carried.init, Undef):
        message = f"a checkpointed loop carries {_named(name)}, which has no value before it"
        raise refuse(loop, message, "make the array before the loop")
    if Shapes(places).of(name) is None:
        facts.checked.append(name)
    for written in (w for s in inside for w in arrays_written(s)):
        if aliases.bases[written] & bases and places.root_of(written) not in own:
            raise refuse(loop, f"a checkpointed loop makes {_named(name)} anew and also writes it in place", hint)
    for stmt, place in places.at.items():
        for written in arrays_written(stmt):
            root = places.root_of(written)
            again = bool(places.common_loops(stmt, loop))
            made = isinstance(home := places.home.get(root), Alloc) and places.at[home].loop is places.at[loop].loop
            later = places.order[stmt] > places.order[loop] and not place.within(places.sides[loop][0])
            if aliases.bases[written] & bases and (later or (again and not made and root not in own)):
                raise refuse(loop, f"{_named(name)}, which a checkpointed loop makes anew, is written after it", hint)

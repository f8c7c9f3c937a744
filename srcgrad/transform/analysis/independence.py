"""Loops whose iterations can run in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

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
from srcgrad.ir.walk import defined, introduced, statements, uses
from srcgrad.transform.analysis.affine import Affine, Iterations, Symbol
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.analysis.places import Places
from srcgrad.transform.analysis.scratch import Scratch

_OPAQUE = (Call, Custom, Effect, Library, ListAppend, ListGet, ListNew, Reserve, Sweep)


def is_independent(loop: For, aliases: Aliases, scratch: Scratch, places: Places) -> bool:
    """Whether no iteration needs or overwrites what another one writes, and floats are carried only as plain sums.

    Then the reverses of the iterations can run in any order, too: what they share, they only add to. The adjoint of a
    scratch array is zero between the reverses of two iterations: each clears what it has filled.
    """
    inside = list(statements(loop.body))
    if loop.exit is not None or any(isinstance(s, _OPAQUE) for s in inside):
        return False
    least = Iterations(places, [], None).least(Affine(0, ((Symbol(loop.index), 1),)))
    if not never_negative(loop) and (least is None or least < 0):
        return False
    return _carries_only_sums(loop, inside) and _touches_own_elements(loop, inside, aliases, scratch, places)


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
    return all(c.next not in read and _is_sum(c.next, c.inside, home, read) for c in loop.carried)


def _carries_only_sums(loop: For, inside: list[Stmt]) -> bool:
    read = list(uses(loop.body))
    home = {v: s for s in inside for v in defined(s)}
    for c in loop.carried:
        if not isinstance(c.inside.type, Scalar):
            return False
        if is_float(c.inside.type) and (c.next in read or not _is_sum(c.next, c.inside, home, read)):
            return False
    return True


def _is_sum(value: Atom, start: Var, home: dict[Var, Stmt], read: list[Var]) -> bool:
    """Whether `value`, which ends an iteration, is `start` with terms added to it, and nothing else reads a sum."""
    reads: Counter[Atom] = Counter()  # by the sum itself
    todo, seen = [value], {start}
    while todo:
        v = todo.pop()
        if v in seen:
            continue
        seen.add(v)  # type: ignore[arg-type]
        stmt = home.get(v) if isinstance(v, Var) else None
        match stmt:
            case Assign(op="+" | "-", args=(before, _)):
                earlier: tuple[Atom, ...] = (before,)
            case For() if stmt.exit is None:
                (c,) = (c for c in stmt.carried if c.result is v)
                if read.count(c.next) != 1 or not _is_sum(c.next, c.inside, home, read):  # type: ignore[arg-type]
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


def moving(
    index: tuple[Atom, ...], own: Var, made: set[Var], places: Places
) -> Iterator[tuple[int, int, frozenset[tuple[Symbol, int]]]]:
    """The axes along which an access moves with a loop, each with where, as an affine form."""
    moment = Iterations(places, [], None)
    for k, atom in enumerate(index):
        form = moment.form(atom, later=False)
        varying = [s.var for s, _ in form.terms if s.var in made]
        least = 0 if atom is own else moment.least(form)
        if varying == [own] and least is not None and least >= 0:  # none counts from the end of the axis
            yield k, form.constant, frozenset(form.terms)


def keep_apart(accesses: list[set[tuple[int, int, frozenset[tuple[Symbol, int]]]]], own: Var) -> bool:
    """Whether accesses, each given by `moving`, meet in no element in two different iterations.

    That is so if along one axis all move alike with the loop, and are no further apart than its next iteration.
    """
    for axis in {k for k, _, _ in accesses[0]}:
        found = [(c, terms) for at in accesses for k, c, terms in at if k == axis]
        if len(found) < len(accesses) or len({terms for _, terms in found}) > 1:
            continue
        (step,) = (n for s, n in found[0][1] if s.var is own)
        if max(c for c, _ in found) - min(c for c, _ in found) < abs(step):
            return True
    return False


def _touches_own_elements(loop: For, inside: list[Stmt], aliases: Aliases, scratch: Scratch, places: Places) -> bool:
    own = {s.target for s in inside if isinstance(s, Alloc)}
    # a handle made in the loop may show other elements each time
    made = {loop.index, *(v for s in inside for v in (*defined(s), *introduced(s)))}
    accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
    written = {b for s in accesses if not isinstance(s, Load) for b in aliases.bases[s.array]} - own
    for base in written:
        mine = [s for s in accesses if base in aliases.bases[s.array]]
        if all(isinstance(s, Increment) for s in mine) or scratch.is_scratch(base, loop):
            continue
        for array in {s.array: None for s in mine if not isinstance(s, Load)}:
            # handles from outside show the same arrays in all iterations of the loop
            same = [s for s in mine if s.array in made or aliases.may_meet(s.array, array)]
            axes = [set(moving(s.index, loop.index, made, places)) for s in same]
            if any(s.array is not array for s in same) or array in made or not keep_apart(axes, loop.index):
                return False
    return True

"""Nests of loops whose iterations all run at once: the outermost loop and those inside it, as the axes of a grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from srcgrad.ir.nodes import Alloc, Assign, Atom, Const, For, Load, Stmt, Var, View
from srcgrad.ir.walk import arrays_written, defined, introduced, statements
from srcgrad.transform.analysis.aliases import Aliases
from srcgrad.transform.parallel.sharing import Sharing

AXES = 3  # of a grid
NARROW = 4  # an inner loop of so few iterations stays a loop


@dataclass(frozen=True)
class Nest:
    """Loops, one directly inside the other.

    Attributes:
        loops: outermost first.
        private: the scratch arrays of an iteration.
        atomic: the arrays that several iterations add to at once.
    """

    loops: tuple[For, ...]
    private: tuple[Var, ...]
    atomic: frozenset[Var]


def nest_of(
    loop: For, sharing: Sharing, aliases: Aliases, sharing_of: Callable[[For], Sharing | None]
) -> Nest:  # fmt: skip
    """The loops around the same statements whose iterations are all independent of each other.

    `sharing` is how those of `loop` share what they write, and `sharing_of` tells it of loops inside it.
    """
    loops = [loop]
    atomic = {*sharing.summed}
    if loop.mode == "threads" or sharing.private or any(isinstance(s, Alloc) for s in statements(loop.body)):
        return Nest((loop,), tuple(sharing.private), frozenset(atomic))
    made = {loop.index, *(v for s in statements(loop.body) for v in (*defined(s), *introduced(s)))}
    while len(loops) < AXES:
        outer = loops[-1]
        if not outer.body or not isinstance(outer.body[-1], For):
            break
        before, inner = outer.body[:-1], outer.body[-1]
        if not all(_is_pure(s) for s in before) or any(a in made for a in (inner.start, inner.stop)):
            break
        if isinstance(inner.stop, Const) and inner.stop.value <= NARROW:
            break
        found = sharing_of(inner)
        if found is None or found.private or not _passes_on(outer, inner) or _reads_written(before, inner, aliases):
            break
        atomic |= {*found.summed}
        loops.append(inner)
    return Nest(tuple(loops), (), frozenset(atomic))


def _is_pure(stmt: Stmt) -> bool:
    """Whether a statement may run in every thread of an axis."""
    return isinstance(stmt, Load | View) or (
        isinstance(stmt, Assign) and not stmt.op.startswith(("np.random.", "text:"))
    )


def _passes_on(outer: For, inner: For) -> bool:
    """Whether what the outer loop carries is what the inner one carries on."""
    own: dict[Atom, Atom] = {c.result: c.init for c in inner.carried}
    return len(own) == len(outer.carried) and all(own.get(c.next) is c.inside for c in outer.carried)


def _reads_written(before: tuple[Stmt, ...], inner: For, aliases: Aliases) -> bool:
    written = [a for s in statements(inner.body) for a in arrays_written(s)]
    loaded = [s.array for s in before if isinstance(s, Load)]
    return any(aliases.may_overlap(a, w) for a in loaded for w in written)

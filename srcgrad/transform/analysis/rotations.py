"""Loops that carry array handles as a permutation of themselves: `u, v = v, u`."""

from __future__ import annotations

from srcgrad.ir.nodes import Carried, Loop, Var
from srcgrad.ir.types import Array


def find_rotation(loop: Loop) -> tuple[Carried, ...]:
    """The handles of which each iteration hands on every one, under another of their names, to the next.

    >>> from srcgrad.ir.nodes import FALSE, While
    >>> kind = Array("float64", 1)
    >>> a, b, u, v, w, x, y, z = (Var(h, kind) for h in "abuvwxyz")
    >>> swap, same = (Carried(u, a, v, x), Carried(v, b, u, y)), Carried(w, a, u, z)
    >>> find_rotation(While(FALSE, FALSE, (*swap, same), ())) == swap
    True
    """
    found = [c for c in loop.carried if isinstance(c.inside.type, Array)]
    while True:
        inside = {c.inside for c in found}
        given = [c.next for c in found]
        kept = [c for c in found if c.next in inside and c.inside in given]
        if len(kept) == len(found):
            # as many as there are, and each is handed on: no one twice
            return tuple(found)
        found = kept


def cycle_of(handle: Var, rotation: tuple[Carried, ...]) -> tuple[Carried, ...]:
    """Those of a rotation that take turns with `handle`, a name for one of them inside of the loop."""
    by_inside = {c.inside: c for c in rotation}
    found: list[Carried] = []
    while by_inside.get(handle) is not None:
        found.append(by_inside.pop(handle))
        handle = found[-1].next  # type: ignore[assignment]
    return tuple(found)

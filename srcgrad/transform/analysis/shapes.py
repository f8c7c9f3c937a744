"""The shapes of arrays, as far as they are the same whenever a handle is defined."""

from __future__ import annotations

from srcgrad.ir.nodes import Alloc, Assign, Atom, Const, For, If, NewAxis, Slice, Stmt, Var, View, While
from srcgrad.ir.types import Array
from srcgrad.transform.analysis.places import Places

Size = Atom | tuple[Var, int]  # an atom, or an axis of a handle that is defined outside of loops
Shape = tuple[Size, ...]


class Shapes:
    """Looks up shapes; an array that a loop carries is taken to keep its shape if each iteration leaves it so."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.assumed: dict[Var, Shape] = {}

    def of(self, handle: Atom) -> Shape | None:
        """The sizes of an array's axes, each known outside of all loops; None where they are not."""
        if not isinstance(handle, Var):
            return None
        if handle in self.assumed:
            return self.assumed[handle]
        if self.places.of[handle].loop is None:
            assert isinstance(handle.type, Array)
            return tuple((handle, axis) for axis in range(handle.type.ndim))
        shape = self._defined(handle, self.places.home[handle])
        return None if shape is None or any(not self._is_outside(n) for n in shape) else shape

    def _is_outside(self, size: Size) -> bool:
        return not isinstance(size, Var) or self.places.of[size].loop is None

    def _defined(self, handle: Var, stmt: Stmt) -> Shape | None:
        match stmt:
            case Alloc():
                return tuple(self._resolved(n) for n in stmt.shape)
            case View(how="transpose"):
                base = self.of(stmt.base)
                order = [a.value for a in stmt.items if isinstance(a, Const)]
                if base is None:
                    return None
                return tuple(base[k] for k in order) if order else tuple(reversed(base))
            case View(how="reshape"):
                return tuple(self._resolved(n) for n in stmt.items)  # type: ignore[arg-type]
            case View(how="index"):
                base = self.of(stmt.base)
                if base is None or any(isinstance(i, NewAxis) for i in stmt.items):
                    return None
                pairs = [(n, i) for n, i in zip(base, stmt.items, strict=False) if isinstance(i, Slice)]
                kept = (*(n for n, _ in pairs), *base[len(stmt.items) :])
                return kept if all(i == Slice() for _, i in pairs) else None
            case If():
                (result,) = (r for r in stmt.results if r.var is handle)
                one, other = self.of(result.then), self.of(result.orelse)
                return one if one is not None and other is not None and self._same(one, other) else None
            case For() | While():
                return self._carried(handle, stmt)
            case _:
                return None

    def _carried(self, handle: Var, stmt: For | While) -> Shape | None:
        (carried,) = (c for c in stmt.carried if handle in (c.inside, c.result))
        init = self.of(carried.init)
        if init is None:
            return None
        before = dict(self.assumed)
        self.assumed[carried.inside] = init
        after = self.of(carried.next)
        if after is None or not self._same(init, after):
            self.assumed = before  # with what was found on the strength of it
            return None
        return init

    def _resolved(self, size: Atom) -> Size:
        """A size that is read off another array, as that array's."""
        stmt = self.places.home.get(size) if isinstance(size, Var) else None
        if isinstance(stmt, Assign) and stmt.op == "shape":
            array, axis = stmt.args
            assert isinstance(array, Var)
            assert isinstance(axis, Const)
            shape = self.of(array)
            if shape is not None:
                return shape[axis.value]
        return size

    def _same(self, a: Shape, b: Shape) -> bool:
        return len(a) == len(b) and all(self._key(x) == self._key(y) for x, y in zip(a, b, strict=True))

    def _key(self, size: Size) -> object:
        if isinstance(size, tuple):  # an array made outside of loops has the sizes that it was made with
            home = self.places.home.get(size[0])
            if isinstance(home, Alloc):
                return self._key(self._resolved(home.shape[size[1]]))
            return size
        resolved = self._resolved(size)
        return self._key(resolved) if resolved is not size else size

"""Scratch arrays: what each iteration of a loop fills anew before it reads it, so that no iteration needs another's.

P. Tu, D. Padua, Automatic array privatization (1993), with the simplest of descriptions of what is written: all of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from srcgrad.ir.nodes import (
    Alloc,
    Atom,
    Block,
    Const,
    For,
    Function,
    If,
    Increment,
    Load,
    Stmt,
    Store,
    Var,
    While,
    flatten,
)
from srcgrad.ir.types import Array
from srcgrad.ir.walk import operands, statements, yields
from srcgrad.transform.analysis.aliases import Aliases


class Scratch:
    """Tells which arrays are scratch arrays of which loops."""

    def __init__(self, function: Function, aliases: Aliases) -> None:
        handles = [h for h, bases in aliases.bases.items() for _ in bases]
        self.allocs: dict[Var, Alloc] = {}
        self.uses: dict[Var, list[Stmt]] = {}
        for stmt in statements(function.body):
            if isinstance(stmt, Alloc):
                self.allocs[stmt.target] = stmt
            for atom in (*operands(stmt), *yields(stmt)):
                if isinstance(atom, Var) and isinstance(atom.type, Array):
                    self.uses.setdefault(atom, []).append(stmt)
        shared = {b for h in handles for b in aliases.bases[h] if h is not b}
        shared.update(flatten(function.results))
        self.private = {a for a in self.allocs if a not in shared and self._is_plain(a)}

    def _is_plain(self, array: Var) -> bool:
        """Whether an array is only addressed by element; its size may be asked for."""
        return all(_is_access(s, array) or _asks_size(s) for s in self.uses.get(array, ()))

    def is_scratch(self, array: Var, loop: For) -> bool:
        """Whether an array is used in `loop` only, and every iteration fills it before it reads any of it."""
        if array not in self.private:
            return False
        inside = set(statements(loop.body))
        if any(s not in inside for s in self.uses.get(array, ()) if _is_access(s, array)):
            return False
        alloc = self.allocs[array]
        return alloc not in inside and (alloc.tape or alloc.cleared or self._filled(loop.body, array)[0])

    def is_padded(self, array: Var, loop: For) -> bool:
        """Whether a row of increments (`simplify/split.py`) is used in `loop` only, and made outside of it."""
        if array not in self.private or not self.allocs[array].padded:
            return False
        inside = set(statements(loop.body))
        return self.allocs[array] not in inside and all(
            s in inside for s in self.uses.get(array, ()) if _is_access(s, array)
        )

    def is_filled(self, block: Block, array: Var) -> bool:
        """Whether a block reads nothing of an array that it has not filled before."""
        return self._filled(block, array)[0]

    def _filled(self, block: Block, array: Var) -> tuple[bool, bool]:
        """Whether a block reads nothing of an array that it has not filled before, and whether it fills it."""
        for stmt in block:
            if not any(_is_access(s, array) for s in statements((stmt,))):
                continue
            if self.fills(stmt, array):
                return True, True
            match stmt:
                case If():
                    sides = [self._filled(b, array) for b in (stmt.then, stmt.orelse)]
                    if not all(safe for safe, _ in sides):
                        return False, False
                    if all(full for _, full in sides):
                        return True, True
                case For(exit=None):  # it may not run at all
                    if not self._filled(stmt.body, array)[0]:
                        return False, False
                case _:
                    return False, False
        return True, False

    def fills(self, stmt: Stmt, array: Var) -> bool:
        """Whether a nest of loops stores to every element, and reads none that it has not stored to before."""
        shape = self.allocs[array].shape
        covered: dict[tuple[Atom | None, ...], set[tuple[int, ...]]] = {}
        for store in _unconditional((stmt,), array, {}, shape):
            pattern = tuple(None if isinstance(i, Const) else i for i in store.index)
            covered.setdefault(pattern, set()).add(tuple(i.value for i in store.index if isinstance(i, Const)))
        if not _reads_own((stmt,), array, set()):
            return False
        for pattern, found in covered.items():
            total = 1
            for i, n in zip(pattern, shape, strict=True):
                total *= n.value if i is None else 1  # type: ignore[union-attr]
            if len(found) >= total:
                return True
        return False


def _unconditional(block: Block, array: Var, loops: dict[Var, For], shape: tuple[Atom, ...]) -> Iterator[Store]:
    """The stores that a block always makes, for all values of the indices of the loops around them."""
    for stmt in block:
        if isinstance(stmt, Store) and stmt.array is array and _is_full(stmt, loops, shape):
            yield stmt
        elif isinstance(stmt, For) and stmt.exit is None:
            yield from _unconditional(stmt.body, array, loops | {stmt.index: stmt}, shape)


def _reads_own(block: Block, array: Var, stored: set[tuple[Atom, ...]]) -> bool:
    """Whether each read in a block is of an element that a store before it, in the same iteration, has filled.

    Those that are `stored` to before it have been; what the block always stores to is added to them.
    """
    for s in block:
        match s:
            case Store() if s.array is array:
                stored.add(s.index)
            case If():
                sides = [set(stored), set(stored)]
                if not all(_reads_own(b, array, side) for b, side in zip((s.then, s.orelse), sides, strict=True)):
                    return False
                stored |= sides[0] & sides[1]
            case For() | While():  # it may not run at all
                if not _reads_own(s.body, array, set(stored)):
                    return False
            case _ if _is_access(s, array) and s.index not in stored:  # type: ignore[attr-defined]
                return False
    return True


def _is_full(store: Store, loops: dict[Var, For], shape: tuple[Atom, ...]) -> bool:
    """Whether a store's index is, axis by axis, a loop index that takes all values, or a constant in range."""
    moving = [i for i in store.index if not isinstance(i, Const)]
    if len(set(moving)) < len(moving) or set(moving) != set(loops):  # a loop that no axis depends on may not run
        return False
    for i, n in zip(store.index, shape, strict=True):
        if isinstance(i, Const):
            if not (isinstance(n, Const) and 0 <= i.value < n.value):
                return False
            continue
        loop = loops[i]  # type: ignore[index]
        if not (loop.start == Const(0, loop.start.type) and loop.step == Const(1, loop.step.type)):
            return False
        if not (loop.stop is n or (isinstance(n, Const) and loop.stop == n)):
            return False
    return True


def _is_access(stmt: Stmt, array: Var) -> bool:
    return isinstance(stmt, Load | Store | Increment) and stmt.array is array


def _asks_size(stmt: Stmt) -> bool:
    return isinstance(stmt, Alloc) or getattr(stmt, "op", "") == "shape"

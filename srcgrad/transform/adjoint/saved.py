"""Whole arrays on the tape: what the pullbacks of library routines read, where it is overwritten or made in a loop."""

from __future__ import annotations

from dataclasses import dataclass, field

from srcgrad.ir.nodes import Alloc, Atom, For, Load, Reserve, Slice, Stmt, Store, Var, View, integer
from srcgrad.ir.types import INT64, Array
from srcgrad.transform.adjoint.counts import trips
from srcgrad.transform.analysis.places import Place, Places
from srcgrad.transform.analysis.shapes import Shape
from srcgrad.transform.build import Builder


@dataclass(eq=False)
class Saved:
    """Where an array is kept that a routine's pullback reads.

    Outside of loops it is one copy. In loops, arrays of one shape have a tape with axes for the loops of a rectangular
    nest (`shape` is theirs). Others follow each other on a flat tape that grows, `where` says for each iteration where
    and of what shape; `top` counts the elements.
    """

    tape: Var
    shape: Shape | None = None
    where: Var | None = None
    top: Var = field(default_factory=lambda: Var("used", INT64))

    @property
    def grows(self) -> bool:
        return self.where is not None


def saved_as(array: Var, loops: int, shape: Shape | None) -> Saved:
    """How to save an array that is read inside so many loops; `shape` is None where it, or the nest, varies."""
    t = array.type
    assert isinstance(t, Array)
    if not loops:
        return Saved(Var(f"{array.hint or 'array'}_saved", Array(t.dtype, t.ndim)))
    if shape is not None:
        return Saved(Var(f"{array.hint or 'array'}_tape", Array(t.dtype, loops + t.ndim)), shape)
    return Saved(Var(f"{array.hint or 'array'}_tape", Array(t.dtype, 1)), None, Var("where", Array("int64", 1)))


def read_back(build: Builder, saved: Saved, array: Var, slot: tuple[Atom, ...]) -> Var:
    """The array as a view of the tape, in the iteration of that slot."""
    t = array.type
    assert isinstance(t, Array)
    target = Var(array.hint, Array(t.dtype, t.ndim))
    if saved.where is None:
        build.emit(View(target, saved.tape, "index", slot, loc=build.loc))
        return target
    row = build.op("*", slot[0], integer(1 + t.ndim))
    found = [Var("", INT64) for _ in range(1 + t.ndim)]
    for k, var in enumerate(found):
        build.emit(Load(var, saved.where, (build.op("+", row, integer(k)),), loc=build.loc))
    start, *shape = found
    end = build.op("+", start, _product(build, tuple(shape)))
    flat = build.view(saved.tape, "index", (Slice(start, end),), Array(t.dtype, 1))
    build.emit(View(target, flat, "reshape", tuple(shape), loc=build.loc))
    return target


def save(build: Builder, stmt: Stmt, saved: Saved, array: Var, slot: tuple[Atom, ...], state: dict) -> None:
    """Copy an array to where the reverse sweep finds it."""
    shape = build.shapes(array)
    tape, first = saved.tape, slot
    if not slot:
        build.emit(Alloc(tape, "empty", shape, loc=stmt.loc))
    elif saved.where is not None:
        start = state[saved.top]
        end = build.op("+", start, _product(build, shape))
        row = build.op("*", slot[0], integer(1 + len(shape)))
        tape = _grown(build, state, saved.tape, end)
        where = _grown(build, state, saved.where, build.op("+", row, integer(1 + len(shape))))
        for k, atom in enumerate((start, *shape)):
            build.emit(Store(where, (build.op("+", row, integer(k)),), atom, loc=stmt.loc))
        state[saved.top] = end
        flat = build.view(tape, "index", (Slice(start, end),), Array(tape.type.dtype, 1))  # type: ignore[union-attr]
        tape, first = build.view(flat, "reshape", shape, Array(tape.type.dtype, len(shape))), ()  # type: ignore[union-attr]
    build.nest(shape, lambda i: build.store(tape, (*first, *i), build.load(array, i)))


def _grown(build: Builder, state: dict, tape: Var, size: Atom) -> Var:
    grown = Var(tape.hint, tape.type)
    build.emit(Reserve(grown, state[tape], size, loc=build.loc))
    state[tape] = grown
    return grown


def _product(build: Builder, sizes: tuple[Atom, ...]) -> Atom:
    total: Atom = integer(1)
    for n in sizes:
        total = build.op("*", total, n)
    return total


def slot_number(build: Builder, places: Places, place: Place, slot: tuple[Atom, ...]) -> Atom:
    """One number for the iteration that a slot belongs to."""
    if len(slot) == 1:
        return slot[0]
    total: Atom = integer(0)
    for body, number in zip(place.loops, slot, strict=True):
        loop = places.loop_of(body)
        assert isinstance(loop, For)
        total = build.op("+", build.op("*", total, trips(build, loop.start, loop.stop, loop.step)), number)
    return total


def sizes_of(build: Builder, shape: Shape) -> tuple[Atom, ...]:
    """A shape that is known outside of loops, as atoms."""
    return tuple(build.shape(*n) if isinstance(n, tuple) else n for n in shape)

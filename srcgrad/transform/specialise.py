"""Short axes whose length the function takes for granted become constants: `x[i, 0]`, `x[i, 1]`, `x[i, 2]`.

Then strides are known when the text is compiled, and loops over such an axis are unrolled. Calls with another length
get a version of their own, so this is done only where the text says that a length is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from srcgrad.ir.arguments import TupleOf
from srcgrad.ir.nodes import Alloc, Assign, Atom, Const, For, Function, Increment, Load, Store, Var, flatten, integer
from srcgrad.ir.types import Array
from srcgrad.ir.walk import statements, with_values
from srcgrad.transform.lower.values import Lowered, refill

LONGEST = 8  # a longer axis would rather be looped over


def specialise_sizes(lowered: Lowered, arguments: Sequence[tuple[str, Any]]) -> Lowered:
    """Put in the lengths of the axes of arguments that are addressed by constants, or with an axis of known length.

    The types of such parameters say what is known of their shapes.
    """
    function = lowered.function
    shapes = dict(zip(function.params, _shapes(arguments), strict=False))
    number = {p: k for k, p in enumerate(function.params)}
    meant = _meant(function)
    mapping: dict[Var, Atom] = {}
    facts = set(lowered.facts)
    for stmt in statements(function.body):
        if not (isinstance(stmt, Assign) and stmt.op == "shape" and stmt.target in meant):
            continue
        array, axis = stmt.args[0], stmt.args[1].value  # type: ignore[union-attr]
        shape = shapes.get(array)  # type: ignore[arg-type]
        if shape is not None and shape[axis] in meant[stmt.target] and shape[axis] <= LONGEST:
            mapping[stmt.target] = integer(shape[axis])
            facts.add(f"p[{number[array]}].shape[{axis}] == {shape[axis]}")  # type: ignore[index]
            _note(array, axis, shape[axis])  # type: ignore[arg-type]
    if not mapping:
        return lowered
    function = with_values(function, mapping)
    result = refill(lowered.result, flatten(function.results))
    return replace(lowered, function=function, result=result, facts=tuple(sorted(facts)))


def _note(param: Var, axis: int, length: int) -> None:
    assert isinstance(param.type, Array)
    known = list(param.type.shape or (None,) * param.type.ndim)
    known[axis] = length
    object.__setattr__(param, "type", replace(param.type, shape=tuple(known)))  # no part of what the type is


def _shapes(arguments: Sequence[tuple[str, Any]]) -> Iterator[tuple[int, ...] | None]:
    """The shapes of arrays among the numbers and arrays that make up the arguments, as far as they are known."""
    for _, kind in arguments:
        if isinstance(kind, TupleOf):
            yield from _shapes([("", k) for k in kind.items])
        elif isinstance(kind, Array):
            yield kind.shape
        elif hasattr(kind, "dtype"):
            yield None


def _meant(function: Function) -> dict[Var, range]:
    """For sizes, the lengths that the text can mean: beyond its greatest constant index, or that of another axis."""
    sizes: dict[tuple[Var, int], Atom] = {}
    loops: dict[Var, For] = {}
    inside = list(statements(function.body))
    for stmt in inside:
        match stmt:
            case Assign(op="shape", args=(array, axis)):
                sizes[array, axis.value] = stmt.target  # type: ignore[index, union-attr]
            case Alloc():
                sizes.update({(stmt.target, k): n for k, n in enumerate(stmt.shape)})
            case For():
                loops[stmt.index] = stmt
    found: dict[Var, range] = {}
    for stmt in inside:
        if not isinstance(stmt, Load | Store | Increment) or len(stmt.index) < 2:
            continue
        for axis, i in enumerate(stmt.index):
            size = sizes.get((stmt.array, axis))
            if isinstance(i, Const) and i.value >= 1 and isinstance(size, Var):
                low = max(i.value + 1, found[size].start if size in found else 0)
                found[size] = range(low, LONGEST + 1)
            elif i in loops and isinstance(size, Const) and isinstance(loops[i].stop, Var):  # type: ignore[index]
                found.setdefault(loops[i].stop, range(size.value, size.value + 1))  # type: ignore[arg-type, index]
    return found

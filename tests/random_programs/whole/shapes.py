"""Shapes: tuples of lengths, which are known numbers or, inside helpers, names of unknown numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import prod

from tests.random_programs.scope import Length

Shape = tuple[Length, ...]
LARGEST = 48  # elements
LONGEST = 8  # of one axis


def broadcast(*shapes: Shape | None) -> Shape | None:
    """The common shape of operands; None where they do not fit."""
    result: list[Length] = []
    if None in shapes:
        return None
    rank = max((len(shape) for shape in shapes), default=0)
    for axis in range(-rank, 0):
        lengths = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(lengths) > 1:
            return None
        result.append(lengths.pop() if lengths else 1)
    return tuple(result)


def fits(shape: Shape | None, within: Shape | None) -> bool:
    """Whether an operand of this shape can be combined with, or stored into, an array of the shape `within`.

    Without `within`, whether the shape is small enough for a program.
    """
    if shape is None or len(shape) > 3:
        return False
    if within is not None:
        return broadcast(shape, within) == within
    lengths = [n for n in shape if isinstance(n, int)]
    return prod(lengths) <= LARGEST and max(lengths, default=1) <= LONGEST


def known(shape: Shape) -> bool:
    """Whether all lengths are numbers."""
    return all(isinstance(n, int) for n in shape)


def size(shape: Shape) -> int | None:
    """The number of elements, where it is known."""
    return prod(shape) if known(shape) else None


def axis_choices(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """All ways to say which axes are summed over: the text of `axis=` (empty: all) and the axes."""
    rank = len(shape)
    yield "", tuple(range(rank))
    yield "None", tuple(range(rank))
    for axis in range(rank):
        yield str(axis), (axis,)
        yield str(axis - rank), (axis,)
    for pair in combinations(range(rank), 2):
        yield f"({pair[0]}, {pair[1]})", pair
        yield f"({pair[1] - rank}, {pair[0]})", pair


def without(shape: Shape, axes: tuple[int, ...], *, keep: bool) -> Shape:
    """The shape after a reduction."""
    return tuple(1 if axis in axes else n for axis, n in enumerate(shape) if keep or axis not in axes)


def with_length(shape: Shape, axis: int, length: Length) -> Shape:
    """The shape with another length of one axis."""
    return (*shape[:axis], length, *shape[axis + 1 :])

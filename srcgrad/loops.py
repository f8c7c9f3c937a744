"""Loops whose reverse is to save memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def checkpointed(iterable: Iterable[T], snapshots: int | None = None) -> Iterable[T]:
    """A range to loop over, of which reverse mode keeps a few snapshots and no tape of all iterations.

    Write `for t in srcgrad.checkpointed(range(n)):`. The reverse sweep runs the loop again, piece by piece, from
    snapshots of the numbers that it carries and the arrays that it overwrites. In plain Python, in functions compiled
    by Numba and in forward mode it is the range that it is given.

    Args:
        iterable: a range.
        snapshots: how many snapshots to keep, a positive constant. None keeps about sqrt(n) of them and a tape for
            about sqrt(n) iterations at a time, and runs each iteration twice. A number keeps that many, a tape for one
            iteration, and repeats as few iterations as that allows: n steps take one run more than the numbers that
            Griewank and Walther give.

    Returns:
        `iterable`.

    The gradient of a loop that is left early, draws random numbers, changes the shape of an array that it carries, or
    carries arrays in a way that cannot be followed is refused.

    A. Griewank, A. Walther, Algorithm 799: revolve: an implementation of checkpointing for the reverse or adjoint mode
    of computational differentiation, ACM Transactions on Mathematical Software 26(1), 2000.

    >>> [t for t in checkpointed(range(3))]
    [0, 1, 2]
    """
    del snapshots
    return iterable

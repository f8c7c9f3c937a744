"""Which NumPy functions are defined by loops, and how their arguments are passed to the loops."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Definition:
    """A NumPy function written as plain Python loops.

    Attributes:
        function: the loops.
        arrays: the parameters that are arrays; lists and numbers are converted.
        once: those of them of which every element is read at most once, so that an array expression fuses.
        sequences: parameters that are tuples or lists of arrays.
    """

    function: Any
    arrays: tuple[str, ...]
    once: frozenset[str]
    sequences: tuple[str, ...]


LIBRARY: dict[Callable[..., Any], Definition] = {}


def defines(
    *functions: Callable[..., Any] | None, arrays: str | None = None, once: str = "", sequences: str = ""
) -> Callable:
    """Register the decorated function as the definition of NumPy `functions`, leaving out None.

    Names of parameters are separated by spaces; unless they are given, the first parameter is an array.
    """

    def register(loop: Any) -> Any:
        named = tuple((arrays or "").split())
        if arrays is None and not sequences:
            named = (next(iter(inspect.signature(loop).parameters)),)
        definition = Definition(loop, named, frozenset(once.split()), tuple(sequences.split()))
        LIBRARY.update((function, definition) for function in functions if function is not None)
        return loop

    return register

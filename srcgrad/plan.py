"""What a call of a compiled version needs to know: plain data, made from the IR or read from the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from srcgrad.ir.printed import Printed


@dataclass(frozen=True)
class Outside:
    """A global, closure variable or attribute that a version depends on.

    Attributes:
        name: the user's name for it.
        read: reads it as it is now.
        expected: its value, for one that is a constant of the version; its type, for an array that is passed.
        key: what tells it from others, as `Capture.key`.
    """

    name: str
    read: Callable[[], Any]
    expected: Any
    key: Any


@dataclass(frozen=True)
class Plan:
    """How to call a version.

    Attributes:
        result: the structure of the result, in the language of argument types.
        count: how many numbers and arrays it is made of.
        facts: conditions on the shapes of the arguments, as Python over the list `p` of their numbers and arrays.
        constants: what is outside and must have the value that it had.
        arrays: the arrays outside, which are passed after the arguments.
        names: the names of the parameters, those for `arrays` included.
    """

    result: Any
    count: int
    facts: tuple[str, ...]
    constants: tuple[Outside, ...]
    arrays: tuple[Outside, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """A kernel before it is compiled.

    Attributes:
        printed: its text.
        written: the numbers of the parameters that it overwrites.
        large: of a sweep, the conditions under which the tape takes more memory than it should, like `Plan.facts`.
    """

    printed: Printed
    written: tuple[int, ...]
    large: tuple[str, ...] = ()

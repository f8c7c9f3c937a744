"""What the printer makes."""

from __future__ import annotations

from dataclasses import dataclass

from srcgrad.ir.location import Location


@dataclass(frozen=True)
class Printed:
    """A function as text.

    Attributes:
        name: the function's name in the text.
        text: a module that defines it, with the imports that it needs.
        lines: for each line of the text (from 1), where in the user's source it comes from; empty if that is not known.
        helpers: the names of other functions in the text, which it calls.
    """

    name: str
    text: str
    lines: tuple[Location, ...]
    helpers: tuple[str, ...] = ()

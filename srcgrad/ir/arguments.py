"""Types of arguments and results that are no single number or array."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TupleOf:
    """The type of a tuple; `cls` is the namedtuple class. Of results, a list display may be one."""

    items: tuple[Any, ...]
    cls: type | None = None
    is_list: bool = field(default=False, repr=False)


@dataclass(frozen=True)
class Constant:
    """The type of an argument that is specialised to its value: None, bools, strings, functions, other objects."""

    value: Any


@dataclass(frozen=True)
class BlockShape:
    """How many threads the blocks of a launch have along x, y and z: a constant of a version of a kernel."""

    x: int
    y: int = 1
    z: int = 1

    def cache_parts(self) -> tuple[int, int, int]:
        """What tells it from others."""
        return self.x, self.y, self.z

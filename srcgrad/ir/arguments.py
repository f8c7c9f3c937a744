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

"""What the printer makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from srcgrad.ir.location import Location


@dataclass(frozen=True)
class Printed:
    """A function as text.

    Attributes:
        name: the function's name in the text.
        text: a module that defines it, with the imports that it needs.
        lines: for each line of the text (from 1), where in the user's source it comes from; empty if that is not known.
        helpers: the names of other functions in the text, which it calls.
        direct: the numbers of lines in which no index is ever negative.
        loose: the numbers of lines that add to a sum whose terms may be added in any order.
        sizes: for parameters that are arrays, the lengths of their axes, as far as they are known.
        written: the parameters that the function overwrites, in whole or in part.
        writes: the same of each of the helpers.
        kernels: the helpers that are launched on a GPU.
        called: the helpers that these call.
        chunks: the helpers that run on threads: what one of them overwrites, it knows by one name only.
    """

    name: str
    text: str
    lines: tuple[Location, ...]
    helpers: tuple[str, ...] = ()
    direct: frozenset[int] = frozenset()
    loose: frozenset[int] = frozenset()
    sizes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    written: frozenset[str] = frozenset()
    writes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    kernels: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    chunks: frozenset[str] = frozenset()

    @property
    def identity(self) -> tuple[Any, ...]:
        """All that compiled code depends on, as plain values; `from_identity` is the way back."""
        sizes = sorted((name, list(axes)) for name, axes in self.sizes.items())
        lines = sorted(self.direct), sorted(self.loose)
        writes = sorted((name, sorted(own)) for name, own in self.writes.items())
        places = list(self.kernels), list(self.called), sorted(self.chunks)
        return self.name, self.text, list(self.helpers), *lines, sizes, sorted(self.written), writes, *places

    @classmethod
    def from_identity(cls, values: Any) -> Printed:
        """What `identity` was made of, but for the user's lines.

        >>> one = Printed("f", "...", (), ("g",), frozenset({2}), frozenset(), {"x": (None, 3)}, frozenset("y"))
        >>> Printed.from_identity(one.identity) == one
        True
        """
        name, text, helpers, direct, loose, sizes, written, writes, kernels, called, chunks = values
        known = {n: tuple(axes) for n, axes in sizes}
        own = {n: frozenset(names) for n, names in writes}
        lines, places = (frozenset(direct), frozenset(loose)), (tuple(kernels), tuple(called), frozenset(chunks))
        return cls(name, text, (), tuple(helpers), *lines, known, frozenset(written), own, *places)

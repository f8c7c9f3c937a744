"""What `explain` returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srcgrad.explain.collect import collect
from srcgrad.explain.facts import Facts
from srcgrad.explain.html import as_fragment, as_page
from srcgrad.explain.text import as_text
from srcgrad.program import UserFunction
from srcgrad.structure import type_of


@dataclass(frozen=True)
class Explanation:
    """How a gradient is computed. `str()` gives text, a notebook shows the page.

    Attributes:
        facts: what is known, as data.
    """

    facts: Facts

    def __str__(self) -> str:
        return as_text(self.facts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_fragment(self.facts)

    def html(self, path: str | Path) -> Path:
        """Write a page of source and generated function side by side, which needs no other file.

        Returns:
            Where it is.
        """
        Path(path).write_text(as_page(self.facts), encoding="utf-8")
        return Path(path)

    @property
    def tape_bytes(self) -> int:
        """The bytes of all tapes whose sizes are known before the call."""
        return self.facts.tape_bytes


def explain(program: UserFunction, values: Sequence[Any], argnums: Any = 0, *, compiled: bool = False) -> Explanation:
    """Explain the value and gradient of a program for the arguments `values`, one for each parameter.

    With `compiled` it is compiled, to see which calls LLVM vectorises.

    Raises:
        ArgumentError: an argument has no derivative, or `argnums` does not fit.
        UnsupportedError: the function cannot be differentiated.
    """
    arguments = [(n, type_of(v, n)) for n, v in zip(program.signature.parameters, values, strict=True)]
    return Explanation(collect(program, arguments, values, argnums, compiled=compiled))

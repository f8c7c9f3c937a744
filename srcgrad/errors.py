"""What srcgrad raises.

Every error that the user can cause carries the user's file, line and column, an excerpt with a caret, one sentence and
one hint. All problems of a function are reported in one error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Place(Protocol):
    """A span of source text; `srcgrad.ir.location.Location` is one."""

    filename: str
    line: int
    column: int
    end_line: int
    end_column: int

    def text(self) -> str: ...


@dataclass(frozen=True)
class Problem:
    """One thing that cannot be done, where it stands, and what to do instead."""

    message: str
    at: Place | None = None
    hint: str = ""

    def __str__(self) -> str:
        lines = []
        if self.at is not None and self.at.line:
            lines.append(f'  File "{self.at.filename}", line {self.at.line}, column {self.at.column + 1}')
            lines += _excerpt(self.at)
        lines.append(self.message)
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)


def _excerpt(at: Place) -> list[str]:
    line = at.text()
    if not line:
        return []
    indent = len(line) - len(line.lstrip())
    end = at.end_column if at.end_line == at.line else len(line)
    width = max(1, min(end, len(line)) - at.column)
    return [f"    {line.strip()}", "    " + " " * max(0, at.column - indent) + "^" * width]


class SrcgradError(Exception):
    """Base class of the errors of srcgrad.

    Attributes:
        problems: the `Problem`s found, in the order of the source.
    """

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(p if isinstance(p, Problem) else Problem(p) for p in problems)
        super().__init__(*problems)

    def __str__(self) -> str:
        text = "\n\n".join(str(p) for p in self.problems)
        return f"\n{text}" if text.startswith("  File") or len(self.problems) > 1 else text


class UnsupportedError(SrcgradError):
    """The function uses a construct that srcgrad cannot differentiate."""


class ArgumentError(SrcgradError, TypeError):
    """A call does not fit: a wrong `argnums`, a cotangent of another shape, a written argument that overlaps one."""


class NonScalarError(ArgumentError):
    """`grad` of a function whose result is not one float; use `vjp` or `jacrev`."""


class GradientCheckError(SrcgradError, AssertionError):
    """`srcgrad.testing.check_grads` found that a law does not hold."""


class ParallelError(SrcgradError, RuntimeError):
    """Code that runs on several threads is called in a process that was forked after it had run."""


class DeviceError(SrcgradError, RuntimeError):
    """There is no GPU to run on, or the package that compiles for it is not installed."""


class InternalError(SrcgradError):
    """A bug in srcgrad: a stage of the pipeline produced something that its own rules forbid."""

"""What is known about a derivative, as data: per line of the user's source, and in total."""

from __future__ import annotations

from dataclasses import dataclass

from srcgrad.ir.printer import Printed

KINDS = {
    "loop": "how a loop is reversed",
    "fused": "array expressions that run as one loop",
    "kept": "computed once, outside of loops, and there until the end",
    "stored": "put on the tape by the forward sweep",
    "copied": "an array that is copied as a whole",
    "recomputed": "computed again in the reverse sweep",
    "read again": "still there: loaded again in the reverse sweep",
    "left in place": "still there: read from where the forward sweep left it",
    "at once": "used right away, because the iteration is reversed as soon as it has run",
    "call": "a helper that is called",
    "vector": "what the compiler is given to vectorise",
}


@dataclass(frozen=True)
class Note:
    """One fact about a line: its kind, one of `KINDS`, and a sentence without a full stop."""

    kind: str
    text: str


@dataclass(frozen=True)
class Line:
    """A line of the user's source.

    Attributes:
        number: in the file, from 1.
        text: without the line break.
        active: the names and expressions that carry a derivative there.
        notes: what is done about it.
    """

    number: int
    text: str
    active: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Source:
    """A function of the user's: the one that is differentiated, or one that it calls."""

    name: str
    filename: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Tape:
    """Memory that carries values from the forward to the reverse sweep.

    Attributes:
        what: the value or array that it keeps.
        line: where that is computed.
        dtype: its element type.
        shape: for these arguments; None where it is not known before the call.
        size: in bytes; None where it is not known before the call.
        grows: whether it grows while the forward sweep runs.
    """

    what: str
    line: int
    dtype: str
    shape: tuple[int | None, ...] | None
    size: int | None
    grows: bool = False


@dataclass(frozen=True)
class Facts:
    """All of it.

    Attributes:
        name: the function.
        wrt: the names of the arguments that it is differentiated with respect to.
        sources: the user's functions, the differentiated one first.
        tapes: what the forward sweep keeps.
        adjoint: the generated function; its `lines` say where in `sources` each line comes from.
    """

    name: str
    wrt: tuple[str, ...]
    sources: tuple[Source, ...]
    tapes: tuple[Tape, ...]
    adjoint: Printed

    @property
    def tape_bytes(self) -> int:
        """The bytes of all tapes whose sizes are known before the call."""
        return sum(t.size for t in self.tapes if t.size is not None)

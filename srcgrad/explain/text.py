"""Facts as text: the user's lines on the left, what is done about them on the right."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from srcgrad.explain.facts import Facts, Line, Source, Tape

WIDEST = 60  # characters of code; notes on longer lines start below them
NOTES = 76  # characters of a note before it is wrapped


def as_text(facts: Facts) -> str:
    """The summary, then each function of the user's."""
    out = [*summary(facts), ""]
    out.append("Lines with * compute or write something that carries a derivative.")
    for source in facts.sources:
        out += ["", *_source(source)]
    return "\n".join(out) + "\n"


def summary(facts: Facts) -> Iterator[str]:
    """What is differentiated, and what the tape takes."""
    yield f"{facts.name}: value and gradient with respect to {', '.join(facts.wrt)}"
    if not facts.tapes:
        yield "tape: none"
        return
    unknown = [t for t in facts.tapes if t.size is None]
    more = ""
    if unknown:
        more = ", and what grows with the run" if all(t.grows for t in unknown) else ", and what only the call shows"
    yield f"tape: {facts.tape_bytes:,} bytes for these arguments{more}"
    for tape in facts.tapes:
        yield f"    line {tape.line}: {tape.what}, {tape_words(tape)}"


def tape_words(tape: Tape) -> str:
    """The shape and size of a tape."""
    if tape.grows:
        return f"{tape.dtype}, grows while the function runs"
    shape = " x ".join("?" if n is None else f"{n:,}" for n in tape.shape or ())
    of = f"{shape} {tape.dtype}" if shape else tape.dtype
    return f"{of}, {tape.size:,} bytes" if tape.size is not None else of


def _source(source: Source) -> Iterator[str]:
    indent = min((len(line.text) - len(line.text.lstrip()) for line in source.lines if line.text), default=0)
    width = min(max(len(line.text) - indent for line in source.lines), WIDEST)
    digits = len(str(source.lines[-1].number))
    for line in source.lines:
        yield from _line(line, indent, width, digits)


def _line(line: Line, indent: int, width: int, digits: int) -> Iterator[str]:
    code = f"{line.number:>{digits}} {'*' if line.active else ' '} {line.text[indent:]}"
    column = digits + 3 + width
    notes = [part for note in line.notes for part in _wrapped(f"{note.kind}: {note.text}")]
    if len(code) > column or not notes:
        yield code.rstrip()
    else:
        yield f"{code:<{column}}  {notes.pop(0)}"
    for part in notes:
        yield f"{'':{column}}  {part}"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, NOTES, subsequent_indent="    ", break_long_words=False)

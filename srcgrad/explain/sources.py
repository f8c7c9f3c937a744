"""The user's functions that a derivative comes from."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterable, Mapping
from pathlib import Path

from srcgrad.explain.facts import KINDS, Line, Note, Source
from srcgrad.ir.location import Location

PACKAGE = Path(__file__).parent.parent
ORDER = {kind: k for k, kind in enumerate(KINDS)}
Key = tuple[str, int]  # a file and a line of it


def is_users(loc: Location) -> bool:
    """Whether a location is in the user's text, not in srcgrad's own and not nowhere."""
    return loc.line > 0 and not Path(loc.filename).is_relative_to(PACKAGE)


def key(loc: Location) -> Key:
    return loc.filename, loc.line


def sources(
    start: Location, used: Iterable[Key], active: Mapping[Key, list[str]], notes: Mapping[Key, list[Note]]
) -> tuple[Source, ...]:  # fmt: skip
    """The function that starts at `start`, then those that the other lines used are in, with what is known of each."""
    spans: dict[str, list[tuple[str, int, int]]] = {}
    chosen: dict[tuple[str, int, int], str] = {}
    for filename, line in [key(start), *sorted(set(used))]:
        if filename not in spans:
            spans[filename] = _functions(filename)
        around = [s for s in spans[filename] if s[1] <= line <= s[2]]
        if not any(chosen.get(span) == filename for span in around):  # an inner function is shown in the outer one
            if around or not chosen:
                chosen[around[-1] if around else ("", line, line)] = filename
    out = []
    for (name, first, last), filename in chosen.items():
        lines = [
            Line(
                n, linecache.getline(filename, n).rstrip(), tuple(dict.fromkeys(active.get((filename, n), ()))),
                tuple(sorted(dict.fromkeys(notes.get((filename, n), ())), key=lambda note: ORDER[note.kind])),
            )
            for n in range(first, last + 1)
        ]  # fmt: skip
        out.append(Source(name, filename, tuple(lines)))
    return tuple(out)


def _functions(filename: str) -> list[tuple[str, int, int]]:
    """The functions of a file with their first and last lines, outer ones before those in them."""
    text = "".join(linecache.getlines(filename))
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    found = [
        (getattr(n, "name", "lambda"), n.lineno, n.end_lineno or n.lineno)
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef | ast.Lambda)
    ]
    return sorted(found, key=lambda f: (f[1], -f[2]))

"""Facts as a page: the user's source with its notes on the left, the generated function on the right, linked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

from srcgrad.explain.facts import KINDS, Facts, Line, Source
from srcgrad.explain.sources import Key, key
from srcgrad.explain.text import summary

HERE = Path(__file__).parent


def as_page(facts: Facts) -> str:
    """A page that needs nothing else."""
    title = escape(f"{facts.name}: source and adjoint")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{as_fragment(facts)}</body></html>\n'


def as_fragment(facts: Facts) -> str:
    """The same for a notebook, with ids that no other output has."""
    prefix = "sg" + hashlib.sha256((facts.adjoint.text + repr(facts.sources)).encode()).hexdigest()[:8]
    shown = {(s.filename, line.number) for s in facts.sources for line in s.lines}
    counterparts: dict[Key, list[int]] = {}
    for n, loc in enumerate(facts.adjoint.lines, 1):
        if key(loc) in shown:
            counterparts.setdefault(key(loc), []).append(n)
    names = {at: f"{prefix}-s{k}" for k, at in enumerate(sorted(shown))}
    first, *rest = summary(facts)
    style, script = ((HERE / name).read_text(encoding="utf-8").rstrip() for name in ("page.css", "page.js"))
    parts = [
        f'<div class="srcgrad-explain" id="{prefix}"><style>{style}</style>',
        f"<h1>{escape(first)}</h1><ul>",
        *(f"<li>{escape(line.strip())}</li>" for line in rest),
        "</ul><div class=columns><div class=source>",
        *(row for source in facts.sources for row in _source(source, names, counterparts, prefix)),
        "</div><div class=adjoint><h2>generated</h2>",
        *_adjoint(facts, names, prefix),
        "</div></div>",
        f"<script>{script}('{prefix}');</script></div>",
    ]
    return "\n".join(parts) + "\n"


def _source(
    source: Source, names: Mapping[Key, str], counterparts: Mapping[Key, list[int]], prefix: str
) -> Iterator[str]:
    yield f"<h2>{escape(source.name)}</h2>"
    for line in source.lines:
        at = (source.filename, line.number)
        lines = counterparts.get(at)
        number = f'<a href="#{prefix}-a{lines[0]}">{line.number}</a>' if lines else f"{line.number}"
        mark = f' title="active: {escape(", ".join(line.active))}"' if line.active else ""
        kind = "row active" if line.active else "row"
        yield (
            f'<div class="{kind}" id="{names[at]}" data-line="{names[at]}"{mark}>'
            f"<span class=number>{number}</span><code>{escape(line.text)}</code>{_notes(line)}</div>"
        )


def _notes(line: Line) -> str:
    items = "".join(
        f'<li><b class="kind" title="{escape(KINDS[n.kind])}">{n.kind}</b> {escape(n.text)}</li>' for n in line.notes
    )
    return f"<ul>{items}</ul>" if items else ""


def _adjoint(facts: Facts, names: Mapping[Key, str], prefix: str) -> Iterator[str]:
    for n, (text, loc) in enumerate(zip(facts.adjoint.text.splitlines(), facts.adjoint.lines, strict=True), 1):
        name = names.get(key(loc))
        number = f'<a href="#{name}" title="line {loc.line}">{n}</a>' if name else f"{n}"
        line = f' data-line="{name}"' if name else ""
        yield (
            f'<div class=row id="{prefix}-a{n}"{line}>'
            f"<span class=number>{number}</span><code>{escape(text)}</code></div>"
        )

"""Loops in lanes, and calls of elementary functions that LLVM can vectorise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from srcgrad.backend.vector_math import VARIANTS
from srcgrad.explain.decisions import lines_text
from srcgrad.explain.facts import Note
from srcgrad.explain.sources import Key, is_users, key
from srcgrad.ir.nodes import Assign, Block, Call, Const, For, Function, If, Library, Stmt, While
from srcgrad.ir.types import Scalar
from srcgrad.ir.walk import statements

Notes = defaultdict[Key, list[Note]]


def lane_notes(plain: Function, function: Function, notes: Notes) -> None:
    """Say which loops of `function` run in lanes; `plain` is the same before it was put in lanes."""
    before = {s.index for s in statements(plain.body) if isinstance(s, For)}
    for stmt in statements(function.body):
        if isinstance(stmt, For) and stmt.index not in before and is_users(stmt.loc):
            if isinstance(stmt.step, Const) and stmt.step.value > 1:
                notes[key(stmt.loc)].append(Note("vector", f"{stmt.step.value} iterations side by side"))


def vector_notes(function: Function, notes: Notes, called: Mapping[str, int] | None = None) -> None:
    """Say which functions that innermost loops call have vector versions.

    `called` says which of them the machine code calls, and with how many values at a time, where that is known.
    """
    places: dict[str, tuple[str, set[Key]]] = {}
    for stmt in _innermost(function.body):
        name = _in_libm(stmt)
        if name and is_users(stmt.loc):
            assert isinstance(stmt, Assign)
            places.setdefault(name, ("a power" if stmt.op == "**" else stmt.op, set()))[1].add(key(stmt.loc))
    found: dict[tuple[Key, str], list[str]] = defaultdict(list)
    for name, (shown, where) in sorted(places.items()):
        for at in where:
            found[at, _verdict(name, where, called)].append(shown)
    for (at, verdict), names in found.items():
        notes[at].append(Note("vector", f"{', '.join(names)}: {verdict}"))


def _verdict(name: str, where: set[Key], called: Mapping[str, int] | None) -> str:
    if called is None:
        return "called in an innermost loop, and there are vector versions"
    if name not in called:
        return "there are vector versions, but LLVM uses none"
    alone = f"vectorised by LLVM, {called[name]} at a time"
    return alone if len(where) == 1 else f"{alone}, in {lines_text({n for _, n in where})} or some of them"


def _innermost(block: Block) -> Iterator[Stmt]:
    """The statements in loops that hold no loop, and no call that keeps one from being vectorised."""
    for stmt in block:
        match stmt:
            case For(exit=None) if not any(isinstance(s, For | While | Call | Library) for s in statements(stmt.body)):
                yield from statements(stmt.body)
            case For() | While():
                yield from _innermost(stmt.body)
            case If():
                yield from _innermost((*stmt.then, *stmt.orelse))


def _in_libm(stmt: Stmt) -> str:
    """The name in libm of the function that a statement calls, if there are vector versions of it."""
    if not isinstance(stmt, Assign) or not isinstance(stmt.target.type, Scalar):
        return ""
    if stmt.op == "**" and isinstance(stmt.args[1], Const):
        return ""
    single = stmt.target.type.dtype == "float32"
    name = "pow" if stmt.op == "**" else stmt.op.rpartition(".")[2].replace("arc", "a")
    name = f"{name}f" if single else name
    return name if (name, "float" if single else "double") in VARIANTS else ""

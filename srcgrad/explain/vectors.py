"""Calls of elementary functions that LLVM can vectorise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from srcgrad.backend.vector_math import VARIANTS
from srcgrad.explain.facts import Note
from srcgrad.explain.sources import Key, is_users, key
from srcgrad.ir.nodes import Assign, Block, Call, Const, For, Function, If, Library, While
from srcgrad.ir.types import Scalar
from srcgrad.ir.walk import statements


def vector_notes(plain: Function, function: Function, notes: defaultdict[Key, list[Note]]) -> None:
    """Say which loops of `function` run in lanes, and which functions that innermost loops call have vector versions.

    `plain` is the same before it was put in lanes.
    """
    before = {s.index for s in statements(plain.body) if isinstance(s, For)}
    for stmt in statements(function.body):
        if isinstance(stmt, For) and stmt.index not in before and is_users(stmt.loc):
            if isinstance(stmt.step, Const) and stmt.step.value > 1:
                notes[key(stmt.loc)].append(Note("vector", f"{stmt.step.value} iterations side by side"))
    found: dict[Key, list[str]] = defaultdict(list)
    for stmt in _innermost(function.body):
        if isinstance(stmt, Assign) and is_users(stmt.loc) and _has_vectors(stmt):
            found[key(stmt.loc)].append("power" if stmt.op == "**" else stmt.op)
    for at, names in found.items():
        shown = ", ".join(sorted(set(names)))
        notes[at].append(Note("vector", f"{shown}: called in an innermost loop, and there are vector versions"))


def _innermost(block: Block) -> Iterator[object]:
    """The statements in loops that hold no loop, and no call that keeps one from being vectorised."""
    for stmt in block:
        match stmt:
            case For(exit=None) if not any(isinstance(s, For | While | Call | Library) for s in statements(stmt.body)):
                yield from statements(stmt.body)
            case For() | While():
                yield from _innermost(stmt.body)
            case If():
                yield from _innermost((*stmt.then, *stmt.orelse))


def _has_vectors(stmt: Assign) -> bool:
    if not isinstance(stmt.target.type, Scalar) or stmt.target.type.dtype not in ("float64", "float32"):
        return False
    if stmt.op == "**" and isinstance(stmt.args[1], Const):
        return False
    single = stmt.target.type.dtype == "float32"
    name = "pow" if stmt.op == "**" else stmt.op.rpartition(".")[2].replace("arc", "a")
    return (f"{name}f" if single else name, "float" if single else "double") in VARIANTS

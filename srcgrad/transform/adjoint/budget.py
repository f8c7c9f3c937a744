"""How much memory a tape takes, as far as the arguments tell, and which loops to checkpoint where that is too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from srcgrad.errors import UnsupportedError
from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Const,
    For,
    Function,
    If,
    Increment,
    Load,
    Stmt,
    Store,
    Var,
    While,
)
from srcgrad.ir.types import Array, is_integer
from srcgrad.ir.walk import defined, introduced, operands, statements, yields
from srcgrad.transform.adjoint.repeatable import examined
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.places import find_places

_INFIX = {"+": "+", "-": "-", "*": "*", "//": "//"}


def tape_bytes(adjoint: Function, primal: Function, own: int) -> str | None:
    """The size of the tapes of `adjoint` as a Python expression over `p`, the list of its first `own` arguments.

    Tapes that grow, or whose size depends on more than the arguments, are left out. None where no size depends on them.
    """
    home = {s.target: s for s in _outside(adjoint.body) if isinstance(s, Assign | Alloc)}
    known = {p: f"p[{k}]" for k, p in enumerate(adjoint.params[:own])}
    total: Counter[str] = Counter()
    for stmt in _tapes(adjoint, primal):
        texts = [_text(n, home, known) for n in stmt.shape]
        if None not in texts and any("p[" in str(t) for t in texts):
            assert isinstance(stmt.target.type, Array)
            total[" * ".join(str(t) for t in texts)] += np.dtype(stmt.target.type.dtype).itemsize
    return " + ".join(f"{size} * {shape}" for shape, size in total.items()) or None


def _tapes(adjoint: Function, primal: Function) -> Iterator[Alloc]:
    """What the derivative allocates, outside of loops, to be filled."""
    of_primal = {s.target for s in statements(primal.body) if isinstance(s, Alloc)}
    for stmt in _outside(adjoint.body):
        if isinstance(stmt, Alloc) and stmt.fill == "empty" and stmt.target not in of_primal:
            yield stmt


def _outside(block: Block) -> Iterator[Stmt]:
    """The statements outside of loops, those of branches included."""
    for stmt in block:
        yield stmt
        if isinstance(stmt, If):
            yield from _outside((*stmt.then, *stmt.orelse))


def _text(atom: Atom, home: dict[Var, Stmt], known: dict[Var, str]) -> str | None:
    if isinstance(atom, Const):
        return str(atom.value)
    if not isinstance(atom, Var):
        return None
    if atom in known:
        return known[atom] if is_integer(atom.type) else None
    stmt = home.get(atom)
    if not isinstance(stmt, Assign):
        return None
    if stmt.op == "shape":
        array, axis = stmt.args
        assert isinstance(array, Var)
        assert isinstance(axis, Const)
        if array in known:
            return f"{known[array]}.shape[{axis.value}]"
        made = home.get(array)
        return _text(made.shape[axis.value], home, known) if isinstance(made, Alloc) else None
    texts = [_text(a, home, known) for a in stmt.args]
    if None in texts:
        return None
    if stmt.op in _INFIX and len(texts) == 2:
        return f"({texts[0]} {_INFIX[stmt.op]} {texts[1]})"
    if stmt.op in ("max", "min"):
        return f"{stmt.op}({texts[0]}, {texts[1]})"
    return f"(-{texts[0]})" if stmt.op == "neg" else None


def checkpoint_large(primal: Function, adjoint: Function) -> Function:
    """`primal` with those outermost loops checkpointed that fill tapes of `adjoint`, where they can be run again."""
    filled = {s.loc for s in _tapes(adjoint, primal)}
    aliases, places = find_aliases(primal), find_places(primal)

    def marked(block: Block) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case For(snapshots=None, mode="sequential") if _fills(stmt, filled) and can_repeat(stmt):
                    out.append(replace(stmt, snapshots=0))
                case If():
                    out.append(replace(stmt, then=marked(stmt.then), orelse=marked(stmt.orelse)))
                case _:
                    out.append(stmt)
        return tuple(out)

    def can_repeat(loop: For) -> bool:
        try:
            facts = examined(loop, aliases, places)
        except UnsupportedError:
            return False
        return not facts.checked and not _writes_along(loop, facts.written, aliases)

    return replace(primal, body=marked(primal.body))


def _writes_along(loop: For, written: frozenset[Var], aliases: Aliases) -> bool:
    """Whether iterations write different parts of an array that the loop also reads: a snapshot would hold all."""
    moving = {loop.index, *(c.inside for c in loop.carried if is_integer(c.inside.type))}
    inside = list(statements(loop.body))
    read = {b for s in inside if isinstance(s, Load) for b in aliases.bases[s.array]}
    before = 0
    while len(moving) > before:
        before = len(moving)
        for stmt in inside:
            if moving.intersection(a for a in (*operands(stmt), *yields(stmt)) if isinstance(a, Var)):
                moving.update(v for v in (*defined(stmt), *introduced(stmt)) if is_integer(v.type))
    for stmt in inside:
        if isinstance(stmt, Store | Increment) and aliases.bases[stmt.array] & written & read:
            if moving.intersection(a for a in stmt.index if isinstance(a, Var)):
                return True
    return False


def _fills(loop: For, filled: set) -> bool:
    return any(s.loc in filled for s in statements((loop,)) if isinstance(s, For | While))

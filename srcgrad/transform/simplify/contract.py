"""Array contraction: a tape that one loop fills and reads in the same iteration needs room for one iteration only.

V. Sarkar, G. R. Gao, Optimization of array accesses by collective loop transformations (1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from srcgrad.ir.nodes import (
    Alloc,
    Assign,
    Atom,
    Block,
    Const,
    For,
    Function,
    If,
    Load,
    Stmt,
    Store,
    Var,
    While,
    flatten,
)
from srcgrad.ir.types import Array
from srcgrad.ir.walk import operands, statements, substitute, yields


def contract_tapes(function: Function) -> Function:
    """Take away the first axis of tapes that are addressed by the iteration of one loop beside their allocation."""
    return replace(function, body=_block(function.body, flatten(function.results)))


def _block(block: Block, leaving: Sequence[object]) -> Block:
    """Contract in a block; what is `leaving` it is used elsewhere."""
    out = list(block)
    for stmt in block:
        if isinstance(stmt, Alloc) and stmt.tape and len(stmt.shape) > 1 and stmt.target not in leaving:
            smaller = _contracted(out, stmt)
            out = smaller if smaller is not None else out
    return tuple(_inside(s) for s in out)


def _inside(stmt: Stmt) -> Stmt:
    if isinstance(stmt, If):
        return replace(stmt, then=_block(stmt.then, yields(stmt)), orelse=_block(stmt.orelse, yields(stmt)))
    return replace(stmt, body=_block(stmt.body, yields(stmt))) if isinstance(stmt, For | While) else stmt


def _contracted(block: list[Stmt], alloc: Alloc) -> list[Stmt] | None:
    users = [s for s in block if s is not alloc and _uses(s, alloc.target)]
    if any(isinstance(s, Alloc) and s.like is alloc.target for s in statements(tuple(block))):
        return None
    if len(users) != 1 or not isinstance(users[0], For):
        return None
    loop = users[0]
    accesses = [s for s in statements(loop.body) if alloc.target in (*operands(s), *yields(s))]
    firsts: set[Atom] = set()
    for s in accesses:
        if not isinstance(s, Load | Store) or s.array is not alloc.target:
            return None
        firsts.add(s.index[0])
    numbers = {s.target: s for s in loop.body if isinstance(s, Assign)}
    if len(firsts) != 1 or not _counts_iterations(firsts.pop(), loop, numbers):
        return None
    shape = alloc.shape[1:]
    target = Var(alloc.target.hint, Array(alloc.target.type.dtype, len(shape)))  # type: ignore[union-attr]
    body = substitute(_without_first(loop.body, alloc.target), {alloc.target: target})
    smaller = replace(alloc, target=target, shape=shape)
    inner = _contracted([smaller, *body], smaller) if len(shape) > 1 else None  # one more axis, of a loop inside
    contents = inner if inner is not None else [smaller, *body]
    made = contents[0] if contents[0] is not body[0] and isinstance(contents[0], Alloc) else None
    if loop.axis:  # threads and blocks have their own
        if made is not None and not all(isinstance(n, Const) for n in made.shape):
            return None
        around: list[Stmt] = []
    else:
        around, contents = [made] if made is not None else [], contents[made is not None :]
    swapped = {alloc: around, loop: [replace(loop, body=tuple(contents))]}
    return [t for s in block for t in swapped.get(s, [s])]  # type: ignore[call-overload]


def _uses(stmt: Stmt, var: Var) -> bool:
    return any(var in (*operands(s), *yields(s)) for s in statements((stmt,)))


def _counts_iterations(atom: Atom, loop: For, numbers: dict[Var, Assign]) -> bool:
    """Whether an index is that of the loop, or differs from it by a constant or its start."""
    if atom is loop.index:
        return True
    stmt = numbers.get(atom) if isinstance(atom, Var) else None
    if stmt is None or stmt.op != "-" or stmt.args[0] is not loop.index:
        return False
    return isinstance(stmt.args[1], Const) or stmt.args[1] is loop.start


def _without_first(block: Block, array: Var) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case Load() | Store() if stmt.array is array:
                out.append(replace(stmt, index=stmt.index[1:]))
            case If():
                then, orelse = _without_first(stmt.then, array), _without_first(stmt.orelse, array)
                out.append(replace(stmt, then=then, orelse=orelse))
            case For() | While():
                out.append(replace(stmt, body=_without_first(stmt.body, array)))
            case _:
                out.append(stmt)
    return tuple(out)

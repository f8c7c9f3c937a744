"""What both sides of a branch store in the same element is stored once, after it.

    if i < n:                                  if i < n:
        tile[t] = x[i]                             v = x[i]
    else:                              ->      else:
        tile[t] = 0.0                              v = 0.0
                                               tile[t] = v

So it is seen that every thread fills its element, whatever the branch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from srcgrad.ir.nodes import Atom, Block, Const, For, Function, If, Result, Stmt, Store, Var, While
from srcgrad.ir.types import Array, Scalar
from srcgrad.ir.walk import defined, operands, statements
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.simt.launch import Barrier


def merge_stores(function: Function) -> Function:
    """`function` with the stores at the ends of both sides of its branches moved behind them, where they are alike."""
    return replace(function, body=_merged(function.body, find_aliases(function)))


def _merged(block: Iterable[Stmt], aliases: Aliases) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case If():
                sides = (_merged(b, aliases) for b in (stmt.then, stmt.orelse))
                out += _split(replace(stmt, then=next(sides), orelse=next(sides)), aliases)
            case For() | While():
                out.append(replace(stmt, body=_merged(stmt.body, aliases)))
            case _:
                out.append(stmt)
    return tuple(out)


def _split(branch: If, aliases: Aliases) -> list[Stmt]:
    inside = {v for b in (branch.then, branch.orelse) for s in statements(b) for v in defined(s)}
    lasting = [_lasting(b, aliases) for b in (branch.then, branch.orelse)]
    pairs = [
        (one, other) for one in lasting[0] for other in lasting[1]
        if one.array is other.array and one.index == other.index and not inside.intersection((one.array, *one.index))
        and _value(one) is not None and _value(other) is not None
    ]  # fmt: skip
    if not pairs:
        return [branch]
    moved = {s for pair in pairs for s in pair}
    then, orelse = (tuple(s for s in b if s not in moved) for b in (branch.then, branch.orelse))
    results = list(branch.results)
    after: list[Stmt] = []
    for one, other in pairs:
        value = Var("", one.array.type.item)  # type: ignore[union-attr]
        results.append(Result(value, _value(one), _value(other)))  # type: ignore[arg-type]
        after.append(replace(one, value=value))
    return [replace(branch, then=then, orelse=orelse, results=tuple(results)), *after]


def _lasting(block: Block, aliases: Aliases) -> list[Store]:
    """The stores of a block to arrays that nothing after them in the block touches."""
    found: list[Store] = []
    touched: list[Var] = []
    for stmt in reversed(block):
        if isinstance(stmt, Store) and not any(aliases.may_overlap(stmt.array, a) for a in touched):
            found.insert(0, stmt)
        if any(isinstance(s, Barrier) for s in statements((stmt,))):
            break
        for s in statements((stmt,)):
            touched += [a for a in operands(s) if isinstance(a, Var) and isinstance(a.type, Array)]
    return found


def _value(store: Store) -> Atom | None:
    """What is stored, if it has the type of the array's elements; a constant may be given that."""
    to = store.array.type.item  # type: ignore[union-attr]
    value = store.value
    if isinstance(value, Const) and value.type != to and isinstance(value.type, Scalar):
        kind = np.dtype(to.dtype)
        return Const(kind.type(value.value).item(), to) if kind.kind == "f" else None
    return value if value.type == to else None

"""A grid whose threads do not wait for each other, as a loop over all of its threads.

    for b in range(gridDim_x):                     n = gridDim_x * 128
        for t in range(128):              ->       for g in prange(n):
            out[b * 128 + t] = ...                     out[g] = ...

Then a thread is an iteration, and may have a tape of its own that grows (`adjoint/iterations.py`): for `while` loops,
and loops that end early.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import ONE, ZERO, Alloc, Assign, Atom, Block, For, Function, Load, Stmt, Var, View
from srcgrad.ir.types import INT64
from srcgrad.ir.walk import statements, substitute

GRID = "grid"  # the axis of such loops: `races.py` has seen that their iterations are independent


def flat_grid(function: Function) -> Function | None:
    """`function` with its loops over blocks and threads as one for each axis; None where there is a barrier."""
    at = [k for k, s in enumerate(function.body) if isinstance(s, For) and s.axis]
    if len(at) != 1:
        return None
    loops: list[For] = []
    before: list[Stmt] = []
    stmt: Stmt = function.body[at[0]]
    while isinstance(stmt, For) and stmt.axis:
        if stmt.carried or not stmt.body:
            return None
        loops.append(stmt)
        *pure, last = stmt.body
        if isinstance(last, For) and last.axis:
            if not all(isinstance(s, Assign | Load | View) for s in pure):
                return None
            before += pure
            stmt = last
            continue
        break
    body = loops[-1].body
    if any(isinstance(s, Alloc) for s in before) or _has_axes(body):
        return None
    extents = {s.axis: s for s in loops}
    outside: list[Stmt] = []
    inside: list[Stmt] = []
    axes: list[tuple[Var, Atom]] = []
    for letter in "zyx":
        block, thread = extents.get(f"block.{letter}"), extents.get(f"thread.{letter}")
        if thread is None and block is None:
            continue
        own = Var("g" if len(loops) <= 2 else f"g{letter}", INT64)
        if thread is None or block is None:
            one = block or thread
            assert one is not None
            inside.append(Assign(one.index, "+", (own, ZERO), loc=one.loc))
            axes.append((own, one.stop))
            continue
        count = Var("n", INT64)
        outside.append(Assign(count, "*", (block.stop, thread.stop), loc=block.loc))
        inside += [
            Assign(block.index, "//", (own, thread.stop), loc=block.loc),
            Assign(thread.index, "%", (own, thread.stop), loc=block.loc),
        ]
        body = _with_index((*before, *body), block.index, thread, own)
        before = []
        axes.append((own, count))
    whole = (*inside, *before, *body)
    for k, (own, stop) in reversed(list(enumerate(axes))):
        axis = GRID if k == 0 else ""
        whole = (For(own, ZERO, stop, ONE, (), whole, parallel=True, axis=axis, loc=loops[0].loc),)
    return replace(function, body=(*function.body[: at[0]], *outside, *whole, *function.body[at[0] + 1 :]))


def _with_index(block: Block, b: Var, thread: For, own: Var) -> Block:
    """`block` with `own` for `b * n + t`, where n is the number of threads."""
    scaled: set[Atom] = set()
    mapping: dict[Var, Atom] = {}

    for stmt in statements(block):
        if isinstance(stmt, Assign) and stmt.op == "*" and set(stmt.args) == {b, thread.stop}:
            scaled.add(stmt.target)
        if isinstance(stmt, Assign) and stmt.op == "+" and thread.index in stmt.args:
            if any(a in scaled for a in stmt.args):
                mapping[stmt.target] = own
    return substitute(block, mapping)


def _has_axes(block: Block) -> bool:
    return any((isinstance(s, For) and (bool(s.axis) or _has_axes(s.body))) for s in block)

"""Fill new arrays with zeros on threads, where loops on threads use them.

    bx = np.zeros_like(x)          bx = np.empty_like(x)
    by = np.zeros_like(y)    ->    by = np.empty_like(y)
                                   if x.size + y.size > 32768:
                                       for t in prange(32):
                                           fill(part t of the rows of bx, then of by)
                                   else:
                                       fill(all rows of bx, then of by)

Small arrays are not worth it, which run time decides. Partial sums stay as they are: they are small.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace

from srcgrad.ir.nodes import (
    ONE,
    ZERO,
    Alloc,
    Assign,
    Atom,
    Block,
    Call,
    Const,
    For,
    Function,
    If,
    Stmt,
    Var,
    While,
    integer,
)  # fmt: skip
from srcgrad.ir.types import INT64, Array
from srcgrad.ir.walk import statements
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import fresh_copy
from srcgrad.transform.parallel import rewrite


def zero_on_threads(function: Function, finish: Callable[[Function], Function]) -> Function:
    """`function` with the arrays of zeros that its loops over threads work on filled on threads.

    `finish` is applied to what these call.
    """
    loops = [s for s in statements(function.body) if isinstance(s, For) and s.mode == "threads"]
    if not loops:
        return function
    wanted = {a for loop in loops for s in statements(loop.body) if isinstance(s, Call) for a in s.args}
    fill = functools.cache(lambda kind: finish(_fill(kind)))

    def is_wanted(stmt: Stmt) -> bool:
        if not isinstance(stmt, Alloc) or stmt.fill != "zeros" or stmt.target not in wanted:
            return False
        in_use = stmt.tape or stmt.cleared or stmt.padded  # what is known of it would not be true of empty memory
        return bool(stmt.shape) and not in_use and not all(isinstance(n, Const) for n in stmt.shape)

    def block(stmts: Block) -> Block:
        out: list[Stmt] = []
        pending: list[Alloc] = []
        for stmt in stmts:
            if pending and not isinstance(stmt, Alloc | Assign):
                out += _filled(pending, fill)
                pending = []
            match stmt:
                case Alloc() if is_wanted(stmt):
                    out.append(replace(stmt, fill="empty"))
                    pending.append(stmt)
                case For() | While():
                    out.append(replace(stmt, body=block(stmt.body)))
                case If():
                    out.append(replace(stmt, then=block(stmt.then), orelse=block(stmt.orelse)))
                case _:
                    out.append(stmt)
        return (*out, *_filled(pending, fill))

    return replace(function, body=block(function.body))


def _fill(kind: Array) -> Function:
    """Set rows of an array to zero."""
    first, last, array = Var("first", INT64), Var("last", INT64), Var("a", kind)
    build = Builder()
    zero = Const(0 if kind.dtype == "int64" else 0.0, kind.item)

    def row(i: Atom) -> None:
        build.nest(build.shapes(array)[1:], lambda index: build.store(array, (i, *index), zero))

    build.loop(last, row, start=first, mode="elementwise")
    return fresh_copy(Function("fill", (first, last, array), tuple(build.stack[0]), (), ()))


def _filled(arrays: list[Alloc], fill: Callable[[Array], Function]) -> Iterator[Stmt]:
    """What fills new arrays."""
    if not arrays:
        return
    build = Builder()
    build.algebra, op = True, build.op

    def rows(part: Callable[[Atom], tuple[Atom, Atom]]) -> list[Stmt]:
        with build.block() as found:
            for s in arrays:
                assert isinstance(s.target.type, Array)
                kind = replace(s.target.type, shape=None)
                build.emit(Call((), fill(kind), (*part(s.shape[0]), s.target), (2,), loc=s.loc))
        return found

    t, chunks = Var("t", INT64), integer(rewrite.CHUNKS)
    ends = (t, op("+", t, ONE))
    each = rows(lambda n: tuple(op("//", op("*", n, k), chunks) for k in ends))
    threads = For(t, ZERO, chunks, ONE, (), (*build.stack[0], *each), mode="threads", loc=arrays[0].loc)
    build.stack[0].clear()
    size: Atom = ZERO
    for s in arrays:
        size = op("+", size, functools.reduce(lambda a, b: op("*", a, b), s.shape))
    alone = rows(lambda n: (ZERO, n))
    build.emit(If(op(">", size, integer(rewrite.WORTH)), (threads,), tuple(alone), loc=arrays[0].loc))
    yield from build.stack[0]

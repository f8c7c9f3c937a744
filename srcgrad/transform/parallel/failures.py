"""Routines of LAPACK in iterations that threads share: an error of one is raised after all of them.

    for i in prange(n):                      failures = 0
        linalg.solve(a, b, x)                for i in prange(n):
                                  ->             failed = np.zeros(1, np.int64)
                                                 linalg.try_solve(a, b, x, failed)
                                                 failures += failed[0]
                                             if failures > 0:
                                                 raise LinAlgError(...)

On one of many threads it would stop none of the others, and be lost. The iteration goes on with zeros.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import ONE, ZERO, Alloc, Assign, Carried, Effect, For, If, Library, Load, Stmt, Var
from srcgrad.ir.types import BOOL, INT64, Array
from srcgrad.ir.walk import rebuilt, statements

_TEXT = "linear algebra failed in a prange loop: a matrix is singular, not positive definite, or not finite"
_ALWAYS = ("np.dot", "argsort")  # succeed


def with_failures_noted(loop: For) -> tuple[For, Carried | None]:
    """`loop`, carrying how many of its iterations had a routine that failed, if one can."""
    calls = [s for s in statements(loop.body) if isinstance(s, Library) and s.name not in _ALWAYS]
    if not calls:
        return loop, None
    failed, own = Var("failed", Array("int64", 1, "C")), Var("", INT64)
    before, after, total = (Var("failures", INT64) for _ in range(3))
    filled = {out for s in calls for out in s.outs}

    def change(stmt: Stmt) -> Stmt:
        match stmt:
            case Library() if stmt in calls:
                return replace(stmt, name=f"try_{stmt.name}", outs=(*stmt.outs, failed))
            case Alloc() if stmt.target in filled:
                return replace(stmt, fill="zeros")
            case _:
                return stmt

    flag = Alloc(failed, "zeros", (ONE,), None, loc=loop.loc)
    noted = (Load(own, failed, (ZERO,), loc=loop.loc), Assign(after, "+", (before, own), loc=loop.loc))
    carried = Carried(before, ZERO, after, total)
    body = (flag, *rebuilt(loop.body, change), *noted)
    return replace(loop, carried=(*loop.carried, carried), body=body), carried


def failure(failures: Var, loop: For) -> tuple[Stmt, ...]:
    """What raises the error."""
    some = Var("", BOOL)
    error = Effect(f"raise LinAlgError({_TEXT!r})", (), ("from numpy.linalg import LinAlgError",), loc=loop.loc)
    return Assign(some, ">", (failures, ZERO), loc=loop.loc), If(some, (error,), (), (), loc=loop.loc)

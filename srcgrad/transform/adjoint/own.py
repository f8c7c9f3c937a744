"""Copies of rows of arrays from outside that names in an iteration choose among, where it writes to none of them.

    u = x[i]                           row = x[i]
    for k in range(n):                 u = row.copy()
        u = u + f(u)         ->        for k in range(n):
                                           u = u + f(u)

Then the adjoints of all that `u` can be are the iteration's own, and only what is left is added to `bx[i]`.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    Atom,
    Block,
    For,
    Function,
    If,
    Result,
    Stmt,
    Var,
    View,
    While,
)
from srcgrad.ir.types import Array, is_float
from srcgrad.ir.walk import arrays_written, defined, rebuilt, statements
from srcgrad.transform.analysis.aliases import aliases_of
from srcgrad.transform.build import Builder


def with_own_arrays(function: Function) -> Function:
    """`function` with copies of rows of its parameters in their places in choices; whole parameters are none's own."""
    aliases = aliases_of(function.body, function.params)
    outside = {p for p in function.params if isinstance(p.type, Array)}
    inside = list(statements(function.body))
    written = {b for s in inside for a in arrays_written(s) for b in aliases.bases[a]}
    rows = {s.target for s in inside if isinstance(s, View) and _is_row(s)}
    copies: dict[Atom, Var] = {}
    for handle, sources in aliases.merged.items():
        entering = [s for s in sources if s not in aliases.merged and aliases.bases[s] & outside]
        if is_float(handle.type) and rows.issuperset(entering) and not (aliases.bases[handle] & outside & written):
            copies |= {s: Var(s.hint, s.type) for s in entering if s not in copies}
    if not copies:
        return function

    def at(atom: Atom) -> Atom:
        return copies.get(atom, atom)

    def change(stmt: Stmt) -> Block:
        match stmt:
            case For() | While():
                carried = tuple(replace(c, init=at(c.init), next=at(c.next)) for c in stmt.carried)
                stmt = replace(stmt, carried=carried)
            case If():
                results = tuple(Result(r.var, at(r.then), at(r.orelse)) for r in stmt.results)
                stmt = replace(stmt, results=results)
        return (stmt, *(s for v in defined(stmt) if v in copies for s in _copied(v, copies[v])))

    return replace(function, body=rebuilt(function.body, change))


def _is_row(view: View) -> bool:
    to, base = view.target.type, view.base.type
    return to.ndim > 0 and to.layout == "C" and to.ndim < base.ndim  # type: ignore[union-attr]


def _copied(handle: Var, to: Var) -> list[Stmt]:
    """Statements that copy an array to a new one."""
    build = Builder()
    shape = build.shapes(handle)
    made = build.alloc("empty", handle.type.dtype, shape, to.hint)  # type: ignore[union-attr]
    build.stack[0][-1] = replace(build.stack[0][-1], target=to)  # type: ignore[call-arg]
    assert made.type == to.type
    build.nest(shape, lambda i: build.store(to, i, build.load(handle, i)))
    return build.stack[0]

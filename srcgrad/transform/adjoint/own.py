"""Copies of the arrays from outside that names in an iteration choose among, where it writes to none of them.

    u = x[i]                           row = x[i]
    for k in range(n):                 u = row.copy()
        u = u + f(u)         ->        for k in range(n):
                                           u = u + f(u)

Then the adjoints of all that `u` can be are the iteration's own, and only what is left is added to `bx[i]`.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Atom, Block, Call, For, Function, If, Increment, Library, Result, Stmt, Store, Var, While
from srcgrad.ir.types import Array, is_float
from srcgrad.ir.walk import defined, rebuilt, statements
from srcgrad.transform.analysis.aliases import aliases_of
from srcgrad.transform.build import Builder


def with_own_arrays(function: Function) -> Function:
    """`function` with copies of its parameters, and of views of them, in their places in choices."""
    aliases = aliases_of(function.body, function.params)
    outside = {p for p in function.params if isinstance(p.type, Array)}
    written = {b for s in statements(function.body) for a in _written(s) for b in aliases.bases[a]}
    copies: dict[Atom, Var] = {}
    for handle, sources in aliases.merged.items():
        if is_float(handle.type) and not (aliases.bases[handle] & outside & written):
            for s in sources:
                if s not in aliases.merged and aliases.bases[s] & outside and _is_plain(s):
                    copies[s] = Var(s.hint, s.type)
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

    first = [s for p in function.params if p in copies for s in _copied(p, copies[p])]
    return replace(function, body=(*first, *rebuilt(function.body, change)))


def _written(stmt: Stmt) -> tuple[Atom, ...]:
    match stmt:
        case Store() | Increment():
            return (stmt.array,)
        case Library():
            return stmt.outs
        case Call():
            return tuple(stmt.args[k] for k in stmt.writes)
        case _:
            return ()


def _is_plain(handle: Var) -> bool:
    return isinstance(handle.type, Array) and handle.type.ndim > 0 and handle.type.layout == "C"


def _copied(handle: Var, to: Var) -> list[Stmt]:
    """Statements that copy an array to a new one."""
    build = Builder()
    shape = build.shapes(handle)
    made = build.alloc("empty", handle.type.dtype, shape, to.hint)  # type: ignore[union-attr]
    build.stack[0][-1] = replace(build.stack[0][-1], target=to)  # type: ignore[call-arg]
    assert made.type == to.type
    build.nest(shape, lambda i: build.store(to, i, build.load(handle, i)))
    return build.stack[0]

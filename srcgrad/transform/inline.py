"""Write the body of one IR function into another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from srcgrad.ir.nodes import Atom, Block, Call, For, Function, If, Result, Stmt, Var, While, flatten
from srcgrad.ir.printer.text import unused
from srcgrad.ir.walk import defined, introduced, statements, substitute, with_values
from srcgrad.transform.build import Builder


def inline_function(build: Builder, function: Function, args: Sequence[Atom]) -> list[Atom]:
    """Emit `function` on `args`, one for each of its parameters, and return its results as a flat list."""
    fresh: dict[Var, Var] = {}
    for stmt in statements(function.body):
        for var in (*defined(stmt), *introduced(stmt)):
            fresh[var] = Var(var.hint, var.type)
    mapping: dict[Var, Atom] = {**dict(zip(function.params, args, strict=True)), **fresh}
    for stmt in _renamed(substitute(function.body, mapping), fresh):
        build.emit(stmt)
    return [mapping.get(a, a) if isinstance(a, Var) else a for a in flatten(function.results)]


def fresh_copy(function: Function) -> Function:
    """A copy with vars of its own, and a parameter of the signature for each number and array."""
    build = Builder()
    params = tuple(Var(p.hint, p.type) for p in function.params)
    results = inline_function(build, function, params)
    names: dict[str, Var] = {}
    for p in params:
        names[unused(p.hint or "value", names)] = p
    return replace(
        function, params=params, body=tuple(build.stack[0]), results=tuple(results), signature=tuple(names.items())
    )


def _renamed(block: Block, fresh: dict[Var, Var]) -> Block:
    """`block` with its definitions renamed; uses are renamed already."""
    return tuple(_rename(s, fresh) for s in block)


def _rename(stmt: Stmt, fresh: dict[Var, Var]) -> Stmt:
    match stmt:
        case If():
            results = tuple(Result(fresh[r.var], r.then, r.orelse) for r in stmt.results)
            then, orelse = _renamed(stmt.then, fresh), _renamed(stmt.orelse, fresh)
            return replace(stmt, then=then, orelse=orelse, results=results)
        case For() | While():
            carried = tuple(replace(c, inside=fresh[c.inside], result=fresh[c.result]) for c in stmt.carried)
            body = _renamed(stmt.body, fresh)
            if isinstance(stmt, For):
                return replace(stmt, index=fresh[stmt.index], carried=carried, body=body)
            return replace(stmt, carried=carried, body=body)
        case Call():
            return replace(stmt, targets=tuple(fresh[t] for t in stmt.targets))
        case _ if defined(stmt):
            return replace(stmt, target=fresh[stmt.target])  # type: ignore[attr-defined]
        case _:
            return stmt


def inline_calls(function: Function, chosen: Callable[[Call], bool] = lambda _: True) -> Function:
    """`function` with the bodies of the helpers that `chosen` selects written out, and those that they call in turn."""
    mapping: dict[Var, Atom] = {}
    body = _expanded(function.body, chosen, mapping)
    if body is function.body:
        return function
    return with_values(replace(function, body=body), mapping)


def _expanded(block: Block, chosen: Callable[[Call], bool], mapping: dict[Var, Atom]) -> Block:
    if not any(isinstance(s, Call) for s in statements(block)):
        return block
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case Call() if chosen(stmt):
                build = Builder()
                results = inline_function(build, stmt.function, stmt.args)
                mapping.update(zip(stmt.targets, results, strict=True))
                out += _expanded(tuple(build.stack[0]), chosen, mapping)
            case If():
                then, orelse = (_expanded(b, chosen, mapping) for b in (stmt.then, stmt.orelse))
                out.append(replace(stmt, then=then, orelse=orelse))
            case For() | While():
                out.append(replace(stmt, body=_expanded(stmt.body, chosen, mapping)))
            case _:
                out.append(stmt)
    return tuple(out)

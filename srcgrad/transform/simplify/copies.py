"""Copy and constant propagation: values that a loop or branch only passes through, sizes, operations on constants."""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import STRONG, Alloc, Assign, Atom, Block, Const, For, Function, If, Stmt, Var, While
from srcgrad.ir.types import Scalar
from srcgrad.ir.walk import statements, with_values
from srcgrad.transform.build import FOLDABLE, folded, strong


def propagate_copies(function: Function) -> Function:
    """Replace carried values that never change, branch results that are the same on both sides, and constants.

    >>> from srcgrad.ir.nodes import Result, TRUE
    >>> from srcgrad.ir.types import BOOL, INT64
    >>> x, y, c = Var("x", INT64), Var("y", INT64), Var("c", BOOL)
    >>> body = (If(c, (), (), (Result(y, x, x),)),)
    >>> propagate_copies(Function("f", (x, c), body, (y,), ())).results
    (%x,)
    """
    mapping: dict[Var, Atom] = _sizes(function)
    body = _block(function.body, mapping)
    while mapping:
        function = with_values(replace(function, body=body), mapping)
        mapping = {}
        body = _block(function.body, mapping)
    return replace(function, body=body)


def _sizes(function: Function) -> dict[Var, Atom]:
    """The sizes that are read off arrays which were made with these sizes."""
    inside = list(statements(function.body))
    shapes = {s.target: s.shape for s in inside if isinstance(s, Alloc)}
    found: dict[Var, Atom] = {}
    for stmt in inside:
        if isinstance(stmt, Assign) and stmt.op == "shape" and stmt.args[0] in shapes:
            array, axis = stmt.args
            found[stmt.target] = shapes[array][axis.value]  # type: ignore[index, union-attr]
    return found


def _block(block: Block, mapping: dict[Var, Atom]) -> Block:
    out: list[Stmt] = []
    for stmt in block:
        if isinstance(stmt, Assign) and stmt.op in STRONG and isinstance(stmt.args[0], Const) and stmt.args[0].value:
            stmt = replace(stmt, op=stmt.op[-1])  # it is not zero
        match stmt:
            case If():
                kept = []
                for r in stmt.results:
                    if r.then is r.orelse or same_constant(r.then, r.orelse):
                        mapping[r.var] = r.then
                    else:
                        kept.append(r)
                then, orelse = _block(stmt.then, mapping), _block(stmt.orelse, mapping)
                if isinstance(stmt.cond, Const):
                    out += then if stmt.cond.value else orelse
                    mapping.update({r.var: r.then if stmt.cond.value else r.orelse for r in kept})
                    continue
                out.append(replace(stmt, then=then, orelse=orelse, results=tuple(kept)))
            case For(start=Const(value=0), stop=Const(value=1), step=Const(value=1), mode="elementwise", exit=None):
                mapping[stmt.index] = stmt.start  # an axis of length 1
                mapping.update({c.inside: c.init for c in stmt.carried})
                mapping.update({c.result: c.next for c in stmt.carried})
                out += _block(stmt.body, mapping)
            case For() | While():
                carried = []
                for c in stmt.carried:
                    same = same_constant(c.next, c.init)
                    if c.next is c.inside or c.next is c.init or same:
                        mapping[c.inside] = mapping[c.result] = c.init
                    else:
                        carried.append(c)
                out.append(replace(stmt, carried=tuple(carried), body=_block(stmt.body, mapping)))
            case Assign(op="*", args=(one, other)) if _is_one(one, other, stmt):
                mapping[stmt.target] = other  # 1 * x -> x, which is exact
            case Assign(op="*", args=(other, one)) if _is_one(one, other, stmt):
                mapping[stmt.target] = other
            case Assign(op="where", args=(Const(value=cond), then, orelse)):
                chosen = then if cond else orelse
                if chosen.type == stmt.target.type:
                    mapping[stmt.target] = chosen
                else:
                    out.append(stmt)
            case Assign(target=Var(type=Scalar() as to)) if stmt.op in FOLDABLE and _all_constant(stmt):
                value = folded(stmt.op, [a for a in stmt.args if isinstance(a, Const)], to)
                if value is not None:
                    mapping[stmt.target] = strong(value)
                else:
                    out.append(stmt)
            case _:
                out.append(stmt)
    return tuple(out)


def same_constant(a: Atom, b: Atom) -> bool:
    """Whether two atoms are the same constant, the sign of zero included."""
    return isinstance(a, Const) and a == b and str(a.value) == str(b.value)  # type: ignore[union-attr]


def _all_constant(stmt: Assign) -> bool:
    return all(isinstance(a, Const) for a in stmt.args)


def _is_one(one: Atom, other: Atom, stmt: Assign) -> bool:
    return isinstance(one, Const) and one.value == 1 and other.type == stmt.target.type

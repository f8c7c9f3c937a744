"""Products of matrices in `prange` loops as loops: a thread of a GPU can call no BLAS.

    for i in prange(n):                      for i in prange(n):
        np.dot(a, x[i], y)          ->           for j in range(a.shape[0]):
                                                     for k in range(a.shape[1]):
                                                         y[j] += a[j, k] * x[i, k]

They are differentiated as such.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Atom, Block, Effect, For, Function, If, Library, Stmt, Var, While
from srcgrad.ir.walk import statements, with_values, without
from srcgrad.numpy_lib.products import MATMUL
from srcgrad.transform.build import Builder
from srcgrad.transform.inline import inline_function
from srcgrad.transform.lower import lower
from srcgrad.transform.simplify import eliminate_dead_code


def products_as_loops(function: Function) -> Function:
    """`function` with the products of matrices in its `prange` loops written out."""
    mapping: dict[Var, Atom] = {}
    body = _block(function.body, mapping, inside=False)
    if not mapping:
        return function
    return eliminate_dead_code(with_values(replace(function, body=body), mapping))


def _block(block: Block, mapping: dict[Var, Atom], *, inside: bool) -> Block:
    if not any(isinstance(s, Library) for s in statements(block)):
        return block
    out: list[Stmt] = []
    for stmt in block:
        match stmt:
            case Library(name="np.dot", ins=(a, b)) if inside:
                product = MATMUL[a.type.ndim, b.type.ndim]  # type: ignore[union-attr]
                lowered = lower(product, [("a", a.type), ("b", b.type)], trusted=True).function
                lowered = replace(lowered, body=without(lowered.body, Effect))  # that they fit was looked at before
                build = Builder()
                (mapping[stmt.outs[0]],) = inline_function(build, lowered, (a, b))
                out += (replace(s, loc=stmt.loc) for s in build.stack[0])
            case For():
                out.append(replace(stmt, body=_block(stmt.body, mapping, inside=inside or stmt.parallel)))
            case While():
                out.append(replace(stmt, body=_block(stmt.body, mapping, inside=inside)))
            case If():
                then, orelse = (_block(b, mapping, inside=inside) for b in (stmt.then, stmt.orelse))
                out.append(replace(stmt, then=then, orelse=orelse))
            case _:
                out.append(stmt)
    return tuple(out)

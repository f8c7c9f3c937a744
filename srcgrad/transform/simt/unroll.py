"""Loops around barriers whose trips are known, written out: the levels of a tree of sums, `while s > 0: ...; s //= 2`.

What controls them is made of constants, the shape of the block first of all.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import Assign, Atom, Block, Const, For, Function, If, Stmt, Var, While
from srcgrad.ir.types import Scalar
from srcgrad.ir.walk import defined, introduced, statements, substitute, uses
from srcgrad.transform.build import Builder, folded
from srcgrad.transform.inline import inline_function
from srcgrad.transform.simt.launch import Barrier

TRIPS = 12  # more than the levels of a tree over the largest block


def unroll_levels(function: Function) -> Function:
    """`function` without `while` loops around barriers that are known to make a few trips."""
    unroller = _Unroller(function)
    return replace(function, body=unroller.block(function.body))


class _Unroller:
    def __init__(self, function: Function) -> None:
        self.home = {v: s for s in statements(function.body) for v in defined(s)}
        self.known: dict[Var, Atom] = {}

    def block(self, block: Block) -> Block:
        out: list[Stmt] = []
        for given in block:
            stmt = substitute((given,), self.known)[0]
            match stmt:
                case While() if any(isinstance(s, Barrier) for s in statements(stmt.body)):
                    values = self.trips(stmt)
                    out += self.written(stmt, values) if values is not None else [stmt]
                case For() | While():
                    out.append(self.ended(replace(stmt, body=self.block(stmt.body))))
                case If():
                    out.append(self.ended(replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse))))
                case _:
                    out.append(stmt)
        return tuple(out)

    def ended(self, stmt: Stmt) -> Stmt:
        """A loop or branch that may carry on what a loop inside it has ended with."""
        return substitute((stmt,), self.known)[0]

    def trips(self, loop: While) -> list[dict[Var, Const]] | None:
        """The constants among what a loop carries, at the start of each trip and after the last; None if not known."""
        known = {c.inside: c.init for c in loop.carried if isinstance(c.init, Const)}
        going = self.value(loop.cond, {})
        found = [known]
        while going is not None and going.value:
            if len(found) > TRIPS:
                return None
            going = self.value(loop.again, known)
            following = {c.inside: self.value(c.next, known) for c in loop.carried}
            known = {v: a for v, a in following.items() if a is not None}
            found.append(known)
        return found if going is not None else None

    def value(self, atom: Atom, known: dict[Var, Const]) -> Const | None:
        """A value that is made of constants."""
        if isinstance(atom, Const):
            return atom
        if atom in known:
            return known[atom]  # type: ignore[index]
        stmt = self.home.get(atom) if isinstance(atom, Var) else None
        if not isinstance(stmt, Assign) or stmt.op.startswith(("np.random.", "text:")):
            return None
        args = [self.value(a, known) for a in stmt.args]
        if any(a is None for a in args):
            return None
        assert isinstance(stmt.target.type, Scalar)
        return folded(stmt.op, args, stmt.target.type)  # type: ignore[arg-type]

    def written(self, loop: While, values: list[dict[Var, Const]]) -> list[Stmt]:
        """The trips of a loop, one after the other."""
        build = Builder()
        inputs = [c.inside for c in loop.carried]
        own = {v for s in statements(loop.body) for v in (*defined(s), *introduced(s))}
        others = list(dict.fromkeys(v for v in uses(loop.body) if v not in own and v not in inputs))
        once = Function("", (*inputs, *others), loop.body, tuple(c.next for c in loop.carried), ())
        state: list[Atom] = [c.init for c in loop.carried]
        for after in values[1:]:
            state = inline_function(build, once, [*state, *others])
            state = [after.get(v, a) for v, a in zip(inputs, state, strict=True)]
        self.known.update(zip((c.result for c in loop.carried), state, strict=True))
        return build.stack[0]

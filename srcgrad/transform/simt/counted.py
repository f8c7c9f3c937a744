"""Loops over `while` that only count, as loops over a range.

    i = start                                  for i in range(start, stop, step):
    while i < stop:                    ->          ...
        ...
        i += step

The step is one of the launch, the number of threads of the grid say, or another number above 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from srcgrad.ir.nodes import Assign, Atom, Block, Carried, Const, For, Function, If, Stmt, Var, While
from srcgrad.ir.types import INT64
from srcgrad.ir.walk import defined, introduced, statements, substitute, uses
from srcgrad.transform.simt.launch import Launch


def count_loops(function: Function, launch: Launch) -> Function:
    """`function` with counting loops over ranges."""
    return replace(function, body=_Counting(function, launch).block(function.body))


class _Counting:
    def __init__(self, function: Function, launch: Launch) -> None:
        self.home = {v: s for s in statements(function.body) for v in defined(s)}
        self.above: set[Var] = set(launch.params)
        self.used = set(uses(function.body))

    def block(self, block: Iterable[Stmt]) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case While():
                    out.append(self.loop(replace(stmt, body=self.block(stmt.body))))
                case For():
                    out.append(replace(stmt, body=self.block(stmt.body)))
                case If():
                    out.append(replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse)))
                case _:
                    out.append(stmt)
        return tuple(out)

    def loop(self, stmt: While) -> Stmt:
        inside = {v for s in statements(stmt.body) for v in defined(s)} | set(introduced(stmt))
        first, again = self.home.get(stmt.cond), self.home.get(stmt.again)  # type: ignore[arg-type]
        if not (isinstance(first, Assign) and isinstance(again, Assign) and first.op == again.op == "<"):
            return stmt
        for c in stmt.carried:
            following = self.home.get(c.next) if isinstance(c.next, Var) else None
            if not (isinstance(following, Assign) and following.op == "+" and c.result not in self.used):
                continue
            step = next((a for a in following.args if a is not c.inside), None)
            fits = c.inside in following.args and step is not None and self.is_above(step)
            bounds = fits and first.args[0] == c.init and again.args[0] is c.next
            if not (bounds and c.inside.type == INT64 and self.same(first.args[1], again.args[1], inside)):
                continue
            assert step is not None
            if any(isinstance(a, Var) and a in inside for a in (first.args[1], step)):
                continue
            return self.counted(stmt, c, (c.init, first.args[1], step))
        return stmt

    def counted(self, stmt: While, counter: Carried, bounds: tuple[Atom, Atom, Atom]) -> For:
        index = Var(counter.inside.hint, counter.inside.type)
        at = {counter.inside: index}
        rest = tuple(
            replace(c, next=at.get(c.next, c.next))  # type: ignore[arg-type]
            for c in stmt.carried if c is not counter
        )  # fmt: skip
        return For(index, *bounds, rest, substitute(stmt.body, at), loc=stmt.loc)  # type: ignore[arg-type]

    def is_above(self, atom: Atom) -> bool:
        """Whether an integer is known to be above 0."""
        if isinstance(atom, Const):
            return bool(atom.value > 0)
        stmt = self.home.get(atom) if isinstance(atom, Var) else None
        if isinstance(stmt, Assign) and stmt.op in ("*", "+"):
            return all(self.is_above(a) for a in stmt.args)
        return atom in self.above

    def same(self, one: Atom, other: Atom, inside: set[Var]) -> bool:
        """Whether two values are equal, one computed before a loop and one in it."""
        if one == other:
            return other not in inside
        a, b = self.home.get(one), self.home.get(other)  # type: ignore[arg-type]
        if not (isinstance(a, Assign) and isinstance(b, Assign) and a.op == b.op and len(a.args) == len(b.args)):
            return False
        pure = not a.op.startswith(("np.random.", "text:"))
        return pure and all(self.same(x, y, inside) for x, y in zip(a.args, b.args, strict=True))

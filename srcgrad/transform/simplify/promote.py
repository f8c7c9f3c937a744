"""Scalar replacement: what a loop adds to one element of an array is added to a number, which is stored at its end.

S. Carr, K. Kennedy, Scalar replacement in the presence of conditional control flow (1994).
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.ir.nodes import (
    FALSE,
    ONE,
    TRUE,
    Assign,
    Atom,
    Block,
    Call,
    Carried,
    Const,
    For,
    Function,
    If,
    Increment,
    Library,
    Load,
    Result,
    Stmt,
    Store,
    Var,
    While,
    number,
)  # fmt: skip
from srcgrad.ir.types import BOOL, Array
from srcgrad.ir.walk import defined, introduced, statements
from srcgrad.transform.analysis.affine import Iterations
from srcgrad.transform.analysis.aliases import Aliases, find_aliases
from srcgrad.transform.analysis.places import Places, find_places


def promote_sums(function: Function) -> Function:
    """Let innermost loops add to elements that are the same in all their iterations once, at their end."""
    return replace(function, body=_Promoter(find_aliases(function), find_places(function)).block(function.body))


class _Promoter:
    def __init__(self, aliases: Aliases, places: Places) -> None:
        self.aliases, self.places = aliases, places

    def block(self, block: Block) -> Block:
        out: list[Stmt] = []
        for stmt in block:
            match stmt:
                case If():
                    out.append(replace(stmt, then=self.block(stmt.then), orelse=self.block(stmt.orelse)))
                case For(exit=None, step=Const(value=1 | -1)) if not _has_loops(stmt):
                    out += self.promoted(stmt)
                case For() | While():
                    out.append(replace(stmt, body=self.block(stmt.body)))
                case _:
                    out.append(stmt)
        return tuple(out)

    def promoted(self, loop: For) -> list[Stmt]:
        inside = list(statements(loop.body))
        own = {v for s in (loop, *inside) for v in introduced(s)} | {v for s in inside for v in defined(s)}
        accesses = [s for s in inside if isinstance(s, Load | Store | Increment)]
        body: list[Stmt] = []
        carried = list(loop.carried)
        starts: list[Stmt] = []
        results: list[Result] = []
        ends: list[Stmt] = []
        for stmt in loop.body:
            if not (isinstance(stmt, Increment) and _is_fixed(stmt, own) and self.is_alone(stmt, accesses)):
                body.append(stmt)
                continue
            assert isinstance(stmt.array.type, Array)
            item = stmt.array.type.item
            inside_var, after, total = (Var(stmt.array.hint, item) for _ in range(3))
            body.append(Assign(after, "+", (inside_var, stmt.value), stmt.loose, loc=stmt.loc))
            init: Atom = number(0.0, item)
            if stmt.loose:
                ends.append(replace(stmt, value=total))
            else:  # the user's terms are added in the user's order
                element, init = Var("", item), Var(stmt.array.hint, item)
                starts.append(Load(element, stmt.array, stmt.index, loc=stmt.loc))
                results.append(Result(init, element, number(0.0, item)))
                ends.append(Store(stmt.array, stmt.index, total, loc=stmt.loc))
            carried.append(Carried(inside_var, init, after, total))
        if not ends:
            return [loop]
        added = replace(loop, carried=tuple(carried), body=tuple(body))
        first, last = (loop.start, loop.stop) if loop.step == ONE else (loop.stop, loop.start)
        runs: Atom = Var("", BOOL)  # an element that no iteration adds to may not exist
        if isinstance(first, Const) and isinstance(last, Const):
            runs = TRUE if first.value < last.value else FALSE
        out: list[Stmt] = [Assign(runs, "<", (first, last), loc=loop.loc)] if isinstance(runs, Var) else []
        if starts:
            out.append(If(runs, tuple(starts), (), tuple(results), loc=loop.loc))
        return [*out, added, If(runs, tuple(ends), (), loc=loop.loc)]

    def is_alone(self, stmt: Increment, accesses: list) -> bool:
        """Whether nothing else in the loop addresses the element."""
        others = (s for s in accesses if s is not stmt and self.aliases.may_meet(s.array, stmt.array))
        return all(s.array is stmt.array and self.differ(s.index, stmt.index) for s in others)

    def differ(self, one: tuple[Atom, ...], other: tuple[Atom, ...]) -> bool:
        """Whether two indices are known to be of different elements, whatever the iteration of the loop."""
        moment = Iterations(self.places, [], None)
        for a, b in zip(one, other, strict=True):
            first, second = moment.form(a, later=False), moment.form(b, later=False)
            gaps = (moment.least(first.plus(second, -1)), moment.least(second.plus(first, -1)))
            ends = (moment.least(first), moment.least(second))
            if any(g is not None and g > 0 for g in gaps) and all(e is not None and e >= 0 for e in ends):
                return True  # and neither counts from the end of the axis
        return False


def _has_loops(stmt: For) -> bool:
    return any(isinstance(s, For | While | Call | Library) for s in statements(stmt.body))


def _is_fixed(stmt: Increment, own: set[Var]) -> bool:
    atoms: tuple[Atom, ...] = (stmt.array, *stmt.index)
    fits = isinstance(stmt.array.type, Array) and stmt.value.type == stmt.array.type.item
    return fits and not any(a in own for a in atoms if isinstance(a, Var))

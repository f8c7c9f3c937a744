"""What a loop carries and its chunks can each begin anew: sums, products, extremes, and what is noted where one is.

    m = max(m, x[i])                  if x[i] < m:                          s += x[i]
                                          m, k = x[i], i

A chunk begins with nothing (0 of a sum, 1 of a product), or with what the loop begins with, which changes no extreme.
What the chunks end with is put together in order, by what an iteration does: so the first of equal extremes is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from srcgrad.ir.nodes import Assign, Atom, Carried, Const, For, Function, If, Load, Stmt, Var, number
from srcgrad.ir.types import INT64, Scalar
from srcgrad.ir.walk import defined, rebuilt, statements, uses
from srcgrad.transform.analysis.independence import is_chain
from srcgrad.transform.build import Builder

_EXTREMES = ("max", "min", "np.maximum", "np.minimum")
_COMMUTATIVE = {"+", "*"}  # np.maximum is too, but not its derivative where one of both is no number


@dataclass(frozen=True)
class Fold:
    """Values that a loop carries and that belong together.

    Attributes:
        carried: the values; the one that is compared first.
        op: what takes the value so far and that of an iteration: "+", "*", "max", ...; or "<" or ">", where values are
            replaced if that holds for the first of them; or "<=" or ">=", where it is an index, and is replaced if that
            does not hold for the elements of an array, of which the first that is no number stays.
        element: of an index, the access to the iteration's own element.
    """

    carried: tuple[Carried, ...]
    op: str
    element: Load | None = None

    def begun(self) -> tuple[Atom, ...]:
        """What a chunk begins with."""
        if self.op in ("+", "*"):
            (c,) = self.carried
            value = 0 if self.op == "+" else 1
            return (Const(value, INT64) if c.inside.type == INT64 else number(value, c.inside.type),)
        return tuple(c.init for c in self.carried)

    def joined(self, build: Builder, sofar: Sequence[Atom], part: Sequence[Atom], index: Var) -> list[Atom]:
        """Emit what puts the values of the next chunk to those so far; `index` is that of the loop."""
        if self.op in ("+", "*", *_EXTREMES):
            return [build.op(self.op, sofar[0], part[0])]
        if self.element is None:
            better = build.op(self.op, part[0], sofar[0])
        else:
            found, top = (
                build.load(self.element.array, tuple(k if i is index else i for i in self.element.index))
                for k in (part[0], sofar[0])
            )
            settled = build.op(self.op, found, top)
            if found.type != INT64:
                settled = build.op("|", settled, build.op("np.isnan", top))
            better = build.op("not", settled)
        return [build.op("where", better, p, s) for p, s in zip(part, sofar, strict=True)]


def carried_first(function: Function) -> Function:
    """`s + x` for `x + s` and the like in parallel loops, where `s` is what a loop carries."""

    def change(stmt: Stmt) -> Stmt:
        if not (isinstance(stmt, For) and stmt.parallel):
            return stmt
        inside = list(statements((stmt,)))
        carried = {c.next: c.inside for s in inside if isinstance(s, For) for c in s.carried}
        return rebuilt((stmt,), lambda s: _turned(s, carried))[0]

    return replace(function, body=rebuilt(function.body, change))


def _turned(stmt: Stmt, carried: Mapping[Atom, Var]) -> Stmt:
    match stmt:
        case Assign(args=(a, b)) if stmt.op in _COMMUTATIVE and b is carried.get(stmt.target) is not a:
            return replace(stmt, args=(b, a))
        case _:
            return stmt


def folds_of(loop: For, inside: Sequence[Stmt]) -> tuple[list[Fold], list[Carried]]:
    """The folds of a loop, and what else it carries."""
    read = list(uses(loop.body))
    home = {v: s for s in inside for v in defined(s)}
    found: list[Fold] = []
    rest: list[Carried] = []
    for c in loop.carried:
        op = _chained(c, home, read) if isinstance(c.inside.type, Scalar) else None
        if op is not None:
            found.append(Fold((c,), op))
        else:
            rest.append(c)
    for fold in _compared(rest, loop, home, read):
        found.append(fold)
        rest = [c for c in rest if c not in fold.carried]
    return found, rest


def _chained(c: Carried, home: Mapping[Var, Stmt], read: list[Var]) -> str | None:
    """The operation by which all that an iteration has is put to one value."""
    if c.next in read:
        return None
    for op in ("+", "*", *_EXTREMES):
        ops = ("+", "-") if op == "+" else (op,)
        if is_chain(c.next, c.inside, home, read, ops):
            return op
    return None


def _compared(rest: list[Carried], loop: For, home: Mapping[Var, Stmt], read: list[Var]) -> Iterator[Fold]:
    """The values of `rest` that an iteration replaces if one of them is not as good as what it has."""
    for stmt in loop.body:
        if not isinstance(stmt, If) or read.count(stmt.cond) != 1:  # type: ignore[arg-type]
            continue
        results = {r.var: r for r in stmt.results}
        group = [c for c in rest if c.next in results and results[c.next].orelse is c.inside]  # type: ignore[index]
        group = [c for c in group if isinstance(c.inside.type, Scalar)]
        if len(group) < len(results) or any(c.next in read for c in group):
            continue
        if not all(isinstance(s, Assign | Load) for s in statements((*stmt.then, *stmt.orelse))):
            continue  # what is done where a value is better than those before depends on which are before
        cond = home.get(stmt.cond)  # type: ignore[arg-type]
        for first in group:
            then = results[first.next].then  # type: ignore[index]
            op = _comparison(cond, then, first.inside)
            if op is not None and all(read.count(c.inside) == (2 if c is first else 1) for c in group):
                yield Fold((first, *(c for c in group if c is not first)), op)
                break
        else:
            if len(group) == 1 and results[group[0].next].then is loop.index and read.count(group[0].inside) == 2:  # type: ignore[index]
                found = _position(cond, group[0].inside, loop, home, read)
                if found is not None:
                    yield Fold((group[0],), *found)


def _comparison(cond: Stmt | None, new: Atom, old: Var) -> str | None:
    """How a condition compares a new value with the old one, if equal ones are left and those that are no numbers."""
    match cond:
        case Assign(op="<" | ">", args=(a, b)) if a == new and b is old:
            return cond.op
        case Assign(op="<" | ">", args=(a, b)) if a is old and b == new:
            return "<" if cond.op == ">" else ">"
        case _:
            return None


def _position(
    cond: Stmt | None, best: Var, loop: For, home: Mapping[Var, Stmt], read: list[Var]
) -> tuple[str, Load] | None:  # fmt: skip
    """How the elements at the index of an iteration and at the best one are compared, as `np.argmax` does."""
    if not (isinstance(cond, Assign) and cond.op == "not"):
        return None
    (settled,) = cond.args
    steps = [settled]
    top: Atom | None = None
    test = home.get(settled)  # type: ignore[arg-type]
    if isinstance(test, Assign) and test.op == "|":
        settled, missing = test.args
        steps += test.args
        is_nan = home.get(missing)  # type: ignore[arg-type]
        if not (isinstance(is_nan, Assign) and is_nan.op == "np.isnan"):
            return None
        (top,) = is_nan.args
        test = home.get(settled)  # type: ignore[arg-type]
    if any(read.count(v) != 1 for v in steps):  # type: ignore[arg-type]
        return None
    if not (isinstance(test, Assign) and test.op in ("<=", ">=")):
        return None
    own, highest = test.args
    one, other = home.get(own), home.get(highest)  # type: ignore[arg-type]
    if not (isinstance(one, Load) and isinstance(other, Load) and one.array is other.array):
        return None
    if top not in (None, highest) or read.count(other.target) != (1 if top is None else 2):
        return None
    if (top is None) != (highest.type == INT64) or loop.index not in one.index:
        return None
    if other.index != tuple(best if i is loop.index else i for i in one.index):
        return None
    return (test.op, one) if all(i is loop.index or i not in home for i in one.index) else None

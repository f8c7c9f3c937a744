"""Indices that `prange` loops look up in arrays: what has to hold of them is looked at before the loop, at run time.

    for i in prange(n):                             raise ValueError unless 0 <= start[0] <= start[1] <= ... start[n]
        for k in range(start[i], start[i + 1]):     ->
            y[k] = ...                              for i in prange(n): ...

So are indices that must all be different, as of `y[place[i]] = x[i]`. An inspector before a loop is an old idea:
J. Saltz, R. Mirchandaney, K. Crowley, Run-time parallelization and scheduling of loops (1991).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from srcgrad.ir.nodes import (
    ONE,
    TRUE,
    ZERO,
    Atom,
    Block,
    Carried,
    Const,
    Effect,
    For,
    Function,
    If,
    Load,
    Order,
    Stmt,
    Var,
    integer,
)
from srcgrad.ir.types import INT64, Array, is_integer
from srcgrad.ir.walk import arrays_written, defined, introduced, rebuilt, statements
from srcgrad.transform.analysis.affine import Iterations
from srcgrad.transform.analysis.analyses import Analyses, analyses_of
from srcgrad.transform.analysis.independence import starts_at_a_number
from srcgrad.transform.build import Builder, strong
from srcgrad.transform.parallel.check import outermost
from srcgrad.transform.parallel.sharing import sharing_of


@dataclass(frozen=True, eq=False)
class Table:
    """An array of integers that a loop loads from at its own index, plus one of these numbers.

    `order` is what may be needed of it: bounds of rows rise; single indices differ.
    """

    array: Var
    loads: dict[Load, int]
    order: Order


def look_up(function: Function) -> Function:
    """`function` with the tables in order that make its `prange` loops ones whose iterations do not meet."""
    analyses = analyses_of(function)
    orders: dict[Load, Order] = {}
    checks: dict[Var, list[Table]] = {}
    for loop in outermost(function, analyses.places):
        if sharing_of(loop, analyses) is None:
            checks[loop.index] = _needed(loop, analyses)
            orders |= _orders(checks[loop.index])
    if not orders:
        return function

    def change(stmt: Stmt) -> Stmt | Block:
        match stmt:
            case Load() if stmt in orders:
                return replace(stmt, order=orders[stmt])
            case For() if checks.get(stmt.index):
                build = Builder()
                build.loc = stmt.loc
                for table in checks[stmt.index]:
                    _check(build, stmt, table)
                return (*build.stack[0], stmt)
            case _:
                return stmt

    return replace(function, body=rebuilt(function.body, change))


def _orders(tables: list[Table]) -> dict[Load, Order]:
    return {load: table.order for table in tables for load in table.loads}


def _needed(loop: For, analyses: Analyses) -> list[Table]:
    """The tables that have to be in order for the iterations not to meet; none if that does not help."""

    def helps(chosen: list[Table]) -> bool:
        return sharing_of(loop, replace(analyses, assumed=_orders(chosen))) is not None

    chosen = list(_tables(loop, analyses))
    if not chosen or not helps(chosen):
        return []
    for table in list(chosen):
        fewer = [c for c in chosen if c is not table]
        if helps(fewer):
            chosen = fewer
    return chosen


def _tables(loop: For, analyses: Analyses) -> Iterator[Table]:
    inside = list(statements(loop.body))
    made = {loop.index, *(v for s in inside for v in (*defined(s), *introduced(s)))}
    written = {a for s in inside for a in arrays_written(s)}
    found: dict[Var, dict[Load, int]] = {}
    for stmt in inside:
        if isinstance(stmt, Load) and _is_table(stmt.array) and stmt.array not in made:
            distance = _distance(stmt, loop, analyses)
            if distance is not None:
                found.setdefault(stmt.array, {})[stmt] = distance
    for array, loads in found.items():
        if not any(analyses.may_meet(array, w) for w in written):
            yield Table(array, loads, Order("rising" if len(set(loads.values())) > 1 else "distinct"))


def _is_table(array: Var) -> bool:
    assert isinstance(array.type, Array)
    return array.type.ndim == 1 and is_integer(array.type.item)


def _distance(load: Load, loop: For, analyses: Analyses) -> int | None:
    """How far an element is from the loop's own index; None where that is no constant, or it may be below 0."""
    moment = Iterations(analyses.places, [], None)
    form = moment.form(load.index[0], later=False)
    if [(s.var, n) for s, n in form.terms] != [(loop.index, 1)]:
        return None
    least = moment.least(form)
    if least is None and load.index[0] is loop.index and starts_at_a_number(loop.index, analyses.places):
        least = 0
    return form.constant if least is not None and least >= 0 else None


def _check(build: Builder, loop: For, table: Table) -> None:
    """Emit what raises where a table is not in order, if the loop makes a trip at all."""
    array, distances = table.array, table.loads.values()
    with build.block() as inside:
        first, end = (build.index("+", a, integer(d(distances))) for a, d in ((loop.start, min), (loop.stop, max)))
        end = build.op("min", end, build.shape(array, 0))  # an iteration may load nothing
        if table.order.kind == "rising":
            build.loop(end, lambda i: _look_back(build, array, i, first), start=first)
        else:
            _look_for_pairs(build, array, first, end)
    build.emit(If(build.op("<", loop.start, loop.stop), tuple(inside), (), (), loc=loop.loc))


def _look_back(build: Builder, array: Var, i: Var, first: Atom) -> None:
    value, before = (build.load(array, (at,)) for at in (i, build.op("max", build.op("-", i, ONE), first)))
    below = build.op("<", value, Const(0, value.type))
    _raise(build, build.op("|", below, build.op("<", value, before)), array, "does not rise from 0 or more")


def _look_for_pairs(build: Builder, array: Var, first: Atom, end: Atom) -> None:
    inside, found = Var("most", INT64), Var("most", INT64)
    index = Var("i", INT64)
    with build.block() as body:
        value = build.load(array, (index,))
        _raise(build, build.op("<", value, Const(0, value.type)), array, "has a negative one")
        carried = Carried(inside, ZERO, build.op("max", inside, build.cast(value, INT64)), found)
    build.emit(For(index, strong(first), strong(end), ONE, (carried,), tuple(body), loc=build.loc))
    seen = build.alloc("zeros", "bool", (build.op("+", found, ONE),), "seen")

    def look(i: Var) -> None:
        place = build.load(array, (i,))
        _raise(build, build.load(seen, (place,)), array, "has one twice")
        build.store(seen, (place,), TRUE)

    build.loop(end, look, start=first)


def _raise(build: Builder, cond: Atom, array: Var, what: str) -> None:
    name = f"'{array.hint}'" if array.hint else "an array"
    text = f"indices that a prange loop looks up in {name} must keep its iterations apart: it {what}"
    error = Effect(f"raise ValueError({text!r})", (), loc=build.loc)
    build.emit(If(cond, (error,), (), (), loc=build.loc))

"""Statements: assignment, branches, loops, effects."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from srcgrad.errors import UnsupportedError
from srcgrad.ir.nodes import FALSE, ONE, Atom, Const, Increment, Store, Var
from srcgrad.ir.types import INT64, is_float
from srcgrad.ir.walk import statements as all_statements
from srcgrad.transform.build import strong
from srcgrad.transform.lower import arrays, control, effects, expressions, gather, iteration, subscripts
from srcgrad.transform.lower.scope import PoisonedError, Scope, assigned_names
from srcgrad.transform.lower.values import (
    PENDING,
    POISON,
    Growing,
    IndexGrid,
    Items,
    Range,
    Static,
    Tuple,
    Value,
    is_array,
    is_atom,
)  # fmt: skip


def block(scope: Scope, stmts: list[ast.stmt]) -> None:
    """Lower statements in order; one that is refused is noted, and what it binds is silenced."""
    for stmt in stmts:
        scope.build.loc = scope.at(stmt)
        try:
            statement(scope, stmt)
        except UnsupportedError as error:
            if scope.call_site is not None:
                raise  # library code: what follows would only repeat it
            scope.context.problems.extend(p for p in error.problems if p not in scope.context.problems)
            _poison(scope, stmt)
        except PoisonedError:
            _poison(scope, stmt)


def _poison(scope: Scope, stmt: ast.stmt) -> None:
    """Silence the names of a statement that failed: for good, or until the next look at the loop around it."""
    for name in assigned_names([stmt]):
        scope.bind(name, PENDING if scope.context.pending else POISON)


def statement(scope: Scope, stmt: ast.stmt) -> None:
    match stmt:
        case ast.Assign():
            deferred = len(stmt.targets) == 1 and isinstance(stmt.targets[0], ast.Subscript)
            value = (expressions.operand if deferred else expressions.expression)(scope, stmt.value)
            for target in stmt.targets:
                assign(scope, target, value)
        case ast.AnnAssign():
            if stmt.value is not None:
                assign(scope, stmt.target, expressions.expression(scope, stmt.value))
        case ast.AugAssign():
            augmented(scope, stmt)
        case ast.If():
            cond = expressions.truth(scope, stmt.test)
            control.branch(
                scope, cond, lambda: block(scope, stmt.body), lambda: block(scope, stmt.orelse), stmt
            )  # fmt: skip
        case ast.For():
            for_loop(scope, stmt)
        case ast.While():
            control.while_true(
                scope, lambda: expressions.truth(scope, stmt.test), assigned_names([stmt]),
                lambda: block(scope, stmt.body), stmt,
            )  # fmt: skip
        case ast.Expr():
            if not isinstance(stmt.value, ast.Constant):
                stmt.value.is_statement = True  # type: ignore[attr-defined]  # nothing reads its value
                expressions.expression(scope, stmt.value)
        case ast.Assert():
            cond = expressions.truth(scope, stmt.test)
            effects.assertion(scope, cond, stmt)
        case ast.Raise():
            effects.raise_statement(scope, stmt)
        case ast.FunctionDef():
            scope.bind(stmt.name, expressions.closure(scope, stmt))
        case ast.Return():  # only ever the last statement
            value = expressions.expression(scope, stmt.value) if stmt.value is not None else Static(None)
            scope.bind("return", value)
        case ast.Pass():
            pass
        case _:
            kind = type(stmt).__name__.lower()
            raise scope.problem(f"{kind} statements are not differentiable", stmt, "rewrite it with if, for and while")


# -- assignment ----------------------------------------------------------------------------------------------------


def assign(scope: Scope, target: ast.expr, value: Value) -> None:
    """Bind or write `target`."""
    match target:
        case ast.Name():
            if target.id in scope.growing and isinstance(value, Tuple) and value.is_list:
                value = _growing(scope, target, value)
            if is_atom(value):
                scope.build.name(value, target.id)
                value = strong(value)
            scope.bind(target.id, value)
        case ast.Tuple() | ast.List():
            items = iteration.unpack(scope, value, len(target.elts), target)
            for element, item in zip(target.elts, items, strict=True):
                assign(scope, element, item)
        case ast.Subscript():
            owner = expressions.container(scope, target.value)
            subscripts.write(scope, owner, target, value)
        case ast.Attribute():
            raise scope.problem("an attribute cannot be written in a differentiable function", target, "return it")
        case _:
            raise scope.problem("this cannot be assigned to", target, "assign to a name or an element")


def _growing(scope: Scope, target: ast.Name, value: Tuple) -> Growing:
    """A list that a loop changes, as an array."""
    if target.id not in scope.private:
        hint = "make an array of its final length and fill it"
        raise scope.problem("only a list with a single name can be changed", target, hint)
    if not all(is_atom(v) and is_float(v.type) for v in value.items):
        message = "a list that a loop changes must hold floats"
        raise scope.problem(message, target, "write 0.0 for 0, or use an array")
    return Growing(arrays.from_items(scope, value, None, target))


def augmented(scope: Scope, stmt: ast.AugAssign) -> None:
    """`target op= value`: rebinds a scalar name, writes an array and all its aliases."""
    op = expressions.BINARY[type(stmt.op)]
    if isinstance(stmt.target, ast.Name):
        old = scope.lookup(stmt.target.id, stmt.target)
        value = expressions.operand(scope, stmt.value)
        if isinstance(old, Tuple) and old.is_list:
            raise scope.problem("a list cannot be extended in place", stmt, "append its elements")
        if is_array(old):
            arrays.update(scope, old, op, value, stmt)
        else:
            assign(scope, stmt.target, arrays.forced(scope, expressions.binary(scope, op, old, value, stmt)))
        return
    if not isinstance(stmt.target, ast.Subscript):
        raise scope.problem("an attribute cannot be written in a differentiable function", stmt.target, "return it")
    owner = expressions.container(scope, stmt.target.value)
    place = subscripts.place(scope, owner, stmt.target)
    if isinstance(place, gather.Chosen):
        gather.update(scope, place, op, expressions.expression(scope, stmt.value), stmt)
        return
    if not isinstance(place, subscripts.Element):
        value = expressions.operand(scope, stmt.value)
        arrays.update(scope, place, op, value, stmt)
        return
    array, index = place.array, place.index
    arrays.check_writable(scope, array, stmt.target)
    old = scope.build.load(array, index)  # Python reads the element before the right-hand side runs
    mark = len(scope.build.stack[-1])
    value = expressions.scalar(scope, stmt.value)
    written = any(isinstance(s, Store | Increment) for s in all_statements(tuple(scope.build.stack[-1][mark:])))
    scope.build.loc = scope.at(stmt)
    if op in "+-" and not written and old.type.dtype != "bool":
        scope.build.increment(array, index, value if op == "+" else scope.build.op("neg", value))
    else:
        new = expressions.binary(scope, op, old, value, stmt)
        scope.build.store(array, index, new)


# -- for -----------------------------------------------------------------------------------------------------------


def for_loop(scope: Scope, stmt: ast.For) -> None:
    """`for target in iterable`, over a range, an array, a tuple, enumerate, zip, reversed or np.ndindex."""
    body, flag = _split_exit(stmt.body)
    assigned = assigned_names([stmt])
    iterable = iteration.iterable(scope, stmt.iter)

    def once(item: Callable[[], Value]) -> Atom | None:
        assign(scope, stmt.target, item())
        block(scope, body)
        return expressions.truth(scope, flag) if flag is not None else None

    hint = stmt.target.id if isinstance(stmt.target, ast.Name) else "i"
    if isinstance(iterable, Range):
        bounds = (iterable.start, iterable.stop, iterable.step)
        control.for_range(
            scope, bounds, assigned, lambda i: once(lambda: i), hint, stmt, iterable.snapshots,
            parallel=iterable.parallel,
        )  # fmt: skip
    elif isinstance(iterable, Items):
        numbered = Items(iterable.length, iterable.item)
        control.counted(scope, numbered.length, assigned, lambda i: once(lambda: numbered.item(i)), "i", stmt)
    elif isinstance(iterable, IndexGrid):
        _grid(scope, iterable, assigned, once, flag, stmt)
    else:
        _unrolled(scope, list(iterable.items), once, stmt)


def _split_exit(body: list[ast.stmt]) -> tuple[list[ast.stmt], ast.expr | None]:
    """Take the `if flag: break` off the end of a loop body that `structure_exits` left there."""
    last = body[-1]
    if isinstance(last, ast.If) and len(last.body) == 1 and isinstance(last.body[0], ast.Break):
        return body[:-1], last.test
    return body, None


def _unrolled(scope: Scope, items: list[Value], once: Callable[..., Any], node: ast.For) -> None:
    """A loop over a tuple: each element may have a type of its own, so the body is lowered for each."""
    if not items:
        return
    stop = once(lambda: items[0]) or FALSE
    control.branch(scope, stop, lambda: None, lambda: _unrolled(scope, items[1:], once, node), node)


def _grid(
    scope: Scope, grid: IndexGrid, assigned: list[str], once: Callable[..., Any], flag: ast.expr | None, node: ast.For
) -> None:
    if flag is not None:
        raise scope.problem("a loop over np.ndindex cannot be left early", node, "write nested range loops")

    def level(index: tuple[Var, ...]) -> None:
        if len(index) == len(grid.shape):
            once(lambda: Tuple(index))
            return
        hint = "ijklmn"[len(index) % 6]
        bounds = (Const(0, INT64), grid.shape[len(index)], ONE)
        control.for_range(scope, bounds, assigned, lambda i: level((*index, i)), hint, node)

    level(())

"""Comparisons: chains, tuples, `is` and `in`."""

from __future__ import annotations

import ast

from srcgrad.ir.nodes import FALSE, ONE, TRUE, Atom, Const
from srcgrad.ir.types import is_integer
from srcgrad.transform.lower import arrays, expressions, sizes
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Static, Tuple, Value, describe, is_operand, is_scalar

COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def comparison(scope: Scope, node: ast.Compare) -> Value:
    """`a < b <= c`: each operand is evaluated once, later ones only if they are reached."""
    if len(node.ops) == 1:
        left, right = expressions.operands(scope, [node.left, node.comparators[0]])
        scope.build.loc = scope.at(node)
        return _compare(scope, node.ops[0], left, right, node)
    left = expressions.expression(scope, node.left)
    return _chain(scope, left, list(node.ops), list(node.comparators), node)


def _chain(scope: Scope, left: Value, ops: list[ast.cmpop], rest: list[ast.expr], node: ast.Compare) -> Value:
    right = expressions.expression(scope, rest[0])
    scope.build.loc = scope.at(node)
    first = _compare(scope, ops[0], left, right, node)
    if len(ops) == 1:
        return first
    if isinstance(first, Const):
        return _chain(scope, right, ops[1:], rest[1:], node) if first.value else FALSE

    def later() -> Value:
        return _chain(scope, right, ops[1:], rest[1:], node)

    return expressions.lazily(scope, first, later, is_and=True, node=node)


def _compare(scope: Scope, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
    if isinstance(op, ast.Is | ast.IsNot):
        if isinstance(left, Static) or isinstance(right, Static):
            same = isinstance(left, Static) and isinstance(right, Static) and left.object is right.object
            return TRUE if same is isinstance(op, ast.Is) else FALSE
        raise scope.problem("'is' compares only with None", node, "use ==")
    if isinstance(op, ast.In | ast.NotIn):
        found = _contains(scope, left, right, node)
        return scope.build.op("not", found) if isinstance(op, ast.NotIn) else found
    symbol = COMPARE[type(op)]
    if isinstance(left, Static) or isinstance(right, Static):
        if isinstance(left, Static) and isinstance(right, Static):
            outcome = {"==": left.object == right.object, "!=": left.object != right.object}.get(symbol)
            if outcome is None and isinstance(left.object, str) and isinstance(right.object, str):
                a, b = left.object, right.object
                outcome = {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[symbol]
            if outcome is not None:
                return TRUE if outcome else FALSE
        elif symbol in ("==", "!=") and not (is_operand(left) or is_operand(right)):
            return TRUE if symbol == "!=" else FALSE
    if isinstance(left, Tuple) and isinstance(right, Tuple) and symbol in ("==", "!="):
        return _compare_tuples(scope, left, right, symbol, node)
    if is_operand(left) or is_operand(right):
        left, right = (arrays.as_array(scope, v, node) if isinstance(v, Tuple) else v for v in (left, right))
        return arrays.elementwise(scope, symbol, [left, right], node)
    if is_scalar(left) and is_scalar(right):
        if scope.call_site is not None and symbol in ("==", "!=") and is_integer(left.type) and is_integer(right.type):
            if sizes.same(scope, left, right):  # library code checks shapes
                return TRUE if symbol == "==" else FALSE
            if right == ONE and sizes.is_not_one(scope, left):
                return FALSE if symbol == "==" else TRUE
        return scope.build.op(symbol, left, right)
    raise scope.problem(f"{describe(left)} and {describe(right)} cannot be compared", node, "compare numbers")


def _equal(scope: Scope, left: Value, right: Value, node: ast.AST) -> Atom:
    """`left == right` as one bool."""
    return expressions.truth_of(scope, _compare(scope, ast.Eq(), left, right, node), node)


def _compare_tuples(scope: Scope, left: Tuple, right: Tuple, symbol: str, node: ast.AST) -> Atom:
    if len(left.items) != len(right.items):
        return TRUE if symbol == "!=" else FALSE
    equal: Atom = TRUE
    for a, b in zip(left.items, right.items, strict=True):
        one = _equal(scope, a, b, node)
        equal = one if equal == TRUE else scope.build.op("&", equal, one)
    return scope.build.op("not", equal) if symbol == "!=" else equal


def is_text(value: Value) -> bool:
    return isinstance(value, Static) and isinstance(value.object, str)


def _contains(scope: Scope, item: Value, container: Value, node: ast.AST) -> Atom:
    if isinstance(container, Static) and isinstance(container.object, str) and is_text(item):
        return TRUE if item.object in container.object else FALSE
    if isinstance(container, Tuple):
        found: Atom = FALSE
        for candidate in container.items:
            one = _equal(scope, item, candidate, node)
            if isinstance(one, Const):
                if one.value:
                    return TRUE
                continue
            found = one if found == FALSE else scope.build.op("|", found, one)
        return found
    raise scope.problem(f"'in' does not search {describe(container)}", node, "write a loop")

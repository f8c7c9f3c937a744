"""Expressions: operators, comparisons, conditional expressions, names and attributes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from srcgrad.ir.nodes import FALSE, TRUE, Atom, Const
from srcgrad.ir.types import BOOL, FLOAT64, INT64, Scalar, is_float, is_integer, unify
from srcgrad.numpy_lib.comparing import has_no_negative
from srcgrad.rules import RULES
from srcgrad.transform.build import strong
from srcgrad.transform.lower import arrays, attributes, calls, comparisons, control, library, sizes, subscripts
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import (
    Closure,
    Elements,
    FormattedText,
    Growing,
    Static,
    Tuple,
    Value,
    describe,
    is_array,
    is_atom,
    is_operand,
    is_scalar,
)  # fmt: skip

BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.MatMult: "@",
}  # fmt: skip
UNARY = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "~"}
BITS = ("&", "|", "^", "<<", ">>", "~", "math.gcd")


def expression(scope: Scope, node: ast.expr) -> Value:
    """Lower an expression and return its value; what an array expression computes is an array."""
    return arrays.forced(scope, operand(scope, node))


def operands(scope: Scope, nodes: list[ast.expr]) -> list[Value]:
    """Lower the operands of an operation, in order, without computing array expressions yet.

    Where a later operand writes what an earlier one reads, the earlier one is computed first.
    """
    values: list[Value] = []
    marks: list[int] = []
    block = scope.build.stack[-1]
    for node in nodes:
        values.append(operand(scope, node))
        for k, earlier in enumerate(values[:-1]):
            mark = marks[k]
            if isinstance(earlier, Elements) and arrays.writes_to(scope, block[mark:], earlier):
                with scope.build.block() as early:
                    values[k] = arrays.forced(scope, earlier)
                block[mark:mark] = early
                scope.build.rehome(early, block)
                marks = [m + len(early) if m >= mark else m for m in marks]
        marks.append(len(block))
    return values


def operand(scope: Scope, node: ast.expr) -> Value:
    """Lower an expression that is an operand: an array expression is not computed yet."""
    scope.build.loc = scope.at(node)
    match node:
        case ast.Constant():
            return _constant(node)
        case ast.Name():
            value = scope.lookup(node.id, node)
            if isinstance(value, Growing):
                hint = "index it, loop over it, or use an array in its place"
                raise scope.problem(f"'{node.id}' grows in a loop, so it cannot be passed on", node, hint)
            return value
        case ast.BinOp():
            left, right = operands(scope, [node.left, node.right])
            scope.build.loc = scope.at(node)
            return binary(scope, BINARY[type(node.op)], left, right, node)
        case ast.UnaryOp():
            if isinstance(node.op, ast.Not):
                return scope.build.op("not", truth(scope, node.operand))
            return unary(scope, UNARY[type(node.op)], operand(scope, node.operand), node)
        case ast.BoolOp():
            return _boolean(scope, node.values, isinstance(node.op, ast.And), node)
        case ast.Compare():
            return comparisons.comparison(scope, node)
        case ast.IfExp():
            return _conditional(scope, node)
        case ast.Call():
            return calls.call(scope, node)
        case ast.Tuple() | ast.List():
            return Tuple(tuple(_items(scope, node.elts)), is_list=isinstance(node, ast.List))
        case ast.Subscript():
            return subscripts.read(scope, container(scope, node.value), node)
        case ast.Attribute():
            return attributes.attribute(scope, operand(scope, node.value), node.attr, node)
        case ast.Lambda():
            return closure(scope, node)
        case ast.JoinedStr():
            return _formatted(scope, node)
        case ast.NamedExpr():
            value = expression(scope, node.value)
            if is_atom(value):
                value = strong(value)
            scope.bind(node.target.id, value)
            return value
        case _:
            kind = type(node).__name__
            raise scope.problem(f"{kind} expressions are not differentiable", node, "rewrite it with plain arithmetic")


def container(scope: Scope, node: ast.expr) -> Value:
    """Lower an expression that is indexed, measured or looped over: a list that grows is its elements here."""
    if isinstance(node, ast.Name):
        value = scope.lookup(node.id, node)
        return value.data if isinstance(value, Growing) else value
    return expression(scope, node)


def _constant(node: ast.Constant) -> Value:
    value = node.value
    if isinstance(value, bool):
        return Const(value, BOOL)
    if isinstance(value, int):
        return Const(value, INT64, weak=True)
    if isinstance(value, float):
        return Const(value, FLOAT64, weak=True)
    return Static(value)


def _items(scope: Scope, nodes: list[ast.expr]) -> list[Value]:
    found: list[Value] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            value = expression(scope, node.value)
            if not isinstance(value, Tuple):
                raise scope.problem(f"{describe(value)} cannot be unpacked here", node, "unpack a tuple")
            found += value.items
        else:
            value = expression(scope, node)
            found.append(strong(value) if is_atom(value) else value)
    return found


def closure(scope: Scope, node: ast.FunctionDef | ast.Lambda) -> Closure:
    """A lambda or inner function; its defaults are evaluated now."""
    defaults = tuple(strong(expression(scope, d)) for d in node.args.defaults)
    keywords = tuple(None if d is None else strong(expression(scope, d)) for d in node.args.kw_defaults)
    return Closure(node, scope, defaults, keywords)


# -- operators -----------------------------------------------------------------------------------------------------


def scalar(scope: Scope, node: ast.expr) -> Atom:
    """Lower an expression that must be a number."""
    value = number_of(scope, expression(scope, node))
    if not is_scalar(value):
        raise scope.problem(f"expected a number, but got {describe(value)}", node, "index it, or use a loop")
    return value


def number_of(scope: Scope, value: Value) -> Value:
    """An array of rank 0 as the number in it."""
    if is_array(value) and value.type.ndim == 0:
        return scope.build.load(value, ())
    return value.item(()) if isinstance(value, Elements) and not value.shape else value


def unary(scope: Scope, op: str, value: Value, node: ast.AST) -> Value:
    symbol = {"neg": "-", "pos": "+"}.get(op, op)
    if not (is_operand(value) or is_scalar(value)):
        raise scope.problem(f"'{symbol}' does not take {describe(value)}", node, "use a number")
    expect_integers(scope, op, [value], node)
    if op == "~" and value.type.dtype == "bool":
        op = "not"
    (value,) = arithmetic(scope, op, [value])
    return arrays.elementwise(scope, op, [value], node) if is_operand(value) else scope.build.op(op, value)


# What computes with bools as integers: on NumPy's bools it is logic, or an error.
ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**", "<<", ">>", "neg", "pos")


def arithmetic(scope: Scope, op: str, values: list[Value]) -> list[Value]:
    """The operands of an operation, bools as the numbers that they stand for where the operation is not on bools."""
    rule = RULES[op]
    if op in ARITHMETIC and all(is_scalar(v) and v.type == BOOL for v in values):
        return [scope.build.cast(v, INT64) for v in values]
    if rule.result == "float" and op not in ARITHMETIC:
        return [scope.build.cast(v, FLOAT64) if is_scalar(v) and v.type == BOOL else v for v in values]
    if op.startswith("math.") and rule.result == "int":
        return [scope.build.cast(v, INT64) if is_scalar(v) and v.type == BOOL else v for v in values]
    return values


def on_integers(scope: Scope, op: str, values: list[Value], node: ast.AST) -> tuple[str, list[Value]]:
    """An operation where Numba's on integers is not NumPy's: the sign of unsigned ones, and powers, 0 if negative."""
    if op == "np.sign" and values[0].type.dtype.startswith("uint"):
        return "min", [values[0], Const(1, INT64, weak=True)]
    if op != "**" or any(is_float(v.type) for v in values):
        return op, values
    base, exponent = values
    if isinstance(exponent, Const):
        if exponent.value >= 0:
            return op, values
        if is_scalar(base):
            return op, [scope.build.cast(base, FLOAT64), exponent]
        message = "integers to a negative power are no integers"
        raise scope.problem(message, node, "convert the array with astype(float)")
    if exponent.type.dtype.startswith("u") or exponent.type.dtype == "bool":
        return op, values
    if is_scalar(exponent):
        fits = scope.build.op(">=", exponent, Const(0, INT64, weak=True))
    else:
        fits = calls.inline(scope, has_no_negative, [exponent], {}, node, call_site=True)
    sizes.expect(scope, fits, "integers to a negative power are no integers: make the base a float")
    return op, values


def expect_integers(scope: Scope, op: str, values: list[Value], node: ast.AST, name: str = "") -> None:
    """Refuse floats in an operation on bits."""
    if op in BITS and any(is_float(v.type) for v in values):
        raise scope.problem(f"'{name or op}' expects integers", node, "use int()")


def binary(scope: Scope, op: str, left: Value, right: Value, node: ast.AST) -> Value:
    """`left op right`, on scalars, arrays and tuples."""
    if op == "+" and isinstance(left, Tuple) and isinstance(right, Tuple) and left.is_list == right.is_list:
        return Tuple(left.items + right.items, is_list=left.is_list)
    if op == "*" and isinstance(left, Const) and isinstance(right, Tuple):
        left, right = right, left
    if op == "*" and isinstance(left, Tuple) and isinstance(right, Const) and is_integer(right.type):
        return Tuple(left.items * right.value, is_list=left.is_list)
    texts = [v.object for v in (left, right) if isinstance(v, Static) and isinstance(v.object, str)]
    if op == "+" and len(texts) == 2:
        return Static(texts[0] + texts[1])
    if op == "@":
        return library.matmul(scope, left, right, node)
    if any(is_operand(v) for v in (left, right)) and any(isinstance(v, Tuple) for v in (left, right)):
        left, right = (arrays.from_items(scope, v, None, node) if isinstance(v, Tuple) else v for v in (left, right))
    if not all(is_operand(v) or is_scalar(v) for v in (left, right)):
        a, b = describe(left), describe(right)
        raise scope.problem(f"'{op}' does not take {a} and {b}", node, "use numbers or arrays")
    expect_integers(scope, op, [left, right], node)
    op, (left, right) = on_integers(scope, op, [left, right], node)
    if is_operand(left) or is_operand(right):
        return arrays.elementwise(scope, op, [left, right], node)
    if scope.call_site is not None and op in ("+", "-", "*") and is_integer(left.type) and is_integer(right.type):
        return scope.build.index(op, left, right)  # in library code, integers are indices
    return scope.build.op(op, *arithmetic(scope, op, [left, right]))


def truth(scope: Scope, node: ast.expr) -> Atom:
    """Lower a condition to a bool."""
    value = number_of(scope, expression(scope, node))
    scope.build.loc = scope.at(node)
    return truth_of(scope, value, node)


def truth_of(scope: Scope, value: Value, node: ast.AST) -> Atom:
    """A value as a bool."""
    if isinstance(value, Static):
        return TRUE if value.object else FALSE
    if isinstance(value, Tuple):
        return TRUE if value.items else FALSE
    if is_atom(value) and value.type == BOOL:
        return value
    if isinstance(value, Const):
        return TRUE if value.value else FALSE
    if is_scalar(value):
        return scope.build.op("!=", value, Const(0, INT64, weak=True))
    raise scope.problem(f"{describe(value)} has no truth value", node, "compare it with something")


def _boolean(scope: Scope, nodes: list[ast.expr], is_and: bool, node: ast.AST) -> Value:
    """`a and b and ...`, where later operands run only if they are reached."""
    first = expression(scope, nodes[0])
    if len(nodes) == 1:
        return first
    if is_scalar(first) and first.type != BOOL and not isinstance(first, Const):
        raise scope.problem("'and' and 'or' of numbers are not differentiable", node, "compare them, or use if")
    cond = truth_of(scope, first, nodes[0])
    if isinstance(cond, Const):
        return _boolean(scope, nodes[1:], is_and, node) if bool(cond.value) is is_and else first

    def rest() -> Atom:
        value = _boolean(scope, nodes[1:], is_and, node)
        if is_scalar(value) and value.type == BOOL:
            return value
        if isinstance(value, Static):
            return TRUE if value.object else FALSE
        raise scope.problem("'and' and 'or' of numbers are not differentiable", node, "compare them, or use if")

    return lazily(scope, cond, rest, is_and=is_and, node=node)


def lazily(scope: Scope, cond: Atom, rest: Callable[[], Value], *, is_and: bool, node: ast.AST) -> Value:
    """`cond and rest()`, or `cond or rest()`, where `rest` runs only if it is reached."""
    before = dict(scope.env)
    with scope.build.block() as block:
        second = rest()
    after, scope.env = scope.env, before
    scope.build.loc = scope.at(node)
    if not block and after == before:
        return scope.build.op("&" if is_and else "|", cond, second)

    def reached() -> Value:
        for stmt in block:
            scope.build.emit(stmt)
        scope.env = after
        return second

    if is_and:
        return _choose(scope, cond, reached, lambda: FALSE, node)
    return _choose(scope, scope.build.op("not", cond), reached, lambda: TRUE, node)


def _choose(scope: Scope, cond: Atom, then: Callable[[], Value], orelse: Callable[[], Value], node: ast.AST) -> Value:
    """`then() if cond else orelse()`; what either binds is merged."""
    name = ""  # no name of the user's
    local = scope.local
    scope.local = local | {name}

    def bind(value: Value) -> None:
        scope.bind(name, value)

    try:
        control.branch(scope, cond, lambda: bind(then()), lambda: bind(orelse()), node)
        value = scope.lookup(name, node)
        del scope.env[name]
    finally:
        scope.local = local
    return value


def _conditional(scope: Scope, node: ast.IfExp) -> Value:
    """`a if c else b`: only the one taken runs."""
    cond = truth(scope, node.test)
    if isinstance(cond, Const):
        return expression(scope, node.body if cond.value else node.orelse)
    return _choose(scope, cond, lambda: expression(scope, node.body), lambda: expression(scope, node.orelse), node)


def _formatted(scope: Scope, node: ast.JoinedStr) -> Value:
    text, args = "", []
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value).replace("{", "{{").replace("}", "}}")
            continue
        assert isinstance(part, ast.FormattedValue)
        value = expression(scope, part.value)
        if part.format_spec is not None or part.conversion != -1:
            hint = "Numba has no format specifiers: print the value as it is"
            raise scope.problem("a format specifier cannot be compiled", node, hint)
        if isinstance(value, Static):
            text += str(value.object).replace("{", "{{").replace("}", "}}")
            continue
        if not is_atom(value):
            raise scope.problem(f"{describe(value)} cannot be formatted", node, "format numbers")
        text += "{{{" + str(len(args)) + "}}}"
        args.append(value)
    return FormattedText(text, tuple(args)) if args else Static(text.replace("{{", "{").replace("}}", "}"))


def unified(scope: Scope, values: list[Value], node: ast.AST) -> Scalar:
    """The common scalar type of several numbers."""
    out: Any = None
    for v in values:
        if not is_scalar(v):
            raise scope.problem(f"expected numbers, but got {describe(v)}", node, "use numbers of one type")
        out = v.type if out is None else unify(out, v.type)
    return out


def boolean_op(scope: Scope, value: Value, node: ast.AST) -> Atom:
    if is_scalar(value):
        return value if value.type == BOOL else scope.build.op("!=", value, Const(0, INT64, weak=True))
    raise scope.problem(f"{describe(value)} has no truth value", node, "compare it with something")

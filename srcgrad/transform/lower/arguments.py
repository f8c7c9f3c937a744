"""The arguments of calls: evaluated, and matched with the parameters of Python functions."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from srcgrad.numpy_lib import LIBRARY
from srcgrad.rules import PRIMITIVES
from srcgrad.transform.build import strong
from srcgrad.transform.lower import builtins, expressions
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.signatures import plural
from srcgrad.transform.lower.values import Growing, Static, Tuple, Value, describe, is_atom

# Functions that only read the lists that they are given.
_READERS = dict.fromkeys((len, sum, min, max, enumerate, zip, reversed, range, np.array, np.sum), True)


def lookup(table: dict, key: Any) -> Any:
    """An item of a table by a key that may not be hashable."""
    try:
        return table.get(key)
    except TypeError:  # unhashable
        return None


def evaluate(scope: Scope, node: ast.Call, function: Value) -> tuple[list[Value], dict[str, Value]]:
    """The arguments of a call; array expressions are computed where the function is not one that defers that."""
    target = function.object if isinstance(function, Static) else None
    reads = lookup(_READERS, target)
    args: list[Value] = []
    names = [k.arg for k in node.keywords]
    if None in names:
        raise scope.problem("'**' in a call is not differentiable", node, "name each argument")
    plain = not any(isinstance(a, ast.Starred) or (reads and _is_growing(scope, a)) for a in node.args)
    if _defers(target) and plain:
        values = expressions.operands(scope, [*node.args, *(k.value for k in node.keywords)])
        return values[: len(node.args)], dict(zip(names, values[len(node.args) :], strict=True))  # type: ignore[arg-type]
    for arg in node.args:
        if isinstance(arg, ast.Starred):
            value = expressions.expression(scope, arg.value)
            if not isinstance(value, Tuple):
                raise scope.problem(f"{describe(value)} cannot be unpacked into arguments", arg, "unpack a tuple")
            args += value.items
        else:
            deferred = expressions.operand if _defers(target) else expressions.expression
            args.append(expressions.container(scope, arg) if reads else deferred(scope, arg))
    return args, {str(k.arg): expressions.expression(scope, k.value) for k in node.keywords}


def _defers(target: Any) -> bool:
    """Whether a function takes array expressions that are not computed yet."""
    if (getattr(target, "__module__", None) or "").startswith("srcgrad.numpy_lib"):
        return True
    if lookup(builtins.HANDLERS, target) is not None:
        return lookup(builtins.DEFERRING, target) is not None
    return lookup(PRIMITIVES, target) is not None or lookup(LIBRARY, target) is not None


def _is_growing(scope: Scope, node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and isinstance(scope.env.get(node.id), Growing)


def bind_arguments(
    scope: Scope, definition: Any, args: list[Value], kwargs: dict[str, Value], defaults: list[Value],
    keywords: dict[str, Value], node: ast.AST, name: str,
) -> dict[str, Value]:  # fmt: skip
    """Python's rules for matching arguments with parameters."""
    spec = definition.args
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    env: dict[str, Value] = dict(zip(positional, args, strict=False))
    if len(args) > len(positional):
        if spec.vararg is None:
            message = f"'{name}' takes {plural(len(positional), 'positional argument')}, but got {len(args)}"
            raise scope.problem(message, node, f"call it as {name}({ast.unparse(spec)})")
        env[spec.vararg.arg] = Tuple(tuple(args[len(positional) :]))
    elif spec.vararg is not None:
        env[spec.vararg.arg] = Tuple(())
    if spec.kwarg is not None:
        raise scope.problem(f"'{name}' takes '**', which is not differentiable", node, "name each argument")
    allowed = {*positional, *(a.arg for a in spec.kwonlyargs)}
    for key, value in kwargs.items():
        if key not in allowed or key in env:
            message = f"'{name}' got an unexpected argument '{key}'"
            raise scope.problem(message, node, f"call it as {name}({ast.unparse(spec)})")
        env[key] = value
    for key, value in zip(positional[len(positional) - len(defaults) :], defaults, strict=True):
        env.setdefault(key, value)
    for key, value in keywords.items():
        env.setdefault(key, value)
    missing = [n for n in (*positional, *(a.arg for a in spec.kwonlyargs)) if n not in env]
    if missing:
        message = f"'{name}' is missing the argument '{missing[0]}'"
        raise scope.problem(message, node, f"call it as {name}({ast.unparse(spec)})")
    return {k: strong(v) if is_atom(v) else v for k, v in env.items()}

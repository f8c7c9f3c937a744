"""How calls are matched with what they call: a handler's own Python signature declares which calls fit."""

from __future__ import annotations

import ast
import functools
import inspect
import random
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Static, Tuple, Value, describe, is_operand, is_scalar

# Where what users call as `srcgrad.grad` is defined.
_PUBLIC = ("srcgrad.api", "srcgrad.jacobians", "srcgrad.custom")
_LEFT_OUT = {"axis": "write a loop over it", "out": "assign the result"}
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def plural(count: int, word: str) -> str:
    """A number of things.

    >>> plural(1, "argument"), plural(2, "argument")
    ('1 argument', '2 arguments')
    """
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def between(least: int, most: int, word: str) -> str:
    """How many things there may be.

    >>> between(0, 0, "argument"), between(1, 2, "argument"), between(1, 3, "argument")
    ('no arguments', '1 or 2 arguments', '1 to 3 arguments')
    """
    if least == most:
        return plural(most, word) if most else f"no {word}s"
    return f"{least} {'or' if most == least + 1 else 'to'} {most} {word}s"


def title(target: Any) -> str:
    """A function as users write it.

    >>> title(len), title(np.random.normal), title(np.linalg.svd), title(np.sin)
    ('len', 'np.random.normal', 'np.linalg.svd', 'np.sin')
    """
    name = getattr(target, "__name__", type(target).__name__)
    owner = getattr(target, "__self__", None)
    module = getattr(target, "__module__", None) or ""
    if isinstance(owner, np.random.RandomState):
        module = "numpy.random"
    elif isinstance(owner, random.Random):
        module = "random"
    elif isinstance(target, np.ufunc):
        module = "numpy"
    elif owner is not None and not isinstance(owner, types.ModuleType):
        return f"{type(owner).__name__}.{name}"
    if module in _PUBLIC:
        return f"srcgrad.{name}"
    module = "np" + module.removeprefix("numpy") if module.split(".")[0] == "numpy" else module.removeprefix("_")
    return name if module in ("", "builtins") else f"{module}.{name}"


def invoke(
    scope: Scope, name: str, handler: Callable[..., Value], args: list[Value], kwargs: dict[str, Value],
    node: ast.AST, *owner: Value,
) -> Value:  # fmt: skip
    """Call `handler(scope, node, *owner, ...)` if the arguments fit its signature. None is a parameter left out."""
    signature = _signature(handler, 2 + len(owner))
    bound = fit(scope, name, signature, args, kwargs, node)
    for key, value in bound.arguments.items():
        absent = isinstance(value, Static) and value.object is None
        if absent and signature.parameters[key].default is None:
            bound.arguments[key] = None
    return handler(scope, node, *owner, *bound.args, **bound.kwargs)


@functools.cache
def _signature(handler: Callable[..., Value], skip: int) -> inspect.Signature:
    signature = inspect.signature(handler)
    return signature.replace(parameters=list(signature.parameters.values())[skip:])


def fit(
    scope: Scope, name: str, signature: inspect.Signature, args: list[Value], kwargs: dict[str, Value], node: ast.AST
) -> inspect.BoundArguments:
    """Match arguments with parameters.

    Raises:
        UnsupportedError: they do not fit.
    """
    try:
        return signature.bind(*args, **kwargs)
    except TypeError:
        pass
    parameters = signature.parameters.values()
    for key in kwargs:
        parameter = signature.parameters.get(key)
        if parameter is None or parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            hint = _LEFT_OUT.get(key, "leave it out")
            raise scope.problem(f"the argument '{key}' of '{name}' is not supported", node, hint)
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    most, least = len(positional), sum(p.default is p.empty for p in positional)
    given = len(args) + len(kwargs)
    hint = f"call it as {name}{_form(signature)}"
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        takes = f"at least {plural(least, 'argument')}"
    else:
        takes = between(least, most, "argument")
    if least <= given <= most:
        raise scope.problem(f"the arguments of '{name}' do not fit its parameters", node, hint)
    raise scope.problem(f"'{name}' takes {takes}, but got {given}", node, hint)


def _form(signature: inspect.Signature) -> str:
    """The parameters in the style of manuals: `(x[, base])`."""
    text = ""
    for p in signature.parameters.values():
        part = {p.VAR_POSITIONAL: f"*{p.name}", p.KEYWORD_ONLY: f"{p.name}=..."}.get(p.kind, p.name)
        part = f", {part}" if text else part
        text += part if p.default is p.empty else f"[{part}]"
    return f"({text})"


def expect_numbers(scope: Scope, name: str, values: list[Value], node: ast.AST) -> None:
    """Refuse what is no number."""
    for v in values:
        if not is_scalar(v):
            hint = "index it, or use a loop" if is_operand(v) or isinstance(v, Tuple) else "pass a number"
            raise scope.problem(f"'{name}' expects a number, but got {describe(v)}", node, hint)


def expect_operands(scope: Scope, name: str, values: list[Value], node: ast.AST) -> None:
    """Refuse what is neither a number nor an array of them."""
    for v in values:
        if not (is_scalar(v) or is_operand(v) or (isinstance(v, Tuple) and v.items)):
            hint = "index it, or use a loop" if isinstance(v, Tuple) else "pass a number or an array"
            raise scope.problem(f"'{name}' does not take {describe(v)}", node, hint)

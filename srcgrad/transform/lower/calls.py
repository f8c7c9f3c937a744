"""Calls: primitives, library functions, and the user's helpers, which are inlined."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import sysconfig
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError, Problem, UnsupportedError
from srcgrad.ir.nodes import Const, Var, integer
from srcgrad.ir.types import is_float
from srcgrad.numpy_lib import LIBRARY, special
from srcgrad.numpy_lib.registry import Definition
from srcgrad.rules import PRIMITIVES, RULES
from srcgrad.rules.operators import EXTREMA
from srcgrad.rules.special import SCIPY
from srcgrad.transform.build import strong
from srcgrad.transform.fence import fence
from srcgrad.transform.lower import (
    arrays,
    builtins,
    custom,
    expressions,
    iteration,
    kernels,
    methods,
    outline,
    sizes,
    statements,
)
from srcgrad.transform.lower.arguments import bind_arguments, evaluate, lookup
from srcgrad.transform.lower.dtypes import plain_dtype
from srcgrad.transform.lower.scope import PoisonedError, Scope, assigned_names, growing_names, private_lists, wrap
from srcgrad.transform.lower.signatures import expect_numbers, expect_operands, fit, invoke, plural, title
from srcgrad.transform.lower.values import (
    Bound,
    Closure,
    Elements,
    Growing,
    Static,
    Tuple,
    Value,
    describe,
    escapes,
    is_array,
    is_atom,
    is_operand,
)
from srcgrad.transform.normalise import structure_exits
from srcgrad.transform.parse import Source, note, parse

# Code that is not the user's: what is wrong in it is reported where the user calls it.
_FOREIGN = (*(sysconfig.get_path(p) for p in ("stdlib", "purelib", "platlib")), str(Path(__file__).parents[2]))


def call(scope: Scope, node: ast.Call) -> Value:
    """Lower a call."""
    if isinstance(node.func, ast.Attribute) and node.func.attr == "append":
        owner = expressions.container(scope, node.func.value)
        if is_array(owner) and isinstance(node.func.value, ast.Name):
            return _grow(scope, node, owner, node.func.value.id)
    function = expressions.operand(scope, node.func)
    args, kwargs = evaluate(scope, node, function)
    scope.build.loc = scope.at(node)
    if isinstance(function, Bound) and function.method == "append" and isinstance(function.owner, Tuple):
        return _append(scope, node, function.owner, args)
    return apply(scope, function, args, kwargs, node)


def _grow(scope: Scope, node: ast.Call, owner: Var, name: str) -> Value:
    """`xs.append(x)` for a list that loops append to: a longer array in its place."""
    if not isinstance(scope.env.get(name), Growing) or len(node.args) != 1:
        raise scope.problem("an array has no method 'append'", node, "make an array of its final length and fill it")
    value = expressions.scalar(scope, node.args[0])
    scope.build.loc = scope.at(node)
    (length,) = sizes.shape_of(scope, owner)
    data = arrays.allocate(scope, "empty", owner.type.dtype, (scope.build.op("+", length, integer(1)),))
    scope.build.nest((length,), lambda i: scope.build.store(data, i, scope.build.load(owner, i)))
    scope.build.store(data, (length,), scope.build.cast(value, data.type.item))
    scope.bind(name, Growing(data))
    return Static(None)


def _append(scope: Scope, node: ast.Call, owner: Tuple, args: list[Value]) -> Value:
    """`xs.append(x)`: the name stands for a longer list from here on."""
    if len(args) != 1 or node.keywords:
        raise scope.problem("'append' takes 1 argument", node, "append one item")
    assert isinstance(node.func, ast.Attribute)
    items = (*owner.items, *(strong(a) if is_atom(a) else a for a in args))
    relist(scope, node.func.value, owner, items, node)
    return Static(None)


def relist(scope: Scope, place: ast.expr, owner: Tuple, items: tuple[Value, ...], node: ast.AST) -> None:
    """Let the name of a list stand for other items, if it is the list's only name."""
    if not (isinstance(place, ast.Name) and owner.is_list and place.id in scope.private):
        hint = "make an array of its final length and fill it"
        raise scope.problem("only a list with a single name can be changed", node, hint)
    scope.bind(place.id, Tuple(items, is_list=True))


def apply(scope: Scope, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """Call a value that is a function."""
    if isinstance(function, Closure):
        return inline_closure(scope, function, args, kwargs, node)
    if isinstance(function, Bound):
        return methods.method(scope, function, args, kwargs, node)
    if not isinstance(function, Static):
        raise scope.problem(f"{describe(function)} cannot be called", node, "call a function")
    target = plain_dtype(function.object)
    if (intrinsic := kernels.name_of(target)) is not None:
        return kernels.call(scope, intrinsic, args, kwargs, node)
    if not callable(target):
        what = f"the module '{target.__name__}'" if isinstance(target, types.ModuleType) else describe(function)
        raise scope.problem(f"{what} cannot be called", node, "call a function")
    if (handler := lookup(builtins.HANDLERS, target)) is not None:
        return invoke(scope, title(target), handler, args, kwargs, node)
    if (op := lookup(PRIMITIVES, target)) is not None:
        if getattr(target, "__module__", "") == "math":  # it takes no arrays but those of one number
            args = [expressions.number_of(scope, a) for a in args]
            expect_numbers(scope, title(target), args, node)
        return primitive(scope, op, args, kwargs, node, title(target))
    if (library := lookup(LIBRARY, target)) is not None:
        return _library(scope, target, library, args, kwargs, node)
    name = _name_in_scipy(target)
    if name in SCIPY:
        return primitive(scope, SCIPY[name], args, kwargs, node, f"scipy.special.{name}")
    if name in special.MAPPED:
        return inline(scope, special.MAPPED[name], args, kwargs, node, call_site=True)
    if name in special.REDUCING:
        return _library(scope, target, special.REDUCING[name], args, kwargs, node)
    if isinstance(target, type) and issubclass(target, tuple) and hasattr(target, "_fields"):
        return _namedtuple(scope, target, args, kwargs, node)
    if getattr(target, "__name__", "") == "prange" and (getattr(target, "__module__", None) or "").startswith("numba"):
        return replace(iteration.range_of(scope, args, node), parallel=True)
    if builtins.is_dtype(target):
        return invoke(scope, title(target), builtins.converter(target), args, kwargs, node)
    return _user_function(scope, function, args, kwargs, node)


def _name_in_scipy(target: Any) -> str:
    """The name of a function of `scipy.special`; that is not imported unless the user has done so."""
    name = getattr(target, "__name__", "")
    return name if getattr(sys.modules.get("scipy.special"), name or " ", None) is target else ""


def _library(
    scope: Scope, target: Any, definition: Definition, args: list[Value], kwargs: dict[str, Value], node: ast.AST
) -> Value:
    """A NumPy function that is defined by loops over its arrays."""
    bound = fit(scope, title(target), _signature(definition.function), args, kwargs, node)
    for name, value in bound.arguments.items():
        if name == "axis" and not _is_static(value):
            raise scope.problem("an axis must be a constant integer", node, "write the number of the axis")
        if name in definition.arrays and not (isinstance(value, Static) and value.object is None):
            array = arrays.as_array(scope, value, node)
            keep = name in definition.once or not array.type.ndim
            bound.arguments[name] = array if keep else arrays.forced(scope, array)
        elif name in definition.sequences:
            if is_operand(value):  # the rows of an array
                raise scope.problem(f"'{title(target)}' expects a tuple of arrays", node, "pass a tuple")
            if isinstance(value, Tuple):
                items = [arrays.forced(scope, arrays.as_array(scope, v, node)) for v in value.items]
                bound.arguments[name] = Tuple(tuple(items))
        elif isinstance(value, Elements):
            bound.arguments[name] = arrays.forced(scope, value)
    return inline(scope, definition.function, list(bound.args), bound.kwargs, node, call_site=True)


def _is_static(value: Value) -> bool:
    if isinstance(value, Tuple):
        return all(_is_static(v) for v in value.items)
    return isinstance(value, Static | Const)


_signature = functools.cache(inspect.signature)


def _user_function(scope: Scope, function: Static, args: list, kwargs: dict, node: ast.AST) -> Value:
    target = function.object
    if hasattr(target, "defvjp"):
        return custom.custom_call(scope, target, args, kwargs, node)
    if getattr(target, "is_transformation", False):  # grad(f) inside a differentiable function
        fit(scope, title(target), inspect.signature(target), args, kwargs, node)
        objects = [_python_object(scope, a, node) for a in args]
        named = {k: _python_object(scope, v, node) for k, v in kwargs.items()}
        return Static(_placed(scope, node, target, *objects, **named))
    if hasattr(target, "lower_call"):  # a gradient
        fit(scope, getattr(target, "__name__", "gradient"), inspect.signature(target), args, kwargs, node)
        for value in (*args, *kwargs.values()):
            if escapes(value):
                raise scope.problem(f"a gradient does not take {describe(value)}", node, "pass numbers and arrays")
        return _placed(scope, node, target.lower_call, scope, args, kwargs, node)
    while not isinstance(target, types.FunctionType | types.MethodType):
        if isinstance(target, functools.partial):
            bound = [wrap(a, None) for a in target.args]
            args = [*bound, *args]
            kwargs = {**{k: wrap(v, None) for k, v in target.keywords.items()}, **kwargs}
            target = target.func
        elif (each := _of_elements(target)) is not None:
            apply_each = functools.partial(inline, scope, each, kwargs=kwargs, node=node)
            return arrays.mapped_over(scope, apply_each, args, node)
        elif hasattr(target, "py_func"):  # a Numba dispatcher, or a differentiable function
            target = target.py_func
        else:
            raise _no_rule(scope, target, node)
    if isinstance(target, types.MethodType):
        args = [Static(target.__self__), *args]
        target = target.__func__
    if not isinstance(target, types.FunctionType):
        raise _no_rule(scope, function.object, node)
    if (target.__module__ or "").startswith("srcgrad.numpy_lib"):
        return inline(scope, target, args, kwargs, node, call_site=True)
    outlined = outline.try_outline(scope, target, args, kwargs, node)
    if outlined is not None:
        return outlined
    if target.__code__.co_filename.startswith(_FOREIGN):
        return _foreign(scope, target, function.object, args, kwargs, node)
    try:
        return inline(scope, target, args, kwargs, node)
    except UnsupportedError as error:
        if all(p.at is not None for p in error.problems):
            raise
        message = f"'{target.__name__}' cannot be differentiated: {error.problems[0].message}"
        raise scope.problem(message, node, error.problems[0].hint) from error


def _of_elements(target: Any) -> types.FunctionType | None:
    """The Python function on numbers behind `numba.vectorize` or `np.vectorize`."""
    function = getattr(getattr(target, "_dispatcher", None), "py_func", None)
    if function is None and isinstance(target, np.vectorize):
        function = target.pyfunc
    return function if isinstance(function, types.FunctionType) else None


def _placed(scope: Scope, node: ast.AST, call: Any, *args: Any, **kwargs: Any) -> Any:
    """Make a call whose errors about arguments are to be reported at the user's line."""
    try:
        return call(*args, **kwargs)
    except ArgumentError as error:
        problems = [p if p.at is not None else Problem(p.message, scope.at(node), p.hint) for p in error.problems]
        raise type(error)(*problems) from error


def _foreign(
    scope: Scope, target: types.FunctionType, called: object, args: list[Value], kwargs: dict[str, Value],
    node: ast.AST,
) -> Value:  # fmt: skip
    """A function of an installed package, inlined as the user's own; what is wrong in it is one problem of the call."""
    problems = scope.context.problems
    before = len(problems)
    try:
        value: Value = inline(scope, target, args, kwargs, node, call_site=True)
        found = problems[before:]
    except PoisonedError:
        found = problems[before:]
        if not found:
            raise
    except UnsupportedError as error:
        found = [*problems[before:], *error.problems]
    if not found:
        return value
    del problems[before:]
    hint = "write it as a Python function, or give its derivative with srcgrad.custom_vjp"
    raise scope.problem(f"'{title(called)}' cannot be differentiated: {found[0].message}", node, hint)


def _no_rule(scope: Scope, target: object, node: ast.AST) -> UnsupportedError:
    hint = "write it as a Python function, or give its derivative with srcgrad.custom_vjp"
    return scope.problem(f"'{title(target)}' has no derivative rule", node, hint)


def _python_object(scope: Scope, value: Value, node: ast.AST) -> object:
    """A value that is known while lowering, as a Python object."""
    if isinstance(value, Static):
        return value.object
    if isinstance(value, Const):
        return value.value
    if isinstance(value, Tuple):
        return tuple(_python_object(scope, v, node) for v in value.items)
    raise scope.problem(f"grad of {describe(value)} cannot be taken here", node, "define the function outside")


def primitive(
    scope: Scope, op: str, args: list[Value], kwargs: dict[str, Value], node: ast.AST, name: str
) -> Value:  # fmt: skip
    """A function with a derivative rule, on numbers or element by element on arrays; the user calls it `name`."""
    arity = RULES[op].arity
    out = kwargs.pop("out", None)
    if out is None and len(args) == arity + 1 and is_array(args[-1]) and not kwargs:
        *args, out = args
    if out is not None:
        if not is_array(out):
            raise scope.problem(f"the output of '{name}' must be an array", node, "assign the result")
        arrays.assign(scope, out, primitive(scope, op, args, kwargs, node, name), node)
        return out
    if kwargs:
        key = next(iter(kwargs))
        raise scope.problem(f"the argument '{key}' of '{name}' is not supported", node, "pass arguments by position")
    if len(args) != arity:
        message = f"'{name}' takes {plural(arity, 'argument')}, but got {len(args)}"
        raise scope.problem(message, node, "leave out the others" if len(args) > arity else "pass the others too")
    expect_operands(scope, name, args, node)
    args = [arrays.from_items(scope, a, None, node) if isinstance(a, Tuple) else a for a in args]
    expressions.expect_integers(scope, op, args, node, name)
    op, args = expressions.on_integers(scope, op, args, node)
    if not any(is_float(a.type) for a in args):
        op = EXTREMA.get(op, op)
    args = expressions.arithmetic(scope, op, args)
    if any(is_operand(a) for a in args):
        return arrays.elementwise(scope, op, args, node)
    return scope.build.op(op, *args)


def _namedtuple(scope: Scope, cls: Any, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Tuple:
    values = dict(zip(cls._fields, args, strict=False)) | kwargs
    if len(args) > len(cls._fields) or set(values) != set(cls._fields):
        message = f"'{cls.__name__}' expects {plural(len(cls._fields), 'value')}"
        raise scope.problem(message, node, f"give each field once: {', '.join(cls._fields)}")
    items = [values[f] for f in cls._fields]
    return Tuple(tuple(strong(i) if is_atom(i) else i for i in items), cls)


# -- inlining ------------------------------------------------------------------------------------------------------


def source_of(function: types.FunctionType) -> Source:
    """The fenced source of a function."""
    note(function)
    return _source_of(function)


@functools.lru_cache(maxsize=1024)
def _source_of(function: types.FunctionType) -> Source:
    source = parse(function)
    fence(source)
    return source


def inline(
    scope: Scope, function: types.FunctionType, args: list[Value], kwargs: dict[str, Value], node: ast.AST, *,
    call_site: bool = False,
) -> Value:  # fmt: skip
    """The body of a helper, on these arguments, in place of the call."""
    source = source_of(function)
    defaults = [wrap(d, None) for d in function.__defaults__ or ()]
    keywords = {k: wrap(v, None) for k, v in (function.__kwdefaults__ or {}).items()}
    env = bind_arguments(scope, source.node, args, kwargs, defaults, keywords, node, function.__name__)
    site = scope.at(node) if call_site else scope.call_site
    inner = Scope(scope.context, source.filename, frozenset(), env, function, call_site=site)
    return run_body(scope, inner, source.node, function.__code__, node)


def inline_closure(scope: Scope, closure: Closure, args: list, kwargs: dict, node: ast.AST) -> Value:
    names = [a.arg for a in closure.node.args.kwonlyargs]
    keywords = {n: d for n, d in zip(names, closure.kw_defaults, strict=True) if d is not None}
    name = getattr(closure.node, "name", "lambda")
    env = bind_arguments(scope, closure.node, args, kwargs, list(closure.defaults), keywords, node, name)
    filename, site = closure.scope.filename, scope.call_site
    inner = Scope(scope.context, filename, frozenset(), env, None, closure.scope, call_site=site)
    return run_body(scope, inner, closure.node, closure.node, node)


def run_body(scope: Scope, inner: Scope, definition: Any, key: Any, node: ast.AST) -> Value:
    """Lower a function's body in its scope and return what it returns."""
    context = scope.context
    if key in context.calls:
        name = getattr(definition, "name", "lambda")
        raise scope.problem(f"'{name}' calls itself, and recursion is not differentiable", node, "write it as a loop")
    context.calls.append(key)
    body = _structured(definition)
    inner.growing = growing_names(body)
    inner.private = private_lists(body)
    inner.local = frozenset({*inner.env, *assigned_names(body, appended=False), "return"})
    inner.depth = len(scope.build.stack)
    problems = len(context.problems)
    loose = scope.build.loose
    scope.build.loose = (getattr(inner.function, "__module__", None) or "").startswith("srcgrad.numpy_lib")
    try:
        statements.block(inner, body)
    finally:
        context.calls.pop()
        scope.build.loose = loose
    scope.build.loc = scope.at(node)
    if len(context.problems) > problems and "return" not in inner.env:
        raise PoisonedError
    return inner.env.get("return", Static(None))


@functools.lru_cache(maxsize=1024)
def _structured(definition: Any) -> list[ast.stmt]:
    return structure_exits(definition)

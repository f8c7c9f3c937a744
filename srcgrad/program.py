"""Programs: what can be differentiated. A user's function is one, and so is the gradient of a program."""

from __future__ import annotations

import ast
import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

from srcgrad.backend import Options
from srcgrad.errors import ArgumentError, NonScalarError, Problem
from srcgrad.ir.nodes import Function, Var, flatten
from srcgrad.ir.types import Array, Scalar, is_float
from srcgrad.transform import pipeline
from srcgrad.transform.build import strong
from srcgrad.transform.inline import inline_function
from srcgrad.transform.lower import arrays
from srcgrad.transform.lower import values as lower_values
from srcgrad.transform.lower.scope import Scope, wrap
from srcgrad.transform.lower.values import Constant, Lowered, Static, Tuple, TupleOf, Value, describe, is_atom, refill

Arguments = Sequence[tuple[str, Any]]


class Program(ABC):
    """Something with a signature that has IR for every choice of argument types."""

    signature: inspect.Signature
    name: str
    options: Options
    is_frugal = False  # whether loops are checkpointed whose tape takes too much memory

    def frugal(self) -> Program:
        """The same with the loops checkpointed whose tape takes too much memory."""
        return self

    @abstractmethod
    def lowered(self, arguments: Arguments) -> Lowered:
        """The IR for arguments of these names and types.

        Raises:
            UnsupportedError: it cannot be differentiated.
        """


class UserFunction(Program):
    """A Python function."""

    def __init__(self, function: FunctionType | MethodType | Any, options: Options) -> None:
        self.function, self.options = function, options
        self.signature = inspect.signature(function)
        self.name = function.__name__

    def lowered(self, arguments: Arguments) -> Lowered:
        return pipeline.primal(self.function, arguments)


class GradientOf(Program):
    """The gradient of a program with a scalar result, with the value before it where `with_value` is set."""

    def __init__(self, of: Program, argnums: Any, *, with_value: bool, has_aux: bool) -> None:
        self.of, self.argnums, self.with_value, self.has_aux = of, argnums, with_value, has_aux
        self.options, self.signature = of.options, of.signature
        self.name = f"{of.name}_gradient"

    def frugal(self) -> GradientOf:
        made = GradientOf(self.of.frugal(), self.argnums, with_value=self.with_value, has_aux=self.has_aux)
        made.is_frugal = True
        return made

    def lowered(self, arguments: Arguments) -> Lowered:
        inner = self.of.lowered(arguments)
        names = resolve_argnums(self.argnums, [n for n, _ in arguments], self.of.name)
        wrt = parameters_of(inner.function, arguments, names, self.of.name)
        objective = scalar_objective(inner.result, self.of, has_aux=self.has_aux)
        ir = pipeline.adjoint(inner.function, wrt, objective, 1.0)
        own = len(ir.params) - sum(c.var is not None for c in inner.captures)
        large = pipeline.beyond(ir, inner.function, own, self.options.memory_budget)
        if self.is_frugal:
            ir = pipeline.frugal_adjoint(inner.function, ir, wrt, objective, 1.0)
        value, *gradients = ir.results
        left = dict(zip(wrt, gradients, strict=True))
        kinds, trees = dict(arguments), dict(inner.function.signature)
        parts = [_gradient_value(kinds[n], trees[n], left) for n in names]
        gradient: Value = parts[0] if not isinstance(self.argnums, tuple) else Tuple(tuple(parts))
        result = _with_value(gradient, inner.result, value, with_value=self.with_value, has_aux=self.has_aux)
        ir = replace(ir, name=f"{inner.function.name}_gradient", results=atoms_of(result))
        return Lowered(ir, inner.captures, result, inner.facts, (*inner.large, *large))


def _with_value(gradient: Value, shape: Value, atoms: Any, *, with_value: bool, has_aux: bool) -> Value:
    """JAX's results: g, (y, g), (g, aux) or ((y, aux), g)."""
    value = refill(shape, flatten(atoms))
    if has_aux:
        return Tuple((value, gradient)) if with_value else Tuple((gradient, value.items[1]))
    return Tuple((value, gradient)) if with_value else gradient


def _gradient_value(kind: Any, tree: Any, left: dict[Var, Any]) -> Value:
    """The gradient of one argument, in the argument's structure; None where there is no derivative."""
    if isinstance(kind, TupleOf):
        return Tuple(tuple(_gradient_value(k, t, left) for k, t in zip(kind.items, tree, strict=True)), kind.cls)
    return left[tree] if isinstance(tree, Var) and tree in left else Static(None)


# -- results -------------------------------------------------------------------------------------------------------


def atoms_of(value: Value) -> Any:
    """A result as a nested tuple of atoms."""
    if isinstance(value, Tuple):
        return tuple(atoms_of(v) for v in value.items)
    return value if is_atom(value) else None


def scalar_objective(result: Value, program: Program, *, has_aux: bool) -> Any:
    """The one float to differentiate.

    Raises:
        NonScalarError: there is none.
    """
    if has_aux:
        if not (isinstance(result, Tuple) and len(result.items) == 2):
            message = f"with has_aux, '{program.name}' must return a pair, but it returns {describe(result)}"
            raise NonScalarError(Problem(message, hint="return (value, aux)"))
        result = result.items[0]
    if is_atom(result) and isinstance(result.type, Array) and result.type.ndim == 0 and is_float(result.type):
        return result
    if not (is_atom(result) and isinstance(result.type, Scalar)):
        if isinstance(result, Static) and result.object is None:
            raise nothing_returned(program)
        message = f"grad expects a function that returns one float, but '{program.name}' returns {describe(result)}"
        raise NonScalarError(Problem(message, hint="use vjp or jacrev, or sum the result"))
    if not is_float(result.type):
        message = f"grad expects a function that returns a float, but '{program.name}' returns {describe(result)}"
        raise NonScalarError(Problem(message, hint="return a float"))
    return result


def nothing_returned(program: Program) -> ArgumentError:
    message = f"'{program.name}' returns nothing, so there is nothing to differentiate"
    return NonScalarError(Problem(message, hint="return the arrays you fill"))


# -- arguments -----------------------------------------------------------------------------------------------------


def resolve_argnums(argnums: Any, names: list[str], program: str) -> list[str]:
    """The names of the arguments that `argnums` (an index, a name, or a tuple of them) selects.

    >>> resolve_argnums((0, "b", -1), ["a", "b", "c"], "f")
    ['a', 'b', 'c']
    """
    found = []
    for a in argnums if isinstance(argnums, tuple) else (argnums,):
        if isinstance(a, str):
            if a not in names:
                hint = f"its arguments are {', '.join(names)}"
                raise ArgumentError(Problem(f"'{program}' has no argument '{a}' to differentiate", hint=hint))
            found.append(a)
        elif isinstance(a, int) and not isinstance(a, bool):
            if not -len(names) <= a < len(names):
                hint = f"its arguments are {', '.join(names)}"
                raise ArgumentError(Problem(f"'{program}' has no argument number {a} to differentiate", hint=hint))
            found.append(names[a])
        else:
            message = f"argnums must be indices or names, but got {a!r}"
            raise ArgumentError(Problem(message, hint="use argnums=(0, 1)"))
    if len(set(found)) < len(found):
        raise ArgumentError(Problem("argnums selects an argument twice", hint="name each argument once"))
    return found


def parameters_of(function: Function, arguments: Arguments, names: list[str], program: str) -> tuple[Var, ...]:
    """The float parameters that make up the arguments `names`.

    Raises:
        ArgumentError: one of them has no float part.
    """
    trees, kinds = dict(function.signature), dict(arguments)
    wrt: list[Var] = []
    for name in names:
        own = [p for p in flatten(trees[name]) if is_float(p.type)]
        if not own:
            message = f"'{program}' cannot be differentiated with respect to '{name}', which is {_words(kinds[name])}"
            raise ArgumentError(Problem(message, hint="pass a float or an array of floats"))
        wrt += own
    return tuple(wrt)


def _words(kind: Any) -> str:
    if isinstance(kind, Constant):
        return {bool: "a bool", str: "a string", type(None): "None"}.get(type(kind.value), "no number")
    if isinstance(kind, TupleOf):
        return "a tuple without floats"
    return f"an array of {kind.dtype}" if isinstance(kind, Array) else "an int"


def float_parameters(function: Function, arguments: Arguments) -> tuple[Var, ...]:
    """All float parameters of the user's arguments, in order."""
    trees = dict(function.signature)
    return tuple(p for n, _ in arguments for p in flatten(trees[n]) if is_float(p.type))


def inline_program(scope: Scope, program: Program, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
    """A call of a program inside a function that is being lowered: its IR, written in place of the call.

    Arrays that the program overwrites are copied first, as in any call of a derived function.
    """
    bound = program.signature.bind(*args, **kwargs)
    names = list(program.signature.parameters)
    values = []
    for name in names:
        if name in bound.arguments:
            given = bound.arguments[name]
            values.append(strong(given) if is_atom(given) else given)
        else:
            values.append(wrap(program.signature.parameters[name].default, None))
    arguments = [(n, kind_of_value(v)) for n, v in zip(names, values, strict=True)]
    lowered = program.lowered(arguments)
    hidden = []
    for capture in lowered.captures:
        known = scope.context.captures.setdefault(capture.key, capture)
        if known.var is not None:
            hidden.append(known.var)
    atoms = [*(a for v in values for a in lower_values.leaves(v)), *hidden]
    written = pipeline.written_parameters(lowered.function)
    atoms = [arrays.copy(scope, a) if p in written else a for p, a in zip(lowered.function.params, atoms, strict=True)]
    results = inline_function(scope.build, lowered.function, atoms)
    return refill(lowered.result, results)


def kind_of_value(value: Value) -> Any:
    """The argument type of a value met while lowering."""
    if isinstance(value, Tuple):
        return TupleOf(tuple(kind_of_value(v) for v in value.items), value.cls)
    return value.type if is_atom(value) else Constant(getattr(value, "object", value))

"""What the decorator returns, and the dispatch of calls to compiled versions."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from srcgrad import structure
from srcgrad.backend import Options, callable_from_njit
from srcgrad.errors import ArgumentError, Problem
from srcgrad.ir.nodes import flatten
from srcgrad.ir.printer import Printed, print_function
from srcgrad.program import (
    GradientOf,
    Program,
    UserFunction,
    inline_program,
    nothing_returned,
    parameters_of,
    resolve_argnums,
)  # fmt: skip
from srcgrad.transform import pipeline
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import Value
from srcgrad.version import Version, differentiable_leaves, fill_gradients, plain, result_kind


class Callee:
    """A program with its compiled versions."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.parameters = list(program.signature.parameters)
        kinds = {p.kind for p in program.signature.parameters.values()}
        self.simple = kinds <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        self.versions: dict[Any, list[Version]] = {}

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The argument values in the order of the parameters, defaults filled in."""
        if self.simple and not kwargs and len(args) == len(self.parameters):
            return args
        bound = self.program.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def positional(self, found: tuple[Any, ...]) -> tuple[Any, ...]:
        """One value a parameter as one value a positional argument."""
        if self.simple:
            return found
        kinds = [p.kind for p in self.program.signature.parameters.values()]
        out: list[Any] = []
        for kind, value in zip(kinds, found, strict=True):
            out += value if kind is inspect.Parameter.VAR_POSITIONAL else [value]
        return tuple(out)

    def version(self, values: tuple[Any, ...]) -> Version:
        """The version compiled for these argument types, and for what the function captures as it is now."""
        kinds = tuple(structure.type_of(v, n) for v, n in zip(values, self.parameters, strict=True))
        try:
            known = self.versions.setdefault(kinds, [])
        except TypeError:
            message = "an argument that is no number, array, string or tuple must be hashable"
            raise ArgumentError(Problem(message, hint="pass its numbers and arrays separately")) from None
        for version in known:
            if version.fits(values) and version.is_valid():
                return version
        arguments = tuple(zip(self.parameters, kinds, strict=True))
        version = Version(self.program, arguments)
        if not version.fits(values):  # its tape would take too much memory
            version = Version(self.program.frugal(), arguments)
        known.append(version)
        return version


class Transformed:
    """A function made by `grad` or `value_and_grad`: calling it runs compiled code on copies of what is overwritten."""

    def __init__(self, callee: Callee, wrapped: Callable[..., Any]) -> None:
        self.callee = callee
        functools.update_wrapper(self, wrapped, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self.callee.bind(args, kwargs)
        version = self.callee.version(values)
        return version.result(version.kernel("primal").pure(version.flat(values)))

    def lower_call(self, scope: Scope, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """A call of this gradient inside a differentiable function: its IR, written in place of the call."""
        return inline_program(scope, self.callee.program, args, kwargs, node)


class Differentiable:
    """A function with compiled derivatives; `srcgrad.differentiable` makes it.

    Calling it runs the compiled primal. Attributes and methods:

    Attributes:
        py_func: the Python function.
    """

    def __init__(self, function: FunctionType | MethodType, options: Options) -> None:
        self.py_func = function
        self.options = options
        self.callee = Callee(UserFunction(function, options))
        self._gradients: dict[bool, Transformed] = {}
        functools.update_wrapper(self, function, updated=())
        self.__signature__ = self.callee.program.signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self.callee.bind(args, kwargs)
        version = self.callee.version(values)
        return version.result(version.kernel("primal")(version.flat(values)))

    def __repr__(self) -> str:
        return f"<srcgrad.differentiable {getattr(self, '__qualname__', self.py_func.__name__)}>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a method: bound to its object, which is a constant of the compiled code."""
        if instance is None:
            return self
        return Differentiable(MethodType(self.py_func, instance), self.options)  # type: ignore[arg-type]

    def __reduce__(self) -> Any:
        if self.py_func.__module__ != "__main__" and _find(self.py_func) is self:
            return self.py_func.__qualname__
        lines = linecache.getlines(self.py_func.__code__.co_filename)
        return _restore, (self.py_func, self.options, self.py_func.__code__.co_filename, "".join(lines))

    @property
    def signatures(self) -> list[tuple[Any, ...]]:
        """The argument types that it has been compiled for."""
        return list(self.callee.versions)

    def _gradient(self, *, with_value: bool) -> Transformed:
        if with_value not in self._gradients:
            program = GradientOf(self.callee.program, 0, with_value=with_value, has_aux=False)
            self._gradients[with_value] = Transformed(Callee(program), self.py_func)
        return self._gradients[with_value]

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """The gradient with respect to the first argument. See `srcgrad.grad`."""
        return self._gradient(with_value=False)(*args, **kwargs)

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """The value, and the gradient with respect to the first argument. See `srcgrad.value_and_grad`."""
        return self._gradient(with_value=True)(*args, **kwargs)

    def vjp(self, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
        """The value and the pullback. See `srcgrad.vjp`."""
        return run_vjp(self.callee, primals)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        """The value and the directional derivative. See `srcgrad.jvp`."""
        return run_jvp(self.callee, primals, tangents)

    def source(self, kind: str, *args: Any, argnums: Any = 0, **kwargs: Any) -> str:
        """The generated text, as plain Python over NumPy that runs as it is.

        Args:
            kind: "primal", "adjoint" (the joint value and gradient) or "tangent".
            *args: arguments of the types to generate it for.
            argnums: which arguments to differentiate with respect to.
            **kwargs: more arguments, by name.

        Raises:
            ArgumentError: another kind, or an argument that has no derivative.
            UnsupportedError: the function cannot be differentiated.
        """
        if kind not in ("primal", "adjoint", "tangent"):
            raise ArgumentError(Problem(f"there is no source of kind {kind!r}", hint="use primal, adjoint or tangent"))
        version = self.callee.version(self.callee.bind(args, kwargs))
        function = version.lowered.function
        if kind == "primal":
            return print_function(pipeline.printable(function)).text
        names = resolve_argnums(argnums, self.callee.parameters, function.name)
        wrt = parameters_of(function, version.arguments, names, function.name)
        make = pipeline.adjoint if kind == "adjoint" else pipeline.tangent
        return print_function(pipeline.printable(make(function, wrt))).text


def _find(function: Any) -> Any:
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found


def _restore(function: Any, options: Options, filename: str, text: str) -> Differentiable:
    """Unpickle; the source comes along, for a process that does not have the file."""
    if text and not linecache.getlines(filename):
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    return Differentiable(function, options)


def run_vjp(callee: Callee, primals: tuple[Any, ...]) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The forward sweep now, and a function that runs the reverse sweep on the tape that it left."""
    values = callee.bind(primals, {})
    version = callee.version(values)
    kind = result_kind(version.lowered.result)
    if not flatten(version.lowered.function.results):
        raise nothing_returned(callee.program)
    forward, backward = version.sweeps(values)
    raw = forward.pure(version.flat(values))
    tape = raw[version.count :]
    reverse = backward.compiled
    result = version.result(raw[: version.count])
    shapes = [getattr(leaf, "shape", ()) for leaf in _float_leaves(kind, result)]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        """The cotangents of the arguments, for a cotangent of the result. It can be called any number of times."""
        seeds = differentiable_leaves(kind, cotangent, "the cotangent")
        for seed, shape in zip(seeds, shapes, strict=True):
            if np_shape(seed) != shape:
                message = f"the cotangent has shape {np_shape(seed)}, but the result has shape {shape}"
                raise ArgumentError(Problem(message, hint="give it the shape of the result"))
        found = fill_gradients(version.kinds, list(reverse(*tape, *seeds)))
        return callee.positional(found)[: len(primals)]

    return result, pullback


def np_shape(value: Any) -> tuple[int, ...]:
    return getattr(value, "shape", ())


def _float_leaves(kind: Any, value: Any) -> list[Any]:
    if isinstance(kind, structure.TupleOf):
        return [leaf for k, v in zip(kind.items, value, strict=True) for leaf in _float_leaves(k, v)]
    return [] if isinstance(kind, structure.Constant) else [value]


def run_jvp(callee: Callee, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """Value and directional derivative."""
    if len(primals) != len(tangents):
        message = f"jvp expects one tangent for each argument, but got {len(primals)} and {len(tangents)}"
        raise ArgumentError(Problem(message, hint="pass None for an argument without a derivative"))
    values = callee.bind(tuple(primals), {})
    version = callee.version(values)
    if not flatten(version.lowered.function.results):
        raise nothing_returned(callee.program)
    extra: list[Any] = []
    given = callee.program.signature.bind(*tangents).arguments  # an argument left to its default does not move
    for name, kind, value in zip(callee.parameters, version.kinds, values, strict=True):
        primal_leaves = _float_leaves(_floats(kind), value)
        if name not in given:
            extra += [leaf * 0 for leaf in primal_leaves]
            continue
        leaves = differentiable_leaves(_floats(kind), given[name], f"the tangent of '{name}'")
        for tangent, primal in zip(leaves, primal_leaves, strict=True):
            if np_shape(tangent) != np_shape(primal):
                message = f"a tangent of '{name}' has shape {np_shape(tangent)}, not {np_shape(primal)}"
                raise ArgumentError(Problem(message, hint="give it the shape of the argument"))
        extra += leaves
    kernel = version.kernel("tangent")
    raw = kernel.pure([*version.flat(values), *extra])
    kind = result_kind(version.lowered.result)
    return version.result(raw[: version.count]), _restore_tangent(kind, list(raw[version.count :]), extra)


def _floats(kind: Any) -> Any:
    """An argument type with everything that is no float as a constant."""
    if isinstance(kind, structure.TupleOf):
        return structure.TupleOf(tuple(_floats(k) for k in kind.items), kind.cls)
    return kind if structure.has_float(kind) else structure.Constant(None)


def _restore_tangent(kind: Any, left: list[Any], given: list[Any]) -> Any:
    """A tangent in its structure; one that is the caller's own array is copied."""
    if isinstance(kind, structure.TupleOf):
        items = [_restore_tangent(k, left, given) for k in kind.items]
        return kind.cls(*items) if kind.cls is not None else tuple(items)
    if isinstance(kind, structure.Constant):
        return None
    raw = left.pop(0)
    if isinstance(raw, np.ndarray):
        return raw.copy() if any(isinstance(g, np.ndarray) and np.may_share_memory(raw, g) for g in given) else raw
    return plain(kind, raw)


def _print_for(function: Differentiable, kinds: list[Any]) -> tuple[Printed, dict[str, Any]]:
    """The primal for a call from compiled code; captured arrays are constants there, as Numba has it."""
    program = function.callee.program
    names = list(program.signature.parameters)
    defaults = list(program.signature.parameters.values())[len(kinds) :]
    given = [_argument_kind(k) for k in kinds]
    given += [structure.type_of(p.default, p.name) for p in defaults]
    lowered = program.lowered(tuple(zip(names, given, strict=True)))
    arrays = {c.var.hint: c.read() for c in lowered.captures if c.var is not None}
    ir = pipeline.printable(lowered.function)
    constants = {p.name: p.default for p in defaults}
    signature = tuple((n, t) for n, t in ir.signature if n not in arrays and n not in constants)
    return print_function(replace(ir, signature=signature)), arrays | constants


def _argument_kind(kind: Any) -> Any:
    if kind is None:
        return structure.Constant(None)
    if isinstance(kind, tuple):
        return structure.TupleOf(tuple(_argument_kind(k) for k in kind[0]), kind[1])
    return kind


callable_from_njit(Differentiable, _print_for)

"""What the decorator returns, and its derivatives."""

from __future__ import annotations

import ast
import functools
import linecache
import sys
from collections.abc import Callable
from importlib import import_module
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad import structure
from srcgrad.backend import Options, adopt, callable_from_njit
from srcgrad.dispatch import Callee, Dispatching
from srcgrad.errors import ArgumentError, Problem
from srcgrad.ir.printed import Printed
from srcgrad.program import UserFunction, nothing_returned
from srcgrad.structure import differentiable_leaves, fill_gradients, plain

if TYPE_CHECKING:
    from srcgrad.explain import Explanation


class Transformed(Dispatching):
    """A function made by `grad` or `value_and_grad`: calling it runs compiled code on copies of what is overwritten."""

    pure = True

    def __init__(self, callee: Callee, wrapped: Callable[..., Any]) -> None:
        self.callee = callee
        functools.update_wrapper(self, wrapped, updated=())

    def cache_parts(self) -> tuple[Any, ...]:
        """What its IR depends on."""
        return (self.callee.program,)

    def lower_call(self, scope: Any, args: list[Any], kwargs: dict[str, Any], node: ast.AST) -> Any:
        """A call of this gradient inside a differentiable function: its IR, written in place of the call."""
        return import_module("srcgrad.derive").inline_program(scope, self.callee.program, args, kwargs, node)


class Differentiable(Dispatching):
    """A function with compiled derivatives; `srcgrad.differentiable` makes it.

    Calling it runs the compiled primal. Attributes and methods:

    Attributes:
        py_func: the Python function.
    """

    pure = False

    def __init__(self, function: FunctionType | MethodType, options: Options) -> None:
        self.py_func = function
        self.options = options
        self.callee = Callee(UserFunction(function, options))
        self._gradients: dict[bool, Transformed] = {}
        functools.update_wrapper(self, function, updated=())
        self.__signature__ = self.callee.program.signature

    def cache_parts(self) -> tuple[Any, ...]:
        """What its IR depends on."""
        return (self.py_func,)

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
            callee = self.callee.gradient(0, with_value=with_value, has_aux=False)
            self._gradients[with_value] = Transformed(callee, self.py_func)
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
        text: str = version.derivation.source(kind, argnums)
        return text

    def explain(self, *args: Any, argnums: Any = 0, compiled: bool = False, **kwargs: Any) -> Explanation:
        """Say, line by line, how the gradient is computed: what is stored, recomputed or still there, and why.

        Args:
            *args: the arguments to explain it for; nothing is run.
            argnums: which arguments to differentiate with respect to.
            compiled: compile it, which takes seconds, to see which calls LLVM vectorises.
            **kwargs: more arguments, by name.

        Returns:
            An object whose `str()` is text; a notebook shows it as a page, and `html(path)` writes that.

        Raises:
            ArgumentError: an argument has no derivative, or `argnums` does not fit.
            UnsupportedError: the function cannot be differentiated.
        """
        explain = import_module("srcgrad.explain").explain  # most processes never ask
        return explain(self.callee.program, self.callee.bind(args, kwargs), argnums, compiled=compiled)  # type: ignore[no-any-return]


def _find(function: Any) -> Any:
    found: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, None)
    return found


def _restore(function: Any, options: Options, filename: str, text: str) -> Differentiable:
    """Unpickle; the source comes along, for a process that does not have the file."""
    if text and not linecache.getlines(filename):
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    plain_function = getattr(function, "__func__", function)
    plain_function.__code__ = _placed_in(filename, plain_function.__code__)
    return Differentiable(function, options)


def _placed_in(filename: str, code: CodeType) -> CodeType:
    """Code with the name of its file, which cloudpickle leaves out from 3.1.3 on."""
    if code.co_filename == filename:
        return code
    parts = tuple(_placed_in(filename, c) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=filename, co_consts=parts)


def run_vjp(callee: Callee, primals: tuple[Any, ...]) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The forward sweep now, and a function that runs the reverse sweep on the tape that it left."""
    values = callee.bind(primals, {})
    version = callee.version(values)
    kind = structure.floats_of(version.plan.result)
    if not version.plan.count:
        raise nothing_returned(callee.program)
    forward, backward = version.sweeps(values)
    flat = version.flat(values)
    on_gpu = callee.on_device
    raw = forward.run(flat) if on_gpu else forward.pure(flat)  # there the tape stays
    tape = raw[version.plan.count :]
    result = forward.landed(version.result(raw[: version.plan.count]), flat)
    shapes = [getattr(leaf, "shape", ()) for leaf in _float_leaves(kind, result)]

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        """The cotangents of the arguments, for a cotangent of the result. It can be called any number of times."""
        seeds = differentiable_leaves(kind, adopt(cotangent) if on_gpu else cotangent, "the cotangent")
        for seed, shape in zip(seeds, shapes, strict=True):
            if np_shape(seed) != shape:
                message = f"the cotangent has shape {np_shape(seed)}, but the result has shape {shape}"
                raise ArgumentError(Problem(message, hint="give it the shape of the result"))
        given = [*tape, *seeds]
        found = fill_gradients(version.kinds, list(backward.run(given)))
        found = backward.landed(found, [*flat, *seeds])
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
    if not version.plan.count:
        raise nothing_returned(callee.program)
    extra: list[Any] = []
    given = callee.program.signature.bind(*tangents).arguments  # an argument left to its default does not move
    for name, kind, value in zip(callee.parameters, version.kinds, values, strict=True):
        primal_leaves = _float_leaves(structure.floats_of(kind), value)
        if name not in given:
            extra += [np.zeros(leaf.shape, leaf.dtype) if np_shape(leaf) else leaf * 0 for leaf in primal_leaves]
            continue
        leaves = differentiable_leaves(structure.floats_of(kind), given[name], f"the tangent of '{name}'")
        for tangent, primal in zip(leaves, primal_leaves, strict=True):
            if np_shape(tangent) != np_shape(primal):
                message = f"a tangent of '{name}' has shape {np_shape(tangent)}, not {np_shape(primal)}"
                raise ArgumentError(Problem(message, hint="give it the shape of the argument"))
        extra += leaves
    kernel = version.kernel("tangent")
    raw = kernel.pure([*version.flat(values), *extra])
    kind = structure.floats_of(version.plan.result)
    return version.result(raw[: version.plan.count]), _restore_tangent(kind, list(raw[version.plan.count :]), extra)


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
    derivation = import_module("srcgrad.derive").Derivation(program, tuple(zip(names, given, strict=True)))
    constants = {o.name: o.read() for o in derivation.plan().arrays} | {p.name: p.default for p in defaults}
    return derivation.printed_without(constants.keys()), constants


def _argument_kind(kind: Any) -> Any:
    if kind is None:
        return structure.Constant(None)
    if isinstance(kind, tuple):
        return structure.TupleOf(tuple(_argument_kind(k) for k in kind[0]), kind[1])
    return kind


callable_from_njit(Differentiable, _print_for)

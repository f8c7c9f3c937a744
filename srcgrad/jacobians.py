"""Whole Jacobians and Hessians, column by column or row by row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.api import callee_of, grad, jvp, vjp
from srcgrad.dispatch import Callee
from srcgrad.errors import ArgumentError, Problem
from srcgrad.program import GradientOf, resolve_argnums

__all__ = ["hessian", "jacfwd", "jacrev"]


class Jacobian:
    """A function made by `jacfwd` or `jacrev`; for a scalar function it is the gradient, and can be differentiated."""

    def __init__(self, function: Callable[..., Any], argnums: Any, *, forward: bool) -> None:
        self.function, self.argnums, self.forward = function, argnums, forward
        self.of = callee_of(function)
        program = GradientOf(self.of.program, argnums, with_value=False, has_aux=False)
        self.callee = Callee(program)
        functools.update_wrapper(self, getattr(function, "py_func", function), updated=())

    def cache_parts(self) -> tuple[Any, ...]:
        """What its IR depends on."""
        return self.callee.program, self.function, self.argnums, self.forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        values = self.of.bind(args, kwargs)
        names = resolve_argnums(self.argnums, self.of.parameters, self.of.program.name)
        chosen = [_checked(self.of.parameters.index(n), n, values) for n in names]
        if self.forward:
            found = [_columns(self.function, values, k) for k in chosen]
        else:
            value, pullback = vjp(self.function, *values)
            rows = [_rows(value, leaf, pullback, values, chosen) for leaf in range(_count(value))]
            found = [_structure(value, [row[j] for row in rows]) for j in range(len(chosen))]
        return _transposed(found, self.argnums)


def jacfwd(function: Callable[..., Any], argnums: Any = 0) -> Jacobian:
    """The Jacobian by forward mode: one run for each input.

    Args:
        function: as for `srcgrad.grad`, or a gradient; returns a number, an array or a tuple of them.
        argnums: the float or array to differentiate with respect to: an index, a name, or a tuple of them.

    Returns:
        A function of the same arguments. For a result of shape `r` and an argument of shape `a` it returns an array of
        shape `r + a` (a float, if both are numbers); for a result that is a tuple, a tuple of these; for `argnums` a
        tuple, a tuple of these in place of each.

    Raises:
        ArgumentError: an argument without a derivative.

    Griewank & Walther (2008), section 3.1.
    """
    return Jacobian(function, argnums, forward=True)


def jacrev(function: Callable[..., Any], argnums: Any = 0) -> Jacobian:
    """The Jacobian by reverse mode: one run of the reverse sweep for each output. See `jacfwd`.

    Raises:
        ArgumentError: an argument without a derivative.

    Griewank & Walther (2008), section 3.2.
    """
    return Jacobian(function, argnums, forward=False)


def hessian(function: Callable[..., Any], argnums: Any = 0) -> Jacobian:
    """The Hessian of a scalar function, forward over reverse.

    Args:
        function: as for `srcgrad.grad`.
        argnums: the float or array to differentiate with respect to: an index, a name, or a tuple of them.

    Returns:
        A function of the same arguments; for an argument of shape `a` it returns an array of shape `a + a`; for
        `argnums` a tuple, a tuple of tuples of the blocks.

    Raises:
        ArgumentError: an argument without a derivative.
        NonScalarError: the result is not one float.

    Griewank & Walther (2008), section 5.1.
    """
    return jacfwd(grad(function, argnums=argnums), argnums)


def _checked(k: int, name: str, values: tuple[Any, ...]) -> int:
    value = values[k]
    if not (isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")):
        message = f"'{name}' is {type(value).__name__}, and not a float or an array of floats"
        raise ArgumentError(Problem(message, hint="pass a float or an array of floats"))
    return k


def _transposed(found: list[Any], argnums: Any) -> Any:
    """From one Jacobian an argument to JAX's nesting: results outside, arguments inside."""
    if not isinstance(argnums, tuple):
        return found[0]
    if isinstance(found[0], tuple):
        return tuple(_transposed([f[k] for f in found], argnums) for k in range(len(found[0])))
    return tuple(found)


def _columns(function: Callable[..., Any], args: tuple[Any, ...], k: int) -> Any:
    shape = np.shape(args[k])
    columns = []
    for unit in _units(args[k]):
        _, column = jvp(function, args, tuple(unit if j == k else _zeros(a) for j, a in enumerate(args)))
        columns.append(column)
    if not columns:
        _, column = jvp(function, args, tuple(_zeros(a) for a in args))
        return _stacked([], column, shape)
    return _stacked(columns, columns[0], shape)


def _stacked(columns: list[Any], like: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(like, tuple):
        return tuple(_stacked([c[j] for c in columns], part, shape) for j, part in enumerate(like))
    if like is None:
        return None
    if shape == ():
        return columns[0]
    if not columns:
        return np.zeros(np.shape(like) + shape)
    return np.stack([np.asarray(c) for c in columns], axis=-1).reshape(np.shape(like) + shape)


def _units(value: Any) -> Iterator[Any]:
    if not isinstance(value, np.ndarray):
        yield 1.0
        return
    for k in range(value.size):
        unit = np.zeros(value.shape, value.dtype)
        unit.flat[k] = 1.0
        yield unit


def _zeros(value: Any) -> Any:
    if isinstance(value, tuple):
        items = [_zeros(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, np.ndarray):
        return np.zeros_like(value) if value.dtype.kind == "f" else None
    return 0.0 if isinstance(value, float | np.floating) else None


def _count(value: Any) -> int:
    return sum(_count(v) for v in value) if isinstance(value, tuple) else 1


def _structure(value: Any, parts: list[Any]) -> Any:
    return tuple(_structure(v, parts) for v in value) if isinstance(value, tuple) else parts.pop(0)


def _rows(value: Any, leaf: int, pullback: Callable[..., Any], args: tuple[Any, ...], chosen: list[int]) -> list[Any]:
    """The Jacobians of one leaf of the result with respect to each chosen argument."""
    target = _leaf(value, leaf)
    if not (isinstance(target, float | np.floating) or (isinstance(target, np.ndarray) and target.dtype.kind == "f")):
        return [None] * len(chosen)
    found = [pullback(_with_leaf(value, leaf, unit)) for unit in _units(target)]
    out = []
    for k in chosen:
        if np.shape(target) == ():
            out.append(found[0][k])
        else:
            rows = [np.asarray(f[k]) for f in found]
            stacked = np.stack(rows) if rows else np.zeros((0, *np.shape(args[k])))
            out.append(stacked.reshape(np.shape(target) + np.shape(args[k])))
    return out


def _leaf(value: Any, k: int) -> Any:
    flat: list[Any] = []

    def visit(v: Any) -> None:
        if isinstance(v, tuple):
            for item in v:
                visit(item)
        else:
            flat.append(v)

    visit(value)
    return flat[k]


def _with_leaf(value: Any, k: int, unit: Any) -> Any:
    """A cotangent that is `unit` at one leaf and zero elsewhere."""
    counter = iter(range(_count(value)))

    def visit(v: Any) -> Any:
        if isinstance(v, tuple):
            items = [visit(item) for item in v]
            return type(v)(*items) if hasattr(v, "_fields") else tuple(items)
        return unit if next(counter) == k else _zeros(v)

    return visit(value)

"""Whole Jacobians and Hessians, column by column or row by row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from srcgrad.api import grad, jvp, vjp
from srcgrad.errors import ArgumentError, Problem

__all__ = ["hessian", "jacfwd", "jacrev"]


def jacfwd(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The Jacobian by forward mode: one run for each input.

    Args:
        function: as for `srcgrad.grad`, or a gradient; returns a number, an array or a tuple of them.
        argnums: the index of the float or array to differentiate with respect to, or a tuple of them.

    Returns:
        A function of the same arguments. For a result of shape `r` and an argument of shape `a` it returns an array of
        shape `r + a` (a float, if both are numbers); for a result that is a tuple, a tuple of these; for `argnums` a
        tuple, a tuple of these in place of each.

    Raises:
        ArgumentError: an argument without a derivative.

    Griewank & Walther (2008), section 3.1.
    """

    @functools.wraps(_wrapped(function), updated=())
    def jacobian(*args: Any) -> Any:
        found = [_columns(function, args, k) for k in _indices(argnums, args)]
        return _transposed(found, argnums)

    return jacobian


def jacrev(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The Jacobian by reverse mode: one run of the reverse sweep for each output. See `jacfwd`.

    Raises:
        ArgumentError: an argument without a derivative.

    Griewank & Walther (2008), section 3.2.
    """

    @functools.wraps(_wrapped(function), updated=())
    def jacobian(*args: Any) -> Any:
        value, pullback = vjp(function, *args)
        chosen = _indices(argnums, args)
        rows = [_rows(value, leaf, pullback, args, chosen) for leaf in range(_count(value))]
        found = []
        for j in range(len(chosen)):
            parts = [row[j] for row in rows]
            found.append(_structure(value, parts))
        return _transposed(found, argnums)

    return jacobian


def hessian(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The Hessian of a scalar function, forward over reverse.

    Args:
        function: as for `srcgrad.grad`.
        argnums: the index of the float or array to differentiate with respect to, or a tuple of them.

    Returns:
        A function of the same arguments; for an argument of shape `a` it returns an array of shape `a + a`; for
        `argnums` a tuple, a tuple of tuples of the blocks.

    Raises:
        ArgumentError: an argument without a derivative.
        NonScalarError: the result is not one float.

    Griewank & Walther (2008), section 5.1.
    """
    return jacfwd(grad(function, argnums=argnums), argnums)


def _wrapped(function: Any) -> Any:
    return getattr(function, "py_func", function)


def _indices(argnums: int | tuple[int, ...], args: tuple[Any, ...]) -> list[int]:
    out = []
    for k in argnums if isinstance(argnums, tuple) else (argnums,):
        if not isinstance(k, int) or not -len(args) <= k < len(args):
            raise ArgumentError(Problem(f"there is no argument number {k!r}", hint="use an index"))
        value = args[k]
        if not (isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")):
            message = f"argument {k} is {type(value).__name__}, and not a float or an array of floats"
            raise ArgumentError(Problem(message, hint="pass a float or an array of floats"))
        out.append(k % len(args))
    return out


def _transposed(found: list[Any], argnums: int | tuple[int, ...]) -> Any:
    """From one Jacobian an argument to JAX's nesting: results outside, arguments inside."""
    if not isinstance(argnums, tuple):
        return found[0]
    if isinstance(found[0], tuple):
        return tuple(_transposed([f[k] for f in found], argnums) for k in range(len(found[0])))
    return tuple(found)


def _columns(function: Callable[..., Any], args: tuple[Any, ...], k: int) -> Any:
    shape = np.shape(args[k])
    columns = []
    value: Any = None
    for unit in _units(args[k]):
        value, column = jvp(function, args, tuple(unit if j == k else _zeros(a) for j, a in enumerate(args)))
        columns.append(column)
    if not columns:
        value, column = jvp(function, args, tuple(_zeros(a) for a in args))
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

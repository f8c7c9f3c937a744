"""Check derivatives against the laws that they obey."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.api import grad, jvp, vjp
from srcgrad.errors import ArgumentError, GradientCheckError, Problem

__all__ = ["check_grads"]


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    seed: int = 0,
) -> None:
    """Check the derivatives of `f` at `args`.

    In a random direction, the tangent of forward mode is compared with central differences of the Python function, and
    the cotangents of reverse mode with the same differences through the adjoint identity
    <ct, J t> = <J^T ct, t>; with both modes, also with each other, to rounding.

    Args:
        f: a function as for `srcgrad.grad`; it may return numbers, arrays and tuples of them.
        args: its arguments, away from kinks.
        order: how often to differentiate; beyond 1, `f` must return one float, beyond 2 also take one.
        modes: "fwd", "rev" or both.
        atol: absolute tolerance; by default 1e-6 for float64 and 1e-2 for float32, of the size of the derivative.
        rtol: relative tolerance, by default the same.
        seed: of the random directions.

    Raises:
        GradientCheckError: saying which law failed, and by how much.
        ArgumentError: an order or mode that there is not.

    The laws: Griewank & Walther, Evaluating Derivatives, 2nd ed. (SIAM 2008), section 3.3; directions as in JAX.
    """
    if order < 1 or not modes or not set(modes) <= {"fwd", "rev"}:
        message = f"there is no check of order {order} in modes {tuple(modes)}"
        raise ArgumentError(Problem(message, hint='use order=1 or more, and modes "fwd", "rev" or both'))
    rng = np.random.default_rng(seed)
    args = tuple(args)
    if not _leaves(_random_like(args, np.random.default_rng(seed))):
        message = "there is no float among the arguments to check derivatives by"
        raise ArgumentError(Problem(message, hint="pass a float or an array of floats"))
    single = any(getattr(leaf, "dtype", None) == np.float32 for leaf in _leaves(args))
    tolerance = 1e-2 if single else 1e-6
    bound = (tolerance if atol is None else atol, tolerance if rtol is None else rtol)
    tangents = _random_like(args, rng)
    plain = _plain(f)
    differences = _central_differences(plain, args, tangents, 1e-2 if single else 1e-5)
    forward = None
    if "fwd" in modes:
        _, forward = jvp(f, args, tangents)
        _compare("tangent against central differences", forward, differences, bound)
    if "rev" in modes:
        value, pullback = vjp(f, *args)
        ct = _random_like(value, rng)
        found = _inner(pullback(ct), tangents)
        _compare("cotangent against central differences", found, _inner(ct, differences), bound)
        if forward is not None:
            tight = (1e-3, 1e-3) if single else (1e-9, 1e-9)
            _compare("adjoint identity", found, _inner(ct, forward), tight)
    if order > 1:
        chosen = tuple(k for k, a in enumerate(args) if _leaves(_random_like(a, rng)))
        argnums = chosen if len(chosen) > 1 else chosen[0]
        check_grads(grad(f, argnums=argnums), args, order - 1, modes, atol, rtol, seed + 1)


def _plain(f: Any) -> Callable[..., Any]:
    """The function to take differences of: the Python function, or the compiled gradient."""
    plain: Callable[..., Any] = getattr(f, "py_func", f)
    return plain


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, tuple | list):
        return [leaf for t in tree for leaf in _leaves(t)]
    return [] if tree is None or isinstance(tree, str) else [tree]


def _is_float(value: Any) -> bool:
    return isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


def _random_like(tree: Any, rng: np.random.Generator) -> Any:
    """A random direction: of the same structure, None where there is no derivative."""
    if isinstance(tree, tuple | list):
        items = [_random_like(t, rng) for t in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    if not _is_float(tree):
        return None
    drawn = rng.uniform(-1.0, 1.0, np.shape(tree))
    return np.asarray(drawn, tree.dtype) if isinstance(tree, np.ndarray) else float(drawn)


def _moved(tree: Any, direction: Any, step: float) -> Any:
    if isinstance(tree, tuple | list):
        items = [_moved(t, d, step) for t, d in zip(tree, direction, strict=True)]
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    if direction is None:
        return tree.copy() if isinstance(tree, np.ndarray) else tree
    moved = tree + step * direction
    return moved.astype(tree.dtype) if isinstance(tree, np.ndarray) else type(tree)(moved)


def _central_differences(f: Callable[..., Any], args: tuple[Any, ...], tangents: Any, step: float) -> Any:
    scale = 1.0 + max((float(np.max(np.abs(x), initial=0.0)) for x in _leaves(args) if _is_float(x)), default=0.0)
    h = step * scale
    with np.errstate(all="ignore"):
        above, below = f(*_moved(args, tangents, h)), f(*_moved(args, tangents, -h))
    return _quotient(above, below, 2.0 * h)


def _quotient(above: Any, below: Any, width: float) -> Any:
    if isinstance(above, tuple | list):
        return tuple(_quotient(a, b, width) for a, b in zip(above, below, strict=True))
    if not _is_float(above):
        return None
    return (np.asarray(above, float) - np.asarray(below, float)) / width


def _inner(a: Any, b: Any) -> float:
    pairs = zip(_leaves(a), _leaves(b), strict=True)
    return float(sum(np.sum(np.asarray(x, float) * np.asarray(y, float)) for x, y in pairs))


def _compare(law: str, found: Any, expected: Any, bound: tuple[float, float]) -> None:
    atol, rtol = bound
    for x, y in zip(_leaves(found), _leaves(expected), strict=True):
        x, y = np.asarray(x, float), np.asarray(y, float)
        size = float(np.max(np.abs(y), initial=0.0))
        error = float(np.max(np.abs(x - y), initial=0.0))
        if not error <= atol * max(1.0, size) + rtol * size:
            message = f"{law}: off by {error:.3g}, where the derivative is of size {size:.3g}"
            raise GradientCheckError(Problem(message, hint="if the point is a kink of the function, move it"))

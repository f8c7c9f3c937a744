"""The public functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, TypeVar, overload

import numpy as np

from srcgrad.backend import Options
from srcgrad.custom import custom_vjp
from srcgrad.differentiable import Differentiable, Transformed, run_jvp, run_vjp
from srcgrad.dispatch import Callee
from srcgrad.errors import ArgumentError, Problem
from srcgrad.program import UserFunction

F = TypeVar("F", bound=Callable[..., Any])


@overload
def differentiable(function: Callable[..., Any], /) -> Differentiable: ...
@overload
def differentiable(
    *, parallel: bool = ..., fastmath: Any = ..., boundscheck: bool | None = ..., cache: bool = ..., target: str = ...,
    error_model: str = ..., memory_budget: int | None = ..., deterministic: bool = ...,
) -> Callable[[Callable[..., Any]], Differentiable]: ...  # fmt: skip
def differentiable(
    function: Callable[..., Any] | None = None, /, *, parallel: bool | None = None, fastmath: Any = None,
    boundscheck: bool | None = None, cache: bool | None = None, target: str | None = None,
    error_model: str | None = None, memory_budget: int | None = None, deterministic: bool | None = None,
) -> Any:  # fmt: skip
    """Make a function differentiable. A decorator, with or without parentheses.

    Args:
        function: a plain function, or a Numba dispatcher (`@njit`), whose own options are kept.
        parallel: run `prange` loops and large array expressions on several threads, and the reverses of both.
        fastmath: as for `numba.njit`.
        boundscheck: check indices, as for `numba.njit`; not for `parallel=True`.
        cache: keep compiled code on disk, as for `numba.njit`.
        target: "cpu"; "cuda" for a GPU, where `prange` loops and array expressions are kernels, and arguments may be
            arrays of any library that are there; or "python" for the generated text run as it is (slow, and the
            reference for tests).
        memory_budget: how many bytes the tape of a gradient may take; beyond, the loops that fill it are checkpointed
            where they can be (see `checkpointed`). A quarter of the memory by default.
        deterministic: add up in a fixed order what several threads add to one element, instead of atomically: results
            are the same to the last bit in every run. With `parallel=True` this concerns only what is added at indices
            that run time chooses to arrays of more than 2 MB.
        error_model: "numpy" (division by zero gives inf or nan; the default) or "python" (it raises), which is not for
            `parallel=True`.

    Returns:
        A `Differentiable`, which is called like the function.

    Raises:
        ArgumentError: an option that is not available, or something that is no function.
    """

    def wrap(target_function: Callable[..., Any]) -> Differentiable:
        kept = _dispatcher_options(target_function)
        chosen = {"fastmath": fastmath, "boundscheck": boundscheck, "cache": cache, "error_model": error_model,
                  "memory_budget": memory_budget, "parallel": parallel, "deterministic": deterministic}  # fmt: skip
        kept.update({k: v for k, v in chosen.items() if v is not None})
        if isinstance(kept.get("fastmath"), set):
            kept["fastmath"] = frozenset(kept["fastmath"])
        lost = [k for k, v in (("error_model", "python"), ("boundscheck", True)) if kept.get(k) == v]
        if kept.get("parallel") and lost:
            message = f"errors on threads would be lost, so there is no {lost[0]}={kept[lost[0]]!r} with parallel=True"
            raise ArgumentError(Problem(message, hint=f"leave {lost[0]} out, or parallel"))
        chosen_target = kept.pop("target", None) if target is None else target
        return Differentiable(_plain(target_function), Options(target=chosen_target or "cpu", **kept))  # type: ignore[arg-type]

    if target not in (None, "cpu", "cuda", "python"):
        raise ArgumentError(Problem(f"there is no target {target!r}", hint='use "cpu", "cuda" or "python"'))
    if error_model not in (None, "numpy", "python"):
        raise ArgumentError(Problem(f"there is no error model {error_model!r}", hint='use "numpy" or "python"'))
    return wrap if function is None else wrap(function)


def _plain(function: Any) -> FunctionType | MethodType:
    """The Python function behind a dispatcher or a differentiable function."""
    while hasattr(function, "py_func"):
        function = function.py_func
    if not isinstance(function, FunctionType | MethodType):
        name = getattr(function, "__name__", repr(function))
        raise ArgumentError(Problem(f"expected a Python function, but got {name}", hint="wrap the call in a def"))
    return function


def _dispatcher_options(function: Any) -> dict[str, Any]:
    """The options that a Numba dispatcher was made with."""
    if isinstance(function, Differentiable):
        o = function.options
        return dataclasses.asdict(o)
    options = getattr(function, "targetoptions", None) or {}
    kept = {k: options[k] for k in ("fastmath", "boundscheck", "nogil", "parallel") if options.get(k)}
    if options:
        kept["error_model"] = options.get("error_model", "numpy" if kept.get("parallel") else "python")
    return kept


def callee_of(function: Any) -> Callee:
    """The program behind anything that can be differentiated."""
    known = getattr(function, "callee", None)
    if isinstance(known, Callee):  # a differentiable function, a gradient or a Jacobian
        return known
    if isinstance(function, custom_vjp):
        return Callee(UserFunction(function, Options()))
    return differentiable(function).callee


def grad(function: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Transformed:
    """The gradient of a function with a float result, by reverse mode.

    Args:
        function: a plain, `@njit` or `@differentiable` function, or another gradient.
        argnums: which arguments to differentiate with respect to: an index, a name, or a tuple of them.
        has_aux: the function returns `(value, aux)`, and only the value is differentiated.

    Returns:
        A function of the same arguments. It returns the gradient, with the structure, shape and dtype of the argument;
        a tuple of them if `argnums` is a tuple; `(gradient, aux)` with `has_aux`. It never changes its arguments.

    Raises:
        ArgumentError: when called, if an argument has no derivative or `argnums` does not fit.
        NonScalarError: when called, if the result is not one float.
        UnsupportedError: when called, if the function cannot be differentiated.

    The method is source transformation in adjoint mode: Griewank & Walther, Evaluating Derivatives, 2nd ed. (SIAM
    2008), chapters 3 and 6.

    >>> grad(lambda x: x * x * x)(2.0)
    12.0
    """
    return Transformed(callee_of(function).gradient(argnums, with_value=False, has_aux=has_aux), function)


def value_and_grad(function: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Transformed:
    """The value and the gradient in one call. See `grad`.

    Returns:
        A function that returns `(value, gradient)`, or `((value, aux), gradient)` with `has_aux`.

    Raises:
        ArgumentError, NonScalarError, UnsupportedError: as for `grad`.
    """
    return Transformed(callee_of(function).gradient(argnums, with_value=True, has_aux=has_aux), function)


def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of a function and its pullback, the product with the transposed Jacobian.

    Returns:
        The value, and a function of one cotangent, of the structure of the value, that returns a tuple of one
        cotangent for each of `primals`. Where a value or argument has no derivative its cotangent is None. The
        pullback may be called any number of times, from any thread, also after the caller has changed the arrays.

    Raises:
        ArgumentError: a cotangent does not fit the result.
        UnsupportedError: the function cannot be differentiated.

    Griewank & Walther (2008), section 3.2.
    """
    return run_vjp(callee_of(function), primals)


def jvp(function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """The value of a function and its derivative in a direction, by forward mode.

    Args:
        function: a plain, `@njit` or `@differentiable` function, or a gradient.
        primals: the arguments.
        tangents: the direction: one for each argument, of the same structure and shape; None where there is no
            derivative.

    Returns:
        The value and its tangent, of the same structure; None where the value has no derivative.

    Raises:
        ArgumentError: a tangent does not fit its argument.
        UnsupportedError: the function cannot be differentiated.

    Griewank & Walther (2008), section 3.1.
    """
    return run_jvp(callee_of(function), tuple(primals), tuple(tangents))


def hvp(function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """The product of the Hessian of a scalar function with a vector, forward over reverse.

    Args:
        function: returns one float.
        primals: the arguments; the Hessian is with respect to those that have a tangent.
        tangents: one for each argument; None for those that are held fixed.

    Returns:
        For one argument with a tangent an object like it, otherwise a tuple of them.

    Raises:
        ArgumentError: a tangent does not fit its argument.
        NonScalarError: the result is not one float.

    Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6(1), 1994.
    """
    chosen = tuple(k for k, t in enumerate(tangents) if t is not None)
    if not chosen:
        raise ArgumentError(Problem("hvp expects at least one tangent", hint="pass a direction for one argument"))
    filled = tuple(_zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True))
    argnums = chosen if len(chosen) > 1 else chosen[0]
    return jvp(grad(function, argnums=argnums), primals, filled)[1]


def _zeros_like(value: Any) -> Any:
    if isinstance(value, tuple):
        items = [_zeros_like(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, np.ndarray):
        return np.zeros_like(value) if value.dtype.kind == "f" else None
    return 0.0 if isinstance(value, float | np.floating) else None


# Calls of these inside a differentiable function are resolved while it is compiled.
grad.is_transformation = True  # type: ignore[attr-defined]
value_and_grad.is_transformation = True  # type: ignore[attr-defined]

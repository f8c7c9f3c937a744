"""Functions whose gradient the user writes, and values that count as constants."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.errors import ArgumentError, Problem


def stop_gradient(x: Any) -> Any:
    """`x`, as a constant for differentiation. An array is copied.

    Args:
        x: a number, or a NumPy array of any shape and dtype.

    Returns:
        The same number, or a copy of the array.
    """
    return x.copy() if isinstance(x, np.ndarray) else x


class custom_vjp:  # noqa: N801 - JAX's name
    """Give a function a gradient of your own, as in JAX.

    Decorate the function, then call `defvjp(fwd, bwd)`: `fwd` takes the arguments and returns the value and the
    residuals (a number, an array or a tuple), `bwd` takes the residuals and the cotangent of the value and returns a
    tuple of one cotangent for each argument, None for one without a derivative. Forward mode is refused.

    Attributes:
        py_func: the decorated function.

    >>> @custom_vjp
    ... def clipped(x):
    ...     return x * x
    >>> clipped.defvjp(lambda x: (x * x, x), lambda x, ct: (min(ct * 2.0 * x, 1.0),))
    >>> import srcgrad
    >>> srcgrad.grad(clipped)(3.0)
    1.0
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = self.function = function
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None
        functools.update_wrapper(self, function, updated=())

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the forward and the backward function.

        Args:
            fwd: takes the arguments of the function, and returns `(value, residuals)`.
            bwd: takes `residuals` and a cotangent, and returns a tuple of cotangents.
        """
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def cache_parts(self) -> tuple[Any, ...]:
        """What its IR depends on."""
        return self.function, self.fwd, self.bwd

    def pair(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Both functions.

        Raises:
            ArgumentError: `defvjp` was not called.
        """
        if self.fwd is None or self.bwd is None:
            message = f"'{self.function.__name__}' is a custom_vjp without a backward function"
            raise ArgumentError(Problem(message, hint="call defvjp(fwd, bwd)"))
        return self.fwd, self.bwd

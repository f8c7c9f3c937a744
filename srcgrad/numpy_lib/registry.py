"""Which NumPy function each loop defines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LIBRARY: dict[Callable[..., Any], Any] = {}


def defines(*functions: Callable[..., Any]) -> Callable:
    """Register the decorated function as the definition of NumPy `functions`."""

    def register(loop: Any) -> Any:
        for function in functions:
            LIBRARY[function] = loop
        return loop

    return register

"""What functions here have in common: checks of arguments, and pairs of linear maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.shim.dtypes import BY_NUMPY
from srcgrad.shim.record import record
from srcgrad.shim.tensor import Tensor

Map = Callable[[Any], Any]


def need_tensor(value: Any, function: str, name: str = "input", position: int = 1) -> Tensor:
    """The argument itself.

    Raises:
        TypeError: it is no tensor.
    """
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise TypeError(f"{function}(): argument '{name}' (position {position}) must be Tensor, not {kind}")
    return value


def need_floats(x: np.ndarray, kernel: str) -> None:
    """Raise NotImplementedError, with the name of PyTorch's kernel, for integers."""
    if x.dtype.kind != "f":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{BY_NUMPY[x.dtype].title}'")


def scalar_name(dtype: np.dtype) -> str:
    """The element type as C++ calls it, in messages: "float", "double", "long"."""
    names = {"Long": "long", "Char": "signed char", "Byte": "unsigned char", "Half": "c10::Half"}
    title = BY_NUMPY[dtype].title
    return names.get(title, title.lower())


def adjoint_pair(name: str, back: str, forward: Map, backward: Map) -> tuple[Map, Map]:
    """A linear map and its adjoint, each the pullback of the other, so that they can be differentiated again and again.

    Args:
        name: of the node of the map.
        back: of the node of the adjoint.
        forward: the map of arrays.
        backward: the adjoint of arrays.

    Returns:
        Both, for arrays and for tensors.
    """

    def there(value: Any) -> Any:
        if isinstance(value, Tensor):
            return record(name, forward(value._data), (value,), (again,))
        return forward(value)

    def again(value: Any) -> Any:
        if isinstance(value, Tensor):
            return record(back, backward(value._data), (value,), (there,))
        return backward(value)

    return there, again


def tuple_of(value: Any, count: int, name: str) -> tuple[int, ...]:
    """`count` numbers from one, or from so many.

    Raises:
        RuntimeError: another number of them.
    """
    if isinstance(value, int | np.integer):
        return (int(value),) * count
    found = tuple(int(v) for v in value)
    if len(found) == 1:
        return found * count
    if len(found) != count:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {count} values to match the convolution "
            f"dimensions, but got {name}={list(found)}"
        )
    return found

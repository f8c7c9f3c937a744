"""Forward mode by name: tangents of dual tensors, computed by two backward passes when they are asked for.

The product of a cotangent with the Jacobian is linear in the cotangent, and its derivative is the product of the
Jacobian with the tangent (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from srcgrad.shim.autograd.backward import grad
from srcgrad.shim.modes import STATE, enable_grad
from srcgrad.shim.tensor import Tensor, needs, wrap

_NO_LEVEL = "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."


class UnpackedDualTensor(NamedTuple):
    """A value and its tangent, None where there is none."""

    primal: Any
    tangent: Any


class _Level:
    """The dual tensors that were made, with their tangents."""

    def __init__(self) -> None:
        self.outside = STATE.grad
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.is_outer: list[bool] = []


_LEVELS: list[_Level] = []


class dual_level:  # noqa: N801 - PyTorch's name
    """Inside of a `with`, dual tensors can be made; operations are recorded."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exception: object) -> None:
        exit_dual_level()


def enter_dual_level() -> int:
    """Begin a level; its number.

    Raises:
        RuntimeError: there is one.
    """
    if _LEVELS:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _LEVELS.append(_Level())
    STATE.grad = True
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level.

    Raises:
        RuntimeError: there is none.
    """
    if not _LEVELS:
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created.")
    STATE.grad = _LEVELS.pop().outside


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor of the same values, with a tangent.

    Raises:
        RuntimeError: there is no level, or shapes or types differ.
    """
    if not _LEVELS:
        raise RuntimeError(_NO_LEVEL)
    if tensor._data.dtype.kind != "f":
        raise ValueError(f"Expected primal to be floating point or complex, but got: {tensor.dtype}")
    if tensor._data.shape != tangent._data.shape:
        raise RuntimeError(
            f"Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor._data.shape)} while the given forward gradient is of size "
            f"{list(tangent._data.shape)}."
        )
    outer = _LEVELS[-1].outside and needs(tensor)
    made = tensor.view_as(tensor) if outer else tensor.detach().requires_grad_()  # type: ignore[attr-defined]
    _LEVELS[-1].pairs.append((made, tangent))
    _LEVELS[-1].is_outer.append(outer)
    return made  # type: ignore[no-any-return]


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The values of a tensor, and its tangent by the dual tensors that it was computed from."""
    if not _LEVELS or not _LEVELS[-1].pairs or not needs(tensor):
        return UnpackedDualTensor(tensor, None)
    state = _LEVELS[-1]
    create = any(state.is_outer)
    with enable_grad():
        duals = [d for d, _ in state.pairs]
        seed = wrap(np.zeros_like(tensor._data)).requires_grad_()
        back = grad(tensor, duals, seed, retain_graph=True, create_graph=True, allow_unused=True)
        pairs = [(b, t) for b, (_, t) in zip(back, state.pairs, strict=True) if b is not None]
        if not pairs:
            return UnpackedDualTensor(tensor, None)
        (tangent,) = grad([b for b, _ in pairs], seed, [t for _, t in pairs], True, create, allow_unused=True)
    if tangent is None:
        tangent = wrap(np.zeros_like(tensor._data))
    return UnpackedDualTensor(tensor if create else tensor.detach(), tangent)

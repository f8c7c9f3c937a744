"""Why a view that was overwritten by way of its base has no history."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.graph import node_name

_AMBIGUOUS = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both"
    " the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or "
    "both outside (if you want the inplace to be tracked)."
)
_OF_SEVERAL = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)
_IN_FUNCTION = (
    "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic "
    "to handle view+inplace would override the custom backward associated with the custom Function, leading to "
    "incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
)


def stale(view: Any) -> str:
    """PyTorch's message, by how the view was made."""
    if view._origin == "no_grad":
        return (
            "A view was created in no_grad mode and its base or another view of its base has been modified inplace "
            f"with grad mode enabled. {_AMBIGUOUS}"
        )
    if view._fn is None:
        return (
            "A view was created in no_grad mode and its base or another view of its base has been modified inplace "
            f"with grad mode enabled. {_OF_SEVERAL}"
        )
    head = f"Output {view._nr} of {node_name(view._fn)} is a view"
    head += " and its base or another view of its base has been modified inplace. "
    if view._origin == "function":
        return head + _IN_FUNCTION
    return head + _OF_SEVERAL

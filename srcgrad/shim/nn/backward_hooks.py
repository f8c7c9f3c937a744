"""Hooks of modules that run in the backward pass: nodes around the arguments and the results of `forward`."""

from __future__ import annotations

import warnings
from typing import Any

from srcgrad.shim.record import is_recorded, record_several
from srcgrad.shim.tensor import Tensor, needs

_NAME = "BackwardHookFunctionBackward"
_NO_INPUT = (
    "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require "
    "gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
    "#torch.nn.Module.register_full_backward_hook for more details."
)


def _passed(tensors: list[Tensor]) -> list[Tensor]:
    """The same tensors behind one node that does nothing."""
    return record_several(_NAME, [t._data for t in tensors], tensors, lambda cts: cts)


def run_hooked(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`forward`, between two nodes: gradients arrive at the one around the results, and leave that of the arguments."""
    arrived: list[tuple[Any, ...]] = []
    places = [k for k, a in enumerate(args) if isinstance(a, Tensor) and needs(a)]
    inputs = [args[k] for k in places]
    before = is_recorded(inputs)
    passed = dict(zip(places, _passed(inputs), strict=True)) if before else {}
    result = module.forward(*(passed.get(k, a) for k, a in enumerate(args)), **kwargs)
    parts = (result,) if isinstance(result, Tensor) else result if isinstance(result, tuple) else ()
    spots = [k for k, r in enumerate(parts) if isinstance(r, Tensor) and needs(r)]
    if not spots or not is_recorded([parts[k] for k in spots]):
        return result

    def arrive(cts: tuple[Any, ...]) -> Any:
        shown = tuple(cts[spots.index(k)] if k in spots else None for k in range(len(parts)))
        for hook in list(module._backward_pre_hooks.values()):
            found = hook(module, shown)
            if found is not None:
                shown = found if isinstance(found, tuple) else (found,)
        arrived[:] = [shown]
        if not before and module._backward_hooks:  # nothing leaves at the arguments
            warnings.warn(_NO_INPUT, UserWarning, stacklevel=2)
            leave((), ())
        return tuple(shown[k] for k in spots)

    def leave(grads: tuple[Any, ...], cts: tuple[Any, ...]) -> Any:
        shown = tuple(grads[places.index(k)] if k in passed else None for k in range(len(args)))
        for hook in list(module._backward_hooks.values()):
            found = hook(module, shown, *arrived)
            if found is not None:
                shown = found if isinstance(found, tuple) else (found,)
        return tuple(shown[k] for k in places)

    outs = dict(zip(spots, _passed([parts[k] for k in spots]), strict=True))
    outs[spots[0]].grad_fn.register_prehook(arrive)  # type: ignore[union-attr]
    if before:
        passed[places[0]].grad_fn.register_hook(leave)  # type: ignore[union-attr]
    return outs[0] if isinstance(result, Tensor) else tuple(outs.get(k, r) for k, r in enumerate(parts))

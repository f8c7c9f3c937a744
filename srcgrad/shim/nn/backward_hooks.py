"""Hooks of modules that run in the backward pass: nodes around the arguments and the results of `forward`."""

from __future__ import annotations

from typing import Any

from srcgrad.shim.record import is_recorded, record_several
from srcgrad.shim.tensor import Tensor

_NAME = "BackwardHookFunctionBackward"


def _passed(tensors: list[Tensor]) -> list[Tensor]:
    """The same tensors behind one node that does nothing."""
    return record_several(_NAME, [t._data.view() for t in tensors], tensors, lambda cts: cts)


def run_hooked(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`forward`, between two nodes: at the one around the results gradients arrive, at that of the arguments they leave."""
    grads: dict[str, Any] = {}
    places = [k for k, a in enumerate(args) if isinstance(a, Tensor)]
    tensors = [args[k] for k in places]
    before = is_recorded(tensors)
    if before:
        passed = _passed(tensors)
        args = tuple(passed[places.index(k)] if k in places else a for k, a in enumerate(args))
    result = module.forward(*args, **kwargs)
    single = isinstance(result, Tensor)
    outs = [result] if single else [r for r in result if isinstance(r, Tensor)] if isinstance(result, tuple) else []
    if not outs or not is_recorded(outs):
        return result

    def arrived(cts: tuple[Any, ...]) -> Any:
        for hook in list(module._backward_pre_hooks.values()):
            found = hook(module, cts)
            if found is not None:
                cts = found if isinstance(found, tuple) else (found,)
        grads["out"] = cts
        if not before:  # no gradient leaves at the arguments
            for hook in list(module._backward_hooks.values()):
                hook(module, (None,) * len(tensors), cts)
        return cts

    def left(given: tuple[Any, ...], cts: tuple[Any, ...]) -> Any:
        for hook in list(module._backward_hooks.values()):
            found = hook(module, given, grads.pop("out", None) if len(module._backward_hooks) == 1 else grads.get("out"))
            if found is not None:
                given = found if isinstance(found, tuple) else (found,)
        return given

    passed_out = _passed(outs)
    passed_out[0].grad_fn.register_prehook(arrived)  # type: ignore[union-attr]
    if before:
        passed[0].grad_fn.register_hook(left)  # type: ignore[union-attr]
    if single:
        return passed_out[0]
    following = iter(passed_out)
    return tuple(next(following) if isinstance(r, Tensor) else r for r in result)

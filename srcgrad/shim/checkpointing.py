"""Checkpoints: a part of the forward pass keeps its inputs only, and is computed again in the backward pass.

Without reentry, nodes keep the numbers of their saved tensors; the first that is asked for in a backward pass makes the
part run again, up to where all tensors are known, and the nodes of that run leave theirs. With reentry the part is one
node, whose backward is a forward and a backward pass (Griewank & Walther, Algorithm 799: Revolve, ACM TOMS 26, 2000).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from srcgrad.shim.autograd.backward import backward
from srcgrad.shim.autograd.function import Function
from srcgrad.shim.autograd.graph import saved_tensors_hooks
from srcgrad.shim.generator import default_generator
from srcgrad.shim.graph import overwritten
from srcgrad.shim.modes import STATE, enable_grad, no_grad
from srcgrad.shim.tensor import CPU, Tensor, needs

_NO_FLAG = (
    "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
    "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but if you need to "
    "preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the "
    "differences between the two variants."
)
_NO_FLAG_SEQUENTIAL = (
    "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version "
    "2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, but if you "
    "need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on "
    "the differences between the two variants."
)
_NO_GRAD_CALL = (
    "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
    ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing "
    "the `inputs` argument."
)
_TIP = """

Tip: To see a more detailed error message, either pass `debug=True` to
`torch.utils.checkpoint.checkpoint(...)` or wrap the code block
with `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to
enable checkpoint‑debug mode globally.

If this error occurs under torch.compile with automatic_dynamic_shapes enabled,
it may be because the recomputation selected a different compiled graph than the
forward pass (e.g., a dynamic graph instead of the original static graph).
To fix this, either:
  - Use torch._dynamo.mark_dynamic() to explicitly mark varying dimensions as
    dynamic upfront, avoiding the static-to-dynamic transition.
  - Call torch._C._dynamo.eval_frame._set_lru_cache(False) to disable LRU cache
    reordering, which can change which graph is checked first between forward
    and recompute.
See https://github.com/pytorch/pytorch/issues/166926 for more details and
workaround examples."""
_EARLY_STOP = [True]


class CheckpointError(RuntimeError):
    """The part did not do the same again."""


class _Enough(Exception):  # noqa: N818 - it is no error
    """All saved tensors are known."""


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] | None = None, determinism_check: str = "default", debug: bool = False,
    early_stop: bool = True, preserve_rng_state: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """`function(*args, **kwargs)`, whose intermediate values are computed again in the backward pass.

    Args:
        function: is run twice, and should do the same both times.
        args: for it; tensors among them that require gradients get those.
        use_reentrant: the part is a node of its own; then no keyword arguments, and no `autograd.grad`.
        context_fn: gives a context manager for the first run and one for the second.
        determinism_check: "default", compare shapes and types of the two runs, or "none".
        debug: makes no difference.
        early_stop: end the second run where all is known.
        preserve_rng_state: the second run draws the same random numbers.
        kwargs: for the function.

    Raises:
        ValueError: what goes without reentry only.
        CheckpointError: in the backward pass, where the second run saves something else.
    """
    if use_reentrant is None:
        warnings.warn(_NO_FLAG, stacklevel=2)
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not None or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve_rng_state, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    first, second = context_fn() if context_fn is not None else (contextlib.nullcontext(), contextlib.nullcontext())
    part = _Part(function, args, kwargs, second)
    part.compare, part.early = determinism_check == "default", early_stop and _EARLY_STOP[0]
    part.state = default_generator.get_state() if preserve_rng_state else None
    with saved_tensors_hooks(part.pack, part.unpack), first:
        return function(*args, **kwargs)


class _Part:
    """A checkpointed part: how to run it again, and what its nodes saved."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> None:
        self.function, self.args, self.kwargs, self.context = function, args, kwargs, context
        self.versions = [(a, a._counter[0]) for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        self.kinds: list[dict[str, Any]] = []
        self.known: dict[int, Tensor] = {}
        self.compare = self.early = True
        self.state: Any = None

    def pack(self, tensor: Tensor) -> int:
        self.kinds.append(_kind(tensor))
        return len(self.kinds) - 1

    def unpack(self, number: int) -> Tensor:
        if number not in self.known:
            self.known = {}
            self.run_again()
        return self.known.pop(number)

    def run_again(self) -> None:
        """Run the part until as many tensors were saved as the first time."""
        for tensor, version in self.versions:
            if tensor._counter[0] != version:
                raise RuntimeError(overwritten(tensor, version, tensor.grad_fn))
        count, found, versions = len(self.kinds), [], []

        def pack(tensor: Tensor) -> Any:
            found.append(tensor)
            versions.append(tensor._counter[0])
            if self.early and len(found) == count:
                raise _Enough
            return tensor

        hooks = saved_tensors_hooks(pack, lambda t: t)
        with contextlib.suppress(_Enough), _random_state(self.state), self.context, enable_grad(), hooks:
            self.function(*(_alone(a) for a in self.args), **{k: _alone(v) for k, v in self.kwargs.items()})
        if len(found) < count:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {count}\nNumber of tensors saved during "
                f"recomputation: {len(found)}.{_TIP}"
            )
        for tensor, version in zip(found, versions, strict=True):  # hooks are not checked; this would be wrong silently
            if tensor._counter[0] != version:
                raise RuntimeError(overwritten(tensor, version, None))
        if self.compare:
            self.check([_kind(t) for t in found])
        self.known = dict(enumerate(found[:count]))

    def check(self, kinds: list[dict[str, Any]]) -> None:
        """Compare shapes and types.

        Raises:
            CheckpointError: they differ.
        """
        differing = [
            f"tensor at position {k}:\nsaved metadata: {a}\nrecomputed metadata: {b}"
            for k, (a, b) in enumerate(zip(self.kinds, kinds, strict=False))
            if a != b
        ]
        if differing:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during the forward pass.\n" + "\n".join(differing) + f"\n.{_TIP}"
            )


def _kind(tensor: Tensor) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": CPU}


def _alone(value: Any) -> Any:
    """An argument apart from the graph, recorded as it was: the second run's graph is thrown away."""
    return value.detach().requires_grad_(needs(value)) if isinstance(value, Tensor) else value


@contextlib.contextmanager
def _random_state(state: Any) -> Iterator[None]:
    """Random numbers as from a state on, and afterwards as if nothing had been drawn."""
    if state is None:
        yield
        return
    before = default_generator.get_state()
    default_generator.set_state(state)
    try:
        yield
    finally:
        default_generator.set_state(before)


class CheckpointFunction(Function):
    """A checkpointed part as one node."""

    @staticmethod
    def forward(ctx: Any, function: Any, preserve: bool, *args: Any) -> Any:  # type: ignore[override]
        """Run it without a record."""
        if not any(isinstance(a, Tensor) and needs(a) for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=3)
        ctx.function, ctx.others = function, [None if isinstance(a, Tensor) else a for a in args]
        ctx.state = default_generator.get_state() if preserve else None
        ctx.save_for_backward(*(a if isinstance(a, Tensor) else None for a in args))
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *cts: Any) -> Any:
        """Run it again, with a record, and backward.

        Raises:
            RuntimeError: the pass is not for all leaves, or nothing requires gradients.
        """
        if STATE.partial:
            raise RuntimeError(_NO_GRAD_CALL)
        args = [_alone(s) if s is not None else other for s, other in zip(ctx.saved_tensors, ctx.others, strict=True)]
        with _random_state(ctx.state), enable_grad():
            outs = ctx.function(*args)
        outs = (outs,) if isinstance(outs, Tensor) else outs
        pairs = [(o, c) for o, c in zip(outs, cts, strict=True) if isinstance(o, Tensor) and needs(o)]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [c for _, c in pairs])
        return (None, None, *(a._grad if isinstance(a, Tensor) else None for a in args))


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """The functions one after the other, in so many parts, all of which but the last are checkpointed."""
    if use_reentrant is None:
        warnings.warn(_NO_FLAG_SEQUENTIAL, stacklevel=2)
        use_reentrant = True
    steps: Sequence[Any] = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments

    def run(part: Sequence[Any]) -> Callable[[Any], Any]:
        def several(value: Any) -> Any:
            for step in part:
                value = step(value)
            return value

        return several

    start = 0
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(run(steps[start : start + size]), input, use_reentrant=use_reentrant, **kwargs)
    return run(steps[size * (segments - 1) :])(input)


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Inside of a `with`, whether second runs end where all is known."""
    before = _EARLY_STOP[0]
    _EARLY_STOP[0] = enable
    try:
        yield
    finally:
        _EARLY_STOP[0] = before

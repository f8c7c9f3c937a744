"""Gradients against central differences: `gradcheck`, and `gradgradcheck` for those of second order."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.shim import creation
from srcgrad.shim.autograd.backward import grad
from srcgrad.shim.history import needs
from srcgrad.shim.tensor import Tensor, wrap

_NOT_DOUBLE = (
    "Input #{} requires gradient and is not a double precision floating point or complex. This check will likely fail "
    "if all the inputs are not of double precision floating point or complex. "
)
_OVERLAP = (
    "The {}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able "
    "to compute the numerical gradients correctly. You should call .contiguous on the input before passing it to "
    "gradcheck."
)
_NONE = "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
_REENTRANT = """Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives \
different values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {}.

NOTE: If your op relies on non-deterministic operations i.e., it is listed here:
https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
this failure might be expected.

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck.
If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `nondet_tol=<tol>` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_nondet_tol=<tol>`.
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_nondet_tol=<tol>`
"""


class GradcheckError(RuntimeError):
    """A gradient is wrong."""


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-06, atol: float = 1e-05, rtol: float = 0.001,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False, check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False, masked: bool | None = None,
) -> bool:  # fmt: skip
    """Whether the gradients of a function agree with central differences, element by element.

    Args:
        func: takes the inputs, gives a tensor or several.
        inputs: a tensor or several; those that require gradients are checked, and should be float64.
        eps: the step of the differences.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise rather than return False.
        nondet_tol: by how much gradients that are computed twice may differ.
        check_undefined_grad: nothing is checked for it.
        check_grad_dtypes: the gradients have the types of the inputs.
        check_batched_grad: nothing is checked for it, nor for `check_batched_forward_grad`.
        check_batched_forward_grad: see above.
        check_forward_ad: not supported.
        check_backward_ad: check at all.
        fast_mode: all elements are checked all the same.
        masked: without meaning for dense tensors.

    Raises:
        GradcheckError: they do not agree.
        ValueError: no input requires gradients.
    """
    if check_forward_ad:
        raise NotImplementedError("srcgrad.shim checks no forward mode: gradcheck(check_forward_ad=True)")
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        checked = _checked_inputs(args)
        outputs = _differentiable(func(*args))
        if check_backward_ad:
            _check(func, args, checked, outputs, eps, atol, rtol, nondet_tol, check_grad_dtypes)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-06, atol: float = 1e-05,
    rtol: float = 0.001, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True,
    nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
    check_batched_grad: bool = False, check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True,
    fast_mode: bool = False, masked: bool = False,
) -> bool:  # fmt: skip
    """`gradcheck` of the gradients of a function, with respect to its inputs and to the cotangents of its outputs.

    Args:
        func: as for `gradcheck`, and so the other arguments.
        inputs: see there.
        grad_outputs: the cotangents of the outputs; random by default.
    """
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if grad_outputs is None:
        outputs = _differentiable(func(*args))
        cts = tuple((creation.rand_like(o) * 2 - 1).detach().requires_grad_() for o in outputs)
    else:
        cts = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(cts)

    def gradients(*both: Any) -> tuple[Any, ...]:
        here, seeds = both[: len(both) - count], both[len(both) - count :]
        wanted = tuple(a for a in here if isinstance(a, Tensor) and needs(a))
        found = grad(_differentiable(func(*here)), wanted, seeds, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients, (*args, *cts), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, fast_mode=fast_mode,
        masked=masked,
    )  # fmt: skip


def _checked_inputs(args: tuple[Any, ...]) -> list[Tensor]:
    """The inputs that require gradients."""
    found = []
    for k, t in enumerate(args):
        if not isinstance(t, Tensor) or not needs(t):
            continue
        if t._data.dtype != np.float64:
            warnings.warn(_NOT_DOUBLE.format(k), UserWarning, stacklevel=3)
        if any(stride == 0 and n > 1 for stride, n in zip(t._data.strides, t._data.shape, strict=True)):
            raise RuntimeError(_OVERLAP.format(k))
        if t._fn is not None:
            t.retain_grad()
        found.append(t)
    if not found:
        raise ValueError(_NONE)
    return found


def _differentiable(outputs: Any) -> list[Tensor]:
    """The outputs that require gradients."""
    outs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    return [o for o in outs if o.requires_grad]


def _check(
    func: Callable[..., Any], args: tuple[Any, ...], checked: list[Tensor], outputs: list[Tensor], eps: float,
    atol: float, rtol: float, nondet_tol: float, dtypes: bool,
) -> None:  # fmt: skip
    if not outputs:
        outs = func(*args)
        for o in outs if isinstance(outs, tuple | list) else (outs,):
            for t in checked:
                if _numerical(lambda o=o: func(*args), t, 0, eps, all_outputs=True).any():
                    raise GradcheckError("Numerical gradient for function expected to be zero")
        return
    numerical = [[_numerical(lambda: func(*args), t, k, eps) for t in checked] for k in range(len(outputs))]
    for k, out in enumerate(outputs):
        analytical = _analytical(out, checked, nondet_tol, dtypes=dtypes)
        for j, (a, n) in enumerate(zip(analytical, numerical[k], strict=True)):
            if not np.all(np.abs(a - n) <= atol + rtol * np.abs(n)):
                raise GradcheckError(
                    f"Jacobian mismatch for output {k} with respect to input {j},\nnumerical:{wrap(n)}\n"
                    f"analytical:{wrap(a)}\n"
                )
    zeros = [wrap(np.zeros_like(o._data)) for o in outputs]
    for t, g in zip(checked, grad(outputs, checked, zeros, retain_graph=True, allow_unused=True), strict=True):
        if g is not None and g._data.any():
            raise GradcheckError("backward not multiplied by grad_output")
        if g is not None and g._data.shape != t._data.shape:
            raise GradcheckError("grad is incorrect size")


def _numerical(
    run: Callable[[], Any], input: Tensor, number: int, eps: float, *, all_outputs: bool = False
) -> np.ndarray:
    """Central differences of an output, shape (elements of the input, elements of the output)."""
    data = input._data
    rows = []

    def value() -> np.ndarray:
        found = run()
        outs: Sequence[Any] = found if isinstance(found, tuple | list) else (found,)
        chosen = outs[number] if all_outputs else _differentiable(outs)[number]
        return np.array(chosen._data).reshape(-1)

    for at in np.ndindex(data.shape):
        before = data[at].item()
        data[at] = before - eps
        low = value()
        data[at] = before + eps
        high = value()
        data[at] = before
        rows.append((high - low) / low.dtype.type(2 * eps))
    return np.stack(rows) if rows else np.zeros((0, value().size))


def _analytical(out: Tensor, inputs: list[Tensor], nondet_tol: float, *, dtypes: bool) -> list[np.ndarray]:
    """The gradients of each element of an output, shapes (elements of the input, elements of the output)."""
    found = [np.zeros((t._data.size, out._data.size), t._data.dtype) for t in inputs]
    for k in range(out._data.size):
        seed = np.zeros_like(out._data)
        seed.reshape(-1)[k] = 1
        one, two = (grad(out, inputs, wrap(seed), retain_graph=True, allow_unused=True) for _ in range(2))
        for t, f, g, h in zip(inputs, found, one, two, strict=True):
            if g is None:
                continue
            if np.abs(g._data - h._data).max(initial=0.0) > nondet_tol:
                raise GradcheckError(_REENTRANT.format(nondet_tol))
            if dtypes and g._data.dtype != t._data.dtype:
                raise GradcheckError("Gradient has dtype mismatch")
            f[:, k] = g._data.reshape(-1)
    return found

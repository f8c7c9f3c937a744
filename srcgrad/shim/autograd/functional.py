"""Jacobians, Hessians and their products with vectors, by repeated `autograd.grad`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.shim.autograd.backward import grad
from srcgrad.shim.history import needs
from srcgrad.shim.modes import STATE, enable_grad
from srcgrad.shim.ops.joining import stack
from srcgrad.shim.tensor import Tensor, wrap

Tensors = tuple[Tensor, ...]
_OUTPUTS = "outputs of the user-provided function"
_NO_V = (
    "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
)
_STRATEGY = (
    'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
    'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
)
_NOT_STRICT = "This is not allowed in strict mode."
_CONSTANT = {
    "outputs": "Output {} of the user-provided function does not require gradients. The outputs must be computed in a "
    "differentiable manner from the input when running in strict mode.",
    "grad_inputs": "The gradient with respect to input {} is independent of the inputs of the user-provided function. "
    + _NOT_STRICT,
    "jacobian": "While computing the hessian, found that the jacobian of the user-provided function with respect to "
    f"input {{}} is independent of the input. {_NOT_STRICT} You should ensure that your function is twice "
    "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for "
    "example).",
    "hessian": f"The hessian of the user-provided function with respect to input {{}} is independent of the input. "
    f"{_NOT_STRICT} You should ensure that your function is thrice differentiable and that the hessian depends on the "
    "inputs.",
}
_UNRELATED = {
    "back": f"The output of the user-provided function is independent of input {{}}. {_NOT_STRICT}",
    "back_trick": "The gradient with respect to the input is independent of entry {} in the grad_outputs when using "
    f"the double backward trick to compute forward mode gradients. {_NOT_STRICT}",
    "double_back": f"The jacobian of the user-provided function is independent of input {{}}. {_NOT_STRICT}",
    "double_back_trick": "The hessian of the user-provided function is independent of entry {} in the grad_jacobian. "
    "This is not allowed in strict mode as it prevents from using the double backward trick to replace forward mode "
    "AD.",
}


def vjp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The value of a function, and the product of a vector with its Jacobian.

    Args:
        func: takes tensors, gives a tensor or a tuple of them.
        inputs: a tensor or a tuple.
        v: of the shape of the output; may be left out for one element.
        create_graph: the results can be differentiated again.
        strict: raise where an output does not depend on an input, rather than give zeros.

    Raises:
        RuntimeError: `v` does not fit.
        TypeError: something is no tensor.
    """
    with enable_grad():
        single, ins = _tensors(inputs, "inputs", "vjp")
        ins = _entered(ins, create_graph=create_graph)
        single_out, outs = _tensors(func(*ins), _OUTPUTS, "vjp")
        _check_depends(outs, "outputs", strict=strict)
        if v is not None:
            vs = _vector(v, outs, "vjp", single=single_out)
        elif len(outs) != 1 or outs[0]._data.size != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                "element."
            )
        else:
            vs = None
    with enable_grad() if create_graph else _as_is():
        found = _filled(_grad(outs, ins, vs, create=create_graph), ins, "back", strict=strict)
    return _left(outs, single_out, create_graph), _left(found, single, create_graph)


def jvp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The value of a function, and the product of its Jacobian with a vector.

    The product of a vector u with the Jacobian is linear in u; its derivative with respect to u, applied to v, is the
    product of the Jacobian with v (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).

    Args:
        func: as for `vjp`, and so the other arguments.
        inputs: see there.
        v: of the shape of the inputs; may be left out for one element.
        create_graph: see there.
        strict: see there.
    """
    with enable_grad():
        single, ins = _tensors(inputs, "inputs", "jvp")
        ins = _entered(ins, create_graph=create_graph)
        vs = _input_vector(v, ins, "jvp", single=single)
        single_out, outs = _tensors(func(*ins), _OUTPUTS, "jvp")
        _check_depends(outs, "outputs", strict=strict)
        seeds = tuple(wrap(np.zeros_like(o._data)).requires_grad_() for o in outs)
        back = _filled(_grad(outs, ins, seeds, create=True), ins, "back", strict=strict)
        _check_depends(back, "grad_inputs", strict=strict)
        found = _filled(_grad(back, seeds, vs, create=create_graph), seeds, "back_trick", strict=strict)
    return _left(outs, single_out, create_graph), _left(found, single_out, create_graph)


def jacobian(
    func: Any, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian: for each output and input a tensor of the output's shape followed by the input's.

    Args:
        func: as for `vjp`.
        inputs: a tensor or a tuple.
        create_graph: the results can be differentiated again.
        strict: raise where an output does not depend on an input.
        vectorize: makes no difference.
        strategy: always reverse.

    Returns:
        A tensor, or a tuple over the inputs, or over the outputs, or over both.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(_STRATEGY)
    with enable_grad():
        single, ins = _tensors(inputs, "inputs", "jacobian")
        ins = _entered(ins, create_graph=create_graph)
        single_out, outs = _tensors(func(*ins), _OUTPUTS, "jacobian")
        _check_depends(outs, "outputs", strict=strict)
        rows = []
        for i, out in enumerate(outs):
            parts = _jacobian_of(out, ins, i, create=create_graph, strict=strict)
            rows.append(_left(tuple(parts), single, create_graph))
    return rows[0] if single_out else tuple(rows)


def _jacobian_of(out: Tensor, ins: Tensors, number: int, *, create: bool, strict: bool) -> list[Tensor]:
    columns: list[list[Tensor]] = [[] for _ in ins]
    for k in range(out._data.size):
        seed = np.zeros_like(out._data)
        seed.reshape(-1)[k] = 1
        for j, (t, g) in enumerate(zip(ins, _grad((out,), ins, (wrap(seed),), create=create), strict=True)):
            if g is not None:
                if strict and create and not g.requires_grad:
                    raise RuntimeError(
                        f"The jacobian of the user-provided function is independent of input {j}. This is not allowed "
                        "in strict mode when create_graph=True."
                    )
            elif strict:
                raise RuntimeError(
                    f"Output {number} of the user-provided function is independent of input {j}. {_NOT_STRICT}"
                )
            columns[j].append(wrap(np.zeros_like(t._data)) if g is None else g)
    return [
        stack(c).reshape(out._data.shape + t._data.shape) if c else wrap(np.zeros(out._data.shape + t._data.shape))
        for c, t in zip(columns, ins, strict=True)
    ]


def hessian(
    func: Any, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Hessian of a function of one element: for each pair of inputs a tensor of their shapes.

    Args:
        func: takes tensors, gives a tensor of one element.
        inputs: a tensor or a tuple.
        create_graph: as for `jacobian`, and so the other arguments.
        strict: see there.
        vectorize: see there.
        outer_jacobian_strategy: see there.
    """
    single, _ = _tensors(inputs, "inputs", "hessian")

    def scalar(*ins: Tensor) -> Tensor:
        return _one_element(func(*ins), "hessian").reshape(())

    def gradient(*ins: Tensor) -> Any:
        found = jacobian(scalar, ins[0] if single else ins, create_graph=True)
        _check_depends(_tensors(found, "", "")[1], "jacobian", strict=strict)
        return found

    return jacobian(gradient, inputs, create_graph, strict)


def vhp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The value of a function of one element, and the product of a vector with its Hessian. As `hvp`, and cheaper."""
    with enable_grad():
        single, ins = _tensors(inputs, "inputs", "vhp")
        ins = _entered(ins, create_graph=create_graph)
        vs = _input_vector(v, ins, "vhp", single=single)
        out = _one_element(func(*ins), "vhp", strict=strict)
        slope = _filled(_grad((out,), ins, None, create=True), ins, "back", strict=strict)
        _check_depends(slope, "jacobian", strict=strict)
        found = _filled(_grad(slope, ins, vs, create=create_graph), ins, "double_back", strict=strict)
    return _left((out,), True, create_graph), _left(found, single, create_graph)


def hvp(func: Any, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """The value of a function of one element, and the product of its Hessian with a vector (as `jvp` of the gradient).

    Args:
        func: takes tensors, gives a tensor of one element.
        inputs: a tensor or a tuple.
        v: of the shape of the inputs; may be left out for one element.
        create_graph: as for `vjp`.
        strict: as for `vjp`.
    """
    with enable_grad():
        single, ins = _tensors(inputs, "inputs", "hvp")
        ins = _entered(ins, create_graph=create_graph)
        vs = _input_vector(v, ins, "hvp", single=single)
        out = _one_element(func(*ins), "hvp", strict=strict)
        slope = _filled(_grad((out,), ins, None, create=True), ins, "back", strict=strict)
        _check_depends(slope, "jacobian", strict=strict)
        seeds = tuple(wrap(np.zeros_like(t._data)).requires_grad_() for t in ins)
        back = _filled(_grad(slope, ins, seeds, create=True), ins, "double_back", strict=strict)
        _check_depends(back, "hessian", strict=strict)
        found = _filled(_grad(back, seeds, vs, create=create_graph), seeds, "double_back_trick", strict=strict)
    return _left((out,), True, create_graph), _left(found, single, create_graph)


# -- in and out ------------------------------------------------------------------------------------------------------


class _as_is:  # noqa: N801 - a context like those of modes.py
    """The modes stay; gradients are computed in any of them."""

    def __enter__(self) -> None:
        self.before = STATE.grad

    def __exit__(self, *exception: object) -> None:
        STATE.grad = self.before


def _tensors(value: Any, title: str, name: str) -> tuple[bool, Tensors]:
    """Whether it is one tensor, and a tuple in any case.

    Raises:
        TypeError: something is no tensor.
    """
    if isinstance(value, Tensor):
        return True, (value,)
    lead = f"The {title} given to {name} must be either a Tensor or a tuple of Tensors but the"
    if not isinstance(value, tuple):
        raise TypeError(f"{lead} given {title} has type {type(value)}.")
    for k, t in enumerate(value):
        if not isinstance(t, Tensor):
            raise TypeError(f"{lead} value at index {k} has type {type(t)}.")
    return False, value


def _entered(ins: Tensors, *, create_graph: bool) -> Tensors:
    """The inputs, as tensors that only this computation knows."""
    return tuple(t.view_as(t) if create_graph and needs(t) else t.detach().requires_grad_() for t in ins)  # type: ignore[attr-defined]


def _left(values: Any, single: bool, create_graph: bool) -> Any:
    """Results, detached unless they are to be differentiated."""
    done = tuple(values) if create_graph else tuple(v.detach() for v in values)
    return done[0] if single else done


def _vector(v: Any, like: Tensors, name: str, *, single: bool) -> Tensors:
    """The vector.

    Raises:
        RuntimeError: it does not fit.
    """
    vs = _tensors(v, "v", name)[1]
    if len(vs) != len(like):
        if single:
            raise RuntimeError("The given v should contain a single Tensor.")
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
    for k, (a, b) in enumerate(zip(vs, like, strict=True)):
        if a._data.shape != b._data.shape:
            lead = f"Entry {k} in " if len(like) > 1 else ""
            raise RuntimeError(f"{lead}v has invalid size: should be {b.shape} but got {a.shape}.")
    return vs


def _input_vector(v: Any, ins: Tensors, name: str, *, single: bool) -> Tensors:
    if v is not None:
        return _vector(v, ins, name, single=single)
    if len(ins) != 1 or ins[0]._data.size != 1:
        raise RuntimeError(_NO_V)
    return (wrap(np.ones_like(ins[0]._data)),)


def _one_element(out: Any, name: str, *, strict: bool = False) -> Tensor:
    single, outs = _tensors(out, _OUTPUTS, name)
    _check_depends(outs, "outputs", strict=strict)
    if not single:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outs[0]._data.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return outs[0]


def _check_depends(values: Any, kind: str, *, strict: bool) -> None:
    for k, t in enumerate(values if strict else ()):
        if not t.requires_grad:
            raise RuntimeError(_CONSTANT[kind].format(k))


def _grad(outs: Any, ins: Any, cts: Any, *, create: bool) -> Any:
    """The gradients of those outputs that have any."""
    pairs = [(o, c) for o, c in zip(outs, cts or (None,) * len(outs), strict=True) if o.requires_grad]
    if not pairs:
        return (None,) * len(ins)
    seeds = tuple(c for _, c in pairs)
    return grad(tuple(o for o, _ in pairs), ins, seeds, True, create, allow_unused=True)


def _filled(grads: Any, like: Tensors, stage: str, *, strict: bool) -> Tensors:
    """Gradients with zeros where there are none.

    Raises:
        RuntimeError: there are some, and `strict`.
    """
    for k, g in enumerate(grads):
        if g is None and strict:
            raise RuntimeError(_UNRELATED[stage].format(k))
    return tuple((wrap(np.zeros_like(t._data)) if g is None else g) for g, t in zip(grads, like, strict=True))

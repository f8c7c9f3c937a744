"""`torch.func`: derivatives as functions of functions, which can be nested.

The arguments are given to the function as tensors of their own, so that an inner derivative is not confused with an
outer one (Siskind & Pearlmutter, "Nesting forward-mode AD in a functional framework", 2008).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from srcgrad.shim.autograd.backward import grad as gradients
from srcgrad.shim.autograd.functional import _jacobian_of
from srcgrad.shim.graph import AccumulateGrad, reachable
from srcgrad.shim.modes import STATE, enable_grad
from srcgrad.shim.ops.joining import stack
from srcgrad.shim.tensor import Tensor, edge_of, needs, wrap
from srcgrad.shim.trees import filled, leaves, mapped

Argnums = int | tuple[int, ...]


class _Level:
    """One derivative: the leaves that it made of arguments."""

    def __init__(self) -> None:
        self.outside = STATE.grad
        self.own: list[Tensor] = []

    def enter(self, tensor: Any) -> Tensor:
        """An argument as a tensor of this level, connected with where it comes from."""
        if not isinstance(tensor, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(tensor)}")
        if self.outside and needs(tensor):
            return tensor.view_as(tensor)  # type: ignore[attr-defined,no-any-return]
        made = tensor.detach().requires_grad_()
        self.own.append(made)
        return made

    def leave(self, value: Any) -> Any:
        """A result; connected only with what is outside of this level."""
        if not isinstance(value, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(value)}")
        edge = edge_of(value)
        if edge is None:
            return value
        if self.outside:
            for node in reachable([edge[0]]):
                if isinstance(node, AccumulateGrad) and all(node.variable is not t for t in self.own):
                    return value
        return value.detach()


def _entered(level: _Level, args: tuple[Any, ...], argnums: Argnums) -> tuple[list[Any], Any, list[Tensor]]:
    """The arguments for a function, those to differentiate with respect to, and the tensors in them."""
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    given = list(args)
    for k in numbers:
        if not -len(args) <= k < len(args):
            raise RuntimeError(f"Got argnum={k}, but only {len(args)} positional inputs")
        given[k] = mapped(level.enter, args[k])
    chosen = given[argnums] if isinstance(argnums, int) else tuple(given[k] for k in argnums)
    return given, chosen, leaves(chosen)


def _split(output: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of another, and its value.

    Args:
        func: gives a tensor without dimensions, and if `has_aux` something else beside.
        argnums: the argument, or arguments, to differentiate with respect to: trees of tensors.
        has_aux: see above; then the value is a pair too.

    Raises:
        RuntimeError: in a call, if the function gives something else.
    """

    @functools.wraps(func)
    def derived(*args: Any, **kwargs: Any) -> Any:
        name = "grad_and_value(f)(*args)"
        level = _Level()
        with enable_grad():
            given, chosen, tensors = _entered(level, args, argnums)
            output, aux = _split(func(*given, **kwargs), has_aux, name)
            if not isinstance(output, Tensor):
                raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(output)}")
            if output._data.ndim:
                raise RuntimeError(
                    f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with {output._data.ndim} dims. "
                    "Maybe you wanted to use the vjp or jacrev APIs instead?"
                )
            found = [level.leave(g) for g in _pulled([output], tensors, None)]
        value = level.leave(output)
        if has_aux:
            return filled(chosen, found), (value, mapped(level.leave, aux))
        return filled(chosen, found), value

    return derived


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that gives the gradient of another; with `has_aux` a pair of that and what is beside the value."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def derived(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return derived


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of a function, and a function from cotangents of that to a tuple of those of the arguments.

    Args:
        func: takes trees of tensors, gives one.
        primals: the arguments.
        has_aux: the function gives something else beside, which comes third.
    """
    level = _Level()
    with enable_grad():
        given, _, tensors = _entered(level, primals, tuple(range(len(primals))))
        output, aux = _split(func(*given), has_aux, "vjp(f, *primals)")
    outs = leaves(output)

    def pull(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        cts = leaves(cotangents)
        if len(cts) != len(outs):
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {len(cts)} tensors, primal output: {len(outs)} tensors"
            )
        return filled(tuple(given), [level.leave(g) for g in _pulled(outs, tensors, cts)])

    value = mapped(level.leave, output)
    return (value, pull, mapped(level.leave, aux)) if has_aux else (value, pull)


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:
    """The value of a function, and the product of its Jacobian with tangents (see `autograd.functional.jvp`).

    Args:
        func: takes trees of tensors, gives one.
        primals: a tuple of the arguments.
        tangents: a tuple of the same form.
        strict: makes no difference.
        has_aux: the function gives something else beside, which comes third.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    if len(leaves(primals)) != len(leaves(tangents)):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure."
        )
    level = _Level()
    with enable_grad():
        given, _, tensors = _entered(level, primals, tuple(range(len(primals))))
        output, aux = _split(func(*given), has_aux, "jvp(f, primals, tangents)")
        outs = leaves(output)
        seeds = [wrap(np.zeros_like(o._data)).requires_grad_() for o in outs]
        level.own += seeds
        found = _pulled(_pulled(outs, tensors, seeds), seeds, leaves(tangents))
        moved = filled(output, [level.leave(f) for f in found])
    value = mapped(level.leave, output)
    return (value, moved, mapped(level.leave, aux)) if has_aux else (value, moved)


def jacrev(
    func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that gives the Jacobian: for each output and argument a tensor of both their shapes.

    Args:
        func: takes and gives trees of tensors.
        argnums: with respect to which arguments.
        has_aux: the function gives something else beside, which comes second.
        chunk_size: makes no difference.
    """

    @functools.wraps(func)
    def derived(*args: Any, **kwargs: Any) -> Any:
        level = _Level()
        with enable_grad():
            given, chosen, tensors = _entered(level, args, argnums)
            output, aux = _split(func(*given, **kwargs), has_aux, "jacrev(f)(*args)")

            def rows(out: Tensor) -> Any:
                parts = _jacobian_of(out, tuple(tensors), 0, create=True, strict=False)
                return filled(chosen, [level.leave(p) for p in parts])

            found = mapped(rows, output)
        return (found, mapped(level.leave, aux)) if has_aux else found

    return derived


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """As `jacrev`, by which it is computed."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that gives the Jacobian of the Jacobian."""
    return jacfwd(jacrev(func, argnums), argnums)


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """A function that loops over a dimension of the arguments and stacks the results.

    Args:
        func: takes and gives trees of tensors without that dimension.
        in_dims: the dimension of each argument; None for one that is the same for all.
        out_dims: where it is in the results.
        randomness: each turn draws its own numbers.
        chunk_size: makes no difference.

    Raises:
        ValueError: in a call, for sizes that differ or no dimension at all.
    """

    @functools.wraps(func)
    def looped(*args: Any, **kwargs: Any) -> Any:
        dims = in_dims if isinstance(in_dims, tuple | list) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(
                f"vmap({func.__name__}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the "
                "structure of inputs."
            )
        sizes = [t._data.shape[d] for a, d in zip(args, dims, strict=True) if d is not None for t in leaves(a)]
        if not sizes:
            raise ValueError(
                f"vmap({func.__name__}, in_dims={in_dims}, ...)(<inputs>): got no inputs. Maybe you forgot to add "
                "inputs, or you are trying to vmap over a function with no inputs. The latter is unsupported."
            )
        if len(set(sizes)) > 1:
            raise ValueError(
                f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
                "mapped dimension"
            )

        def part(k: int) -> list[Any]:
            return [
                a if d is None else mapped(lambda t, d=d: t.movedim(d, 0)[k], a)
                for a, d in zip(args, dims, strict=True)
            ]

        turns = [func(*part(k), **kwargs) for k in range(sizes[0])]
        ends = [leaves(turn) for turn in turns]
        places = leaves(out_dims) if not isinstance(out_dims, int) else [out_dims] * len(ends[0])
        return filled(turns[0], [stack(list(c), d) for c, d in zip(zip(*ends, strict=True), places, strict=True)])

    return looped


@contextmanager
def _with_parameters(module: Any, values: dict[str, Any]) -> Iterator[None]:
    before: list[tuple[dict[str, Any], str, Any]] = []
    for path, value in values.items():
        *owners, name = path.split(".")
        owner = functools.reduce(getattr, owners, module)
        table = owner._parameters if name in owner._parameters else owner._buffers
        before.append((table, name, table[name]))
        table[name] = value
    try:
        yield
    finally:
        for table, name, value in reversed(before):
            table[name] = value


def functional_call(module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None) -> Any:
    """The value of a module, with other tensors in place of some of its parameters and buffers.

    Args:
        module: that.
        parameter_and_buffer_dicts: tensors by the names of `named_parameters()`; one dictionary or several.
        args: a tuple of arguments, or one.
        kwargs: more of them.
    """
    given = parameter_and_buffer_dicts
    values = given if isinstance(given, dict) else {k: v for d in given for k, v in d.items()}
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _with_parameters(module, values):
        return module(*arguments, **(kwargs or {}))


def _pulled(outs: Sequence[Tensor], ins: list[Tensor], cts: Any) -> list[Tensor]:
    """The gradients, recorded; zeros where there are none."""
    pairs = [(o, c) for o, c in zip(outs, cts or [None] * len(outs), strict=True) if needs(o)]
    if not pairs:
        return [wrap(np.zeros_like(t._data)) for t in ins]
    found = gradients([o for o, _ in pairs], ins, [c for _, c in pairs], True, True, allow_unused=True)
    return [wrap(np.zeros_like(t._data)) if g is None else g for t, g in zip(ins, found, strict=True)]

"""Each tool's ways to compute value and gradients of a workload, by label: `njit`, `srcgrad`, `hand`, `jax`, `torch`.

A label is the name of the tool, or for another formulation `tool:formulation`. What is yielded are functions without
arguments that return (value, gradients); for `njit`, which only runs the primal, gradients are None.
"""

import numpy as np

TOOLS = ("njit", "srcgrad", "hand", "jax", "torch")
PEERS = ("jax", "torch")


def label(tool, formulation):
    return f"{tool}:{formulation}" if formulation else tool


def tool_of(name):
    return name.partition(":")[0]


def njit(workload, args):
    import numba

    for name, primal in workload.primals.items():
        compiled = numba.njit(primal)
        yield label("njit", name), lambda compiled=compiled: (compiled(*args), None)


def srcgrad(workload, args):
    import srcgrad

    for name, primal in workload.primals.items():
        gradient = srcgrad.value_and_grad(primal, argnums=workload.argnums)
        yield label("srcgrad", name), lambda gradient=gradient: gradient(*args)


def hand(workload, args):
    for name, adjoint in workload.by_hand.items():
        yield label("hand", name), lambda adjoint=adjoint: adjoint(*args)


def jax(workload, args):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", val=True)
    ready = [a if i in workload.static else jnp.asarray(a) for i, a in enumerate(workload.for_arrays(args))]
    gradients = {name: jax.value_and_grad(f, argnums=workload.argnums) for name, f in workload.jax.items()}
    for name, gradient in (gradients | dict(workload.jax_gradients)).items():
        compiled = jax.jit(gradient, static_argnums=workload.static)
        yield label("jax", name), lambda compiled=compiled: jax.block_until_ready(compiled(*ready))


def torch(workload, args):
    import torch

    torch.set_num_threads(1)

    def convert(i, a):
        if i in workload.argnums:
            return torch.tensor(a, dtype=torch.float64, requires_grad=True)
        return torch.from_numpy(a) if isinstance(a, np.ndarray) else a

    ready = [convert(i, a) for i, a in enumerate(workload.for_arrays(args))]
    leaves = [ready[i] for i in workload.argnums]

    def gradient(objective):
        value = objective(*ready)
        return value, torch.autograd.grad(value, leaves)

    for name, objective in workload.torch.items():
        yield label("torch", name), lambda objective=objective: gradient(objective)


CALLS = {f.__name__: f for f in (njit, srcgrad, hand, jax, torch)}


def as_arrays(gradients):
    """Gradients of any tool as NumPy arrays."""
    return [np.asarray(g.detach() if hasattr(g, "detach") else g) for g in gradients]

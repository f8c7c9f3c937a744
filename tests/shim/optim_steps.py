"""A small problem for optimizers."""

import numpy as np

import srcgrad.shim as torch

ELEMENTWISE = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")


def start(dtype=torch.float64):
    return [torch.tensor(v, dtype=dtype, requires_grad=True) for v in ([2.0, -1.0, 0.5], 0.7)]


def loss_of(params):
    x, y = params
    return ((x - 1) ** 4).sum() + ((x * y - 2) ** 2).sum()


def closure_of(optimizer, params):
    def closure():
        optimizer.zero_grad()
        loss = loss_of(params)
        loss.backward()
        return loss

    return closure


def values(params):
    return np.concatenate([p.detach().numpy().reshape(-1) for p in params])


def trained(make, steps, dtype=torch.float64):
    params = start(dtype)
    optimizer = make(params)
    for _ in range(steps):
        optimizer.step(closure_of(optimizer, params))
    return params, optimizer

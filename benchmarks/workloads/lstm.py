"""Log likelihood of a character sequence under stacked LSTM cells with diagonal weights.

The LSTM objective of ADBench (Srajer, Kukelova and Fitzgibbon, 2018). Rows 2k and 2k+1 of `gates` are the weights and
biases of layer k, for the forget, input and output gates and the change; rows 2k and 2k+1 of `state` its hidden state
and its cell; `extra` scales the input, scales the output and shifts it. Gradient with respect to gates (2 l, 4 b) and
extra (3, b).
"""

import math

import numpy as np
from numba import njit

from benchmarks.workloads.workload import Workload


def make(rng, layers, width, length):
    gates = 0.5 * rng.normal(size=(2 * layers, 4 * width))
    extra = 0.5 * rng.normal(size=(3, width))
    state = 0.5 * rng.normal(size=(2 * layers, width))
    return gates, extra, state, (rng.random(size=(length, width)) < 0.5).astype(np.float64)


@njit
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def primal(gates, extra, state0, sequence):
    layers = gates.shape[0] // 2
    length, width = sequence.shape
    state = state0.copy()
    y = np.empty(width)
    total = 0.0
    for t in range(length - 1):
        for i in range(width):
            y[i] = sequence[t, i] * extra[0, i]
        for k in range(layers):
            w = 2 * k
            for i in range(width):
                hidden = state[w, i]
                forget = sigmoid(y[i] * gates[w, i] + gates[w + 1, i])
                ingate = sigmoid(hidden * gates[w, width + i] + gates[w + 1, width + i])
                outgate = sigmoid(y[i] * gates[w, 2 * width + i] + gates[w + 1, 2 * width + i])
                change = math.tanh(hidden * gates[w, 3 * width + i] + gates[w + 1, 3 * width + i])
                cell = state[w + 1, i] * forget + ingate * change
                state[w + 1, i] = cell
                state[w, i] = outgate * math.tanh(cell)
                y[i] = state[w, i]
        norm = 2.0
        for i in range(width):
            y[i] = y[i] * extra[1, i] + extra[2, i]
            norm += math.exp(y[i])
        log_norm = math.log(norm)
        for i in range(width):
            total += sequence[t + 1, i] * (y[i] - log_norm)
    return -total / (width * (length - 1))


def in_jax(gates, extra, state, sequence, *, remat=False):
    import jax
    import jax.numpy as jnp

    layers = gates.shape[0] // 2
    length, width = sequence.shape
    weight, bias = (gates[start::2].reshape(layers, 4, width) for start in (0, 1))

    def step(carry, y):
        after = []
        for k, (hidden, cell) in enumerate(carry):
            forget, outgate = (jax.nn.sigmoid(y * weight[k, g] + bias[k, g]) for g in (0, 2))
            ingate = jax.nn.sigmoid(hidden * weight[k, 1] + bias[k, 1])
            change = jnp.tanh(hidden * weight[k, 3] + bias[k, 3])
            new_cell = cell * forget + ingate * change
            y = outgate * jnp.tanh(new_cell)
            after.append((y, new_cell))
        return after, y

    if remat:
        step = jax.checkpoint(step, prevent_cse=False)
    start = [(state[2 * k], state[2 * k + 1]) for k in range(layers)]
    _, y = jax.lax.scan(step, start, sequence[:-1] * extra[0])
    y = y * extra[1] + extra[2]  # the output layer needs no recurrence: all steps at once
    log_norm = jnp.log(2.0 + jnp.sum(jnp.exp(y), axis=1, keepdims=True))
    return -jnp.sum(sequence[1:] * (y - log_norm)) / (width * (length - 1))


def in_jax_remat(gates, extra, state, sequence):
    return in_jax(gates, extra, state, sequence, remat=True)


def in_torch(gates, extra, state, sequence):
    import torch

    layers = gates.shape[0] // 2
    length, width = sequence.shape
    parts = gates.reshape(layers, 2, 4, width)
    driven = [parts[k, :, 0::2].contiguous().unbind(0) for k in range(layers)]  # forget and output: by the layer below
    recurrent = [[parts[k, 0, g], parts[k, 1, g]] for k in range(layers) for g in (1, 3)]  # input gates and changes
    hidden = list(state[0::2].unbind(0))
    cell = list(state[1::2].unbind(0))
    outputs = []
    for y in (sequence[:-1] * extra[0]).unbind(0):
        for k in range(layers):
            weight, bias = driven[k]
            forget, outgate = torch.sigmoid(torch.addcmul(bias, weight, y)).unbind(0)
            weight, bias = recurrent[2 * k]
            ingate = torch.sigmoid(torch.addcmul(bias, weight, hidden[k]))
            weight, bias = recurrent[2 * k + 1]
            change = torch.tanh(torch.addcmul(bias, weight, hidden[k]))
            cell[k] = torch.addcmul(ingate * change, cell[k], forget)
            y = hidden[k] = outgate * torch.tanh(cell[k])
        outputs.append(y)
    y = torch.stack(outputs) * extra[1] + extra[2]
    log_norm = torch.log(2.0 + torch.exp(y).sum(1, keepdim=True))
    return -(sequence[1:] * (y - log_norm)).sum() / (width * (length - 1))


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1),
    sizes={
        "XS": {"layers": 2, "width": 3, "length": 4},
        "S": {"layers": 2, "width": 14, "length": 32},
        "M": {"layers": 2, "width": 14, "length": 1024},
        "L": {"layers": 4, "width": 14, "length": 16384},
    },
    make=make,
    jax={"": in_jax, "remat": in_jax_remat},
    torch={"": in_torch},
)

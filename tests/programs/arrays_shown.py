"""Short array programs of which the generated text is shown in tests/golden: one for each thing that it shows."""

import numpy as np

from .registry import program
from .samples import array, draw, fixed, scalar, signed


@program(
    draw(
        array(6, low=80.0, high=120.0), array(6, low=80.0, high=120.0), array(6), scalar(0.01, 0.05), scalar(0.2, 0.4)
    ),
    tags=["compiled"],
)
def black_scholes_in_ten_steps(s, k, t, r, sigma):
    width = sigma * np.sqrt(t)
    d1 = (np.log(s / k) + (r + 0.5 * sigma * sigma) * t) / width
    d2 = d1 - width
    n1 = 0.5 + 0.5 * np.tanh(0.7978845608 * (d1 + 0.044715 * d1 * d1 * d1))
    n2 = 0.5 + 0.5 * np.tanh(0.7978845608 * (d2 + 0.044715 * d2 * d2 * d2))
    discount = np.exp(-r * t)
    call = s * n1 - k * discount * n2
    put = call - s + k * discount
    total = call + put
    return np.sum(total)


@program(draw(signed(4, 3), signed(4, 2), signed(3, 2)), tags=["compiled"])
def product_of_transposed(a, b, c):
    return np.sum((a.T @ b - c) ** 2)


@program(draw(signed(3, 4), signed(3, 4)), numba_ok=False)
def softmax_of_rows(x, w):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    p = e / np.sum(e, axis=1, keepdims=True)
    return np.sum(w * p)


@program(draw(signed(7), scalar(0.1, 0.3), 3))
def heat_by_slices(u, k, steps):
    for _ in range(steps):
        u[1:-1] = u[1:-1] + k * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u * u)


@program(draw(signed(5), array(4), fixed([0, 1, 2, 1]), fixed([1, 3, 4, 3])), numba_ok=False)
def springs_by_indices(x, k, first, second):
    stretch = x[second] - x[first]
    force = np.zeros_like(x)
    np.add.at(force, first, k * stretch)
    np.add.at(force, second, -k * stretch)
    return np.sum(force * force)


@program(draw(array(6), scalar(0.7, 0.9)))
def clipped_by_a_mask(x, limit):
    y = x * x
    y[y > limit] = 0.5 * limit
    return np.sum(np.sqrt(y))

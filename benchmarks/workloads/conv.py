"""Mean of rectified responses of an image to a bank of 5 by 5 filters (convolution without padding).

Gradient with respect to the image (n, n) and the filters (f, 5, 5). The primal sums a pixel at a time; the variant
`buffered` has the loop along a row innermost, adding to an array.
"""

import numpy as np

from benchmarks.workloads.workload import Workload


def make(rng, n, filters):
    return rng.normal(size=(n, n)), 0.2 * rng.normal(size=(filters, 5, 5))


def primal(image, filters):
    n, m = image.shape
    number, height, width = filters.shape
    total = 0.0
    for f in range(number):
        for i in range(n - height + 1):
            for j in range(m - width + 1):
                s = 0.0
                for a in range(height):
                    for b in range(width):
                        s += image[i + a, j + b] * filters[f, a, b]
                if s > 0.0:
                    total += s
    return total / (number * (n - height + 1) * (m - width + 1))


def buffered(image, filters):
    n, m = image.shape
    number, height, width = filters.shape
    rows = n - height + 1
    columns = m - width + 1
    response = np.zeros((number, rows, columns))
    for f in range(number):
        for i in range(rows):
            for a in range(height):
                for b in range(width):
                    c = filters[f, a, b]
                    for j in range(columns):
                        response[f, i, j] += c * image[i + a, j + b]
    return np.mean(np.maximum(response, 0.0))


def in_jax(image, filters):
    """As one matrix product of the filters and all patches; faster than XLA's convolution of float64 on a CPU."""
    import jax
    import jax.numpy as jnp

    number, height, width = filters.shape
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    patches = jnp.stack([image[a : a + rows, b : b + columns] for a in range(height) for b in range(width)])
    response = filters.reshape(number, -1) @ patches.reshape(height * width, -1)
    return jnp.mean(jax.nn.relu(response))


def in_jax_convolution(image, filters):
    import jax
    import jax.numpy as jnp

    response = jax.lax.conv(image[None, None], filters[:, None], window_strides=(1, 1), padding="VALID")
    return jnp.mean(jax.nn.relu(response))


def in_torch(image, filters):
    import torch

    return torch.relu(torch.nn.functional.conv2d(image[None, None], filters[:, None])).mean()


WORKLOAD = Workload(
    primal=primal,
    argnums=(0, 1),
    sizes={
        "XS": {"n": 7, "filters": 2},
        "S": {"n": 32, "filters": 2},
        "M": {"n": 256, "filters": 8},
        "L": {"n": 1024, "filters": 8},
    },
    make=make,
    jax={"": in_jax, "convolution": in_jax_convolution},
    torch={"": in_torch},
    variants={"buffered": buffered},
)

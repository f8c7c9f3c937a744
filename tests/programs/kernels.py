"""Kernels for GPUs: what threads own, share in a block, add up by atomics, and keep across barriers.

Each is registered with a launch: a grid, a block and arguments.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import cuda, float32, float64

from .registry import Program, Sample
from .samples import array, draw, indices, signed

BLOCK = 8
TILE = 4


@dataclass(frozen=True)
class KernelProgram(Program):
    """A kernel with a launch."""

    grid: int | tuple = 1
    block: int | tuple = BLOCK


KERNELS: list[KernelProgram] = []


def kernel(sample: Sample, grid: int | tuple, block: int | tuple, *, name: str = "", tags=(), smooth=True):
    """Register the decorated kernel, which is returned unchanged."""

    def register(function: Callable) -> Callable:
        unique = name or function.__name__
        assert all(other.name != unique for other in KERNELS), f"two kernels are called {unique!r}"
        KERNELS.append(KernelProgram(function, sample, unique, frozenset(tags), True, smooth, grid, block))
        return function

    return register


def blocks(n, size=BLOCK):
    return (n + size - 1) // size


def zeros(*shape, dtype=np.float64):
    return lambda rng: np.zeros(shape, dtype)


# -- each thread for itself ------------------------------------------------------------------------------------------


@kernel(draw(1.3, array(20), array(20)), 3, BLOCK, tags=["compiled"])
def saxpy(a, x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = a * x[i] + y[i]


@kernel(draw(array(20, dtype=np.float32), array(20, dtype=np.float32), zeros(20, dtype=np.float32)), 3, BLOCK)
def product_in_single_precision(x, y, out):
    i = cuda.grid(1)
    if i < x.shape[0]:
        out[i] = x[i] * y[i] * float32(0.5)


@kernel(draw(array(20), array(20), zeros(20)), 3, BLOCK)
def guarded_by_a_return(x, y, out):
    i = cuda.threadIdx.x + cuda.blockIdx.x * cuda.blockDim.x
    if i >= x.shape[0]:
        return
    if x[i] < 0.8:
        out[i] = y[i]
        return
    out[i] = math.sin(x[i]) * y[i]


@kernel(draw(array(41), zeros(41)), 3, 4)
def grid_stride(x, out):
    start = cuda.grid(1)
    stride = cuda.gridsize(1)
    for i in range(start, x.shape[0], stride):
        out[i] = x[i] * math.exp(-x[i])


@kernel(draw(array(23), zeros(23)), 2, 4)
def grid_stride_with_while(x, out):
    i = cuda.grid(1)
    while i < x.shape[0]:
        out[i] = x[i] * x[i] * x[i]
        i += cuda.gridDim.x * cuda.blockDim.x


@kernel(draw(array(7, 9), array(7, 9), zeros(7, 9)), (2, 3), (TILE, TILE), tags=["compiled"])
def sheet(u, k, v):
    j, i = cuda.grid(2)
    if i >= 1 and j >= 1 and i < u.shape[0] - 1 and j < u.shape[1] - 1:
        lap = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]
        v[i, j] = u[i, j] + k[i, j] * lap * u[i, j]


@kernel(draw(array(7, 9), array(7), array(9), zeros(7, 9)), (3, 2), (TILE, TILE))
def scaled_rows(x, row, column, out):
    """Threads of one row, in all blocks, read one element, and those of a column another."""
    j, i = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        out[i, j] = x[i, j] * row[i] * column[j]


@kernel(draw(array(3, 5, 2), zeros(3, 5, 2)), (1, 3, 2), (2, 2, 2))
def cube(x, out):
    k, j, i = cuda.grid(3)
    if i < x.shape[0] and j < x.shape[1] and k < x.shape[2]:
        out[i, j, k] = x[i, j, k] ** 2


@kernel(draw(array(12), 0.1, 6), 2, BLOCK)
def relaxes_in_place(u, k, steps):
    i = cuda.grid(1)
    if i < u.shape[0]:
        for _ in range(steps):
            u[i] = u[i] + k * math.sin(u[i])


@kernel(draw(signed(10, 3), zeros(10), 0.7, 5), 2, BLOCK)
def paths(z, out, s, steps):
    p = cuda.grid(1)
    if p < z.shape[0]:
        price = 1.0
        for t in range(steps):
            price = price * math.exp(0.1 * s * z[p, t % 3]) + 0.01 * price * price
        out[p] = max(price - 1.0, 0.0)


@kernel(draw(array(10), zeros(10)), 2, BLOCK)
def local_recurrence(x, out):
    i = cuda.grid(1)
    if i >= x.shape[0]:
        return
    a = cuda.local.array(4, float64)
    a[0] = 1.0
    a[1] = x[i]
    for k in range(2, 4):
        a[k] = 2.0 * x[i] * a[k - 1] - a[k - 2]
    out[i] = a[0] + a[1] * a[2] + a[3]


@cuda.jit(device=True)
def softened(d):
    return d / math.sqrt(d * d + 0.01) ** 3


@kernel(draw(array(10), array(10), zeros(10)), 2, BLOCK)
def forces(x, m, f):
    i = cuda.grid(1)
    if i < x.shape[0]:
        total = 0.0
        for j in range(x.shape[0]):
            total += m[j] * softened(x[j] - x[i])
        f[i] = total


@kernel(draw(array(9), indices(14, 9), zeros(14)), 2, BLOCK)
def gathers(x, where, out):
    i = cuda.grid(1)
    if i < where.shape[0]:
        out[i] = x[where[i]] * x[where[i]]


@kernel(draw(array(10), zeros(10)), 2, BLOCK)
def roots_by_newton(x, out):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y = 1.0
        while abs(y * y * x[i] - 2.0) > 1e-12:
            y = 0.5 * (y + 2.0 / (x[i] * y))
        out[i] = y


@kernel(draw(array(5, 6), indices((5, 6), 9), zeros(5, 6)), (2, 2), (TILE, TILE))
def rays_that_stop(x, most, out):
    j, i = cuda.grid(2)
    if i < x.shape[0] and j < x.shape[1]:
        depth = 0.0
        for k in range(most[i, j]):
            depth = depth + 0.3 * x[i, j] * math.exp(-depth) + 0.01 * k
            if depth > 0.9:
                break
        out[i, j] = depth


@kernel(draw(array(10), zeros(10), 5), 2, BLOCK)
def constants_in_a_local_array(x, out, n):
    i = cuda.grid(1)
    if i < x.shape[0]:
        a = cuda.local.array(3, float64)
        a[0] = 1.0
        a[1] = 2.0
        a[2] = x[i]
        total = 0.0
        for k in range(n):
            total += a[k % 3] * a[(k + 1) % 3]
        out[i] = total


# -- sums by atomics -------------------------------------------------------------------------------------------------


@kernel(draw(array(20), indices(20, 5), zeros(5)), 3, BLOCK, tags=["compiled"])
def histogram(w, where, counts):
    i = cuda.grid(1)
    if i < w.shape[0]:
        cuda.atomic.add(counts, where[i], w[i] * w[i])


@kernel(draw(array(6, 4), indices(6, 3), zeros(3, 4)), (2, 1), (TILE, TILE))
def sums_of_rows(x, group, out):
    i, k = cuda.grid(2)
    if i < x.shape[0]:
        cuda.atomic.add(out, (group[i], k), math.exp(x[i, k]))


@kernel(draw(array(20), array(20), zeros(1)), 3, BLOCK)
def dot(x, y, out):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    part[t] = x[i] * y[i] if i < x.shape[0] else 0.0
    cuda.syncthreads()
    s = cuda.blockDim.x // 2
    while s > 0:
        if t < s:
            part[t] += part[t + s]
        cuda.syncthreads()
        s //= 2
    if t == 0:
        cuda.atomic.add(out, 0, part[0])


@kernel(draw(array(24), zeros(3)), 3, BLOCK)
def interleaved_sums(x, out):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    part[t] = x[cuda.grid(1)] ** 2
    cuda.syncthreads()
    s = 1
    while s < cuda.blockDim.x:
        if t % (2 * s) == 0:
            part[t] += part[t + s]
        s *= 2
        cuda.syncthreads()
    if t == 0:
        out[cuda.blockIdx.x] = part[0]


@kernel(draw(array(16), array(1), zeros(16)), 2, BLOCK)
def scaled_by_the_first(x, w, out):
    """All threads read one element."""
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    part[t] = x[i] * x[i]
    cuda.syncthreads()
    out[i] = part[0] * part[t] * w[0]


@kernel(draw(array(16), zeros(16)), 2, BLOCK)
def shared_sum_that_is_read(x, out):
    """Threads add to one element, and read it in the same kernel."""
    total = cuda.shared.array(1, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    if t == 0:
        total[0] = 0.0
    cuda.syncthreads()
    cuda.atomic.add(total, 0, x[i] * x[i])
    cuda.syncthreads()
    out[i] = x[i] / total[0]


# -- shared memory ---------------------------------------------------------------------------------------------------


@kernel(draw(array(24), zeros(24)), 3, BLOCK)
def reversed_blocks(x, out):
    tile = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    tile[t] = x[i] * x[i]
    cuda.syncthreads()
    out[i] = tile[BLOCK - 1 - t] * x[i]


@kernel(draw(array(8, 12), zeros(12, 8)), (3, 2), (TILE, TILE))
def transposes(a, b):
    tile = cuda.shared.array((TILE, TILE), float64)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    i = cuda.blockIdx.y * TILE + ty
    j = cuda.blockIdx.x * TILE + tx
    tile[ty, tx] = a[i, j]
    cuda.syncthreads()
    b[cuda.blockIdx.x * TILE + ty, cuda.blockIdx.y * TILE + tx] = math.sin(tile[tx, ty])


@kernel(draw(array(6, 9), array(9, 7), zeros(6, 7)), (2, 2), (TILE, TILE), tags=["compiled"])
def product_in_tiles(a, b, c):
    left = cuda.shared.array(shape=(TILE, TILE), dtype=float64)
    right = cuda.shared.array(shape=(TILE, TILE), dtype=float64)
    j, i = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    total = 0.0
    for k in range((a.shape[1] + TILE - 1) // TILE):
        left[ty, tx] = 0.0
        right[ty, tx] = 0.0
        if i < a.shape[0] and k * TILE + tx < a.shape[1]:
            left[ty, tx] = a[i, k * TILE + tx]
        if j < b.shape[1] and k * TILE + ty < b.shape[0]:
            right[ty, tx] = b[k * TILE + ty, j]
        cuda.syncthreads()
        for n in range(TILE):
            total += left[ty, n] * right[n, tx]
        cuda.syncthreads()
    if i < c.shape[0] and j < c.shape[1]:
        c[i, j] = total


@kernel(draw(array(20), array(20), zeros(20)), 3, BLOCK, tags=["compiled"])
def forces_in_tiles(x, m, f):
    place = cuda.shared.array(BLOCK, float64)
    mass = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    n = x.shape[0]
    own = x[i] if i < n else 0.0
    total = 0.0
    for tile in range((n + BLOCK - 1) // BLOCK):
        j = tile * BLOCK + t
        if j < n:
            place[t] = x[j]
            mass[t] = m[j]
        else:
            place[t] = 0.0
            mass[t] = 0.0
        cuda.syncthreads()
        for k in range(BLOCK):
            d = place[k] - own
            total += mass[k] * d / math.sqrt(d * d + 0.01) ** 3
        cuda.syncthreads()
    if i < n:
        f[i] = total


@kernel(draw(array(21), array(3), zeros(21)), 3, BLOCK)
def convolution_with_halo(x, w, out):
    tile = cuda.shared.array(BLOCK + 2, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    n = x.shape[0]
    if i < n:
        tile[t + 1] = x[i]
    else:
        tile[t + 1] = 0.0
    if t == 0:
        tile[0] = x[i - 1] if i > 0 else 0.0
    if t == BLOCK - 1:
        tile[BLOCK + 1] = x[i + 1] if i + 1 < n else 0.0
    cuda.syncthreads()
    if i < n:
        out[i] = w[0] * tile[t] + w[1] * tile[t + 1] ** 2 + w[2] * tile[t + 2]


@kernel(draw(array(16), 5), 2, BLOCK)
def diffuses_in_a_block(u, steps):
    line = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    line[t] = u[i]
    cuda.syncthreads()
    for _ in range(steps):
        new = line[t]
        if t > 0 and t < BLOCK - 1:
            new += 0.2 * line[t] * (line[t - 1] - 2.0 * line[t] + line[t + 1])
        cuda.syncthreads()
        line[t] = new
        cuda.syncthreads()
    u[i] = line[t]


@kernel(draw(array(16), zeros(16), 3), 2, BLOCK)
def turns_values_around(x, out, steps):
    """What threads carry around a barrier changes places."""
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    a, b = x[i], x[i] * x[i]
    for _ in range(steps):
        part[t] = a
        cuda.syncthreads()
        c = part[(t + 1) % BLOCK]
        cuda.syncthreads()
        a, b = b, a * c
    out[i] = a + 2.0 * b


@kernel(draw(array(16), zeros(16)), 2, BLOCK)
def local_array_across_a_barrier(x, out):
    part = cuda.shared.array(BLOCK, float64)
    own = cuda.local.array(3, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    for k in range(3):
        own[k] = x[i] ** (k + 1)
    part[t] = own[2]
    cuda.syncthreads()
    out[i] = own[0] * part[BLOCK - 1 - t] + own[1]


@kernel(draw(array(16), zeros(16), 1), 2, BLOCK)
@kernel(draw(array(16), zeros(16), 0), 2, BLOCK, name="branch_around_a_barrier_not_taken")
def branch_around_a_barrier(x, out, how):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    y = x[i]
    if how > 0:
        part[t] = y * y
        cuda.syncthreads()
        y = part[BLOCK - 1 - t]
    out[i] = y * x[i]


@kernel(draw(array(8), zeros(8)), 1, BLOCK)
def one_block(x, out):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    part[t] = x[t]
    cuda.syncthreads()
    total = 0.0
    for k in range(t + 1):
        total += part[k]
    out[t] = total


@kernel(draw(array(5), zeros(5)), 5, 1)
def one_thread_a_block(x, out):
    i = cuda.grid(1)
    out[i] = x[i] ** 3


@kernel(draw(array(16), zeros(16), 3), 2, BLOCK)
def two_buffers(x, out, steps):
    a = cuda.shared.array(BLOCK, float64)
    b = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    a[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    for _ in range(steps):
        left = a[t - 1] if t > 0 else a[t]
        b[t] = 0.5 * (a[t] * left) + 0.1
        cuda.syncthreads()
        a, b = b, a
    out[cuda.grid(1)] = a[t]


@kernel(draw(array(16), zeros(16)), 2, BLOCK)
def prefix_products(x, out):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    part[t] = x[cuda.grid(1)]
    cuda.syncthreads()
    d = 1
    while d < BLOCK:
        value = part[t]
        if t >= d:
            value *= part[t - d]
        cuda.syncthreads()
        part[t] = value
        cuda.syncthreads()
        d *= 2
    out[cuda.grid(1)] = part[t]


@cuda.jit(device=True)
def sum_over_block(part, value):
    t = cuda.threadIdx.x
    part[t] = value
    cuda.syncthreads()
    s = cuda.blockDim.x // 2
    while s > 0:
        if t < s:
            part[t] += part[t + s]
        cuda.syncthreads()
        s //= 2
    return part[0]


@kernel(draw(array(3, BLOCK), zeros(3, BLOCK)), 3, BLOCK)
def softmax_of_rows(x, out):
    part = cuda.shared.array(BLOCK, float64)
    e = math.exp(x[cuda.blockIdx.x, cuda.threadIdx.x])
    out[cuda.blockIdx.x, cuda.threadIdx.x] = e / sum_over_block(part, e)


@kernel(draw(array(20), indices(20, 4), zeros(4)), 3, BLOCK)
def histogram_of_blocks(x, where, out):
    part = cuda.shared.array(4, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    if t < 4:
        part[t] = 0.0
    cuda.syncthreads()
    if i < x.shape[0]:
        cuda.atomic.add(part, where[i], x[i])
    cuda.syncthreads()
    if t < 4:
        cuda.atomic.add(out, t, part[t] * part[t])


@kernel(draw(array(16), zeros(16), 3), 2, BLOCK)
def loops_around_a_barrier(x, out, n):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    total = 0.0
    for a in range(n):
        for b in range(a + 1):
            part[t] = x[i] * (a + 1) + b
            cuda.syncthreads()
            total += part[(t + a + b) % BLOCK] ** 2
            cuda.syncthreads()
        total = total * 0.5
    out[i] = total


@kernel(draw(array(16), zeros(16), 3), 2, BLOCK)
def loop_that_ends_early(x, out, n):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    value = x[i]
    for k in range(10):
        if k >= n:
            break
        part[t] = value
        cuda.syncthreads()
        value = value * 0.5 + part[BLOCK - 1 - t] * value
        cuda.syncthreads()
    out[i] = value


@kernel(draw(array(40), zeros(40)), 2, BLOCK)
def blocks_in_turns(x, out):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    for b in range(cuda.blockIdx.x, x.shape[0] // BLOCK, cuda.gridDim.x):
        part[t] = x[b * BLOCK + t]
        cuda.syncthreads()
        out[b * BLOCK + t] = part[BLOCK - 1 - t] * part[t]
        cuda.syncthreads()


@kernel(draw(array(15), zeros(15), 5), (2, 2), (TILE, 2))
def flattened_rows(x, out, width):
    j, i = cuda.grid(2)
    if j < width and i < 3:
        out[i * width + j] = x[i * width + j] ** 2


@kernel(draw(array(3, 2, 2, 2), zeros(3, 2, 2, 2)), 3, (2, 2, 2))
def turns_cubes(x, out):
    cell = cuda.shared.array((2, 2, 2), float64)
    tx, ty, tz = cuda.threadIdx.x, cuda.threadIdx.y, cuda.threadIdx.z
    cell[tz, ty, tx] = x[cuda.blockIdx.x, tz, ty, tx]
    cuda.syncthreads()
    out[cuda.blockIdx.x, tz, ty, tx] = cell[1 - tz, 1 - tx, ty] ** 2


@kernel(draw(array(16, dtype=np.float32), zeros(16, dtype=np.float32)), 2, BLOCK)
def tile_in_single_precision(x, out):
    tile = cuda.shared.array(BLOCK + 1, float32)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    tile[t] = x[i] if i < x.shape[0] else float32(0.0)
    cuda.syncthreads()
    if i < x.shape[0]:
        out[i] = tile[t] * tile[BLOCK - 1 - t]


WEIGHTS = np.array([0.5, 0.25, 2.0])


@kernel(draw(array(16), zeros(16)), 2, BLOCK)
def captures_an_array(x, out):
    i = cuda.grid(1)
    out[i] = x[i] * WEIGHTS[i % 3]


@kernel(draw(array(4, 6), zeros(4, 6)), (2, 2), (3, 2))
def reverses_rows(x, out):
    """Threads exchange values along x only."""
    cell = cuda.shared.array((2, 3), float64)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    j, i = cuda.blockIdx.y * 2 + ty, cuda.blockIdx.x * 3 + tx
    cell[ty, tx] = x[j, i]
    cuda.syncthreads()
    out[j, i] = cell[ty, 2 - tx] * x[j, i]


@kernel(draw(array(2, 4), zeros(2)), 1, (4, 2))
def row_sums_by_halves(x, out):
    part = cuda.shared.array((2, 4), float64)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    part[ty, tx] = x[ty, tx] ** 2
    cuda.syncthreads()
    half = 2
    while half > 0:
        if tx < half:
            part[ty, tx] += part[ty, tx + half]
        cuda.syncthreads()
        half //= 2
    if tx == 0:
        out[ty] = part[ty, 0]


@kernel(draw(array(8), zeros(8)), 2, 4)
def shared_sum_and_ragged_loops(x, out):
    part = cuda.shared.array(4, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    w = x[i]
    part[t] = w
    cuda.syncthreads()
    cuda.atomic.add(part, 0, w)
    cuda.syncthreads()
    e = 0.2
    for u in range(i % 3):
        w = w * part[u]
        for q in range(u):
            e = e * part[q] * w
    out[i] = w * e


@kernel(draw(array(16), zeros(16)), 2, 8)
def some_divide_by_the_first(x, out):
    first = cuda.shared.array(8, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    first[t] = x[i] ** 2
    cuda.syncthreads()
    if t < 4:
        out[i] = x[i] / first[0]


@kernel(draw(array(5, 6), zeros(5, 6)), 4, BLOCK)
def rows_and_columns_by_division(a, out):
    k = cuda.grid(1)
    n, m = a.shape
    if k < n * m:
        i = k // m
        j = k % m
        out[i, j] = a[i, j] * a[n - 1 - i, j] + a[i, 0]


@kernel(draw(array(4, 4), zeros(2, 4, 4)), 2, 5)
def tile_by_division(a, out):
    tile = cuda.shared.array((4, 4), float64)
    t = cuda.threadIdx.x
    for k in range(t, 16, cuda.blockDim.x):
        tile[k // 4, k % 4] = a[k // 4, k % 4] * (cuda.blockIdx.x + 1)
    cuda.syncthreads()
    for k in range(t, 16, cuda.blockDim.x):
        out[cuda.blockIdx.x, k // 4, k % 4] = tile[k % 4, k // 4] * tile[k // 4, k % 4]


@kernel(draw(array(30), zeros(30)), (2, 3), BLOCK)
def blocks_in_a_row(x, out):
    block = cuda.blockIdx.x + cuda.blockIdx.y * cuda.gridDim.x
    i = block * cuda.blockDim.x + cuda.threadIdx.x
    if i < x.shape[0]:
        out[i] = x[i] ** 2


@kernel(draw(array(13), array(5), zeros(5)), 2, BLOCK)
def trees_of_sums_in_a_loop(x, h, out):
    """Tiles in a loop over a row of blocks, and what is left of one tree's levels is carried to the next."""
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    for b in range(cuda.blockIdx.x, h.shape[0], cuda.gridDim.x):
        total = 0.0
        for start in range(0, x.shape[0], BLOCK):
            part[t] = x[start + t] if start + t < x.shape[0] else 0.0
            cuda.syncthreads()
            for q in range(BLOCK):
                total += part[q] * part[(q + t) % BLOCK] * h[b]
            cuda.syncthreads()
        part[t] = total * 0.01
        cuda.syncthreads()
        half = BLOCK // 2
        while half > 0:
            if t < half:
                part[t] += part[t + half] * part[t + half]
            cuda.syncthreads()
            half //= 2
        if t == 0:
            out[b] = part[0]
        cuda.syncthreads()

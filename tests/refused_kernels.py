"""Kernels whose threads race, or that do what cannot be differentiated."""

import numpy as np
from numba import cuda, float64

BLOCK = 8


def barrier_some_threads_miss(x, y):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    part[t] = x[t]
    if t < 4:
        cuda.syncthreads()
    y[t] = part[7 - t]


def barrier_after_a_return(x, y):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    if i >= x.shape[0]:
        return
    part[t] = x[i]
    cuda.syncthreads()
    y[i] = part[0]


def no_barrier(x, y):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    part[t] = x[t]
    y[cuda.grid(1)] = part[7 - t]


def no_barrier_at_the_end_of_a_loop(x, y):
    part = cuda.shared.array(BLOCK, float64)
    t = cuda.threadIdx.x
    total = 0.0
    for k in range(3):
        part[t] = x[t] * k
        cuda.syncthreads()
        total += part[7 - t]
    y[cuda.grid(1)] = total


def reads_another_block(x, y):
    i = cuda.grid(1)
    if i < x.shape[0] - 1:
        x[i] = x[i + 1] * 2.0


def writes_one_element(x, y):
    y[0] = x[cuda.grid(1)]


def adds_without_an_atomic(x, y):
    i = cuda.grid(1)
    y[0] += x[i]


def blocks_write_the_same(x, y):
    y[cuda.threadIdx.x] = x[cuda.grid(1)]


def result_of_an_atomic(x, y):
    old = cuda.atomic.add(y, 0, x[cuda.grid(1)])
    y[1] = old


def greatest_by_an_atomic(x, y):
    cuda.atomic.max(y, 0, x[cuda.grid(1)])


def shuffles(x, y):
    i = cuda.grid(1)
    y[i] = cuda.shfl_down_sync(0xFFFFFFFF, x[i], 1)


def synchronises_a_warp(x, y):
    cuda.syncwarp()
    y[cuda.grid(1)] = 1.0


def counts_at_a_barrier(x, y):
    i = cuda.grid(1)
    y[i] = cuda.syncthreads_count(x[i] > 0.0)


def dynamic_shared_memory(x, y):
    part = cuda.shared.array(0, float64)
    part[cuda.threadIdx.x] = x[0]


def shape_from_an_argument(x, y):
    part = cuda.local.array(x.shape[0], float64)
    y[0] = part[0]


def constant_memory(x, y):
    table = cuda.const.array_like(x)
    y[cuda.grid(1)] = table[0]


def cooperates(x, y):
    grid = cuda.cg.this_grid()
    grid.sync()


def fences(x, y):
    y[cuda.grid(1)] = x[0]
    cuda.threadfence()


def copies_to_the_device(x, y):
    z = cuda.to_device(x)
    y[0] = z[0]


def axis_that_there_is_not(x, y):
    y[cuda.threadIdx.w] = x[0]


def number_of_axes(x, y):
    n = x.shape[0]
    y[cuda.grid(n)] = x[0]


def atomic_of_a_row(x, y):
    cuda.atomic.add(y, (0, 1), x[0])


def atomic_of_many(x, y):
    cuda.atomic.add(y, None, x[0])


def returns_something(x, y):
    y[cuda.grid(1)] = x[0]
    return 1.0


def prints(x, y):
    print(x[0])  # noqa: T201


def draws(x, y):
    y[cuda.grid(1)] = np.random.normal()


def multiplies_matrices(x, y):
    y[cuda.grid(1)] = np.linalg.inv(np.ones((2, 2)))[0, 0]


def local_array_passed_on(x, y):
    own = cuda.local.array(3, float64)
    t = cuda.threadIdx.x
    own[0] = x[t]
    cuda.syncthreads()
    view = own[1:]
    y[t] = view[0]


def array_chosen_around_a_barrier(x, y):
    t = cuda.threadIdx.x
    a = cuda.local.array(3, float64)
    b = cuda.local.array(3, float64)
    for _ in range(3):
        a, b = b, a
        cuda.syncthreads()
    y[t] = a[0]


def rows_that_overlap(x, y):
    k = cuda.grid(1)
    y[k // 3 * 2 + k % 3] = x[k]


def quotient_and_another_remainder(x, y):
    k = cuda.grid(1)
    n = x.shape[0]
    y[k // n * n + k % (n - 1)] = x[k]


RACING = [
    barrier_some_threads_miss, barrier_after_a_return, no_barrier, no_barrier_at_the_end_of_a_loop, reads_another_block,
    writes_one_element, adds_without_an_atomic, blocks_write_the_same, rows_that_overlap,
    quotient_and_another_remainder,
]  # fmt: skip
REFUSED = [
    result_of_an_atomic, greatest_by_an_atomic, shuffles, synchronises_a_warp, counts_at_a_barrier,
    dynamic_shared_memory, shape_from_an_argument, constant_memory, cooperates, fences, copies_to_the_device,
    axis_that_there_is_not, number_of_axes, atomic_of_a_row, atomic_of_many, returns_something, prints, draws,
    multiplies_matrices, local_array_passed_on, array_chosen_around_a_barrier,
]  # fmt: skip

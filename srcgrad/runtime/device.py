"""What generated host code calls: arrays on a GPU, launch shapes, sums, and routines of libraries.

Importing this module needs `numba.cuda`, of the package numba-cuda, or its simulator (NUMBA_ENABLE_CUDASIM=1).
"""

from __future__ import annotations

import contextlib
import importlib

import numpy as np
from numba import cuda, types
from numba.core import config
from numba.extending import overload

SIMULATED = bool(config.ENABLE_CUDASIM)

if SIMULATED:
    # The simulator puts itself in the place of `cuda` in the globals of what it runs, and of one function at a time.
    class _Running:
        def __getattr__(self, name):
            return getattr(importlib.import_module("numba.cuda.simulator.kernel")._get_kernel_context(), name)

    gpu = _Running()

    def in_kernels(function):
        """A function that kernels call."""
        return function

else:
    gpu = cuda
    in_kernels = cuda.jit(device=True)

LARGEST = 1024  # block that there is
THREADS = 8 if SIMULATED else 256  # in a block; a power of two. A simulated one is a thread of Python
WIDTH = 4 if SIMULATED else 32  # threads of a block along the last axis of a nest of loops
MOST = 4096  # blocks along all axes; beyond, threads run several iterations


# -- launch shapes -----------------------------------------------------------------------------------------------------


def grid(*counts):
    """Blocks and threads for loops with these numbers of iterations, outermost first: the last one is along x."""
    if len(counts) == 1:
        width = min(_power_of_two(counts[0]), THREADS)
        return _blocks(counts[0], width, MOST), width
    width = min(_power_of_two(counts[-1]), WIDTH)
    threads = (width, THREADS // width) if len(counts) == 2 else (width, min(4, THREADS // width), 1)
    most = (64, 64, 1) if len(counts) == 2 else (16, 16, 16)
    return tuple(map(_blocks, reversed(counts), threads, most)), threads


def _blocks(count, threads, most):
    return int(min(max(-(-count // threads), 1), most))


def _power_of_two(n):
    return 1 << max(int(n) - 1, 0).bit_length()


def blocks(*counts):
    """How many blocks such a grid has."""
    return int(np.prod(grid(*counts)[0]))


def threads(*counts):
    """How many threads such a grid has."""
    return blocks(*counts) * int(np.prod(grid(*counts)[1]))


def fitting(count, room, width):
    """How many iterations can run at once that need `width` tapes of `room` elements each: a quarter of free memory."""
    free = 1 << 26 if SIMULATED else cuda.current_context().get_memory_info()[0]
    return int(min(count, max(free // 4 // (8 * room * width), 1)))


# -- arrays ------------------------------------------------------------------------------------------------------------


def empty(shape, dtype=np.float64, order="C"):
    return cuda.device_array(shape, dtype, order=order)


def zeros(shape, dtype=np.float64, order="C"):
    return _filled(empty(shape, dtype, order), 0)


def ones(shape, dtype=np.float64, order="C"):
    return _filled(empty(shape, dtype, order), 1)


def empty_like(a):
    return empty(a.shape, a.dtype, "F" if a.is_f_contiguous() and not a.is_c_contiguous() else "C")


def zeros_like(a):
    return _filled(empty_like(a), 0)


def ones_like(a):
    return _filled(empty_like(a), 1)


def _filled(a, value):
    if a.size:
        flat = a.reshape(a.size, order="C" if a.is_c_contiguous() else "F") if a.ndim != 1 else a
        _fill[grid(a.size)](flat, a.dtype.type(value))
    return a


@cuda.jit
def _fill(a, value):
    for i in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        a[i] = value


def copy(a):
    """A contiguous copy."""
    new = empty_like(a)
    if a.size:
        if a.is_c_contiguous() or a.is_f_contiguous():
            new.copy_to_device(a)
        else:
            _copied(a, new)
    return new


def _copied(a, new):
    if a.ndim > len(_COPY):
        for k in range(a.shape[0]):
            _copied(a[k], new[k])
    else:
        _COPY[a.ndim - 1][grid(*a.shape)](a, new)


@cuda.jit
def _copy_1d(a, new):
    for i in range(cuda.grid(1), new.shape[0], cuda.gridsize(1)):
        new[i] = a[i]


@cuda.jit
def _copy_2d(a, new):
    for i in range(cuda.grid(2)[1], new.shape[0], cuda.gridsize(2)[1]):
        for j in range(cuda.grid(2)[0], new.shape[1], cuda.gridsize(2)[0]):
            new[i, j] = a[i, j]


@cuda.jit
def _copy_3d(a, new):
    for i in range(cuda.grid(3)[2], new.shape[0], cuda.gridsize(3)[2]):
        for j in range(cuda.grid(3)[1], new.shape[1], cuda.gridsize(3)[1]):
            for k in range(cuda.grid(3)[0], new.shape[2], cuda.gridsize(3)[0]):
                new[i, j, k] = a[i, j, k]


_COPY = (_copy_1d, _copy_2d, _copy_3d)


def to_host(a):
    """A copy as a NumPy array."""
    return (a if a.is_c_contiguous() or a.is_f_contiguous() else copy(a)).copy_to_host()


# -- sums --------------------------------------------------------------------------------------------------------------


def total(parts):
    """The sum of what the blocks have added up, as a number."""
    return parts.copy_to_host().sum()


@in_kernels
def thread_of_block():
    """The number of a thread in its block."""
    return gpu.threadIdx.x + gpu.blockDim.x * (gpu.threadIdx.y + gpu.blockDim.y * gpu.threadIdx.z)


@in_kernels
def block():
    """The number of a block in the grid."""
    return gpu.blockIdx.x + gpu.gridDim.x * (gpu.blockIdx.y + gpu.gridDim.y * gpu.blockIdx.z)


@in_kernels
def thread():
    """The number of a thread in the grid."""
    return thread_of_block() + gpu.blockDim.x * gpu.blockDim.y * gpu.blockDim.z * block()


def _block_sum(dtype):
    """A function by which a block adds up a number of each thread, for all of them."""
    memory = np.float64 if SIMULATED else dtype  # the simulator takes arrays made in one line of a file for the same

    @in_kernels
    def block_sum(value):
        shared = gpu.shared.array(LARGEST, memory)
        t = thread_of_block()
        shared[t] = value
        gpu.syncthreads()
        n = gpu.blockDim.x * gpu.blockDim.y * gpu.blockDim.z
        while n > 1:
            half = (n + 1) // 2
            if t < n - half:
                shared[t] += shared[t + half]
            gpu.syncthreads()
            n = half
        found = dtype(shared[0])
        gpu.syncthreads()  # before the next sum uses the same memory
        return found

    return block_sum


def _sum_into(dtype):
    """The same into an element of the block's own."""
    block_sum = _block_sum(dtype)  # one that no kernel calls itself: linked in by two ways, its memory would be two

    @in_kernels
    def sum_into(parts, value):
        found = block_sum(value)
        if gpu.threadIdx.x == 0 and gpu.threadIdx.y == 0 and gpu.threadIdx.z == 0:
            parts[block()] = found

    return sum_into


block_float64, sum_float64 = _block_sum(np.float64), _sum_into(np.float64)
block_float32, sum_float32 = _block_sum(np.float32), _sum_into(np.float32)
block_int64, sum_int64 = _block_sum(np.int64), _sum_into(np.int64)

if SIMULATED:

    @in_kernels
    def add_together(array, index, value):
        gpu.atomic.add(array, index, value)

else:

    @in_kernels
    def add_together(array, index, value):
        """Add to an element that is mostly the same for all threads of a warp."""
        everyone = 0xFFFFFFFF
        if gpu.activemask() == everyone and _same_place(everyone, index):
            for step in (16, 8, 4, 2, 1):
                value += gpu.shfl_down_sync(everyone, value, step)
            if gpu.laneid == 0:
                gpu.atomic.add(array, index, value)
        else:
            gpu.atomic.add(array, index, value)

    def _same_place(mask, index):
        raise NotImplementedError

    @overload(_same_place, target="cuda")
    def _choose_same_place(mask, index):
        if isinstance(index, types.BaseTuple):
            if len(index) == 2:
                return lambda mask, index: _same(mask, index[0]) and _same(mask, index[1])
            if len(index) == 3:
                return lambda mask, index: _same(mask, index[0]) and _same(mask, index[1]) and _same(mask, index[2])
            return lambda mask, index: False
        return lambda mask, index: _same(mask, index)  # noqa: PLW0108 - its parameters must have these names

    @in_kernels
    def _same(mask, number):
        return gpu.match_all_sync(mask, number)[1]


# -- routines of libraries ---------------------------------------------------------------------------------------------


def dot(a, b, out):
    """`np.dot` into `out`: by cuBLAS where CuPy is installed, else by a kernel of tiles."""
    with contextlib.suppress(ImportError):
        if not SIMULATED:
            cupy = importlib.import_module("cupy")
            cupy.asarray(out)[...] = cupy.dot(cupy.asarray(a), cupy.asarray(b))
            return
    if a.ndim == 1 and b.ndim == 1:
        a, b, out = a.reshape(1, a.size), b.reshape(b.size, 1), out.reshape(1, 1)
    elif a.ndim == 1:
        a, out = a.reshape(1, a.size), out.reshape(1, out.size)
    elif b.ndim == 1:
        b, out = b.reshape(b.size, 1), out.reshape(out.size, 1)
    if out.size:
        _product[(_blocks(b.shape[1], TILE, 1 << 30), _blocks(a.shape[0], TILE, 65535)), (TILE, TILE)](a, b, out)


TILE = 2 if SIMULATED else 16


@cuda.jit
def _product(a, b, out):
    left = cuda.shared.array((TILE, TILE), np.float64)
    right = cuda.shared.array((TILE, TILE), np.float64)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    j = cuda.blockIdx.x * TILE + x
    for first in range(cuda.blockIdx.y * TILE, out.shape[0], cuda.gridDim.y * TILE):
        i = first + y
        s = out.dtype.type(0.0)
        for k in range(0, a.shape[1], TILE):
            left[y, x] = a[i, k + x] if i < a.shape[0] and k + x < a.shape[1] else 0.0
            right[y, x] = b[k + y, j] if k + y < b.shape[0] and j < b.shape[1] else 0.0
            cuda.syncthreads()
            for m in range(TILE):
                s += left[y, m] * right[m, x]
            cuda.syncthreads()
        if i < out.shape[0] and j < out.shape[1]:
            out[i, j] = s


def __getattr__(name):
    """A routine of LAPACK: on the host, on copies of the arrays."""
    if name.startswith("_"):
        raise AttributeError(name)
    routine = getattr(importlib.import_module("srcgrad.runtime.linalg"), name)

    def on_host(*arrays):
        copies = [to_host(a) for a in arrays]
        routine(*copies)
        for array, new in zip(arrays, copies, strict=True):
            if array.size:
                _copied(cuda.to_device(new), array)  # which need not be contiguous

    return on_host

"""Adjoints of kernels beside the kernels, on a GPU: `python -m benchmarks cuda`.

For each kernel the time of its adjoint over its own, both by events on the device, in alternating rounds; and for those
that memory bounds the share of the bandwidth that copying an array reaches. In the simulator (NUMBA_ENABLE_CUDASIM=1)
sizes are tiny and times mean nothing: that only shows that it runs.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from numba import cuda, float32

import srcgrad as sg

RESULTS = Path(__file__).parent / "results" / "cuda.json"
SIMULATED = bool(os.environ.get("NUMBA_ENABLE_CUDASIM"))
BLOCK = 8 if SIMULATED else 256
SIDE = 4 if SIMULATED else 16
BINS = 8 if SIMULATED else 256
ROUNDS = 1 if SIMULATED else 15


@sg.cuda.kernel
def saxpy(a, x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = a * x[i] * x[i] + y[i]


@sg.cuda.kernel
def reduction(x, out):
    part = cuda.shared.array(BLOCK, float32)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    part[t] = x[i] * x[i] if i < x.shape[0] else float32(0.0)
    cuda.syncthreads()
    s = BLOCK // 2
    while s > 0:
        if t < s:
            part[t] += part[t + s]
        cuda.syncthreads()
        s //= 2
    if t == 0:
        cuda.atomic.add(out, 0, part[0])


@sg.cuda.kernel
def stencil(u, k, v):
    j, i = cuda.grid(2)
    if i >= 1 and j >= 1 and i < u.shape[0] - 1 and j < u.shape[1] - 1:
        around = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]
        v[i, j] = u[i, j] + k[i, j] * (around - float32(4.0) * u[i, j])


@sg.cuda.kernel
def nbody(x, y, m, f):
    px = cuda.shared.array(BLOCK, float32)
    py = cuda.shared.array(BLOCK, float32)
    mass = cuda.shared.array(BLOCK, float32)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    n = x.shape[0]
    own_x = x[i] if i < n else float32(0.0)
    own_y = y[i] if i < n else float32(0.0)
    total = float32(0.0)
    for tile in range((n + BLOCK - 1) // BLOCK):
        j = tile * BLOCK + t
        if j < n:
            px[t], py[t], mass[t] = x[j], y[j], m[j]
        else:
            px[t], py[t], mass[t] = float32(0.0), float32(0.0), float32(0.0)
        cuda.syncthreads()
        for k in range(BLOCK):
            dx, dy = px[k] - own_x, py[k] - own_y
            total += mass[k] / math.sqrt(dx * dx + dy * dy + float32(0.01))
        cuda.syncthreads()
    if i < n:
        f[i] = total


@sg.cuda.kernel
def montecarlo(z, spread, out):
    p = cuda.grid(1)
    if p < z.shape[1]:
        price = float32(1.0)
        for t in range(z.shape[0]):
            price = price * math.exp(spread[0] * z[t, p] - float32(0.5) * spread[0] * spread[0])
        out[p] = max(price - float32(1.0), float32(0.0))


@sg.cuda.kernel
def histogram(x, where, counts):
    i = cuda.grid(1)
    if i < x.shape[0]:
        cuda.atomic.add(counts, where[i], x[i] * x[i])


def workloads():
    """For each kernel its grid, block and arguments, and the bytes that it and its adjoint must move, or None."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.uniform(0.1, 1.0, shape).astype(np.float32)

    n = 64 if SIMULATED else 1 << 26
    side = 8 if SIMULATED else 8192
    bodies = 16 if SIMULATED else 1 << 16
    paths, steps = (8, 3) if SIMULATED else (1 << 20, 64)
    blocks = -(-n // BLOCK)
    sheet = (-(-side // SIDE), -(-side // SIDE)), (SIDE, SIDE)
    where = rng.integers(0, BINS, n)
    # the adjoint of saxpy reads x, bx and by, and writes bx and by (a * bx, by): in units of an array of float32
    yield saxpy, blocks, BLOCK, (np.float32(2.0), draw(n), draw(n)), (3 * 4 * n, 4 * 4 * n)
    yield reduction, blocks, BLOCK, (draw(n), np.zeros(1, np.float32)), (4 * n, 3 * 4 * n)
    yield stencil, *sheet, (draw(side, side), draw(side, side), np.zeros((side, side), np.float32)), (
        3 * 4 * side * side, 8 * 4 * side * side
    )  # fmt: skip
    yield nbody, -(-bodies // BLOCK), BLOCK, (*(draw(bodies) for _ in range(3)), np.zeros(bodies, np.float32)), None
    yield montecarlo, -(-paths // BLOCK), BLOCK, (draw(steps, paths), draw(1), np.zeros(paths, np.float32)), None
    yield histogram, blocks, BLOCK, (draw(n), where, np.zeros(BINS, np.float32)), None


def elapsed(run):
    """Seconds on the device."""
    if SIMULATED:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    begin, end = cuda.event(), cuda.event()
    begin.record()
    run()
    end.record()
    end.synchronize()
    return cuda.event_elapsed_time(begin, end) / 1e3


def to_device(value):
    return cuda.to_device(value) if isinstance(value, np.ndarray) else value


def adjoint_of(value):
    if isinstance(value, np.ndarray):
        return cuda.to_device(np.ones_like(value)) if value.dtype.kind == "f" else None
    return cuda.to_device(np.zeros(1, type(value)))


def copy_bandwidth():
    """Bytes read and written in a second by copying a large array."""
    size = 1 << 10 if SIMULATED else 1 << 28
    a, b = cuda.to_device(np.ones(size, np.float32)), cuda.device_array(size, np.float32)
    times = [elapsed(lambda: b.copy_to_device(a)) for _ in range(5)]
    return 8 * size / min(times)


def measured(kernel, grid, block, args, moved, bandwidth):
    """The figures of one kernel."""
    given = [to_device(a) for a in args]
    adjoints = [adjoint_of(a) for a in args]
    primal, adjoint = kernel[grid, block], kernel.vjp[grid, block]

    def forwards():
        primal(*given)

    def backwards():
        adjoint(*given, *adjoints)

    forwards()
    backwards()
    pairs = [(elapsed(forwards), elapsed(backwards)) for _ in range(ROUNDS)]
    times = [statistics.median(t) for t in zip(*pairs, strict=True)]
    found = {"primal_ms": times[0] * 1e3, "adjoint_ms": times[1] * 1e3}
    found["ratio"] = statistics.median(b / a for a, b in pairs)
    if moved is not None:
        found["bandwidth_shares"] = [b / t / bandwidth for b, t in zip(moved, times, strict=True)]
    return found


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="names of kernels")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    args = parser.parse_args(arguments)
    bandwidth = copy_bandwidth()
    name = "simulator" if SIMULATED else cuda.get_current_device().name.decode()
    out = sys.stdout.write
    out(f"{name}, copies at {bandwidth / 1e9:.0f} GB/s\n")
    out(f"{'kernel':12} {'primal ms':>10} {'adjoint ms':>11} {'ratio':>6}  shares of copy bandwidth: primal, adjoint\n")
    results = {"device": name, "bandwidth": bandwidth}
    for kernel, *launch in workloads():
        label = kernel.py_func.__name__
        if args.only and label not in args.only:
            continue
        row = results[label] = measured(kernel, *launch, bandwidth)
        shares = " ".join(f"{s:.2f}" for s in row.get("bandwidth_shares", ()))
        out(f"{label:12} {row['primal_ms']:10.3f} {row['adjoint_ms']:11.3f} {row['ratio']:6.2f}  {shares}\n")
    if args.save and not SIMULATED:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0

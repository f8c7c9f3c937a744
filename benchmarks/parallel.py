"""Gradients on several threads beside one: `python -m benchmarks parallel`.

For each loop over `prange` the plain primal of Numba and our gradient, on one thread and on all; ratios of the fastest
rounds: on a shared machine others take a core now and then, which is slower for all threads.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
from numba import prange

from benchmarks.processes import ONE_THREAD, run_child

RESULTS = Path(__file__).parent / "results" / "parallel.json"
ROUNDS = 25


def nbody(x, m):
    e = 0.0
    for i in prange(x.shape[0]):
        for j in range(x.shape[0]):
            if i != j:
                d = 0.01
                for k in range(3):
                    d += (x[i, k] - x[j, k]) ** 2
                e += m[i] * m[j] / math.sqrt(d)
    return e


def montecarlo(z, start, drift, spread):
    total = 0.0
    for p in prange(z.shape[0]):
        price = start
        for t in range(z.shape[1]):
            price *= math.exp(drift + spread * z[p, t])
        total += max(price - 1.0, 0.0)
    return total / z.shape[0]


def gmm(x, mu, w):
    total = 0.0
    for n in prange(x.shape[0]):
        terms = np.empty(mu.shape[0])
        for k in range(mu.shape[0]):
            d = 0.0
            for j in range(x.shape[1]):
                d += (x[n, j] - mu[k, j]) ** 2
            terms[k] = w[k] - 0.5 * d
        top = np.max(terms)
        s = 0.0
        for k in range(mu.shape[0]):
            s += math.exp(terms[k] - top)
        total += top + math.log(s)
    return total


def blackscholes(s, k, t, v):
    total = 0.0
    for i in prange(s.shape[0]):
        root = v[i] * math.sqrt(t[i])
        d = (math.log(s[i] / k[i]) + 0.5 * v[i] * v[i] * t[i]) / root
        up, down = 0.5 * (1.0 + math.erf(d * 0.7071)), 0.5 * (1.0 + math.erf((d - root) * 0.7071))
        total += s[i] * up - k[i] * down
    return total


def stencil(first, k, steps):
    u, v = first.copy(), first.copy()
    for _ in range(steps):
        for i in prange(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                v[i, j] = u[i, j] + k * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j])
        u, v = v, u
    return np.sum(u * u)


def convolution(image, kernel):
    n, m = image.shape[0] - 4, image.shape[1] - 4
    total = 0.0
    for i in prange(n):
        for j in range(m):
            s = 0.0
            for a in range(5):
                for b in range(5):
                    s += image[i + a, j + b] * kernel[a, b]
            total += s * s
    return total


def workloads():
    """Functions with their arguments."""
    rng = np.random.default_rng(0)
    options = [rng.uniform(0.5, 1.5, 1_000_000) for _ in range(4)]
    return {
        "nbody": (nbody, (rng.normal(size=(3000, 3)), rng.random(3000))),
        "montecarlo": (montecarlo, (rng.normal(size=(100_000, 50)), 1.0, 0.001, 0.02)),
        "gmm": (gmm, (rng.normal(size=(50_000, 10)), rng.normal(size=(20, 10)), rng.normal(size=20))),
        "blackscholes": (blackscholes, tuple(options)),
        "stencil": (stencil, (rng.normal(size=(1000, 1000)), 0.1, 20)),
        "convolution": (convolution, (rng.normal(size=(1500, 1500)), rng.normal(size=(5, 5)))),
    }


def measure():
    """Milliseconds by workload: primal and gradient, on one thread and on all."""
    import numba

    import srcgrad as sg

    threads, found = numba.get_num_threads(), {}
    for name, (function, args) in workloads().items():
        floats = tuple(k for k, a in enumerate(args) if not isinstance(a, int))
        calls = {
            "primal": numba.njit(parallel=True, error_model="numpy")(function),
            "gradient": sg.grad(sg.differentiable(parallel=True)(function), argnums=floats),
            "sequential gradient": sg.grad(sg.differentiable(function), argnums=floats),
        }
        for call in calls.values():
            call(*args)
        times = {}
        for _ in range(ROUNDS):
            for count in (1, threads):
                numba.set_num_threads(count)
                for label, call in calls.items():
                    start = time.perf_counter()
                    call(*args)
                    times.setdefault(f"{label}, {count}", []).append(1e3 * (time.perf_counter() - start))
        found[name] = {label: min(t) for label, t in times.items()}
    return {"threads": threads, "milliseconds": found}


def main(arguments):
    argparse.ArgumentParser(prog="python -m benchmarks parallel", description=__doc__).parse_args(arguments)
    cores = str(os.cpu_count())
    result = run_child("parallel", {}, timeout=1200, environment={n: cores for n in ONE_THREAD if "THREADS" in n})
    if "error" in result:
        raise SystemExit(result["error"])
    n = result["threads"]
    print(f"| {n} threads | gradient, ms | one thread over it | sequential over it | primals likewise | over primal |")
    print("|---|---|---|---|---|---|")
    for name, t in result["milliseconds"].items():
        g, p = t[f"gradient, {n}"], t[f"primal, {n}"]
        ratios = t["gradient, 1"] / g, t[f"sequential gradient, {n}"] / g, t["primal, 1"] / p, g / p
        print(f"| {name} | {g:.1f} | " + " | ".join(f"{r:.2f}" for r in ratios) + " |")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    return 0

"""Resident memory over 10,000 gradients, and 10,000 pullbacks, must not grow (`python -m benchmarks leaks`)."""

import argparse

import numpy as np

import srcgrad
from benchmarks.memory import resident
from benchmarks.processes import run_child

CALLS, WARM = 10_000, 500
ALLOWED = 2**20  # bytes; one array of 64 leaked a call would be five times that


def growing(x, y):
    """Tapes of both kinds: a trip count known before the loop, and one that is not; and arrays made inside."""
    total = 0.0
    z = x.copy()
    for i in range(x.shape[0]):
        z[i] = np.sin(z[i]) * y[i]
        total += z[i] * x[i]
    while total > 1.0:
        total = total * 0.7 + np.sum(z * z) * 0.001
        z = z * 0.9
    return total


def growth(call, calls, warm):
    """By how many bytes the resident memory grows over so many calls, after some to warm up."""
    for _ in range(warm):
        call()
    before = resident()
    for _ in range(calls):
        call()
    return resident() - before


def subjects(size, differentiable=srcgrad.differentiable):
    """What is called again and again, by name."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.5, 1.5, size), rng.uniform(0.5, 1.5, size)
    function = differentiable(growing)
    gradient = srcgrad.value_and_grad(function, argnums=(0, 1))

    def pull_back():
        _, pullback = srcgrad.vjp(function, x, y)
        pullback(1.0)

    return {"gradient": lambda: gradient(x, y), "vjp and pullback": pull_back}


def measure(calls, size):
    """Bytes by which memory grew, by subject."""
    return {name: growth(call, calls, WARM) for name, call in subjects(size).items()}


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks leaks", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args(arguments)
    grown = run_child("leaks", {"calls": options.calls, "size": 64}, timeout=900)
    if "error" in grown:
        raise SystemExit(grown["error"])
    for name, size in grown.items():
        print(f"{name}: {size / 1024:.0f} KiB more after {options.calls} calls")
    return 1 if max(grown.values()) > ALLOWED else 0

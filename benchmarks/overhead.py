"""Microseconds of a call on functions that do nothing: ours beside njit and JAX (`python -m benchmarks overhead`)."""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.processes import run_child

RESULTS = Path(__file__).parent / "results" / "overhead.json"
CALLS, ROUNDS = 2000, 15


def same(x):
    return x


def element(x):
    return x[0]


def calls(tool):
    """Functions without arguments by label."""
    number, array = 1.5, np.ones(3)
    if tool == "jax":
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", val=True)
        number, array = jnp.asarray(number), jnp.asarray(array)
        compile_, grad = jax.jit, lambda f: jax.jit(jax.grad(f))
    elif tool == "srcgrad":
        import srcgrad

        compile_, grad = srcgrad.differentiable, srcgrad.grad
    else:
        import numba

        compile_, grad = numba.njit, None
    found = {}
    for kind, function, x in (("float", same, number), ("array", element, array)):
        primal = compile_(function)
        found[f"{tool} primal, {kind}"] = lambda primal=primal, x=x: primal(x)
        if grad:
            gradient = grad(function)
            found[f"{tool} grad, {kind}"] = lambda gradient=gradient, x=x: gradient(x)
    return found


def measure(tools):
    """Microseconds by label, medians over rounds in which all take turns (CPU time), and errors by tool."""
    functions, errors = {}, {}
    for tool in tools:
        try:
            functions.update(calls(tool))
        except ImportError as error:  # noqa: PERF203
            errors[tool] = str(error)
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.process_time()
            for _ in range(CALLS):
                function()
            times[name].append(1e6 * (time.process_time() - start) / CALLS)
    return {"microseconds": {name: statistics.median(t) for name, t in times.items()}, "errors": errors}


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks overhead", description=__doc__)
    parser.add_argument("--tools", default="njit,srcgrad,jax")
    options = parser.parse_args(arguments)
    result = run_child("overhead", {"tools": options.tools.split(",")}, timeout=600)
    if "error" in result:
        raise SystemExit(result["error"])
    print("| call | microseconds |\n|---|---|")
    for name, x in result["microseconds"].items():
        print(f"| {name} | {x:.2f} |")
    for tool, error in result["errors"].items():
        print(f"{tool}: {error}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    return 0

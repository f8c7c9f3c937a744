"""Gradient over primal for six loops: `srcgrad.value_and_grad` beside the plain njit function, one thread.

    python benchmarks/loops.py
    python benchmarks/loops.py energy nbody --rounds 51 --json loops.json

Primal and gradient are timed in turn, round after round, and a ratio is the median over the rounds of the ratio in
one round, so that a slow spell of the machine hits both. The first calls, which compile or load from the cache, are
timed apart. Each gradient is compared with a central difference of the primal in a random direction.
"""

import argparse
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numba
import numpy as np

import srcgrad

DEFAULT_JSON = Path(__file__).parent / "results" / "loops.json"


def energy(x, k):
    e = 0.0
    for i in range(1, x.shape[0]):
        d = x[i] - x[i - 1]
        e += 0.5 * k[i] * d * d
    return e


def logistic_map(x, r, n):
    for _ in range(n):
        x = r * x * (1.0 - x)
    return x


def recurrence(a, c):
    b = a.copy()
    for i in range(1, b.shape[0]):
        b[i] = math.tanh(b[i] * b[i - 1] + c)
    total = 0.0
    for i in range(b.shape[0]):
        total += b[i]
    return total


def stencil(u0, kappa, steps):
    n, m = u0.shape
    u = u0.copy()
    v = u0.copy()
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                s = u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - 4.0 * u[i, j]
                v[i, j] = u[i, j] + kappa * s + 0.01 * u[i, j] * (1.0 - u[i, j])
        u, v = v, u
    total = 0.0
    for i in range(n):
        for j in range(m):
            total += u[i, j] * u[i, j]
    return total


def accelerate(position, mass, acceleration):
    n = position.shape[0]
    for i in range(n):
        for c in range(3):
            acceleration[i, c] = 0.0
    for i in range(n):
        for j in range(n):
            dx = position[j, 0] - position[i, 0]
            dy = position[j, 1] - position[i, 1]
            dz = position[j, 2] - position[i, 2]
            r2 = dx * dx + dy * dy + dz * dz + 0.01
            w = mass[j] / (r2 * math.sqrt(r2))
            acceleration[i, 0] += w * dx
            acceleration[i, 1] += w * dy
            acceleration[i, 2] += w * dz


def nbody(position0, velocity0, mass, dt, steps):
    position = position0.copy()
    velocity = velocity0.copy()
    acceleration = np.zeros_like(position)
    n = position.shape[0]
    for _ in range(steps):
        accelerate(position, mass, acceleration)
        for i in range(n):
            for c in range(3):
                velocity[i, c] += dt * acceleration[i, c]
                position[i, c] += dt * velocity[i, c]
    kinetic = 0.0
    for i in range(n):
        for c in range(3):
            kinetic += 0.5 * mass[i] * velocity[i, c] * velocity[i, c]
    return kinetic


def lorenz_rhs(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def lorenz(state, parameters, dt, steps):
    x, y, z = state[0], state[1], state[2]
    sigma, rho, beta = parameters[0], parameters[1], parameters[2]
    for _ in range(steps):
        x1, y1, z1 = lorenz_rhs(x, y, z, sigma, rho, beta)
        x2, y2, z2 = lorenz_rhs(x + 0.5 * dt * x1, y + 0.5 * dt * y1, z + 0.5 * dt * z1, sigma, rho, beta)
        x3, y3, z3 = lorenz_rhs(x + 0.5 * dt * x2, y + 0.5 * dt * y2, z + 0.5 * dt * z2, sigma, rho, beta)
        x4, y4, z4 = lorenz_rhs(x + dt * x3, y + dt * y3, z + dt * z3, sigma, rho, beta)
        x += dt / 6.0 * (x1 + 2.0 * x2 + 2.0 * x3 + x4)
        y += dt / 6.0 * (y1 + 2.0 * y2 + 2.0 * y3 + y4)
        z += dt / 6.0 * (z1 + 2.0 * z2 + 2.0 * z3 + z4)
    return x * x + y * y + z * z


@dataclass(frozen=True)
class Workload:
    """A primal, the positions of the arguments to differentiate, and the arguments."""

    primal: Callable
    argnums: tuple
    make_args: Callable


WORKLOADS = {
    "energy": Workload(energy, (0, 1), lambda rng: (rng.normal(size=1_000_000), rng.uniform(1.0, 2.0, 1_000_000))),
    "logistic": Workload(logistic_map, (0, 1), lambda _: (0.3, 2.7, 1_000_000)),
    "recurrence": Workload(recurrence, (0, 1), lambda rng: (rng.normal(size=100_000), 0.1)),
    "stencil": Workload(stencil, (0, 1), lambda rng: (rng.uniform(size=(128, 128)), 0.1, 100)),
    "nbody": Workload(
        nbody,
        (0, 1, 2),
        lambda rng: (rng.normal(size=(64, 3)), rng.normal(size=(64, 3)), rng.uniform(0.5, 1.5, 64) / 64, 0.01, 50),
    ),
    "lorenz": Workload(
        lorenz, (0, 1), lambda rng: (rng.normal(size=3), np.array([10.0, 28.0, 8.0 / 3.0]), 0.001, 2_000)
    ),
}


@dataclass(frozen=True)
class Measurement:
    """One row of the table; times in milliseconds."""

    workload: str
    primal_ms: float
    gradient_ms: float
    ratio: float
    ratio_low: float  # quartiles over the rounds
    ratio_high: float
    compile_primal_s: float
    compile_gradient_s: float
    relative_error: float  # of the gradient against a central difference, in a random direction


def with_njit_helpers():
    """Compile the helpers in place, as a Numba user writes them."""
    namespace = globals()
    for helper in ("accelerate", "lorenz_rhs"):
        namespace[helper] = numba.njit(error_model="numpy")(namespace[helper])


def timed(call):
    """The result of a call and the seconds it took."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def difference_from_slope(primal, args, argnums, gradients, rng):
    """How far the gradient is from a central difference in a random direction, relative to its length there."""
    step = 1e-6
    plus, minus = list(args), list(args)
    slope, scale = 0.0, 0.0
    for argnum, gradient in zip(argnums, gradients, strict=True):
        direction = rng.normal(size=np.shape(args[argnum]))
        direction = direction if np.ndim(direction) else float(direction)
        plus[argnum] = args[argnum] + step * direction
        minus[argnum] = args[argnum] - step * direction
        slope += float(np.sum(gradient * direction))
        scale += float(np.sum(np.abs(gradient * direction)))
    difference = (primal(*plus) - primal(*minus)) / (2.0 * step)
    return abs(slope - difference) / max(scale, 1e-300)


def measure(name, rounds):
    """Time one workload."""
    workload = WORKLOADS[name]
    args = workload.make_args(np.random.default_rng(0))
    primal = numba.njit(error_model="numpy")(workload.primal)
    gradient = srcgrad.value_and_grad(workload.primal, argnums=workload.argnums)
    value, compile_primal = timed(lambda: primal(*args))
    (value_again, gradients), compile_gradient = timed(lambda: gradient(*args))
    if not math.isclose(value, value_again, rel_tol=1e-9, abs_tol=1e-300):
        raise SystemExit(f"{name}: the primal returns {value!r}, value_and_grad {value_again!r}")
    error = difference_from_slope(primal, args, workload.argnums, gradients, np.random.default_rng(1))
    pairs = [(timed(lambda: primal(*args))[1], timed(lambda: gradient(*args))[1]) for _ in range(rounds)]
    ratios = [g / p for p, g in pairs]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Measurement(
        workload=name,
        primal_ms=1e3 * statistics.median(p for p, _ in pairs),
        gradient_ms=1e3 * statistics.median(g for _, g in pairs),
        ratio=statistics.median(ratios),
        ratio_low=low,
        ratio_high=high,
        compile_primal_s=compile_primal,
        compile_gradient_s=compile_gradient,
        relative_error=error,
    )


def main():
    """Print the table and save it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"any of {', '.join(WORKLOADS)}; default all")
    parser.add_argument("--rounds", type=int, default=21, help="how often each pair is timed (default 21)")
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON, help="where to save the figures")
    options = parser.parse_args()
    if unknown := set(options.workloads) - set(WORKLOADS):
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")

    with_njit_helpers()
    print(
        f"{'loop':12}{'primal ms':>11}{'gradient ms':>13}{'ratio':>8}{'quartiles':>14}{'first call s':>14}{'error':>10}"
    )
    rows = []
    for name in options.workloads or WORKLOADS:
        row = measure(name, options.rounds)
        rows.append(row)
        quartiles = f"{row.ratio_low:.2f}-{row.ratio_high:.2f}"
        print(
            f"{name:12}{row.primal_ms:11.3f}{row.gradient_ms:13.3f}{row.ratio:8.2f}{quartiles:>14}"
            f"{row.compile_gradient_s:14.2f}{row.relative_error:10.1e}",
            flush=True,
        )

    machine = {
        "python": platform.python_version(),
        "numba": numba.__version__,
        "numpy": np.__version__,
        "processor": platform.machine(),
        "rounds": options.rounds,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    print(f"saved to {options.json}")


if __name__ == "__main__":
    main()

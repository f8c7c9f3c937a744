"""Fit the Lotka-Volterra predator-prey model to the Hudson's Bay Company's hare and lynx pelts, 1900-1920.

    d hare / dt = (alpha - beta * lynx) * hare
    d lynx / dt = (delta * hare - gamma) * lynx

The model is integrated by Runge-Kutta loops; srcgrad writes the gradient of the misfit, SciPy minimises it.
Run it with `python examples/lynx_hare.py`; it writes lynx_hare.png to the current folder.
"""

import math
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

import srcgrad as sg

mpl.use("Agg")
import matplotlib.pyplot as plt

NAMES = ["alpha", "beta", "gamma", "delta", "hare in 1900", "lynx in 1900"]
START = np.log([0.5, 0.02, 0.8, 0.02, 30.0, 4.0])
STEPS = 1000  # Runge-Kutta steps a year


def rhs(hare, lynx, alpha, beta, gamma, delta):
    """The rates of change of both populations."""
    return (alpha - beta * lynx) * hare, (delta * hare - gamma) * lynx


def rk4_step(hare, lynx, dt, alpha, beta, gamma, delta):
    """Both populations a time `dt` later."""
    h1, l1 = rhs(hare, lynx, alpha, beta, gamma, delta)
    h2, l2 = rhs(hare + 0.5 * dt * h1, lynx + 0.5 * dt * l1, alpha, beta, gamma, delta)
    h3, l3 = rhs(hare + 0.5 * dt * h2, lynx + 0.5 * dt * l2, alpha, beta, gamma, delta)
    h4, l4 = rhs(hare + dt * h3, lynx + dt * l3, alpha, beta, gamma, delta)
    return hare + dt / 6.0 * (h1 + 2.0 * h2 + 2.0 * h3 + h4), lynx + dt / 6.0 * (l1 + 2.0 * l2 + 2.0 * l3 + l4)


@sg.differentiable
def loss(theta, hares, lynxes, steps):
    """Half the sum of squared log residuals: the misfit under log-normal errors. `theta` holds logarithms."""
    alpha, beta = math.exp(theta[0]), math.exp(theta[1])
    gamma, delta = math.exp(theta[2]), math.exp(theta[3])
    hare, lynx = math.exp(theta[4]), math.exp(theta[5])
    dt = 1.0 / steps
    total = 0.0
    for year in range(hares.shape[0]):
        if year > 0:
            for _ in range(steps):
                hare, lynx = rk4_step(hare, lynx, dt, alpha, beta, gamma, delta)
        total += 0.5 * math.log(hare / hares[year]) ** 2
        total += 0.5 * math.log(lynx / lynxes[year]) ** 2
    return total


def simulate(theta, years, steps):
    """The fitted curves, for the plot: times and both populations."""
    alpha, beta, gamma, delta, hare, lynx = np.exp(theta)
    path = [(hare, lynx)]
    for _ in range((len(years) - 1) * steps):
        path.append(rk4_step(*path[-1], 1.0 / steps, alpha, beta, gamma, delta))
    return years[0] + np.arange(len(path)) / steps, *np.array(path).T


def fit(function, data, label, jac):
    """Minimise from START with a progress bar; the result and the seconds it took."""
    with tqdm(desc=label, unit=" iterations") as bar:
        start = time.perf_counter()
        result = minimize(
            function,
            START,
            args=data,
            jac=jac,
            method="L-BFGS-B",
            callback=lambda _: bar.update(),
            options={"ftol": 1e-13, "gtol": 1e-8},
        )
        return result, time.perf_counter() - start


def seconds(call):
    """How long `call` takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main():
    """Fit twice, compare, print and plot."""
    path = Path(__file__).parent / "data" / "lynx_hare.csv"
    years, hares, lynxes = np.loadtxt(path, delimiter=",", skiprows=5, unpack=True)
    data = (hares, lynxes, STEPS)

    compile_primal = seconds(lambda: loss(START, *data))
    compile_gradient = seconds(lambda: loss.value_and_grad(START, *data))
    print(
        f"first call (compiles or loads from the cache): "
        f"function {compile_primal:.1f} s, gradient {compile_gradient:.1f} s"
    )

    exact, exact_seconds = fit(loss.value_and_grad, data, "generated gradient", jac=True)
    rough, rough_seconds = fit(loss, data, "finite differences", jac=None)

    print(f"\n{'':20}{'calls':>8}{'iterations':>12}{'seconds':>10}{'misfit':>16}{'|gradient|':>13}")
    for label, result, took in [
        ("generated gradient", exact, exact_seconds),
        ("finite differences", rough, rough_seconds),
    ]:
        slope = np.linalg.norm(loss.value_and_grad(result.x, *data)[1])
        print(f"{label:20}{result.nfev:8}{result.nit:12}{took:10.3f}{result.fun:16.10f}{slope:13.1e}")

    print("\nfitted parameters")
    for name, value in zip(NAMES, np.exp(exact.x), strict=True):
        print(f"  {name:14}{value:10.4f}")
    print(f"  {'sigma':14}{math.sqrt(2.0 * exact.fun / (2 * len(years))):10.4f}   (of a log residual)")

    lines = loss.source("adjoint", START, *data).rstrip().splitlines()
    print(f"\nthe generated adjoint ({len(lines)} lines) begins and ends")
    print("\n".join(f"    {line}" for line in [*lines[:4], "    ...", *lines[-12:]]))

    times, hare, lynx = simulate(exact.x, years, STEPS)
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for name, observed, fitted, colour in [("hare", hares, hare, "C0"), ("lynx", lynxes, lynx, "C3")]:
        axes.plot(years, observed, "o", color=colour, label=f"{name}, pelts")
        axes.plot(times, fitted, color=colour, label=f"{name}, fit")
    axes.set(xlabel="year", ylabel="thousands", title="Lynx and hare pelts, Hudson's Bay Company")
    axes.set_xticks(range(int(years[0]), int(years[-1]) + 1, 4))
    axes.legend()
    figure.savefig("lynx_hare.png", dpi=120)
    print(f"\nplot written to {Path('lynx_hare.png').resolve()}")


if __name__ == "__main__":
    main()

"""Time and memory per element against size, for three workloads (`python -m benchmarks scaling`).

What the caches explain shows in the primal too; a gradient whose curve rises where the primal's does not has a problem.
"""

import argparse
import json
import statistics
from pathlib import Path

import numpy as np

from benchmarks import workloads
from benchmarks.gradients import repeated, timed
from benchmarks.memory import ENVIRONMENT, peak_of
from benchmarks.processes import empty_caches, run_child
from benchmarks.tools import CALLS

RESULTS = Path(__file__).parent / "results"
STEPS = 20  # of the stencil
SERIES = {
    "blackscholes": [{"n": 10**k} for k in range(2, 8)],
    "ode": [{"steps": 10**k} for k in range(2, 8)],
    "stencil": [{"n": 2**k, "steps": STEPS} for k in range(4, 12)],
}


def elements(name, dimensions):
    return dimensions["n"] ** 2 * dimensions["steps"] if name == "stencil" else next(iter(dimensions.values()))


def measure(workload, budget, tools=("njit", "srcgrad", "hand")):
    """Rows of size, nanoseconds an element by label, and bytes of peak memory an element by label."""
    name, workload = workload, workloads.load(workload)
    rows = []
    for dimensions in SERIES[name]:
        args = workload.make(np.random.default_rng(0), **dimensions)
        size = elements(name, dimensions)
        row = {"size": size, "dimensions": dimensions, "nanoseconds": {}, "bytes": {}}
        for tool in tools:
            for label, call in CALLS[tool](workload, args):
                call()
                row["bytes"][label] = peak_of(call) / size
                alone = max(timed(call)[1], 1e-7)
                times = max(1, int(2e-3 / alone))
                seconds = statistics.median(repeated(call, times) for _ in range(5))
                row["nanoseconds"][label] = 1e9 * seconds / size
        rows.append(row)
        if row["nanoseconds"]["njit"] * size > 1e9 * budget:
            break
    return rows


def table(name, rows):
    labels = list(rows[0]["nanoseconds"])
    lines = [f"| {name}: elements | " + " | ".join(f"{label}: ns, bytes" for label in labels) + " |"]
    lines.append("|---" * (len(labels) + 1) + "|")
    for row in rows:
        cells = (f"{row['nanoseconds'][label]:.2f}, {row['bytes'][label]:.1f}" for label in labels)
        lines.append(f"| {row['size']:.1e} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def chart(series, path):
    """Nanoseconds (above) and bytes (below) an element against the number of elements."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("no chart: matplotlib is not installed")
        return
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(series), figsize=(5 * len(series), 8), squeeze=False)
    for column, (name, rows) in zip(axes.T, series.items(), strict=True):
        sizes = [row["size"] for row in rows]
        for ax, what in zip(column, ("nanoseconds", "bytes"), strict=True):
            for label in rows[0][what]:
                ax.plot(sizes, [row[what][label] or np.nan for row in rows], marker="o", label=label)
            ax.set(xscale="log", yscale="log", xlabel="elements", ylabel=f"{what} an element", title=name)
            ax.grid(alpha=0.4)
        column[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def save(series):
    """Write scaling.json and scaling.md."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scaling.json").write_text(json.dumps(series, indent=1) + "\n")
    (RESULTS / "scaling.md").write_text("\n\n".join(table(*item) for item in series.items()) + "\n")


def main(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks scaling", description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(SERIES)}")
    parser.add_argument("--budget", type=float, default=0.3, help="seconds of a primal after which sizes stop growing")
    parser.add_argument("--timeout", type=float, default=900.0)
    options = parser.parse_args(arguments)
    if unknown := set(options.workloads) - set(SERIES):
        parser.error(f"no series of {', '.join(sorted(unknown))}; there are {', '.join(SERIES)}")
    series = {}
    for name in options.workloads or SERIES:
        request = {"workload": name, "budget": options.budget}
        with empty_caches() as environment:
            rows = run_child("scaling", request, timeout=options.timeout, environment=environment | ENVIRONMENT)
        if "error" in rows:
            print(f"{name}: {rows['error']}")
            continue
        series[name] = rows
        print(table(name, rows) + "\n", flush=True)
        save(series)
    if series:
        chart(series, RESULTS / "scaling.png")
    return 0 if len(series) == len(options.workloads or SERIES) else 1

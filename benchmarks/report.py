"""Tables, files and the chart of the main benchmark."""

import json
import math
import platform
from importlib import metadata

from benchmarks.tools import PEERS, tool_of

GRADIENT_HEAD = (
    "| workload | njit primal | gradient / primal | best peer / primal | best peer / ours | ours / hand "
    "| first call ours, JAX | disagreement | |\n|---|---|---|---|---|---|---|---|---|"
)
PROCESS_HEAD = "| workload | second process ours, Numba | peak memory ours, JAX, by hand |\n|---|---|---|"


def machine():
    """Versions, and what the figures were taken on."""
    versions = {}
    for package in ("srcgrad", "numba", "numpy", "jax", "torch"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # noqa: PERF203
            continue
    return {"python": platform.python_version(), "processor": platform.machine(), **versions}


def best(figures, *tools):
    """The least figure of some tools with its label, or None."""
    return min(((x, name) for name, x in figures.items() if tool_of(name) in tools), default=None)


def over_primal(row):
    return row["ratios"].get("njit", {})


def peer_over_ours(row):
    """The fastest peer over the fastest of our formulations: (ratio, peer, ours), or None."""
    ours = best(row["seconds"], "srcgrad")
    peer = ours and best(row["ratios"].get(ours[1], {}), *PEERS)
    return peer and (*peer, ours[1])


def ours_over_hand(row, adjoint=None):
    """Our gradient of the primal over the adjoint of that name, or over the fastest one; None without adjoints."""
    over_ours = row["ratios"].get("srcgrad", {})
    if adjoint is not None:
        return (1.0 / over_ours[adjoint], adjoint) if adjoint in over_ours else None
    fastest = best(over_ours, "hand")
    return fastest and (1.0 / fastest[0], fastest[1])


def number(figure, form=".2f"):
    if figure is None:
        return "-"
    x, *names = figure if isinstance(figure, tuple) else (figure,)
    return f"{x:{form}} ({', '.join(names)})" if names else f"{x:{form}}"


def gradient_row(key, row):
    """One row of the table of times."""
    ratios = over_primal(row)
    gradient = ", ".join(number((x, name)) for name, x in ratios.items() if tool_of(name) == "srcgrad")
    by_hand = dict.fromkeys(filter(None, (ours_over_hand(row, "hand"), ours_over_hand(row))))
    first = row["first_call"]
    cells = [
        key,
        f"{number(row['seconds'].get('njit'), '.3g')} s",
        gradient or "-",
        number(best(ratios, *PEERS)),
        number(peer_over_ours(row)),
        ", ".join(map(number, by_hand)) or "-",
        f"{number(first.get('srcgrad'))}, {number(first.get('jax'))} s",
        number(max(row["disagreement"].values(), default=None), ".0e"),
        "; ".join(f"{name}: {error.splitlines()[0][:100]}" for name, error in row["errors"].items()),
    ]
    return "| " + " | ".join(cells) + " |"


def megabytes(figure):
    return f"{figure[0] / 2**20:.1f}" if figure else "-"


def process_row(name, result):
    """One row of the table of what is measured once a workload."""
    started = result["second_process"].get(name, {})
    peaks = result["memory"].get(name, {})
    times = ", ".join(number(started.get(tool)) for tool in ("srcgrad", "numba"))
    memory = ", ".join(megabytes(best(peaks, tool)) for tool in ("srcgrad", "jax", "hand"))
    return f"| {name} | {times} s | {memory} MiB |"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def means(result):
    """Lines with geometric means and extremes, by size."""
    by_size = {}
    for key, row in result["gradients"].items():
        by_size.setdefault(key.partition(":")[2], []).append(row)
    lines = []
    for size, rows in by_size.items():
        figures = {
            "gradient / primal": [x for row in rows if (x := over_primal(row).get("srcgrad"))],
            "best peer / ours": [x[0] for row in rows if (x := peer_over_ours(row))],
            "ours / hand": [x[0] for row in rows if (x := ours_over_hand(row, "hand"))],
            "ours / fastest by hand": [x[0] for row in rows if (x := ours_over_hand(row))],
            "first call in s": [x for row in rows if (x := row["first_call"].get("srcgrad"))],
        }
        for what, values in figures.items():
            if values:
                spread = f"{min(values):.2f} to {max(values):.2f}"
                lines.append(f"{size}: {what}: geometric mean {geometric_mean(values):.2f}, {spread}, of {len(values)}")
    return lines


def save(result, folder):
    """Write gradients.json and gradients.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gradients.json").write_text(json.dumps(result, indent=1) + "\n")
    lines = [GRADIENT_HEAD, *(gradient_row(key, row) for key, row in result["gradients"].items()), ""]
    names = dict.fromkeys(key.partition(":")[0] for key in result["gradients"])
    lines += [PROCESS_HEAD, *(process_row(name, result) for name in names), ""]
    lines += [f"- {line}" for line in means(result)]
    (folder / "gradients.md").write_text("\n".join(lines) + "\n")


def chart(result, folder):
    """Write gradients.png: times over the primal, a panel a size. Nothing without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("no chart: matplotlib is not installed")
        return
    mpl.use("agg")
    from matplotlib import pyplot as plt

    sizes = list(dict.fromkeys(key.partition(":")[2] for key in result["gradients"]))
    figure, axes = plt.subplots(1, len(sizes), figsize=(5 * len(sizes) + 1, 7), sharey=True, squeeze=False)
    tools = ("srcgrad", "hand", "jax", "torch")
    names = list(dict.fromkeys(key.partition(":")[0] for key in result["gradients"]))
    for ax, size in zip(axes[0], sizes, strict=True):
        for k, tool in enumerate(tools):
            points = [
                (i + 0.2 * k, x[0])
                for i, name in enumerate(names)
                if (x := best(over_primal(result["gradients"].get(f"{name}:{size}", {"ratios": {}})), tool))
            ]
            if points:
                ax.barh(*zip(*points, strict=True), height=0.2, label=tool)
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.set(xscale="log", title=f"size {size}", xlabel="gradient over njit primal")
        ax.set_yticks([i + 0.3 for i in range(len(names))], names)
        ax.grid(axis="x", which="major", alpha=0.4)
    axes[0][0].invert_yaxis()
    axes[0][-1].legend()
    figure.tight_layout()
    figure.savefig(folder / "gradients.png", dpi=120)
    plt.close(figure)

"""The main benchmark: gradients of all workloads by all tools, a table and a chart (`python -m benchmarks --help`)."""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import memory, report, start, workloads
from benchmarks.processes import empty_caches, run_child
from benchmarks.tools import TOOLS

TOLERANCE = 1e-8  # norm-wise, relative
RESULTS = Path(__file__).parent / "results"
EXTRAS = ("start", "memory")


def disagreement(files):
    """How far gradients are, by norms, from the first there is of JAX's, PyTorch's, by hand and ours; by label."""
    found = {}
    for file in files:
        with np.load(file) as arrays:
            for key in arrays:
                name, _, _ = key.partition("|")
                found.setdefault(name, []).append(arrays[key])
    order = ("jax", "torch", "hand", "srcgrad")
    reference = next((found[name] for name in order if name in found), None)

    def error(gradients):
        norms = [np.linalg.norm(np.ravel(b)) or 1.0 for b in reference]
        pairs = zip(gradients, reference, norms, strict=True)
        return max(float(np.linalg.norm(np.ravel(a - b)) / norm) for a, b, norm in pairs)

    return {name: error(gradients) for name, gradients in found.items()}


def add_torch(result, torch):
    """Add the figures of PyTorch's process. Its ratios to the primal hold; to us, by way of the primal."""
    for key in ("seconds", "first_call", "second_call", "errors"):
        result[key].update({name: x for name, x in torch[key].items() if not name.startswith("njit")})
    over_primal = {name: x for name, x in torch["ratios"].get("njit", {}).items() if name.startswith("torch")}
    for reference, ratios in result["ratios"].items():
        scale = result["ratios"].get("njit", {}).get(reference)
        if scale:
            ratios.update({name: x / scale for name, x in over_primal.items()})


def run_gradients(workload, size, options):
    """Everything timed for a workload at a size. PyTorch has a process of its own, with the primal beside it."""
    groups = [[t for t in options.tools if t != "torch"]]
    if "torch" in options.tools:
        groups.append(["njit", "torch"])
    empty = {"seconds": {}, "ratios": {}, "first_call": {}, "second_call": {}, "rounds": 0, "errors": {}}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        answers, files = [], []
        for tools in groups:
            file = Path(folder) / f"{len(answers)}.npz"
            request = {
                "workload": workload, "size": size, "tools": tools,
                "rounds": options.rounds, "patience": options.patience, "save": str(file),
            }  # fmt: skip
            answer = run_child("gradients", request, timeout=options.timeout)
            answers.append(answer if "error" not in answer else {**empty, "errors": {tools[-1]: answer["error"]}})
            files += [file] if file.exists() else []
        result = answers[0]
        if len(answers) > 1:
            add_torch(result, answers[1])
        result["disagreement"] = disagreement(files)
    return result


def run_memory(workload, options):
    """Peaks in bytes by label, ours and JAX's, at the large size; each tool in a process of its own."""
    peaks = {}
    for tool in ("srcgrad", "hand", "jax"):
        if tool in options.tools:
            request = {"workload": workload, "size": options.memory_size, "tool": tool}
            with empty_caches() as environment:
                answer = run_child(
                    "memory", request, timeout=options.timeout, environment=environment | memory.ENVIRONMENT
                )
            peaks.update({} if "error" in answer else answer)
    return peaks


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD[:SIZE]", help=f"of {', '.join(workloads.NAMES)}")
    parser.add_argument("--sizes", default="S,M,L", help="default S,M,L; XS is for tests")
    parser.add_argument("--tools", default=",".join(TOOLS), help=f"default {','.join(TOOLS)}")
    parser.add_argument("--rounds", type=int, default=31, help="at most so many; fewer where a round takes long")
    parser.add_argument(
        "--patience", type=float, default=8.0, help="seconds; slower calls are timed once or twice only"
    )
    parser.add_argument("--timeout", type=float, default=900.0, help="seconds that one process may take")
    parser.add_argument("--skip", default="", help=f"what not to measure, of {','.join(EXTRAS)}")
    parser.add_argument("--memory-size", default="L", help="the size at which memory is measured")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for table, figures and chart")
    options = parser.parse_args(arguments)
    options.tools = [tool for tool in TOOLS if tool in options.tools.split(",")]
    options.skip = options.skip.split(",")
    chosen = options.workloads or workloads.NAMES
    options.pairs = {}
    for item in chosen:
        name, _, size = item.partition(":")
        if name not in workloads.NAMES:
            parser.error(f"no workload {name}; there are {', '.join(workloads.NAMES)}")
        sizes = size or options.sizes
        options.pairs.setdefault(name, []).extend(s for s in sizes.split(",") if s not in options.pairs[name])
    if "srcgrad" not in options.tools:
        options.skip += EXTRAS
    return options


def main(arguments):
    """Print and save the tables; the exit status says whether all gradients agree."""
    options = parse(arguments)
    result = {"machine": report.machine(), "gradients": {}, "second_process": {}, "memory": {}}
    print(report.GRADIENT_HEAD, flush=True)
    for name, sizes in options.pairs.items():
        for size in sizes:
            row = result["gradients"][f"{name}:{size}"] = run_gradients(name, size, options)
            print(report.gradient_row(f"{name}:{size}", row), flush=True)
            report.save(result, options.out)
    trivial = None if "start" in options.skip else start.second_process(None, options.timeout)
    print("\n" + report.PROCESS_HEAD, flush=True)
    for name in options.pairs:
        if trivial is not None:
            ours = start.second_process(name, options.timeout)
            result["second_process"][name] = {"srcgrad": ours, "numba": trivial}
        if "memory" not in options.skip:
            result["memory"][name] = run_memory(name, options)
        print(report.process_row(name, result), flush=True)
        report.save(result, options.out)
    print("\n" + "\n".join(report.means(result)))
    report.save(result, options.out)
    print(f"saved to {options.out}")
    report.chart(result, options.out)
    wrong = {
        f"{key} {name}: {error:.1e}"
        for key, row in result["gradients"].items()
        for name, error in row["disagreement"].items()
        if not error <= TOLERANCE
    }
    if wrong:
        print("gradients disagree:", *sorted(wrong), sep="\n  ")
    return 1 if wrong else 0

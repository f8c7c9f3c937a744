"""Gradients of the NumPy kernels of NPBench, as they are, against finite differences.

    git clone https://github.com/spcl/npbench DIR
    python benchmarks/npbench.py --path DIR                      # every kernel, compiled
    python benchmarks/npbench.py --path DIR gemm lu --python     # two kernels, generated text run without compiling
    python benchmarks/npbench.py --path DIR --self-check         # only the kernels and the finite differences

A kernel runs at tiny sizes in a process of its own. The objective is the sum of all its floating outputs (returned
values and arguments that it overwrites) with fixed random weights, written as the source of a small function that
calls the kernel. Its gradient with respect to all float arguments is compared, in random directions, with
extrapolated central differences of the same function run by NumPy. Outcomes: ok; refused (srcgrad says why); WRONG;
crash; timeout; rough (differences do not converge there); complex and integer (nothing to differentiate). Where a
kernel makes float32 arrays, NumPy runs a copy with float64 in its place, and the tolerance is wider.

Numba: whether `njit` on the kernel and its helpers compiles it (yes, no, or differs if the objective is another).
"""

import argparse
import importlib.util
import inspect
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numba
import numpy as np

import srcgrad
from srcgrad.errors import ArgumentError, Problem, UnsupportedError

FIRST = [
    "conv2d_bias", "lenet", "mlp", "resnet", "softmax", "cavity_flow", "go_fast", "adi", "atax", "bicg", "cholesky",
    "correlation", "covariance", "deriche", "doitgen", "durbin", "fdtd_2d", "gemm", "gemver", "gesummv", "gramschmidt",
    "heat_3d", "jacobi_1d", "jacobi_2d", "k2mm", "k3mm", "lu", "ludcmp", "mvt", "seidel_2d", "symm", "syr2k", "syrk",
    "trisolv", "trmm", "hdiff", "vadv",
]  # fmt: skip
SIZES = (6, 5, 7, 8, 4)  # of dimensions, in the order of the parameters; distinct, so that a transposition shows
TIME_STEPS = {"TSTEPS": 3, "TMAX": 3, "nt": 2, "nit": 3}
STEPS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)  # of the finite differences
SEEDS = (3, 4)  # of the directions
TOLERANCE, SINGLE_TOLERANCE, SMOOTH = 1e-6, 1e-4, 1e-7
ONE_THREAD = dict.fromkeys([f"{lib}_NUM_THREADS" for lib in ("NUMBA", "OMP", "OPENBLAS", "MKL")], "1")


@dataclass(frozen=True)
class Setup:
    """What one kernel needs beside the sizes that all get."""

    parameters: dict[str, Any] = field(default_factory=dict)
    as_float: bool = False  # make the integers of `initialize` floats
    scale: float = 1.0
    shift: float = 0.0  # weights in (0, 1) would leave no rectifier inactive


SETUPS = {
    "conv2d_bias": Setup({"N": 2, "C_in": 3, "C_out": 2, "K": 2, "H": 5, "W": 6}, shift=-0.5),
    "lenet": Setup({"N": 2, "H": 16, "W": 20}, shift=-0.5),  # two 5x5 convolutions, each followed by pooling
    "mlp": Setup({"C_in": 3, "N": 4}, shift=-0.5),
    "resnet": Setup({"N": 4, "W": 5, "H": 6, "C1": 3, "C2": 2}, shift=-0.5),
    "softmax": Setup({"N": 2, "H": 3, "SM": 5}),
    "gramschmidt": Setup({"M": 7, "N": 5}),
    "correlation": Setup({"M": 5, "N": 7}),
    "covariance": Setup({"M": 5, "N": 7}),
    "covariance2": Setup({"M": 5, "N": 7}),
    "azimint_hist": Setup({"N": 30, "npt": 4}),
    "azimint_naive": Setup({"N": 12, "npt": 3}),  # small enough that differences cross no edge of a bin
    "hdiff": Setup({"I": 4, "J": 5, "K": 2}),  # or change the sign of a flux
    "compute": Setup(as_float=True, scale=0.02),
    "floyd_warshall": Setup(as_float=True),
    "nbody": Setup({"N": 4, "tEnd": 0.1}),
    "spmv": Setup({"M": 6, "N": 5, "nnz": 12}),
    "stockham_fft": Setup({"K": 3}),
}


@dataclass
class Outcome:
    """One row of the table."""

    kernel: str
    outcome: str = "crash"
    error: float | None = None  # relative, the worst direction
    seconds: float | None = None  # the first call of the gradient
    numba: str = "-"
    detail: str = ""


@dataclass(frozen=True)
class Case:
    """A kernel with its arguments, and the objective for srcgrad and for finite differences."""

    source: Path
    function: str
    args: tuple[Any, ...]  # of the objective: those of the kernel, then the weights
    names: tuple[str, ...]
    active: tuple[int, ...]  # positions to differentiate with respect to
    weights: int
    outputs: tuple[Any, ...]  # what the kernel returned, then its arguments afterwards
    objective: FunctionType
    reference: FunctionType
    single: bool


def load(path: Path, suffix: str = "") -> ModuleType:
    """A module from a file."""
    spec = importlib.util.spec_from_file_location(path.stem + suffix, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def is_float(value: Any) -> bool:
    return isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


def copies(values: Sequence[Any]) -> list[Any]:
    return [v.copy() if isinstance(v, np.ndarray) else v for v in values]


def small(parameters: dict[str, Any], setup: Setup) -> dict[str, Any]:
    """The parameters of a benchmark, with small sizes."""
    sizes = iter(SIZES)
    chosen: dict[str, Any] = {}
    for name, value in parameters.items():
        large = isinstance(value, int) and value > max(SIZES)
        chosen[name] = TIME_STEPS.get(name, next(sizes) if large else value)
    return chosen | setup.parameters


def arguments(info: dict[str, Any], folder: Path, setup: Setup) -> list[Any]:
    """The arguments of a kernel: from its `initialize`, in float64, moved off ties and zeros by a little noise."""
    data = small(info["parameters"]["S"], setup)
    made: tuple[str, ...] = ()
    if info.get("init"):
        np.random.seed(0)  # noqa: NPY002 - one `initialize` draws from the global generator
        initialize = getattr(load(folder / f"{info['module_name']}.py"), info["init"]["func_name"])
        values = initialize(*(data[name] for name in info["init"]["input_args"]))
        made = tuple(info["init"]["output_args"])
        data |= zip(made, values if len(made) > 1 else (values,), strict=True)
    rng = np.random.default_rng(1)
    for name in made:
        value = data[name]
        if setup.as_float:
            value = value * 1.0
        if is_float(value) and isinstance(value, np.ndarray):
            noise = rng.uniform(0.0, 0.05, value.shape)
            data[name] = value.astype(np.float64) * setup.scale + setup.shift + noise
        else:
            data[name] = value
    return [data[name] for name in info["input_args"]]


def objective_text(module: str, function: str, names: Sequence[str], terms: Sequence[str], unpacked: str) -> str:
    """The source of the objective."""
    parameters = ", ".join([*names, *(f"weight{k}" for k in range(len(terms)))])
    call = f"{function}({', '.join(names)})"
    products = [f"np.sum(weight{k} * {term})" for k, term in enumerate(terms)]
    return (
        f"import numpy as np\nfrom {module} import {function}\n\n\ndef objective({parameters}):\n"
        f"    {unpacked}{call}\n    return {' + '.join(products) or '0.0'}\n"
    )


def prepare(root: Path, name: str, scratch: Path, *, widen: bool) -> Case:
    """Load a kernel, run it once to see what it puts out, and write its objective."""
    info = json.loads((root / "bench_info" / f"{name}.json").read_text())["benchmark"]
    folder = root / "npbench" / "benchmarks" / info["relative_path"]
    source, function = folder / f"{info['module_name']}_numpy.py", info["func_name"]
    args, names = arguments(info, folder, SETUPS.get(name, Setup())), info["input_args"]
    single = "np.float32" in source.read_text()
    wide = scratch / f"{source.stem}_wide.py"
    wide.write_text(source.read_text().replace("np.float32", "np.float64"))
    kernel = getattr(load(wide), function)

    after = copies(args)
    returned = kernel(*after)
    several = isinstance(returned, tuple)
    results = returned if several else () if returned is None else (returned,)
    values = {(f"out{k}" if several else "out"): value for k, value in enumerate(results) if is_float(value)}
    result_names = [f"out{k}" for k in range(len(results))] if several else ["out"] * len(results)
    for k, (arg, value) in enumerate(zip(args, after, strict=True)):
        written = isinstance(value, np.ndarray) and (
            names[k] in info["output_args"] or not np.array_equal(arg, value, equal_nan=True)
        )
        if written and is_float(value) and not any(np.shares_memory(value, r) for r in results):
            values[names[k]] = value
    unpacked = f"{', '.join(result_names)} = " if any(n in values for n in result_names) else ""
    rng = np.random.default_rng(2)
    weights = [rng.uniform(0.5, 1.5, v.shape) if np.ndim(v) else float(rng.uniform(0.5, 1.5)) for v in values.values()]

    sys.path[:0] = [str(scratch), str(folder)]
    objectives = []
    for module in (source.stem, wide.stem):
        path = scratch / f"objective_{module}.py"
        path.write_text(objective_text(module, function, names, list(values), unpacked))
        objectives.append(load(path).objective)
    active = tuple(k for k, value in enumerate(args) if is_float(value))
    return Case(
        wide if widen else source, function, (*args, *weights), tuple(names), active, len(weights),
        (*results, *after), objectives[1 if widen else 0], objectives[1], single and not widen,
    )  # fmt: skip


def moved(case: Case, direction: dict[int, Any], step: float) -> float:
    """The objective, by NumPy, some way along a direction."""
    args = copies(case.args)
    for k, d in direction.items():
        args[k] = args[k] + step * d
    return float(case.reference(*args))


def extrapolated(case: Case, direction: dict[int, Any], step: float) -> float:
    """Central differences at `step`, `step / 2` and `step / 4`, with their errors of order 2 and 4 removed."""
    c1, c2, c4 = (
        (moved(case, direction, h) - moved(case, direction, -h)) / (2.0 * h) for h in (step, step / 2, step / 4)
    )
    return (64.0 * c4 - 20.0 * c2 + c1) / 45.0


def slope(case: Case, direction: dict[int, Any]) -> tuple[float, float]:
    """The directional derivative, and how well it agrees with those at the next larger and smaller steps, at best."""
    e = [extrapolated(case, direction, step) for step in STEPS]
    agreement, best = min((max(relative(e[k - 1], e[k]), relative(e[k + 1], e[k])), k) for k in range(1, len(e) - 1))
    return e[best], agreement


def relative(value: float, expected: float) -> float:
    """The relative error; infinite where there is no number."""
    error = abs(value - expected) / max(abs(expected), 1e-12)
    return error if math.isfinite(error) else math.inf


def directions(case: Case) -> Iterator[dict[int, Any]]:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        yield {
            k: rng.normal(size=case.args[k].shape) if np.ndim(case.args[k]) else float(rng.normal())
            for k in case.active
        }


def with_numba(case: Case) -> str:
    """Whether Numba compiles the kernel, with its helpers compiled too."""
    module = load(case.source, "_njit")
    for name, value in list(vars(module).items()):
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            setattr(module, name, numba.njit(value))
    names = case.objective.__globals__ | {case.function: getattr(module, case.function)}
    try:
        value = FunctionType(case.objective.__code__, names)(*copies(case.args))
    except Exception:  # noqa: BLE001 - Numba raises all kinds
        return "no"
    return "yes" if relative(value, moved(case, {}, 0.0)) <= (1e-4 if case.single else 1e-9) else "differs"


def gradient_outcome(name: str, case: Case, target: str, expected: Sequence[float]) -> Outcome:
    """Differentiate the objective and compare."""
    function = srcgrad.differentiable(target=target)(case.objective)
    args = copies(case.args)
    start = time.perf_counter()
    try:
        value, gradients = srcgrad.value_and_grad(function, argnums=case.active)(*args)
    except (UnsupportedError, ArgumentError) as refusal:
        more = f" (and {len(refusal.problems) - 1} more)" if len(refusal.problems) > 1 else ""
        return Outcome(name, "refused", detail=summary(refusal.problems[0]) + more)
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is the outcome
        last = traceback.extract_tb(failure.__traceback__)[-1]
        place = f"{'/'.join(Path(last.filename).parts[-2:])}:{last.lineno}"
        return Outcome(name, "crash", detail=f"{type(failure).__name__} at {place}: {failure}".splitlines()[0][:200])
    seconds = time.perf_counter() - start
    by_active = dict(zip(case.active, gradients, strict=True))
    tolerance = SINGLE_TOLERANCE if case.single else TOLERANCE
    found = [sum(float(np.sum(by_active[k] * d)) for k, d in direction.items()) for direction in directions(case)]
    error = max(relative(f, e) for f, e in zip(found, expected, strict=True))
    details = []
    if error > tolerance:  # one argument at a time, to name those that are wrong
        details += [
            f"d/d{case.names[k]} {off:.0e}"
            for k, d in next(directions(case)).items()
            if (off := relative(float(np.sum(by_active[k] * d)), slope(case, {k: d})[0])) > tolerance
        ]
    if relative(value, moved(case, {}, 0.0)) > tolerance:
        details.append("the value")
    if not all(np.array_equal(a, b, equal_nan=is_float(a)) for a, b in zip(args, case.args, strict=True)):
        details.append("changes its arguments")
    wrong = error > tolerance or bool(details)
    return Outcome(name, "WRONG" if wrong else "ok", error, seconds, detail=", ".join(details))


def shapes(case: Case) -> str:
    """The arguments of the kernel in short."""
    values = zip(case.names, case.args, strict=False)
    return " ".join(f"{n}{list(v.shape)}" if isinstance(v, np.ndarray) else f"{n}={v:.4g}" for n, v in values)


def summary(problem: Problem) -> str:
    where = f"{Path(problem.at.filename).name}:{problem.at.line}: " if problem.at is not None else ""
    return (where + problem.message).replace("\n", " ")


def work(options: argparse.Namespace, name: str, report: Callable[[Outcome], None]) -> None:
    """All that is done for one kernel, in its own process. The last report counts."""
    with tempfile.TemporaryDirectory() as scratch, np.errstate(all="ignore"):
        case = prepare(options.path, name, Path(scratch), widen=options.widen)
        if any(np.iscomplexobj(v) for v in (*case.args, *case.outputs)):
            return report(Outcome(name, "complex"))
        if not case.active or not case.weights:
            return report(Outcome(name, "integer"))
        slopes = [slope(case, d) for d in directions(case)]
        agreement = max(a for _, a in slopes)
        if options.self_check or agreement > SMOOTH:
            kind = "rough" if agreement > SMOOTH else "smooth"
            return report(Outcome(name, kind, agreement, detail=shapes(case)))
        accepted = "-"
        if not options.python:
            report(Outcome(name, "timeout", detail="in njit of the kernel"))
            accepted = with_numba(case)
            report(Outcome(name, "timeout", numba=accepted, detail="in the gradient"))
        outcome = gradient_outcome(name, case, "python" if options.python else "cpu", [s for s, _ in slopes])
        outcome.numba = accepted
        return report(outcome)


def in_subprocess(options: argparse.Namespace, name: str) -> Outcome:
    """Run one kernel where it can crash or hang."""
    flags = [f"--{flag}" for flag in ("python", "self-check", "widen") if getattr(options, flag.replace("-", "_"))]
    command = [sys.executable, __file__, "--path", str(options.path), "--worker", *flags, name]
    environment = os.environ | ONE_THREAD
    try:
        done = subprocess.run(command, capture_output=True, timeout=options.timeout, env=environment, check=False)  # noqa: S603
        output, errors, code = done.stdout, done.stderr.decode(), done.returncode
    except subprocess.TimeoutExpired as late:
        output, errors, code = late.stdout or b"", "", None
    last = Outcome(name, "timeout" if code is None else "crash")
    for line in output.decode().splitlines():
        if line.startswith("outcome "):
            last = Outcome(**json.loads(line.removeprefix("outcome ")))
    if code:
        last.outcome = "crash"
        last.detail = signal.Signals(-code).name if code < 0 else (errors.strip().splitlines() or [f"exit {code}"])[-1]
    return last


def row(outcome: Outcome, *, markdown: bool) -> str:
    error = "" if outcome.error is None else f"{outcome.error:.1e}"
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f}"
    if markdown:
        detail = outcome.detail.replace("|", "\\|")
        return f"| {outcome.kernel} | {outcome.numba} | {outcome.outcome} | {error} | {seconds} | {detail} |"
    line = f"{outcome.kernel:25}{outcome.numba:9}{outcome.outcome:10}{error:>9}{seconds:>8}  {outcome.detail}"
    return line.rstrip()


def main() -> int:
    """Print the table and a summary; 1 if a gradient is wrong or something crashed."""
    parser = argparse.ArgumentParser(description="Differentiate the NumPy kernels of NPBench.")
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help="names of bench_info/*.json; default all")
    parser.add_argument("--path", type=Path, required=True, help="a checkout of spcl/npbench")
    parser.add_argument("--python", action="store_true", help="run the generated text without compiling it")
    parser.add_argument("--self-check", action="store_true", help="only compare finite differences with each other")
    parser.add_argument("--widen", action="store_true", help="differentiate with float64 where a kernel says float32")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one kernel (default 120)")
    parser.add_argument("--jobs", type=int, default=1, help="kernels at a time (default 1)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    known = sorted(p.stem for p in (options.path / "bench_info").glob("*.json"))
    if unknown := set(options.kernels) - set(known):
        parser.error(f"no kernel {', '.join(sorted(unknown))} in {options.path}; there are {', '.join(known)}")
    if options.worker:
        work(options, options.kernels[0], lambda o: print("outcome", json.dumps(vars(o)), flush=True))
        return 0

    names = options.kernels or [n for n in FIRST if n in known] + [n for n in known if n not in FIRST]
    if options.markdown:
        print("| kernel | Numba | outcome | error | first call s | |\n| --- | --- | --- | ---: | ---: | --- |")
    else:
        print(f"{'kernel':25}{'Numba':9}{'outcome':10}{'error':>9}{'first s':>8}")
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        for outcome in pool.map(lambda name: in_subprocess(options, name), names):
            counts[outcome.outcome] += 1
            print(row(outcome, markdown=options.markdown), flush=True)
    print(f"\n{len(names)} kernels: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))
    return int(counts["WRONG"] + counts["crash"] > 0)


if __name__ == "__main__":
    sys.exit(main())

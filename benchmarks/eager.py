"""Microseconds of operations on small tensors: `srcgrad.shim` beside PyTorch (`python -m benchmarks eager`).

And of calls of compiled functions with tensors, beside the bare compiled sweeps.
"""

import argparse
import gc
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.processes import run_child

RESULTS = Path(__file__).parent / "results" / "eager.json"
CALLS, ROUNDS = 300, 25
OPERATIONS = (
    "x + y", "x - y", "x * y", "x / y", "x * 2.0", "2.0 - x", "x ** 2", "-x", "x.exp()", "p.log()", "x.sin()",
    "x.tanh()",     "x.sigmoid()", "torch.relu(x)", "p.sqrt()", "x.abs()", "x.clamp(0, 1)", "torch.maximum(x, y)",
    "torch.where(x > 0, x, y)", "x.sum()", "x.mean()", "m.sum(0)", "m.max()", "x.norm()", "m @ m", "m @ b", "x @ y",
    "x[0]", "x[1:]", "m[0, 1]", "m[idx]", "m.t()", "x.reshape(3, 1)", "x.unsqueeze(0)", "torch.cat([x, y])",
    "torch.stack([x, y])", "torch.softmax(m, 1)", "torch.log_softmax(m, 1)", "F.linear(m, m, b)",
    "F.cross_entropy(m, labels)", "F.mse_loss(x, z)", "x.clone()", "x.detach()", "x.backward(z)",
    "s.backward(retain_graph=True)", "((m @ m + b).tanh() @ m).sum().backward()",
)  # fmt: skip


def scope(torch):
    """What the operations are about."""
    torch.manual_seed(0)
    x, y = torch.randn(3, requires_grad=True), torch.randn(3, requires_grad=True)
    m, b = torch.randn(8, 8, requires_grad=True), torch.randn(8, requires_grad=True)
    s = x * y
    for _ in range(10):
        s = s * x
    return {
        "torch": torch, "F": torch.nn.functional, "x": x, "y": y, "z": torch.randn(3), "m": m, "b": b, "s": s.sum(),
        "p": (torch.rand(3) + 1).requires_grad_(), "labels": torch.arange(8), "idx": torch.tensor([0, 2, 2]),
    }  # fmt: skip


def measure():
    """Microseconds of every operation by tool, medians over rounds in which both take turns (CPU time)."""
    import torch

    import srcgrad.shim

    torch.set_num_threads(1)
    functions = {}
    for tool, module in (("srcgrad", srcgrad.shim), ("torch", torch)):
        names = scope(module)
        functions |= {(tool, text): eval(f"lambda: {text}", names) for text in OPERATIONS}
    times = timed(functions)
    return {text: {tool: times[tool, text] for tool in ("srcgrad", "torch")} for text in OPERATIONS}


def compiled():
    """Microseconds of calls with tensors and of the bare compiled functions, by label."""
    import srcgrad as sg
    import srcgrad.shim as torch

    @sg.differentiable
    def misfit(x, w):
        s = 0.0
        for i in range(x.shape[0]):
            s += x[i] * w[i] * w[i]
        return s

    x, w = torch.ones(8, dtype=torch.float64), torch.ones(8, dtype=torch.float64, requires_grad=True)
    y = misfit(x, w)
    version = misfit.callee.active_in(("w",)).version((x.numpy(), w.detach().numpy()))
    forward, reverse = (k.compiled.quick for k in version.sweeps((x.numpy(), w.detach().numpy())))
    arrays = x.numpy(), w.detach().numpy()
    tape = forward(*arrays)[version.plan.count :]
    misfit(*arrays)
    primal = misfit.callee.version(arrays).kernel("primal").compiled.quick
    node, seed = y.grad_fn, [np.ones(())]

    def without():
        with torch.no_grad():
            misfit(x, w)

    def nothing():
        with torch.no_grad():
            pass

    functions = {
        "forward sweep": lambda: forward(*arrays), "call that records": lambda: misfit(x, w),
        "reverse sweep": lambda: reverse(*tape, 1.0), "its node": lambda: node.apply(seed, create=False),
        "primal": lambda: primal(*arrays), "call under no_grad": without, "no_grad alone": nothing,
        "call and backward": lambda: misfit(x, w).backward(),
    }  # fmt: skip
    return timed(functions)


def timed(functions):
    """Medians of microseconds a call."""
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    gc.disable()
    for _ in range(ROUNDS):
        for name, function in functions.items():
            start = time.process_time()
            for _ in range(CALLS):
                function()
            times[name].append(1e6 * (time.process_time() - start) / CALLS)
        gc.collect()
    gc.enable()
    return {name: statistics.median(t) for name, t in times.items()}


def main(arguments):
    argparse.ArgumentParser(prog="python -m benchmarks eager", description=__doc__).parse_args(arguments)
    result = {}
    for part in ("eager", "compiled"):
        result[part] = run_child(part, {}, timeout=600)
        if "error" in result[part]:
            raise SystemExit(result[part]["error"])
    print("| operation | torch, us | srcgrad.shim, us | ratio |\n|---|---|---|---|")
    ratios = []
    for text, t in result["eager"].items():
        ratios.append(t["srcgrad"] / t["torch"])
        print(f"| `{text}` | {t['torch']:.2f} | {t['srcgrad']:.2f} | {ratios[-1]:.2f} |")
    print(f"\ngeometric mean of the ratios {math.exp(statistics.fmean(map(math.log, ratios))):.2f}\n")
    print("| compiled function of two arrays of 8 | us |\n|---|---|")
    for name, t in result["compiled"].items():
        print(f"| {name} | {t:.2f} |")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    return 0

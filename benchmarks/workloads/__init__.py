"""Objectives whose gradients are timed, one module each; `load` finds them by name."""

import importlib

from benchmarks.workloads.workload import Workload

__all__ = ["NAMES", "Workload", "load"]

NAMES = (
    "gmm", "ba", "lstm", "hand", "stencil", "blackscholes", "ode", "hmm", "nbody", "mlp", "logreg", "softdtw",
    "cholesky_gp", "kalman", "conv", "montecarlo",
)  # fmt: skip


def load(name):
    """The workload of that name."""
    return importlib.import_module(f"benchmarks.workloads.{name}").WORKLOAD

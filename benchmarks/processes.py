"""Runs measurements in processes of their own: pinned to one core, one thread, caches empty or shared as asked."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ONE_THREAD = dict.fromkeys((f"{name}_NUM_THREADS" for name in ("NUMBA", "OMP", "OPENBLAS", "MKL")), "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def pin():
    """Keep this process and what it starts on one core: BENCHMARK_CPU, or the last one that is allowed."""
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {int(os.environ.get("BENCHMARK_CPU", max(allowed)))})


@contextlib.contextmanager
def empty_caches():
    """An environment in which nothing has been compiled yet."""
    with tempfile.TemporaryDirectory(prefix="benchmark-cache-") as folder:
        yield {"SRCGRAD_CACHE_DIR": f"{folder}/srcgrad", "NUMBA_CACHE_DIR": f"{folder}/numba"}


def run_child(task, request, *, timeout, environment=None):
    """What `benchmarks.child` answers to a request, a dictionary; or {"error": why there is no answer}."""
    if environment is None:
        with empty_caches() as folders:
            return run_child(task, request, timeout=timeout, environment=folders)
    command = [sys.executable, "-m", "benchmarks.child", task, json.dumps(request)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    everything = os.environ | ONE_THREAD | environment | {"PYTHONPATH": path}
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, cwd=ROOT, env=everything, timeout=timeout, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {timeout:g} s"}
    if done.returncode:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        return {"error": last[:300]}
    return json.loads(done.stdout.splitlines()[-1])

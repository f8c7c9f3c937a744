"""From the start of a process to the first gradient, caches warm; beside it Numba with a trivial cached function."""

import time

from benchmarks import workloads
from benchmarks.processes import empty_caches, run_child


def trivial(x):
    return x + 1.0


def measure(workload):
    """CPU seconds of this process so far, after one call of a gradient, or with workload None of an njit function."""
    if workload is None:
        import numba

        numba.njit(cache=True)(trivial)(1.0)
        return time.process_time()
    import srcgrad

    workload = workloads.load(workload)
    args = workload.arguments("S")
    srcgrad.value_and_grad(workload.primal, argnums=workload.argnums)(*args)
    return time.process_time()


def second_process(workload, timeout, times=3):
    """The least CPU seconds that a process takes when others before it have filled the caches; None if it fails."""
    with empty_caches() as environment:
        answers = [
            run_child("start", {"workload": workload}, timeout=timeout, environment=environment)
            for _ in range(times + 1)
        ]
    seconds = [answer for answer in answers[1:] if isinstance(answer, float)]
    return min(seconds) if seconds else None

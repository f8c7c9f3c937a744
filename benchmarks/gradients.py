"""Gradients of one workload at one size, all tools side by side in this process.

Times are CPU times of the process: the machine may be shared. After the first calls, which compile, the tools are
timed in turn, round after round; a ratio is the median over the rounds of the ratio in one round, so that a slow spell
hits both sides of it. A call that takes less than a millisecond is repeated within a round.
"""

import statistics
import time

import numpy as np

from benchmarks import workloads
from benchmarks.tools import CALLS, as_arrays, tool_of

SHORTEST = 1e-3  # seconds
BUDGET = 4.0  # seconds of rounds, once there were FEWEST
FEWEST = 5
HOPELESS = 20.0  # times the fastest gradient: such a call would only clear the caches of the others


def timed(call):
    """The result of a call and its CPU seconds."""
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def repeated(call, times):
    """CPU seconds of one of several calls."""
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def interleave(calls, alone, most):
    """Rounds of timings, each a dictionary by label."""
    times = {name: max(1, int(SHORTEST / max(alone[name], 1e-7))) for name in calls}
    rounds = []
    start = time.process_time()
    while len(rounds) < most and (len(rounds) < FEWEST or time.process_time() - start < BUDGET):
        rounds.append({name: repeated(call, times[name]) for name, call in calls.items()})
    return rounds


def first_calls(workload, args, tools, patience):
    """The calls that work, with the times of the first and the second call, gradients, and what failed."""
    calls, first, alone, found, errors = {}, {}, {}, {}, {}
    for tool in tools:
        try:
            for name, call in CALLS[tool](workload, args):
                try:
                    (_, gradients), first[name] = timed(call)
                    alone[name] = timed(call)[1] if first[name] < patience else first[name]
                except Exception as error:  # noqa: BLE001 - it is reported
                    errors[name] = f"{type(error).__name__}: {error}"[:300]
                    continue
                calls[name] = call
                if gradients is not None:
                    found[name] = as_arrays(gradients)
        except ImportError as error:
            errors[tool] = str(error)
    return calls, first, alone, found, errors


def measure(workload, size, tools, rounds, patience, save):
    """Seconds and ratios by label; gradients are saved to the file `save` for the comparison with other processes."""
    workload = workloads.load(workload)
    args = workload.arguments(size)
    calls, first, alone, found, errors = first_calls(workload, args, tools, patience)
    limit = min([patience, *(HOPELESS * alone[name] for name in found)])
    kept = {name: call for name, call in calls.items() if alone[name] <= limit or tool_of(name) in ("njit", "srcgrad")}
    table = interleave(kept, alone, rounds)

    def ratios(reference):
        if reference not in kept:
            return {}
        return {name: statistics.median(row[name] / row[reference] for row in table) for name in kept}

    np.savez(save, **{f"{name}|{i}": g for name, gradients in found.items() for i, g in enumerate(gradients)})
    return {
        "seconds": {name: statistics.median(row[name] for row in table) for name in kept},
        "ratios": {reference: ratios(reference) for reference in kept if tool_of(reference) in ("njit", "srcgrad")},
        "first_call": first,
        "second_call": alone,
        "rounds": len(table),
        "errors": errors,
    }

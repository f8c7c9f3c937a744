"""The same bits on 1, 2 and 4 threads: `NUMBA_NUM_THREADS=4 python -m tests.thread_counts [NAME ...]`.

Gradients of the programs with parallel loops, or of those of these names, are compiled once. There may be more threads
than processors. Values and gradients are also those of the sequential program, up to rounding.
"""

# ruff: noqa: T201  (a command-line tool prints)

from __future__ import annotations

import sys
import time

import numba

import srcgrad as sg

from . import laws
from .programs import PROGRAMS
from .trees import random_like, snapshot

COUNTS = (1, 2, 4)


def reversed_on(f, program, threads=1):
    """The value and the cotangents, on so many threads."""
    numba.set_num_threads(threads)
    rng = program.rng()
    value, pullback = sg.vjp(f, *program.arguments())
    return value, pullback(random_like(rng, value))


def check(program) -> None:
    """Raise unless the bits are the same, and right."""
    expected = reversed_on(sg.differentiable(target="python")(program.function), program)
    f = sg.differentiable(parallel=True)(program.function)
    found = [reversed_on(f, program, threads) for threads in COUNTS for _ in range(3)]
    tolerance = 1e-5 if laws.is_single(program.arguments(), expected) else 1e-11
    laws.assert_close(found[0], expected, tolerance, "what threads give")
    assert all(snapshot(other) == snapshot(found[0]) for other in found), f"{program}: the bits differ"


def main() -> int:
    """Run the command."""
    names = sys.argv[1:]
    programs = [p for p in PROGRAMS if "parallel" in p.tags and (not names or p.function.__name__ in names)]
    start = time.process_time()
    for program in programs:
        check(program)
    print(f"{len(programs)} programs on {COUNTS} threads, {time.process_time() - start:.0f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())

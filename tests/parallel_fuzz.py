"""Random programs with `prange` for `range` wherever that is accepted: `python -m tests.parallel_fuzz --count 500`.

Each program runs on the python back end, its chunks in random order and watched for races; values and gradients must be
those of the sequential program. Loops over elements of arrays are shared out too, however few elements there are.
"""

# ruff: noqa: T201  (a command-line tool prints)

from __future__ import annotations

import argparse
import re
import sys
import traceback
from collections import Counter
from dataclasses import replace

import numba
import numpy as np

import srcgrad as sg
from srcgrad.transform.parallel import rewrite

from . import races
from .random_programs.generator import generate
from .random_programs.laws import cotangent_of, relative
from .random_programs.program import Program, copy_of, flatten

LOOP = re.compile(r"\bin range\(")


def derived(program: Program, function, *, parallel: bool, watch: bool = False, target: str = "python"):
    """Value and cotangents, flat."""
    f = sg.differentiable(target=target, parallel=parallel)(function)
    primals = program.arguments(0)
    if watch:
        primals = [races.watched(p) for p in primals]
    value, pullback = sg.vjp(f, *primals)
    cotangents = pullback(cotangent_of(value, np.random.default_rng(0)))
    return flatten((value, tuple(c for c in cotangents if c is not None)))


def with_prange(program: Program) -> tuple[Program, int]:
    """The program with every loop that may be one over `prange`, and how many there are."""
    count = 0
    for k in reversed(range(len(LOOP.findall(program.source)))):
        at = list(LOOP.finditer(program.source))[k].start()
        source = f"{program.source[:at]}in prange({program.source[at:].split('(', 1)[1]}"
        if "prange" not in source.split("def ", 1)[0]:
            source = "from numba import prange\n" + source
        candidate = replace(program, source=source)
        try:
            f = sg.differentiable(target="python", parallel=True)(candidate.load())
            sg.vjp(f, *[copy_of(a) for a in candidate.arguments(0)])
        except sg.UnsupportedError:
            continue
        program, count = candidate, count + 1
    return program, count


def check(seed: int, arrays: bool | None, *, cuda: bool = False) -> tuple[str, str]:
    """What happened: ok, none (no loop can be parallel), refused, wrong or crashed; and the source."""
    program = generate(seed, None, {}, arrays=arrays)
    try:
        expected = derived(program, program.load(), parallel=False)
    except sg.UnsupportedError:
        return "refused", ""
    saved = numba.prange
    try:
        program, loops = with_prange(program)
        function = program.load()  # with the prange that the compiler knows
        if cuda:
            found = derived(program, function, parallel=True, target="cuda")
            return _verdict(program, found, expected), ("prange" if loops else "elements")
        races.DETECTOR = races.Detector()
        numba.prange = races.DETECTOR.prange
        found = derived(program, function, parallel=True, watch=True)
    except Exception:  # noqa: BLE001  (reported)
        return "crashed", f"{traceback.format_exc()}\n{program.source}"
    finally:
        numba.prange = saved
    if _verdict(program, found, expected) == "wrong":
        return "wrong", f"{relative(found, expected)}\n{program.source}"
    return ("ok" if races.DETECTOR.loops else "none"), ("prange" if loops else "elements")


def _verdict(program: Program, found, expected) -> str:
    single = any(getattr(a, "dtype", None) == np.float32 for a in program.arguments(0))
    return "ok" if relative(found, expected) <= (1e-4 if single else 1e-8) else "wrong"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.parallel_fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--arrays", action=argparse.BooleanOptionalAction)
    parser.add_argument("--cuda", action="store_true")
    options = parser.parse_args()
    rewrite.WORTH, rewrite.CHUNKS = 0, 4
    counts: Counter[str] = Counter()
    for seed in range(options.start, options.start + options.count):
        status, text = check(seed, options.arrays, cuda=options.cuda)
        counts[f"{status} {text}" if status == "ok" else status] += 1
        if status in ("wrong", "crashed"):
            print(f"=== seed {seed}: {status}\n{text}")
            sys.stdout.flush()
    print(dict(counts))
    return int(bool(counts["wrong"] + counts["crashed"]))


if __name__ == "__main__":
    sys.exit(main())

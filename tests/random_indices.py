"""Random loops over `prange` with all kinds of indices: `python -m tests.random_indices --count 5000`.

Whether two iterations meet is found by running the loop in Python; a loop that is accepted must have none that do, or
must raise an error before: what it looks up in its tables of integers, `p` and `r`, may or may not keep them apart.
"""

# ruff: noqa: T201  (a command-line tool prints)

from __future__ import annotations

import argparse
import linecache
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from numba import prange

from srcgrad import UnsupportedError
from srcgrad.ir.printer import print_function
from srcgrad.ir.types import INT64, Array
from srcgrad.transform import pipeline

SIZE = 400


def integer(rng: random.Random, names: list[str], depth: int) -> str:
    """An integer expression over some names."""
    if depth == 0 or rng.random() < 0.2:
        if "i" in names and rng.random() < 0.25:
            return rng.choice(["p[i]", "p[i]", "p[i + 1]", "r[i]", f"p[{rng.choice(names)}]"])
        return rng.choice([*names, *names, str(rng.randint(0, 4))])
    a, b = integer(rng, names, depth - 1), integer(rng, names, depth - 1)
    form = rng.choice(["{a} + {b}", "{a} + {b}", "{a} - {b}", "{k} * {a}", "({a}) * ({b})", "({a}) // {k}",
                       "({a}) % {k}", "({a}) // m", "({a}) % m", "m * ({a})", "min({a}, {b})", "max({a}, {b})",
                       "({a}) * m + {b}", "{k} * ({a}) + {b}"])  # fmt: skip
    return form.format(a=a, b=b, k=rng.randint(1, 4))


def condition(rng: random.Random, names: list[str]) -> str:
    a = integer(rng, names, 1)
    kinds = ["{a} < {b}", "{a} >= {b}", "({a}) % {k} == {r}", "({a}) % {k} != {r}", "{a} == {b}", "{a} > 0 and {c} < m"]
    k = rng.randint(2, 3)
    return rng.choice(kinds).format(a=a, b=integer(rng, names, 1), c=rng.choice(names), k=k, r=rng.randint(0, k - 1))


def source(seed: int) -> str:
    """A function of two arrays, two tables and an int."""
    rng = random.Random(seed)  # noqa: S311
    lines = ["def f(u, t, p, r, m):"]
    pad, names = "    ", ["m"]
    if rng.random() < 0.3:
        lines.append(f"{pad}for s in range({rng.choice(['2', 'm'])}):")
        pad, names = pad + "    ", ["m", "s"]
    if rng.random() < 0.3:
        lines.append(f"{pad}w = {integer(rng, names, 1)}")
        names = [*names, "w"]
    stop = rng.choice(["m", "m", "m + 2", "2 * m", "m * m", "m // 2", "5"])
    start = rng.choice(["", "", "", "1, ", "m // 2, ", "2, "])
    lines.append(f"{pad}for i in prange({start}{stop}):")
    pad, names = pad + "    ", [*names, "i", "i", "i"]
    if rng.random() < 0.3:
        lines.append(f"{pad}b = {integer(rng, names, 2)}")
        names = [*names, "b", "b"]
    if rng.random() < 0.3:
        lines.append(f"{pad}if {condition(rng, names)}:")
        pad += "    "
    for name in ("j", "k"):
        if rng.random() < 0.45:
            first = rng.choice(["0", "0", integer(rng, names, 1)])
            last = rng.choice(["2", "m", f"{first} + {rng.randint(1, 3)}", f"{first} + m", integer(rng, names, 2)])
            if rng.random() < 0.25:
                rows = [("r[i]", "r[i + 1]"), ("r[i]", "r[i + 1]"), ("r[i - 1]", "r[i]"), ("i", "r[i]")]
                first, last = rng.choice(rows)
            step = rng.choice(["", "", "", ", 2", ", 3", ", m"])
            lines.append(f"{pad}for {name} in range({first}, {last}{step}):")
            pad, names = pad + "    ", [*names, name, name]
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.2:
            lines.append(f"{pad}if {condition(rng, names)}:")
            lines.append(f"{pad}    {assignment(rng, names)}")
        else:
            lines.append(f"{pad}{assignment(rng, names)}")
    lines.append("    return u.sum() + t.sum()")
    return "\n".join(lines) + "\n"


def element(rng: random.Random, names: list[str]) -> str:
    if rng.random() < 0.7:
        return f"u[{integer(rng, names, rng.choice([0, 1, 1, 2]))}]"
    return f"t[{integer(rng, names, 1)}, {integer(rng, names, 1)}]"


def assignment(rng: random.Random, names: list[str]) -> str:
    right = rng.choice(["1.5", element(rng, names), element(rng, names), f"{element(rng, names)} * 0.5"])
    return f"{element(rng, names)} = {right}"


class Noted:
    """An array that notes who touches which element, and how."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.written: dict[tuple[int, ...], set[int]] = {}
        self.read: dict[tuple[int, ...], set[int]] = {}
        self.now = -1

    def at(self, index) -> tuple[int, ...]:
        index = index if isinstance(index, tuple) else (index,)
        for k, n in zip(index, self.shape, strict=True):
            if not -n <= k < n:
                raise IndexError
        return tuple(k % n for k, n in zip(index, self.shape, strict=True))

    def __getitem__(self, index) -> float:
        self.read.setdefault(self.at(index), set()).add(self.now)
        return 1.0

    def __setitem__(self, index, value: float) -> None:
        self.written.setdefault(self.at(index), set()).add(self.now)

    def sum(self) -> float:
        return 0.0

    def races(self) -> bool:
        shared = (who | self.read.get(at, set()) for at, who in self.written.items())
        found = any(len(who) > 1 for who in shared)
        self.written, self.read = {}, {}
        return found


def load(text: str, seed: int, loop):
    """The function of a source, with some loop as `prange`."""
    name = f"<indices {seed}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    scope = {"prange": loop, "__name__": "random_indices"}
    exec(compile(text, name, "exec"), scope)
    return scope["f"]


def tables(rng: random.Random) -> tuple[list[int], list[int]]:
    """Tables that keep iterations apart, or nearly so, or not at all."""
    p = rng.sample(range(60), 60)
    r = sorted(rng.choices(range(20), k=60))
    for table in (p, r):
        if rng.random() < 0.5:
            table[rng.randrange(6)] = rng.choice([table[rng.randrange(6)], rng.randrange(20), -1])
    return p, r


class Table(list):
    """A list of integers with a shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self),)


def cases(seed: int) -> Iterator[tuple[Table, Table, int]]:
    rng = random.Random(seed)  # noqa: S311
    for m in (1, 2, 3, 4, 5, 7):
        p, r = tables(rng)
        yield Table(p), Table(r), m


def meets(text: str, seed: int) -> list[bool] | None:
    """Whether two iterations meet, in each of the cases; None where an index is out of bounds."""
    arrays = Noted((SIZE,)), Noted((20, 20))
    found = []

    def watched(*bounds):
        for i in range(*bounds):
            for a in arrays:
                a.now = i
            yield i
        for a in arrays:
            found[-1] |= a.races()

    function = load(text, seed, watched)
    try:
        for case in cases(seed):
            found.append(False)
            function(*arrays, *case)
    except (IndexError, ZeroDivisionError, ValueError):
        return None
    return found


def accepted(text: str, seed: int) -> Callable | None:
    """The function with what is looked at before its loops, if these are accepted."""
    kinds = [("u", Array("float64", 1, "C")), ("t", Array("float64", 2, "C"))]
    kinds += [(name, Array("int64", 1, "C")) for name in "pr"]
    lowered = pipeline.primal(load(text, seed, prange), [*kinds, ("m", INT64)])
    try:
        lowered = pipeline.check_parallel(lowered, on_device=False)
    except UnsupportedError:
        return None
    scope: dict[str, Any] = {}
    exec(print_function(lowered.function).text, scope)
    return scope["f"]


def raises(function: Callable, case: tuple[Table, Table, int]) -> bool:
    try:
        function(Noted((SIZE,)), Noted((20, 20)), *case)
    except ValueError:
        return True
    return False


def check(seed: int) -> str:
    """What happened: "out of bounds", "apart" or "refused", where none meet, or "meets" or "wrong", where some do.

    "raises" is a loop that is accepted and raises an error where iterations meet, and maybe where they do not.
    """
    text = source(seed)
    met = meets(text, seed)
    if met is None:
        return "out of bounds"
    function = accepted(text, seed)
    if function is None:
        return "meets" if any(met) else "refused"
    stopped = [raises(function, case) for case in cases(seed)]
    if any(m and not s for m, s in zip(met, stopped, strict=True)):
        return "wrong"
    return "raises" if any(stopped) else "apart"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.random_indices", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--show", default="wrong", help="print the programs with this outcome")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    for seed in range(options.start, options.start + options.count):
        counts[outcome := check(seed)] += 1
        if outcome in (options.show, "wrong"):
            print(f"=== seed {seed}: {outcome}\n{source(seed)}")
    print(dict(counts))
    return int(bool(counts["wrong"]))


if __name__ == "__main__":
    sys.exit(main())

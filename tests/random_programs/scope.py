"""What the generator knows while it writes a function: names, their kinds, lines, nesting, budgets."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Length = int | str  # a known number of elements, or the name of an unknown one (at least 1), as inside helpers


@dataclass(frozen=True)
class Var:
    """A name that is surely bound.

    Kind: float, int, bool, array (of floats), single (an array of floats that may be float32), ints (an index
    array) or mask (an array of bools).
    """

    kind: str
    shape: tuple[Length, ...] = ()
    lo: int = 0  # of an int, or of the elements of an index array: smallest value
    hi: int | None = 0  # the largest; None: not known
    dims: frozenset[str] = frozenset()  # unknown lengths for which this int is a valid index
    contiguous: bool = True
    frozen: bool = False  # may only be read by element (a captured array)


@dataclass(frozen=True)
class Helper:
    """A function that can be called: kinds of its parameters and results; its arrays all have one length."""

    name: str
    parameters: tuple[str, ...]
    results: tuple[str, ...]
    writes: bool = False
    defaults: int = 0  # so many trailing parameters may be left out


@dataclass(frozen=True)
class ArrayHelper:
    """A function that takes arrays of certain kinds and shapes, then a float."""

    name: str
    parameters: tuple[tuple[str, tuple[Length, ...]], ...]
    results: tuple[tuple[tuple[Length, ...], bool], ...]  # shapes, and whether perhaps in single precision
    writes: bool = False
    default: bool = False  # whether the float may be left out


@dataclass
class Loop:
    """A loop being written."""

    can_continue: bool


@dataclass
class Scope:
    """The function being written."""

    rng: random.Random
    weights: dict[str, float]
    max_depth: int
    results: tuple[str, ...]
    helpers: list[Helper] = field(default_factory=list)
    env: dict[str, Var] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)  # names that must not be rebound
    closures: list[str] = field(default_factory=list)  # callable with one float
    lines: list[str] = field(default_factory=list)
    features: Counter = field(default_factory=Counter)
    loops: list[Loop] = field(default_factory=list)
    depth: int = 0
    work: int = 1  # how often the current line runs at most
    budget: int = 20  # statements left
    fresh: int = 0
    arguments: tuple[str, ...] = ()  # the names of the parameters
    wrote: bool = False  # whether an array that came in may have been written
    whole: bool = False  # whether whole arrays are worked on, as in NumPy
    array_helpers: list[ArrayHelper] = field(default_factory=list)
    prelude: list[str] = field(default_factory=list)  # the lines of helpers written on the way

    # -- names ---------------------------------------------------------------------------------
    def names(self, *kinds: str, test: Callable[[Var], bool] = lambda var: True) -> list[str]:
        """The bound names of these kinds."""
        return [name for name, var in self.env.items() if var.kind in kinds and test(var)]

    def rebindable(self, *kinds: str, test: Callable[[Var], bool] = lambda var: True) -> list[str]:
        """The bound names of these kinds that may be given another value of the same kind and shape."""
        return [name for name in self.names(*kinds, test=test) if name not in self.protected]

    def arrays(self, rank: int | None = None) -> list[str]:
        """Arrays of floats that may be aliased and written, of this rank or of ranks 1 and 2."""
        ranks = (1, 2) if rank is None else (rank,)
        return self.names("array", test=lambda v: not v.frozen and len(v.shape) in ranks)

    def new(self, prefix: str) -> str:
        """A name not used so far in this function."""
        self.fresh += 1
        while f"{prefix}{self.fresh}" in self.arguments:
            self.fresh += 1
        return f"{prefix}{self.fresh}"

    def loop_name(self) -> str:
        """A name for a loop variable: short ones are used again by later loops."""
        free = [n for n in "ijkl" if n not in self.protected and (n not in self.env or self.depth == 0)]
        free = [n for n in free if n not in self.env or self.env[n].kind == "int"]
        return self.rng.choice(free) if free else self.new("i")

    # -- lines ---------------------------------------------------------------------------------
    def emit(self, line: str) -> None:
        """Write one line at the current depth."""
        self.lines.append("    " * (self.depth + 1) + line)

    @contextmanager
    def block(self, header: str, declare: dict[str, Var] | None = None, trips: int = 1) -> Iterator[dict[str, Var]]:
        """Write a compound statement; names first bound inside are forgotten afterwards.

        Yields a dict that holds, once the block is left, the names bound at its end.
        """
        self.emit(header)
        outer, start, inner = dict(self.env), len(self.lines), {}
        self.env.update(declare or {})
        self.depth, self.work = self.depth + 1, self.work * max(trips, 1)
        yield inner
        if len(self.lines) == start:
            self.emit("pass")
        self.depth, self.work = self.depth - 1, self.work // max(trips, 1)
        inner.update(self.env)
        self.env = outer

    def mark(self, feature: str) -> None:
        """Count a feature."""
        self.features[feature] += 1

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability


Producer = Callable[[Scope], bool]
STATEMENTS: dict[str, tuple[float, Producer]] = {}


def statement(name: str, weight: float = 1.0) -> Callable[[Producer], Producer]:
    """Register a producer: it writes a statement and returns True, or writes nothing and returns False."""

    def register(producer: Producer) -> Producer:
        STATEMENTS[name] = (weight, producer)
        return producer

    return register


def write_statement(scope: Scope) -> None:
    """Write one random statement."""
    scope.budget -= 1
    names = list(STATEMENTS)
    weights = [STATEMENTS[name][0] * scope.weights.get(name, 1.0) for name in names]
    for _ in range(30):
        name = scope.rng.choices(names, weights)[0]
        if STATEMENTS[name][1](scope):
            scope.mark(name)
            return
    scope.emit("pass")


def write_statements(scope: Scope, least: int, most: int) -> None:
    """Write a few statements, fewer when the budget runs out."""
    for number in range(scope.rng.randint(least, most)):
        if scope.budget <= 0 and number >= least:
            return
        write_statement(scope)

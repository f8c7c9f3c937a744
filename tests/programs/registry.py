"""The corpus of user functions: each registers itself with the arguments that it is tried on."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Sample = Callable[[np.random.Generator], tuple]


@dataclass(frozen=True)
class Program:
    """A user function with sample arguments.

    `numba_ok` says that Numba itself takes the function (module-level helpers wrapped in `njit`); `smooth`
    that finite differences mean something at the samples. The tag `compiled` marks the spread selection
    that is compiled in every test run.
    """

    function: Callable
    sample: Sample
    name: str
    tags: frozenset[str]
    numba_ok: bool = True
    smooth: bool = True

    def __str__(self) -> str:
        return self.name

    def rng(self) -> np.random.Generator:
        """A generator that depends on the name alone, so that a failure repeats."""
        return np.random.default_rng(zlib.crc32(self.name.encode()))

    def arguments(self) -> tuple:
        """The same arguments at every call, in fresh arrays."""
        return self.sample(self.rng())


PROGRAMS: list[Program] = []


def program(sample: Sample, *, name: str = "", tags=(), numba_ok=True, smooth=True):
    """Register the decorated function, which is returned unchanged."""

    def register(function):
        unique = name or function.__name__
        assert all(other.name != unique for other in PROGRAMS), f"two programs are called {unique!r}"
        theme = function.__module__.rpartition(".")[2]
        PROGRAMS.append(Program(function, sample, unique, frozenset({theme, *tags}), numba_ok, smooth))
        return function

    return register

"""Find races without threads: run generated text as Python, and note which chunk touches which element.

`numba.prange`, as the text imports it, becomes a generator that tells which iteration runs, in an order that is not the
usual one; arrays become `Watched`, which report every element that is read or written. Two iterations of one loop over
threads race if one writes what the other touches. What is made inside of an iteration is its own and not watched.
"""

import random

import numba
import numpy as np

from srcgrad.runtime import atomic


class RaceError(AssertionError):
    """Two iterations of one parallel loop touch an element, and one writes it, not only adding atomically."""


class Detector:
    """What the iterations of the loop that runs now have touched."""

    def __init__(self):
        self.loops, self.iteration = 0, None
        self.read, self.written, self.added = {}, {}, {}

    @property
    def run(self):
        """Which iteration of which loop runs."""
        return self.loops, self.iteration

    def prange(self, *bounds):
        """In place of `numba.prange`."""
        assert self.iteration is None, "a loop over threads inside another one"
        order = list(range(*bounds))
        random.Random(len(order) + self.loops).shuffle(order)  # noqa: S311 - any order
        self.loops += 1
        self.read, self.written, self.added = {}, {}, {}
        for k in order:
            self.iteration = k
            yield k
        self.iteration = None

    def note(self, table, addresses):
        if self.iteration is None:
            return
        for a in addresses:
            for other in (self.read, self.written, self.added):
                before = other.get(a, self.iteration)
                if before != self.iteration and (other is not table or table is self.written):
                    raise RaceError(f"iterations {before} and {self.iteration} meet")
            table.setdefault(a, self.iteration)

    def add(self, array, index, value):
        """In place of `srcgrad.runtime.atomic.add`."""
        if isinstance(array, Watched) and not array.is_own:
            self.note(self.added, array.addresses(index))
        np.asarray(array)[index] += value


class Watched(np.ndarray):
    """An array that reports its accesses, unless the iteration that runs has made it."""

    def __array_finalize__(self, model):
        self.maker = DETECTOR.run if self.base is None else None

    @property
    def is_own(self):
        owner = self
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        return DETECTOR.iteration is not None and getattr(owner, "maker", None) == DETECTOR.run

    def addresses(self, key):
        index = key if isinstance(key, tuple) else (key,)
        if len(index) == self.ndim and all(isinstance(i, int | np.integer) for i in index):
            start = self.__array_interface__["data"][0]
            size = zip(index, self.shape, self.strides, strict=True)
            return [start + sum((int(i) % n) * s for i, n, s in size)]
        part = np.asarray(self)[key]
        start, grid = part.__array_interface__["data"][0], np.indices(part.shape).reshape(part.ndim, -1).T
        return [start + int(np.dot(g, part.strides)) for g in grid]

    def __getitem__(self, key):
        found = super().__getitem__(key)
        if not isinstance(found, np.ndarray) and not self.is_own:
            DETECTOR.note(DETECTOR.read, self.addresses(key))
        return found

    def __setitem__(self, key, value):
        if not self.is_own:
            DETECTOR.note(DETECTOR.written, self.addresses(key))
        super().__setitem__(key, value)


DETECTOR = Detector()


def watched(value):
    """Arguments with their arrays watched."""
    if isinstance(value, np.ndarray):
        return value.view(Watched)
    return type(value)(watched(v) for v in value) if type(value) in (tuple, list) else value


def install(monkeypatch):
    """Let texts that are made from now on be watched."""
    global DETECTOR  # noqa: PLW0603 - one at a time
    DETECTOR = Detector()
    monkeypatch.setattr(numba, "prange", DETECTOR.prange)
    monkeypatch.setattr(atomic, "add", DETECTOR.add)
    return DETECTOR

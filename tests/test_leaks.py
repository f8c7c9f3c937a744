"""Calls leave no memory behind. `python -m benchmarks leaks` makes 10,000 of them."""

import sys

import pytest

from benchmarks.leaks import growth, subjects

SIZE = 5_000  # an array that leaks is 40 kB
CALLS = 100
ALLOWED = 1_000_000  # bytes; a leak of one array a call is 4 MB

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize("name", ["gradient", "vjp and pullback"])
def test_memory_does_not_grow(name):
    assert growth(subjects(SIZE)[name], CALLS, warm=10) < ALLOWED


def test_a_leak_shows():
    call = subjects(SIZE)["gradient"]
    kept = []
    assert growth(lambda: kept.append(call()), CALLS, warm=10) > ALLOWED

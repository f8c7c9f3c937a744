"""Calls leave no memory behind. `python -m benchmarks leaks` makes 10,000 of them."""

import platform
import subprocess
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an allocator without these settings")
def test_freed_memory_is_kept_and_given_back(tmp_path):
    """A second gradient finds the memory of the first; `clear_memory` gives it to the system."""
    script = tmp_path / "script.py"
    script.write_text("""\
import os, resource
import numpy as np
import srcgrad as sg

@sg.differentiable(cache=False)
def trace(x, n):
    for _ in range(n):
        for i in range(1, x.shape[0]):
            x[i] = np.sin(x[i]) * x[i - 1]
    return x[-1]

def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

x, gradient = np.ones(100_000), sg.grad(trace)
gradient(x, 50)  # 40 MB of tape and more
before = faults()
gradient(x, 50)
assert faults() - before < 2_000, faults() - before
kept = resident()
sg.clear_memory()
assert resident() < kept - 20_000_000, (resident(), kept)
""")
    subprocess.run([sys.executable, str(script)], check=True)  # noqa: S603 - our own script

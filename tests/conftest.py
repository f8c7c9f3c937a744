"""Fixtures that every test may use."""

import importlib
import linecache
import math
import os
import random
import zlib
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("SRCGRAD_VERIFY", "1")  # check the IR between all stages; read when srcgrad is imported
os.environ["SRCGRAD_CACHE"] = "0"  # tests compile; those of the cache give it a folder of its own
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")  # no GPU: kernels run in Numba's simulator
if os.environ.get("NUMBA_ENABLE_CUDASIM"):
    importlib.import_module("tests.simulator")
GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew; review their diff")


@pytest.fixture
def golden(request):
    """Compare a text with tests/golden/<stem of the test file>/<name>.txt."""
    update = request.config.getoption("--update-golden")

    def check(name, text):
        path = GOLDEN / request.path.stem / f"{name}.txt"
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        if not path.exists():
            pytest.fail(f"no golden file {path}; write it with `pytest {request.path.name} --update-golden`")
        expected = path.read_text(encoding="utf-8")
        assert text == expected, f"{path} differs; if that is meant, run pytest with --update-golden"

    return check


@pytest.fixture
def watched(monkeypatch):
    """Simulated kernels must not race."""
    if not os.environ.get("NUMBA_ENABLE_CUDASIM"):
        yield None
        return
    watch = importlib.import_module("tests.device_races").install(monkeypatch)
    yield watch
    assert not watch.found, watch.found[0]


@pytest.fixture
def rng(request):
    """A generator seeded by the name of the test: the same draws in every run and on every worker."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture
def define():
    """Define a function from a text, as a notebook cell does: its source is in linecache and in no file."""

    def make(text, name, **scope):
        filename = f"<test {zlib.crc32(text.encode())}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        namespace = {"__name__": "cell", "np": np, "math": math, "random": random, **scope}
        exec(compile(text, filename, "exec"), namespace)
        return namespace[name]

    return make

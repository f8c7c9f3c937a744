"""Large arrays that compiled code makes lie on large pages where the system has them."""

import re
from pathlib import Path

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.backend.large_pages import LARGE

SMAPS = Path("/proc/self/smaps")
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")
pytestmark = pytest.mark.skipif(not (SMAPS.exists() and SETTING.exists()), reason="the system has no large pages")


def is_advised(array):
    """Whether the middle of an array's memory is where large pages were asked for."""
    address = array.ctypes.data + array.nbytes // 2
    for entry in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", SMAPS.read_text()):
        first, last = (int(x, 16) for x in entry.split(None, 1)[0].split("-"))
        if first <= address < last:
            return " hg" in entry.partition("VmFlags:")[2]
    raise AssertionError("the array is nowhere")


@sg.differentiable
def squares(x, n):
    y = np.empty(n)
    for i in range(n):
        y[i] = x * i
    return y


@pytest.mark.parametrize("kind", ["value", "tangent"])
def test_large_array(kind):
    n = 8 * LARGE // 8
    y = squares(2.0, n) if kind == "value" else sg.jvp(squares, (2.0, n), (1.0, None))[1]
    assert y[-1] == (n - 1) * (2.0 if kind == "value" else 1.0)
    assert is_advised(y)

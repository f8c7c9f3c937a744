"""Peak of the resident memory during one gradient, above what was resident before the call (Linux)."""

import ctypes
import gc
import sys
from pathlib import Path

from benchmarks import workloads
from benchmarks.tools import CALLS

STATUS = Path("/proc/self/status")
# blocks from this size on are mapped one by one and go back to the system when freed
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def read_status(key):
    """A figure of /proc/self/status in bytes."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return 1024 * int(line.split()[1])


def resident():
    """Bytes resident now, without garbage and without what malloc holds back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
    return read_status("VmRSS")


def release_pools():
    """Give back what srcgrad keeps for the next call, so that it does not hide what a call needs."""
    if "srcgrad" in sys.modules:
        getattr(sys.modules["srcgrad"], "clear_memory", lambda: None)()


def peak_of(call):
    """How many bytes the peak during a call is above what was resident before it."""
    release_pools()
    before = resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    result = call()
    peak = read_status("VmHWM") - before
    del result
    return peak


def measure(workload, size, tool):
    """Peak in bytes by label. Each call runs once before, to be compiled."""
    workload = workloads.load(workload)
    args = workload.arguments(size)
    peaks = {}
    for name, call in CALLS[tool](workload, args):
        try:
            call()
        except Exception:  # noqa: BLE001, S112 - the timing has reported it
            continue
        peaks[name] = peak_of(call)
    return peaks

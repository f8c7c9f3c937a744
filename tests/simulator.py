"""Numba's simulator with memory of threads and blocks that holds NaN until something is written to it."""

import os
import sys
import threading
import types

import numpy as np

SIMULATED = bool(os.environ.get("NUMBA_ENABLE_CUDASIM"))
_LOCK = threading.Lock()


def _empty(shape, dtype):
    return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 7, dtype)


def _shared(self, shape, dtype, line=None):
    """The array of a line of a kernel: one for all threads, also if two make it at once (Numba's own forgets that)."""
    caller = sys._getframe(1)
    with _LOCK:
        dtype = numpy_support.as_dtype(dtype) if isinstance(dtype, numba_types.Type) else dtype
        key = line or (caller.f_code.co_filename, caller.f_lineno)
        if key not in self._allocations:
            self._allocations[key] = _empty(shape, dtype)
        return self._allocations[key]


if SIMULATED:
    from numba.core import types as numba_types
    from numba.cuda.simulator import kernelapi
    from numba.np import numpy_support

    kernelapi.np = types.SimpleNamespace(**{**vars(np), "empty": _empty})
    kernelapi.FakeCUDAShared.array = _shared

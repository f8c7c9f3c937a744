"""Races in simulated kernels: who touches which element, and between which barriers.

The simulator runs the threads of a block as threads of Python, and block after block: a race seldom shows in a result.
"""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field

from numba.cuda.simulator import kernel as running
from numba.cuda.simulator import kernelapi
from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray, FakeWithinKernelCUDAArray

_ADDING = threading.local()  # whether this thread is inside of an atomic operation
ATOMIC = ("add", "max")


@dataclass
class Watch:
    """The races of the kernels that were launched.

    Attributes:
        found: the name of a kernel, and two accesses: whether it writes, whether it is atomic, block, thread, interval,
            and what is written. Two that write the same are no race.
        launches: how many kernels have been watched.
    """

    found: list[tuple] = field(default_factory=list)
    launches: int = 0
    accesses: dict = field(default_factory=lambda: defaultdict(set))
    shared: list = field(default_factory=list)

    def note(self, array, index, *, writes: bool, value=None) -> None:
        thread = threading.current_thread()
        index = index if isinstance(index, tuple) else (index,)
        if not isinstance(thread, running.BlockThread) or len(index) != array.ndim or any(map(_is_slice, index)):
            return  # of the host, or a view
        assert all(-n <= i < n for i, n in zip(index, array.shape, strict=True)), (index, array.shape)
        at = array.__array_interface__["data"][0]
        at += sum(int(i % n) * s for i, n, s in zip(index, array.shape, array.strides, strict=True))
        block = thread.blockIdx.x, thread.blockIdx.y, thread.blockIdx.z
        own = block if any(array is s for s in self.shared) else None  # memory that other blocks have for themselves
        atomic = getattr(_ADDING, "on", False)
        access = writes, atomic, block, thread.thread_id, getattr(thread, "interval", 0), value
        self.accesses[at, own].add(access)

    def judge(self, name: str) -> None:
        """Look at a kernel that has ended."""
        self.launches += 1
        for accesses in self.accesses.values():
            for one in (a for a in accesses if a[0]):
                for other in accesses:
                    alone = one[2:4] == other[2:4] or (one[2] == other[2] and one[4] != other[4])
                    alike = other[0] and one[5] is not None and one[5] == other[5]
                    if not alone and not alike and not (one[1] and other[1]):
                        self.found.append((name, one, other))
                        break
        self.accesses.clear()
        self.shared.clear()


def install(monkeypatch) -> Watch:
    """Watch all kernels from now on."""
    watch = Watch()
    get, put = FakeWithinKernelCUDAArray.__getitem__, FakeWithinKernelCUDAArray.__setitem__

    def getitem(self, index):
        watch.note(self._item._ary, index, writes=False)
        return get(self, index)

    def setitem(self, index, value):
        watch.note(self._item._ary, index, writes=True, value=value)
        put(self, index, value)

    monkeypatch.setattr(FakeWithinKernelCUDAArray, "__getitem__", getitem)
    monkeypatch.setattr(FakeWithinKernelCUDAArray, "__setitem__", setitem)
    for name in ATOMIC:
        monkeypatch.setattr(kernelapi.FakeCUDAAtomic, name, _atomic(getattr(kernelapi.FakeCUDAAtomic, name)))

    made = kernelapi.FakeCUDAShared.array

    def shared(self, shape, dtype):
        caller = sys._getframe(1)
        array = made(self, shape, dtype, line=(caller.f_code.co_filename, caller.f_lineno))
        if not any(array is s for s in watch.shared):
            watch.shared.append(array)
        return FakeWithinKernelCUDAArray(FakeCUDAArray(array))

    monkeypatch.setattr(kernelapi.FakeCUDAShared, "array", shared)
    wait = running.BlockThread.syncthreads

    def syncthreads(self):
        wait(self)
        self.interval = getattr(self, "interval", 0) + 1

    monkeypatch.setattr(running.BlockThread, "syncthreads", syncthreads)
    launch = running.FakeCUDAKernel.__call__

    def call(self, *args):
        result = launch(self, *args)
        if not self._device:
            watch.judge(self.fn.__name__)
        return result

    monkeypatch.setattr(running.FakeCUDAKernel, "__call__", call)
    return watch


def _is_slice(index) -> bool:
    return isinstance(index, slice)


def _atomic(operation):
    def run(self, *args):
        _ADDING.on = True
        try:
            return operation(self, *args)
        finally:
            _ADDING.on = False

    return run

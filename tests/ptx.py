"""Compile all kernels of the corpus as for a GPU, without one: numba-cuda and NVVM are enough.

    pip install "numba-cuda[cu12]"
    python -m tests.ptx [NAME OR TAG ...]

Host code runs on NumPy arrays of zeros; in the place of a launch, the kernel is compiled to PTX for the types of its
arguments. So nothing is said about results; the simulator, which the tests use, says nothing about types.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import signal
import sys
import time
import types
import warnings

import numba
import numpy as np

COMPUTE_CAPABILITY = (8, 0)


class Array(np.ndarray):
    """What host code takes for an array on a device."""

    __cuda_ndarray__ = True

    def is_c_contiguous(self):
        return self.flags.c_contiguous

    def is_f_contiguous(self):
        return self.flags.f_contiguous

    def copy_to_host(self):
        return np.array(self)

    def copy_to_device(self, other):
        self[...] = np.asarray(other)


def zeros(shape, dtype=np.float64, order="C"):
    return np.zeros(shape, dtype, order).view(Array)


def zeros_like(a):
    return np.zeros_like(np.asarray(a)).view(Array)


class Compiler:
    """Stands for `numba.cuda` in `srcgrad.backend.device`, and counts."""

    def __init__(self, cuda):
        self.cuda, self.count, self.seconds, self.texts = cuda, 0, 0.0, []

    def jit(self, function=None, *, device=False, fastmath=False):
        if function is None:
            return lambda f: self.jit(f, device=device, fastmath=fastmath)
        return self.cuda.jit(device=True)(function) if device else Kernel(self, function)

    def to_device(self, array):
        return np.asarray(array).view(Array)


class Kernel:
    """A kernel that is compiled where it is launched."""

    def __init__(self, compiler, function):
        self.compiler, self.function = compiler, function

    def __getitem__(self, _):
        return self.launch

    def launch(self, *args):
        kinds = tuple(numba.typeof(np.asarray(a) if isinstance(a, np.ndarray) else a) for a in args)
        start = time.perf_counter()
        text, _ = self.compiler.cuda.compile_ptx(self.function, kinds, cc=COMPUTE_CAPABILITY)
        self.compiler.seconds += time.perf_counter() - start
        self.compiler.count += 1
        self.compiler.texts.append((self.function.__name__, text))


def install():
    """Put compilers in the places of launches; in this process there is no way back."""
    from numba import cuda
    from numba.cuda import dispatcher

    from srcgrad.backend import device as backend
    from srcgrad.runtime import device as runtime

    compiler = Compiler(cuda)
    dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=COMPUTE_CAPABILITY)
    backend.numba_cuda = lambda: compiler
    backend.is_on_device = lambda value: isinstance(value, Array)
    for name in ("empty", "zeros", "ones"):
        setattr(runtime, name, zeros)
        setattr(runtime, f"{name}_like", zeros_like)
    runtime.fitting = lambda count, room, width: count
    for name in ("dot", "copy", "assign", "accumulate"):
        setattr(runtime, name, lambda a, *_: a)
    return compiler


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chosen", nargs="*", help="names or tags of programs; all without any")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    compiler = install()

    import srcgrad as sg

    from .programs import PROGRAMS
    from .programs.kernels import KERNELS
    from .trees import copy_tree, random_like

    def differentiate(program):
        function = program.function
        while hasattr(function, "py_func"):
            function = function.py_func
        values = program.arguments()
        if program in KERNELS:
            reference, one = (
                sg.cuda.kernel(function, target=t)[program.grid, program.block] for t in ("python", "cuda")
            )
            contents, _ = sg.cuda.vjp(reference, *copy_tree(values))
            sg.cuda.vjp(one, *copy_tree(values))[1](random_like(program.rng(), contents))
            return
        expected = sg.differentiable(target="python")(function)(*copy_tree(values))
        f = sg.differentiable(target="cuda")(function)
        f(*copy_tree(values))
        _, pullback = sg.vjp(f, *copy_tree(values))
        pullback(random_like(program.rng(), expected))

    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    failures = collections.defaultdict(list)
    done = 0
    for program in [*PROGRAMS, *KERNELS]:
        if args.chosen and not ({program.name} | program.tags) & set(args.chosen):
            continue
        try:
            signal.alarm(60)  # a loop of the host may not end on zeros
            with contextlib.redirect_stdout(io.StringIO()):
                differentiate(program)
            signal.alarm(0)
            done += 1
        except Exception as error:  # noqa: BLE001 - zeros make some host code raise
            cause = error.__cause__ or error
            last = (str(cause).strip().splitlines() or [""])[-1]
            failures[f"{type(cause).__name__}: {last[:110]}"].append(program.name)
    out = sys.stdout.write
    out(f"{done} programs, {compiler.count} kernels compiled to PTX in {compiler.seconds:.0f} s\n")
    for what, names in failures.items():
        out(f"{len(names)} {what} ({', '.join(names[:8])})\n")


if __name__ == "__main__":
    main()

"""Kernels for a GPU: in Numba's simulator where there is none, on the GPU with `-m gpu` where there is one."""

import ctypes
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba import prange

import srcgrad as sg
from srcgrad import backend
from srcgrad.errors import ArgumentError, DeviceError

from . import laws
from .programs import PROGRAMS
from .programs import parallel as programs
from .simulator import SIMULATED
from .trees import copy_tree, random_like, snapshot

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("watched")]
cuda = pytest.importorskip("numba.cuda")
PARALLEL = [p for p in PROGRAMS if "parallel" in p.tags]
ARRAYS = [p for p in PROGRAMS if p.function.__module__.split(".")[-1].startswith("arrays_")]
OTHERS = [p for p in PROGRAMS if p not in PARALLEL and p not in ARRAYS]


def some(chosen, every):
    return [pytest.param(p, marks=() if k % every == 0 else pytest.mark.compiled_all) for k, p in enumerate(chosen)]


def function_of(function):
    while hasattr(function, "py_func"):
        function = function.py_func
    return getattr(function, "function", function)


def on_gpu(function, **options):
    return sg.differentiable(target="cuda", **options)(function_of(function))


def check_as_in_python(program, **options):
    """The value, the arrays that are written and the cotangents are those of the back end that all are tested with."""
    reference = sg.differentiable(target="python")(function_of(program.function))
    f = on_gpu(program.function, **options)
    args = program.arguments()
    expected, written = None, copy_tree(args)
    expected = reference(*written)
    rtol = 1e-4 if laws.is_single(args, expected) else 1e-9
    own = copy_tree(args)
    laws.assert_close(f(*own), expected, rtol, "the primal")
    laws.assert_close(own, written, rtol, "the arrays that the primal writes")
    seed = random_like(program.rng(), expected)
    before = snapshot(args)
    value, pullback = sg.vjp(f, *args)
    assert snapshot(args) == before
    laws.assert_close(value, expected, rtol, "the value of vjp")
    laws.assert_close(pullback(seed), sg.vjp(reference, *copy_tree(args))[1](seed), rtol, "the cotangents")
    laws.assert_close(pullback(seed), pullback(seed), 1e-3 if rtol == 1e-4 else 1e-12, "the cotangents, once more")


@pytest.mark.parametrize("program", PARALLEL, ids=str)
def test_prange(program):
    check_as_in_python(program)


@pytest.mark.parametrize("program", some(ARRAYS, 16), ids=str)
def test_array_expressions(program):
    check_as_in_python(program)


@pytest.mark.parametrize("program", some(OTHERS, 32), ids=str)
def test_loops_of_one_thread(program):
    check_as_in_python(program)


@pytest.mark.parametrize("program", some(PARALLEL, 5), ids=str)
def test_in_a_fixed_order(program):
    check_as_in_python(program, deterministic=True)
    f = on_gpu(program.function, deterministic=True)
    sg.vjp(f, *program.arguments())
    ((version,),) = f.callee.versions.values()
    for text in version._texts.values():
        assert "atomic.add" not in text.printed.text
        assert "add_together" not in text.printed.text


@pytest.mark.parametrize("program", some(PARALLEL, 8), ids=str)
def test_laws(program):
    f = on_gpu(program.function)
    laws.check_adjoint_identity(f, program.arguments(), program.rng())
    if program.smooth:
        laws.check_tangent_against_differences(f, program.arguments(), program.rng())


# -- the text ----------------------------------------------------------------------------------------------------------


def histogram(x, w):
    total = 0.0
    for i in prange(x.shape[0]):
        k = int(x[i] * 4.0)
        total += w[k] * x[i] * w[0]
    return total


def dense_layer(x, w):
    s = 0.0
    for i in prange(x.shape[0]):
        a = 0.0
        for j in range(w.shape[0]):
            a += math.tanh(x[i, j] * w[j])
        s += a * a
    return s


SHOWN = {
    "histogram": (histogram, (np.linspace(0.0, 0.9, 9), np.arange(4.0))),
    "dense_layer": (dense_layer, (np.ones((5, 3)), np.ones(3))),
    "heat": (programs.heat_in_parallel, None),
    "roots": (programs.roots_by_newton, None),
}


@pytest.mark.parametrize("name", SHOWN)
def test_generated_text(name, golden):
    function, args = SHOWN[name]
    if args is None:
        args = next(p for p in PROGRAMS if p.function is function).arguments()
    f = on_gpu(function)
    version = f.callee.version(f.callee.bind(args, {}))
    texts = version.derivation.texts("reverse")
    golden(name, "\n\n".join(texts[k].printed.text for k in ("forward", "reverse")))


def test_neighbours_are_gathered():
    """Each element adds up what its neighbours' iterations give it, without atomic additions."""
    for name in ("sheet_stencil", "line_stencil", "heat_in_parallel", "neighbours_on_conditions", "two_sides"):
        (program,) = (p for p in PARALLEL if p.name == name)
        f = on_gpu(program.function)
        version = f.callee.version(f.callee.bind(program.arguments(), {}))
        text = version.derivation.texts("reverse")["reverse"].printed.text
        assert "total += " in text, name
        assert "atomic" not in text, name


# -- single precision --------------------------------------------------------------------------------------------------


def test_single_precision_stays_single():
    @sg.differentiable(target="cuda")
    def f(x, w):
        s = np.float32(0.0)
        for i in prange(x.shape[0]):
            s += w[0] * x[i] * x[i] + w[i % 2] * 0.5
        return s

    x, w = np.linspace(0, 1, 20, dtype=np.float32), np.ones(2, np.float32)
    value, (bx, bw) = sg.value_and_grad(f, argnums=(0, 1))(x, w)
    assert (type(value), bx.dtype, bw.dtype) == (np.float32, np.float32, np.float32)
    np.testing.assert_allclose(bx, 2 * x, rtol=1e-6)
    for derived in (f, sg.grad(f, argnums=(0, 1)), sg.value_and_grad(f)):
        text = derived.callee.version((x, w)).derivation.texts("primal")["primal"].printed.text
        assert "float64" not in text
    assert "device.sum_float32" in text


# -- arrays on the device ----------------------------------------------------------------------------------------------


def norm(x, w):
    s = 0.0
    for i in prange(x.shape[0]):
        s += w * x[i] * x[i]
    return s


def test_results_are_where_the_arguments_are():
    x = np.arange(5.0)
    there = cuda.to_device(x)
    g = sg.grad(on_gpu(norm), argnums=(0, 1))
    here, found = g(x, 2.0), g(there, 2.0)
    assert isinstance(here[0], np.ndarray)
    assert not isinstance(found[0], np.ndarray)
    np.testing.assert_array_equal(found[0].copy_to_host(), here[0])
    assert found[1] == here[1] == 30.0
    np.testing.assert_array_equal(there.copy_to_host(), x)


def test_pullback_of_device_arrays():
    def scaled(x, a):
        return a * np.sin(x)

    x = np.linspace(0.0, 1.0, 7)
    value, pullback = sg.vjp(on_gpu(scaled), cuda.to_device(x), 3.0)
    np.testing.assert_allclose(value.copy_to_host(), 3.0 * np.sin(x))
    for cotangent in (np.ones(7), cuda.to_device(np.ones(7))):
        bx, ba = pullback(cotangent)
        np.testing.assert_allclose(bx.copy_to_host(), 3.0 * np.cos(x))
        np.testing.assert_allclose(ba, np.sin(x).sum())


def doubled(x):
    for i in prange(x.shape[0]):
        x[i] *= 2.0
    return x[0]


def test_written_arguments():
    f = on_gpu(doubled)
    x = np.ones(4)
    assert f(x) == 2.0
    np.testing.assert_array_equal(x, 2.0)
    there = cuda.to_device(np.ones(4))
    f(there)
    np.testing.assert_array_equal(there.copy_to_host(), 2.0)
    sg.grad(f)(there)
    np.testing.assert_array_equal(there.copy_to_host(), 2.0)


def test_overlap_on_the_device():
    @sg.differentiable(target="cuda")
    def f(x, y):
        for i in prange(x.shape[0]):
            x[i] = y[i]
        return x[0]

    whole = cuda.to_device(np.arange(6.0))
    with pytest.raises(ArgumentError, match="share memory"):
        f(whole[:4], whole[2:])
    f(whole[:3], whole[3:])
    np.testing.assert_array_equal(whole.copy_to_host(), [3, 4, 5, 3, 4, 5])


class Foreign:
    """An array of another library, which only has the interface."""

    def __init__(self, array):
        self.array = array
        pointer = array.ctypes.data if SIMULATED else array.device_ctypes_pointer.value
        self.__cuda_array_interface__ = {
            "shape": array.shape, "strides": array.strides, "typestr": array.dtype.str, "data": (pointer, False),
            "version": 3,
        }  # fmt: skip


class Capsule:
    """An array of another library, which only speaks DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self):
        return self.array.__dlpack__()


@pytest.mark.parametrize("kind", [Foreign, Capsule])
def test_arrays_of_other_libraries_are_not_copied(kind):
    if kind is Capsule and not SIMULATED:
        pytest.skip("needs a library that speaks DLPack of device memory")
    own = np.ones((3, 4)) if SIMULATED else cuda.to_device(np.ones((3, 4)))

    @sg.differentiable(target="cuda")
    def f(x):
        for i in prange(x.shape[0]):
            for j in range(x.shape[1]):
                x[i, j] *= 2.0 + j
        return x[1, 2]

    foreign = kind(own)
    assert f(foreign) == 4.0
    np.testing.assert_array_equal(own if SIMULATED else own.copy_to_host(), np.ones((3, 1)) * (2.0 + np.arange(4)))
    assert not isinstance(sg.grad(f)(foreign), np.ndarray)


def test_device_array_on_the_cpu():
    with pytest.raises(ArgumentError, match="runs on the CPU"):
        sg.differentiable(norm)(cuda.to_device(np.ones(3)), 1.0)


# -- routines ----------------------------------------------------------------------------------------------------------


def test_matrix_products(rng):
    def f(a, b, x):
        return np.sum(np.sin(a @ b)) + np.dot(x, a @ x[: a.shape[1]] @ a)

    a, b = rng.normal(size=(5, 5)), rng.normal(size=(5, 3))
    x = rng.normal(size=5)
    expected = sg.value_and_grad(sg.differentiable(target="python")(f), argnums=(0, 1, 2))(a, b, x)
    laws.assert_close(sg.value_and_grad(on_gpu(f), argnums=(0, 1, 2))(a, b, x), expected, 1e-11, "products")


def test_routines_of_lapack(rng):
    def f(a, b):
        return np.sum(np.linalg.solve(a, b)) + np.linalg.slogdet(a)[1] + np.sum(np.linalg.inv(a.T[:3, :3]))

    a, b = rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4)
    expected = sg.grad(sg.differentiable(target="python")(f), argnums=(0, 1))(a, b)
    laws.assert_close(sg.grad(on_gpu(f), argnums=(0, 1))(a, b), expected, 1e-10, "solve and slogdet")


# -- order -------------------------------------------------------------------------------------------------------------


def test_fixed_order_needs_no_atomics():
    f = on_gpu(histogram, deterministic=True)
    args = (np.linspace(0.0, 0.9, 9), np.arange(4.0))
    version = sg.grad(f, argnums=(0, 1)).callee.version(args)
    assert "atomic" not in version.derivation.texts("primal")["primal"].printed.text
    plain = sg.grad(on_gpu(histogram), argnums=(0, 1)).callee.version(args)
    assert "cuda.atomic.add" in plain.derivation.texts("primal")["primal"].printed.text


# -- races -------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not SIMULATED, reason="accesses are seen in the simulator only")
@pytest.mark.parametrize("kind", ["blocks", "threads", "none"])
def test_races_are_seen(kind, watched):
    @cuda.jit
    def shift(x, out):
        part = cuda.shared.array(4, np.float64)
        t = cuda.threadIdx.x
        part[t] = x[t]
        if kind != "threads":
            cuda.syncthreads()
        if kind == "blocks":
            out[t] = part[3 - t] + cuda.blockIdx.x
        else:
            out[cuda.blockIdx.x * 4 + t] = part[3 - t]

    shift[2, 4](np.arange(4.0), np.zeros(8))
    assert watched.launches == 1
    assert bool(watched.found) == (kind != "none")
    watched.found.clear()


# -- without a GPU -----------------------------------------------------------------------------------------------------


def test_without_numba_cuda(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba.cuda", None)
    with pytest.raises(DeviceError, match=r"(?s)numba-cuda.*srcgrad\[cuda\]"):
        backend.numba_cuda()


def test_without_a_gpu():
    """A clear error where a kernel is to run, nothing before that, and the CPU works; numba.cuda is not imported."""
    if not SIMULATED:
        pytest.skip("there is a GPU")
    code = """
import sys, numpy as np, srcgrad as sg
from tests.programs.parallel import line_stencil
f = sg.differentiable(target="cuda")(line_stencil)
assert sg.differentiable(target="python")(line_stencil)(np.ones(4)).shape == (4,) and "numba.cuda" not in sys.modules
try:
    f(np.ones(4))
except sg.DeviceError as error:
    print(error)
"""
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    command = [sys.executable, "-c", code]
    root = Path(__file__).parent.parent
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    assert "hint: " in done.stdout, done.stderr
    assert "CUDA" in done.stdout or "numba-cuda" in done.stdout


def test_dlpack_of_a_slice():
    """Strides and offsets are those of the owner."""
    if not SIMULATED:
        pytest.skip("reads the memory of the host")
    own = np.arange(24.0).reshape(4, 6)[1:, ::2]
    described = backend.device._FromDLPack(Capsule(own)).__cuda_array_interface__
    assert (described["shape"], described["strides"]) == (own.shape, own.strides)
    assert ctypes.c_double.from_address(described["data"][0]).value == own[0, 0]

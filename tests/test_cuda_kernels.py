"""Adjoints of kernels as kernels: in Numba's simulator, or on a GPU with `-m gpu`."""

import numpy as np
import pytest

import srcgrad as sg

from . import laws
from .programs.kernels import BLOCK, KERNELS
from .simulator import SIMULATED
from .test_cuda import Foreign
from .trees import copy_tree, random_like, snapshot

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("watched")]
cuda = pytest.importorskip("numba.cuda")


def launched(program, target):
    return sg.cuda.kernel(program.function, target=target)[program.grid, program.block]


def adjoints_of(args, seeds):
    """An array for each argument: a cotangent for those that the kernel writes, else zeros."""
    zeros = [np.zeros(np.shape(a) or (1,), getattr(a, "dtype", float)) if is_float(a) else None for a in args]
    for k, seed in seeds:
        zeros[k][...] = seed
    return zeros


def is_float(a):
    return isinstance(a, float) or getattr(a, "dtype", np.dtype(int)).kind == "f"


@pytest.mark.parametrize("program", KERNELS, ids=str)
def test_as_in_python(program):
    """The contents and cotangents are those of the sequential program, whose derivatives `test_simt.py` tests."""
    reference, one = launched(program, "python"), launched(program, "cuda")
    args = program.arguments()
    before = snapshot(args)
    rtol = 1e-4 if laws.is_single(args) else 1e-10
    expected, expected_pullback = sg.cuda.vjp(reference, *args)
    contents, pullback = sg.cuda.vjp(one, *args)
    laws.assert_close(contents, expected, rtol, "the contents after the launch")
    seed = random_like(program.rng(), expected)
    cotangents = expected_pullback(seed)
    laws.assert_close(pullback(seed), cotangents, rtol, "the cotangents")

    own = copy_tree(args)
    one(*own)
    changed = [k for k, (a, b) in enumerate(zip(own, args, strict=True)) if not np.array_equal(a, b)]
    laws.assert_close(tuple(own[k] for k in changed), expected, rtol, "what the kernel itself writes")
    adjoints = adjoints_of(args, zip(changed, seed, strict=True))
    one.vjp(*args, *adjoints)
    for found, wanted in zip(adjoints, cotangents, strict=True):
        if wanted is not None:
            laws.assert_close(np.reshape(found, np.shape(wanted)), np.asarray(wanted), rtol, "what vjp leaves")
    assert snapshot(args) == before
    assert is_grid(program, one) == (program.name not in FALL_BACK)


def adjoint_text(kernel):
    *_, callee = kernel._adjoints.values()
    (version,) = (v for known in callee.versions.values() for v in known)
    return version.derivation.texts("primal")["primal"].printed.text


# Arrays that take turns are in a list, tiles of loops of any length on a tape that grows: no kernel can have either.
# So the host runs these loops over blocks.
FALL_BACK = {
    "two_buffers", "blocks_in_turns", "loop_that_ends_early", "loops_around_a_barrier", "shared_sum_and_ragged_loops",
    "trees_of_sums_in_a_loop",
}  # fmt: skip


def is_grid(program, one):
    """Whether the adjoint runs on blocks and threads, or on a thread for each one of a grid without barriers."""
    text = adjoint_text(one.kernel)
    return ("Idx" in text or "for g" in text or max(one.block) == 1) and "range(gridDim" not in text


ORDERED = ("dot", "histogram", "product_in_tiles", "scaled_rows", "forces_in_tiles", "saxpy")


@pytest.mark.parametrize("name", ORDERED)
def test_in_a_fixed_order(name):
    """Without atomic additions, and the same."""
    program = next(p for p in KERNELS if p.name == name)
    args = program.arguments()
    reference = launched(program, "python")
    one = sg.cuda.kernel(program.function, deterministic=True)[program.grid, program.block]
    expected, expected_pullback = sg.cuda.vjp(reference, *args)
    contents, pullback = sg.cuda.vjp(one, *args)
    laws.assert_close(contents, expected, 1e-10, "the contents after the launch")
    seed = random_like(program.rng(), expected)
    laws.assert_close(pullback(seed), expected_pullback(seed), 1e-10, "the cotangents")
    assert "atomic" not in adjoint_text(one.kernel)
    assert "add_together" not in adjoint_text(one.kernel)


SHOWN = (
    "saxpy", "sheet", "dot", "forces_in_tiles", "product_in_tiles", "histogram", "roots_by_newton",
    "scaled_by_the_first",
)  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_generated_text(name, golden):
    program = next(p for p in KERNELS if p.name == name)
    one = launched(program, "cuda")
    args = program.arguments()
    one.vjp(*args, *adjoints_of(args, ()))
    golden(name, adjoint_text(one.kernel))


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64])
def test_counters_of_any_integer_type(dtype):
    @sg.cuda.kernel
    def squares(x, out, count):
        i = cuda.grid(1)
        if i < x.shape[0]:
            out[i] = x[i] ** 2
            if x[i] > 3.0:
                cuda.atomic.add(count, 0, 1)

    x = np.arange(9.0)
    (out, count), pullback = sg.cuda.vjp(squares[3, 4], x, np.zeros(9), np.zeros(1, dtype))
    assert count.dtype == dtype
    assert count.tolist() == [5]
    assert np.array_equal(out, x**2)
    assert np.array_equal(pullback((np.ones(9), None))[0], 2.0 * x)


# -- memory ------------------------------------------------------------------------------------------------------------


def saxpy(a, x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = a * x[i] + y[i]


def test_adjoints_on_the_device_are_used_in_place():
    k = sg.cuda.kernel(saxpy)
    x, y = np.arange(10.0), np.ones(10)
    there = [cuda.to_device(v) for v in (x, y, np.zeros(1), np.ones(10), np.full(10, 2.0))]
    k.vjp[2, BLOCK](3.0, *there)
    ba, bx, by = (v.copy_to_host() for v in there[2:])
    np.testing.assert_allclose(ba, [2.0 * x.sum()])
    np.testing.assert_allclose(bx, 1.0 + 6.0)  # added to what was there
    np.testing.assert_allclose(by, 2.0)
    np.testing.assert_array_equal(there[0].copy_to_host(), x)
    np.testing.assert_array_equal(there[1].copy_to_host(), y)


def test_arrays_of_other_libraries():
    k = sg.cuda.kernel(saxpy)
    own = [np.arange(4.0), np.ones(4), np.zeros(1), np.zeros(4), np.ones(4)]
    if not SIMULATED:
        own = [cuda.to_device(v) for v in own]
    k.vjp[1, BLOCK](3.0, *map(Foreign, own))
    bx = own[3] if SIMULATED else own[3].copy_to_host()
    np.testing.assert_allclose(bx, 3.0)
    contents, pullback = sg.cuda.vjp(k[1, BLOCK], 3.0, Foreign(own[0]), Foreign(own[1]))
    assert not isinstance(contents[0], np.ndarray)
    assert not isinstance(pullback((np.ones(4),))[1], np.ndarray)


def test_overlapping_arguments_are_refused():
    k = sg.cuda.kernel(saxpy)
    whole = cuda.to_device(np.ones(8))
    adjoints = [np.zeros(1), np.zeros(6), np.zeros(6)]
    with pytest.raises(sg.ArgumentError, match="share memory"):
        k.vjp[1, BLOCK](3.0, whole[:6], whole[2:], *adjoints)


def test_adjoints_that_are_not_wanted():
    k = sg.cuda.kernel(saxpy)
    by = np.ones(4)
    k.vjp[1, BLOCK](3.0, np.ones(4), np.ones(4), None, None, by)
    np.testing.assert_array_equal(by, 1.0)


def test_single_precision():
    @sg.cuda.kernel
    def scaled(x, out):
        part = cuda.shared.array(8, np.float32)
        t = cuda.threadIdx.x
        i = cuda.grid(1)
        part[t] = x[i] * np.float32(0.5)
        cuda.syncthreads()
        out[i] = part[7 - t] * part[7 - t]

    x = np.linspace(1, 2, 16).astype(np.float32)
    (out,), pullback = sg.cuda.vjp(scaled[2, 8], x, np.zeros_like(x))
    bx, _ = pullback((np.ones_like(x),))
    assert out.dtype == bx.dtype == np.float32
    np.testing.assert_allclose(bx, 0.5 * x, rtol=1e-6)
    assert "float64" not in adjoint_text(scaled)

"""What is handed to LLVM is true: indices, memory, the order of sums, and the vector versions of functions."""

import math

import numba
import numpy as np
import pytest
from llvmlite.binding import llvm_version_info

import srcgrad as sg
from srcgrad.backend.vector_math import VARIANTS
from srcgrad.ir.nodes import Increment, Load, Store
from srcgrad.ir.types import INT64, Array
from srcgrad.ir.walk import statements
from srcgrad.testing import check_grads
from srcgrad.transform import pipeline

VECTOR = Array("float64", 1, "C")
needs_libmvec = pytest.mark.skipif(not VARIANTS, reason="no libmvec on this machine")
FUNCTIONS = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "arcsin": np.arcsin, "arctan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "arcsinh": np.arcsinh, "erf": math.erf, "cbrt": np.cbrt,
}  # fmt: skip
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 710.0, -746.0, 1e-310, 1e300, -1e300, 5e-324] * 3)


def accesses(function, *kinds):
    """The accesses to arrays of a function's primal, and which of them are known to be direct."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    found = pipeline.primal(function, list(zip(names, kinds, strict=True))).function
    direct = pipeline.direct_accesses(found)
    every = [s for s in statements(found.body) if isinstance(s, Load | Store | Increment)]
    return [s in direct for s in every]


@needs_libmvec
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_vector_functions(name, dtype):
    """Within four units in the last place of libm's, infinities and NaN where libm has them."""
    function = FUNCTIONS[name]

    @sg.differentiable
    def mapped(x):
        y = np.empty_like(x)
        for i in range(x.shape[0]):
            y[i] = function(x[i])
        return y

    rng = np.random.default_rng(5)
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, rng.normal(size=200), rng.uniform(-30, 30, size=200)]).astype(dtype)
        vectorised = function if name != "erf" else np.vectorize(math.erf)
        expected = vectorised(x.astype(np.float64)).astype(dtype)
    found = mapped(x)
    same = (np.isnan(found) & np.isnan(expected)) | (found == expected)
    finite = np.isfinite(expected) & np.isfinite(found)
    gap = np.abs(found[finite].astype(np.float64) - expected[finite])
    assert np.all(same | finite)
    assert np.all(gap <= 4 * np.spacing(np.abs(expected[finite])).astype(np.float64))


@needs_libmvec
@pytest.mark.skipif(llvm_version_info < (15,), reason="LLVM 14, of Numba 0.60, leaves the calls as they are")
def test_loops_call_vector_functions():
    @sg.differentiable
    def prices(x, k):
        total = 0.0
        for i in range(x.shape[0]):
            total += math.exp(-k * x[i]) * math.erf(x[i])
        return total

    gradient = sg.value_and_grad(prices)
    gradient(np.ones(5), 0.3)
    (versions,) = gradient.callee.versions.values()
    dispatcher = versions[0].kernel("primal").compiled.quick
    (assembly,) = dispatcher.inspect_asm().values()
    assert "_ZGV" in assembly


def test_sums_of_the_users_keep_their_order():
    rng = np.random.default_rng(2)
    x = rng.normal(size=10_001) * 10.0 ** rng.integers(-8, 8, size=10_001)

    @sg.differentiable
    def total(x):
        s = 0.0
        for i in range(x.shape[0]):
            s += x[i] * x[i]
        return s

    expected = 0.0
    for v in x:
        expected += v * v
    assert total(x) == expected
    assert sg.value_and_grad(total)(x)[0] == expected


def test_which_indices_are_never_negative():
    def plain(x, n):
        s = 0.0
        for i in range(1, x.shape[0]):
            s += x[i] - x[i - 1]
        return s

    def wraps(x, n):
        s = 0.0
        for i in range(x.shape[0]):
            s += x[i - 1]
        return s

    def unknown(x, n):
        return x[n] + x[0]

    def falling(x, n):
        s = 0.0
        for i in range(x.shape[0] - 1, -1, -1):
            s += x[i]
        return s

    def below(x, n):
        s = 0.0
        for i in range(x.shape[0] - 1, -2, -1):
            s += x[i]
        return s

    def counter(x, n):
        s, p = 0.0, 0
        while p < x.shape[0]:
            s += x[p]
            p += 2
        return s

    def falling_counter(x, n):
        s, p = 0.0, x.shape[0]
        while p > -x.shape[0]:
            p -= 1
            s += x[p]
        return s

    kinds = VECTOR, INT64
    assert all(accesses(plain, *kinds))
    assert all(accesses(falling, *kinds))
    assert all(accesses(counter, *kinds))
    for function in (wraps, below, falling_counter):
        assert not any(accesses(function, *kinds)), function.__name__
    assert accesses(unknown, *kinds) == [False, True]


@pytest.mark.parametrize("n", [-3, -1, 0, 2])
def test_negative_indices_wrap_in_compiled_code(n):
    def neighbours(x, n):
        y = np.zeros_like(x)
        for i in range(x.shape[0]):
            y[i - 2] += x[i - 1] * x[n]
        y[n] += x[-1] ** 2
        return y.sum() + y[0] * x[1]

    x = np.array([0.3, -1.2, 0.7, 2.0])
    value, gradient = sg.value_and_grad(neighbours)(x, n)
    assert value == pytest.approx(neighbours(x, n), rel=1e-14)
    expected = sg.grad(sg.differentiable(neighbours, target="python"))(x, n)
    np.testing.assert_allclose(gradient, expected, rtol=1e-13)


def test_one_array_for_two_parameters():
    """Arrays that are only read may be the same; one that is written may not."""

    @sg.differentiable
    def product(x, y):
        s = 0.0
        for i in range(x.shape[0]):
            s += x[i] * y[i]
        return s

    @sg.differentiable
    def shifted(x, y):
        for i in range(1, x.shape[0]):
            x[i] = y[i - 1]
        return x[0] * x[-1]

    x = np.arange(9.0)
    np.testing.assert_allclose(sg.grad(product, argnums=(0, 1))(x, x), (x, x))
    with pytest.raises(sg.ArgumentError):
        shifted(x, x[:])


def test_new_arrays_start_as_they_were_made():
    """What fills an array comes before what reads it, though LLVM takes its memory to be nobody else's."""

    @sg.differentiable
    def counts(x, n):
        for _ in range(3):
            z, o = np.zeros(n), np.ones(n)
            for i in range(x.shape[0]):
                z[i % n] += x[i] * o[i % n]
                o[i % n] += z[(i + 1) % n]
            x[0] += z.sum() + o[n - 1]
        return x.sum()

    x = np.linspace(-1.0, 1.0, 11)
    assert counts(x.copy(), 4) == pytest.approx(counts.py_func(x.copy(), 4), rel=1e-14)
    check_grads(counts, (x, 4))


def test_short_axes_get_versions_of_their_own():
    @sg.differentiable
    def volume(x):
        s = 0.0
        for i in range(x.shape[0]):
            s += x[i, 0] * x[i, 1]
            for j in range(2, x.shape[1]):
                s += x[i, j] ** 2
        return s

    for columns in (3, 2, 5, 3, 12):
        x = np.random.default_rng(columns).normal(size=(4, columns))
        value, gradient = sg.value_and_grad(volume)(x)
        assert value == pytest.approx(volume.py_func(x))
        expected = 2.0 * x
        expected[:, 0], expected[:, 1] = x[:, 1], x[:, 0]
        np.testing.assert_allclose(gradient, expected)


def test_saturation_gives_zero_not_nan():
    """Zero adjoints of infinite values: where a value levels off, is not chosen, or is not read."""
    grad = sg.grad(lambda x: 1.0 / (1.0 + np.exp(-x)))
    assert grad(-800.0) == 0.0
    assert grad(800.0) == 0.0
    assert sg.grad(lambda x: np.tanh(1.0 / x))(0.0) == 0.0
    assert sg.grad(lambda x: x * np.sqrt(x))(0.0) == 0.0
    x = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(sg.grad(lambda x: np.sum(np.where(x > 0.0, np.log(x), 0.0)))(x), [0.0, 1.0, 0.5])
    np.testing.assert_allclose(sg.grad(lambda x: np.sum(np.log(x)[1:]))(x), [0.0, 1.0, 0.5])
    assert math.isinf(sg.grad(lambda x: 3.0 * np.sqrt(x))(0.0))


LONG = "def helper(x):\n    y = math.log(x) + 1.0 / x\n    t = y\n" + "    t = 0.5 * t + y\n" * 45 + "    return t\n"


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_zero_cotangents_reach_helpers_pullbacks_and_pieces_of_loops(target, define):
    """What is not chosen outside of a function of its own is infinite inside of it."""
    helper = define(LONG, "helper", math=math)

    def of_helper(x):
        return np.where(x > 0.0, helper(x), 3.0 * x) + helper(x + 1.0)

    def of_loop(x):
        v = x
        for _ in sg.checkpointed(range(4)):
            v = v * 0.5 + 1.0 / x
        return np.where(x > 0.0, v, 3.0 * x)

    def of_pullback(x):
        return math.log(x) + 1.0 / x

    assert math.isfinite(sg.grad(sg.differentiable(of_helper, target=target))(0.0))
    assert sg.grad(sg.differentiable(of_loop, target=target))(0.0) == 3.0
    assert sg.vjp(sg.differentiable(of_pullback, target=target), 0.0)[1](0.0) == (0.0,)


def test_njit_calls_are_not_taken_to_be_apart():
    """A differentiable function called from the user's own compiled code may get one array twice, and write it."""

    @sg.differentiable
    def double(x, y):
        for i in range(x.shape[0]):
            x[i] = 2.0 * y[i]
        return x[0]

    @numba.njit
    def outer(x):
        return double(x, x)

    x = np.arange(1.0, 5.0)
    assert outer(x) == 2.0
    np.testing.assert_allclose(x, [2.0, 4.0, 6.0, 8.0])


def test_what_is_written_into_arguments_stays():
    """Stores just before the end, to memory that is the caller's."""

    @sg.differentiable
    def bump(a, b):
        a[0] = 2.0 * b[0]
        a[-1] *= a[0]
        last = a[1:]
        last[0] = b[1]

    a, b = np.arange(1.0, 5.0), np.arange(5.0, 9.0)
    bump(a, b)
    np.testing.assert_array_equal(a, [10.0, 6.0, 3.0, 40.0])
    np.testing.assert_array_equal(b, np.arange(5.0, 9.0))

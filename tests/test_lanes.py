"""Loops in lanes compute what the loops compute: every law holds of the changed functions, whatever is left over."""

import numpy as np
import pytest

import srcgrad as sg
from srcgrad.ir.nodes import For
from srcgrad.ir.types import Array
from srcgrad.ir.walk import statements
from srcgrad.transform import pipeline
from srcgrad.transform.lanes import use_lanes

from . import laws
from .programs import PROGRAMS


def paths(z, drift, vol):
    total = 0.0
    for p in range(z.shape[0]):
        s, alive = 1.0, 1.0
        for t in range(z.shape[1]):
            s += drift * s + vol * s * z[p, t]
            alive *= 1.0 / (1.0 + np.exp(s - 2.0))
        total += alive * max(s - 1.0, 0.0)
    return total / z.shape[0]


def mixture(means, packed, x):
    """Scratch arrays filled for every point, a packed triangle, a maximum, sums into shared elements."""
    n, k, d = x.shape[0], means.shape[0], means.shape[1]
    centred, turned, scores = np.empty(d), np.empty(d), np.empty(k)
    out = 0.0
    for i in range(n):
        for c in range(k):
            for a in range(d):
                centred[a] = x[i, a] - means[c, a]
                turned[a] = np.exp(packed[c, a]) * centred[a]
            p = d
            for b in range(d):
                for a in range(b + 1, d):
                    turned[a] += packed[c, p] * centred[b]
                    p += 1
            square = 0.0
            for a in range(d):
                square += turned[a] * turned[a]
            scores[c] = -0.5 * square
        top = scores[0]
        for c in range(1, k):
            top = max(top, scores[c])
        s = 0.0
        for c in range(k):
            s += np.exp(scores[c] - top)
        out += top + np.log(s)
    return out


def uniform_branches(x, w, deep):
    """Branches that all lanes take together, with loops in them, and branches that each takes for itself."""
    y = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        v, count = x[i], 0.0
        if deep:
            for j in range(w.shape[0]):
                v = np.sin(v) * w[j]
        else:
            v = v * w[0]
        for j in range(w.shape[0]):
            if v > 0.1:
                v -= 0.3 * w[j] * v
                count += 1.0
            else:
                v = w[j] + 0.5 * v
        y[i] = v + count * x[i]
    return y


def scattered(x, bins, w):
    """Lanes that add to elements chosen by data, also to the same one, and a swap in an inner loop."""
    out = 0.0
    for i in range(x.shape[0]):
        a, b = x[i], w[bins[i]]
        for j in range(3):
            a, b = b, a * 0.5 + b * w[j]
        out += a * b
    return out


def sample(name):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(7, 3))
    return {
        "paths": lambda: (rng.normal(size=(7, 4)), 0.1, 0.3),
        "mixture": lambda: (rng.normal(size=(2, 3)), rng.normal(size=(2, 6)), x),
        "uniform_branches": lambda: (rng.normal(size=7), rng.normal(size=4), True),
        "scattered": lambda: (rng.normal(size=7), np.array([0, 2, 2, 2, 1, 0, 1]), rng.normal(size=4)),
    }[name]()


OWN = [paths, mixture, uniform_branches, scattered]
CORPUS = {
    "products_with_zeros", "running_normalization", "weighted_polynomial_fit", "integer_powers",
    "discrete_fourier_power", "finite_element_assembly", "lagrange_interpolation",
}  # fmt: skip
CASES = [pytest.param(f, lambda f=f: sample(f.__name__), id=f.__name__) for f in OWN]
CASES += [pytest.param(p.function, p.arguments, id=p.name) for p in PROGRAMS if p.name in CORPUS]


@pytest.fixture(params=[2, 3, 64], ids=lambda n: f"{n} lanes")
def applied(request, monkeypatch):
    """Every text is of a function in lanes; counts the functions that have some."""
    count = [0]
    plain = pipeline.printable

    def printable(function):
        changed = use_lanes(plain(function), request.param)
        if any(isinstance(s, For) and s.index.hint == "first" for s in statements(changed.body)):
            count[0] += 1
            return pipeline._run(changed, pipeline.LANES, "use_lanes")
        return changed

    monkeypatch.setattr(pipeline, "printable", printable)
    return count


@pytest.mark.parametrize(("function", "arguments"), CASES)
def test_laws_hold_in_lanes(function, arguments, applied):
    f = sg.differentiable(function, target="python")
    args = arguments()
    laws.check_primal_kept(f, args)
    laws.check_adjoint_identity(f, args, np.random.default_rng(3))
    if isinstance(f(*arguments()), float):
        laws.check_joint_equals_split(f, args)
        sg.value_and_grad(f)(*args)
    assert applied[0], "no loop was run in lanes"


@pytest.mark.parametrize("rows", [0, 1, 31, 32, 33, 70])
def test_compiled_lanes_with_rows_left_over(rows):
    rng = np.random.default_rng(rows)
    args = (rng.normal(size=(rows, 5)), 0.1, 0.3)
    if not rows:
        args = (np.zeros((0, 5)), 0.1, 0.3)
    value, gradient = sg.value_and_grad(paths, argnums=(0, 1, 2))(*args)
    expected, wanted = sg.value_and_grad(sg.differentiable(paths, target="python"), argnums=(0, 1, 2))(*args)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, want in zip(gradient, wanted, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-14)


def test_array_code_stays_as_it_is():
    """Rows of arrays are read along the row: iterations side by side would be further apart."""

    def scale(x, w):
        y = np.empty_like(x)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                y[i, j] = x[i, j] * w[j]
        return y

    lowered = pipeline.primal(scale, [("x", _array(2)), ("w", _array(1))])
    assert use_lanes(lowered.function).body == lowered.function.body or not _stripped(use_lanes(lowered.function))


def test_order_of_the_users_own_sums_is_kept():
    """`total` is added up over rows and columns in the user's order, so the loops stay nested as they are."""

    def running(x):
        total = 0.0
        for i in range(x.shape[0]):
            v = 1.0
            for j in range(x.shape[1]):
                v = 0.5 * v + x[i, j]
                total += v
        return total

    lowered = pipeline.primal(running, [("x", _array(2))])
    assert not _stripped(use_lanes(lowered.function))


def _array(ndim):
    return Array("float64", ndim, "C")


def _stripped(function):
    return any(isinstance(s, For) and s.index.hint == "first" for s in statements(function.body))

"""The generated text: plain Python over NumPy that runs as it is and gives the same numbers."""

import math

import numpy as np
import pytest

import srcgrad as sg


@sg.differentiable(target="python")
def weighted(x, w=2.0):
    s = 0.0
    for i in range(x.shape[0]):
        s += w * x[i] * x[i]
    return s


@sg.differentiable(target="python")
def mixture(x, a, pair, n):
    s = 0.0
    u, (v, w) = pair
    for i in range(a.shape[0]):
        if a[i] > 0.0:
            s += x * a[i] ** n * u
        while s > 2.0:
            s *= 0.5
        a[i] = math.sin(s * v) + w
    return s, a


def mixture_arguments():
    return 1.5, np.array([0.5, -0.3, 2.5, 1.1]), (0.7, (1.2, 3)), 2


def run_text(text, name, *args):
    """The generated text as plain Python, with nothing but its own imports."""
    assert "srcgrad" not in text or "srcgrad.runtime" in text
    namespace = {}
    exec(text, namespace)
    return namespace[name](*args)


def test_source_of_the_primal_runs():
    s, a = run_text(mixture.source("primal", *mixture_arguments()), "mixture", *mixture_arguments())
    expected = mixture.py_func(*mixture_arguments())
    assert s == expected[0]
    np.testing.assert_array_equal(a, expected[1])


def test_source_of_the_adjoint_runs():
    seed = np.array([1.0, -2.0, 0.5, 3.0])
    text = mixture.source("adjoint", *mixture_arguments(), argnums=(0, "a", 2))
    (s, a), bx, ba, bu, bv = run_text(text, "mixture_adjoint", *mixture_arguments(), 2.0, seed)

    expected = mixture.py_func(*mixture_arguments())
    assert s == expected[0]
    np.testing.assert_array_equal(a, expected[1])
    ex, ea, (eu, (ev, ew)), en = sg.vjp(mixture, *mixture_arguments())[1]((2.0, seed))
    np.testing.assert_allclose([bx, bu, bv, *ba], [ex, eu, ev, *ea], rtol=1e-13)
    assert (ew, en) == (None, None)
    assert any(bx != 0.0 for bx in ba)


def test_source_of_the_tangent_runs():
    direction = np.array([1.0, -2.0, 0.5, 3.0])
    text = mixture.source("tangent", *mixture_arguments(), argnums=("x", 1))
    (s, a), (ds, da) = run_text(text, "mixture_tangent", *mixture_arguments(), 0.3, direction.copy())

    tangents = (0.3, direction, (0.0, (0.0, None)), None)
    (es, ea), (eds, eda) = sg.jvp(mixture, mixture_arguments(), tangents)
    np.testing.assert_allclose([s, ds, *a, *da], [es, eds, *ea, *eda], rtol=1e-13)


def test_source_is_the_same_twice():
    for kind in ("primal", "adjoint", "tangent"):
        anew = sg.differentiable(mixture.py_func)
        assert anew.source(kind, *mixture_arguments()) == mixture.source(kind, *mixture_arguments())


def test_source_takes_keywords_and_defaults():
    assert "def weighted(x, w)" in weighted.source("primal", x=np.ones(2))
    assert weighted.source("adjoint", np.ones(2), w=1.0) == weighted.source("adjoint", np.ones(2), 1.0)


def test_source_refuses_what_it_does_not_know():
    with pytest.raises(sg.ArgumentError, match="no source of kind 'hessian'"):
        weighted.source("hessian", np.ones(2))
    with pytest.raises(sg.ArgumentError, match="cannot be differentiated with respect to 'n'"):
        mixture.source("adjoint", *mixture_arguments(), argnums="n")
    with pytest.raises(sg.ArgumentError):
        mixture.source("tangent", *mixture_arguments(), argnums=7)


def test_source_does_not_change_the_arguments():
    args = mixture_arguments()
    mixture.source("adjoint", *args)
    np.testing.assert_array_equal(args[1], mixture_arguments()[1])

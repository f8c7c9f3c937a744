"""The laws on arguments of any shape, layout and magnitude (Hypothesis draws them)."""

import numpy as np
from hypothesis import given, settings

import srcgrad as sg
from tests.strategies import arrays, magnitudes


def column_energies(a, scale):
    """Reads in both orders, writes a row view, and adds into a vector."""
    out = np.zeros(a.shape[1])
    for i in range(a.shape[0]):
        row = a[i]
        for j in range(a.shape[1]):
            out[j] += scale * row[j] * np.tanh(row[j])
    return out


def overwritten(a):
    """A recurrence in place, backwards, on the transpose."""
    t = a.T
    for i in range(t.shape[0]):
        for j in range(t.shape[1] - 1, 0, -1):
            t[i, j] = 0.5 * np.sin(t[i, j]) + t[i, j - 1]
    return a


FUNCTIONS = {f: sg.differentiable(f, target="python") for f in (column_energies, overwritten)}


def inner(a, b):
    return float(np.sum(np.asarray(a, float) * np.asarray(b, float)))


def check(function, args):
    """Value as in Python, adjoint identity, gradients like the arguments, arguments left as they were."""
    compiled = FUNCTIONS[function]
    before = [np.array(a, copy=True) for a in args]
    expected = function(*[np.array(a, copy=True) if isinstance(a, np.ndarray) else a for a in args])
    tangents = tuple(np.cos(np.asarray(a)) if isinstance(a, np.ndarray) else 0.7 for a in args)
    value, moved = sg.jvp(compiled, args, tangents)
    again, pullback = sg.vjp(compiled, *args)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_array_equal(value, again)
    cotangent = np.sin(1.0 + np.arange(value.size, dtype=float)).reshape(value.shape)
    found = pullback(cotangent)
    left, right = inner(cotangent, moved), sum(inner(f, t) for f, t in zip(found, tangents, strict=True))
    size = inner(abs(cotangent), abs(moved)) + sum(inner(abs(f), abs(t)) for f, t in zip(found, tangents, strict=True))
    assert abs(left - right) <= 1e-12 * size
    for gradient, argument, old in zip(found, args, before, strict=True):
        assert np.shape(gradient) == np.shape(argument)
        np.testing.assert_array_equal(argument, old)


@settings(max_examples=60, deadline=None)
@given(arrays(2), magnitudes())
def test_sums_over_any_matrix(a, scale):
    check(column_energies, (a, scale))


@settings(max_examples=60, deadline=None)
@given(arrays(2))
def test_overwriting_any_matrix(a):
    check(overwritten, (a,))

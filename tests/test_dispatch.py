"""The quick way into a version: from the second call on, with the same outcome as the first in every respect."""

import collections
import copy
import math

import cloudpickle
import numpy as np
import pytest

import srcgrad as sg
from srcgrad import dispatch

Pair = collections.namedtuple("Pair", "a b")
A, B = np.arange(1.0, 7.0).reshape(2, 3), np.full(3, 2.0)


@pytest.fixture
def slow(monkeypatch):
    """The calls that looked for a version in the general way."""
    calls = []
    find = dispatch.Callee._searched

    def counted(callee, values):
        calls.append(values)
        return find(callee, values)

    monkeypatch.setattr(dispatch.Callee, "_searched", counted)
    return calls


def python(function):
    return sg.differentiable(function, target="python")


def same(a, b):
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and np.array_equal(a, b) and getattr(a, "dtype", None) == getattr(b, "dtype", None)


def nothing_passed():
    return 1.5


def several(x, n, flag, text, f):
    return f(x) * n if flag and text == "a" else x


def of_tuple(p, q):
    return p.a * q[0][1] + p.b[0], q


def of_arrays(a, b):
    return np.sum(a * b), a[0, 1:] * 2.0, b.shape[0], "text", None


def of_pairs(x):
    return Pair(x, [x, (np.float32(2.0) * x, x > 1.0)])


def writes(a):
    a[0] = 2.0 * a[0]
    return a[0] * a[0]


def rest(x, *more, k=2.0):
    return x * k + more[0] if len(more) > 0 else x


CALLS = [
    (nothing_passed, ()),
    (several, (2.0, 3, True, "a", math.sin)),
    (several, (np.float32(2.0), 3, False, "b", math.sin)),
    (of_tuple, (Pair(2.0, B), ((1, 2.0), None))),
    (of_arrays, (A, B)),
    (of_arrays, (np.asfortranarray(A), B)),
    (of_arrays, (np.ones((4, 6))[::2, ::2], np.ones(6, np.float32)[::2])),
    (of_pairs, (1.5,)),
    (rest, (1.0, 2.0)),
    (rest, (1.0,)),
    (several, (np.float64(2.0), np.int32(3), True, "a", np.sin)),
]


@pytest.mark.parametrize(("function", "args"), CALLS, ids=lambda v: getattr(v, "__name__", ""))
@pytest.mark.parametrize("target", ["python", "cpu"])
def test_a_second_call_gives_the_same_without_a_search(function, args, target, slow):
    f = sg.differentiable(function, target=target)
    first = f(*args)
    slow.clear()
    assert same(f(*args), first)
    assert slow == []


@pytest.mark.parametrize("array", [B, A.T, np.ones((4, 4))[::2, ::2], np.ones(3, np.float32)], ids=lambda a: a.dtype)
def test_gradients_leave_arrays_as_they_are(array, slow):
    gradient = sg.grad(python(lambda a: np.sum(double(a))))
    before = array.copy()
    first = gradient(array)
    slow.clear()
    assert same(gradient(array), first)
    assert slow == []
    assert np.array_equal(array, before)


def double(a):
    a *= 2.0
    return a * a


OTHERS = [
    np.float64(2.0), np.float32(2.0), 2, np.int32(2), np.ones(3), np.ones(3, np.float32), np.ones((3, 3)),
    np.asfortranarray(np.ones((3, 3))), np.ones((6, 6))[::2, ::2], np.ones((1, 1)), np.ones(3, int), np.array(2.0),
    np.ones(3).view(type("Sub", (np.ndarray,), {})),
]  # fmt: skip


def test_pullbacks_and_tangents_find_their_version(slow):
    """Also where the function is called with others in between."""
    k = 2.0

    @python
    def f(x):
        return x * x * k

    for _ in range(2):
        for x in (3.0, np.float32(3.0), 3):
            assert sg.jvp(f, (x,), (None if isinstance(x, int) else x,))[0] == 18.0
            assert sg.vjp(f, x)[0] == 18.0
        k = 4.0
        assert sg.vjp(f, 3.0)[1](1.0) == (24.0,)
        k = 2.0
    assert sg.hvp(f, (3.0,), (1.0,)) == 4.0


def test_a_gradient_of_a_decorated_function_is_compiled_once():
    f = python(lambda x: x * x)
    assert sg.grad(f)(3.0) == f.grad(3.0) == 6.0
    assert sg.grad(f).callee is f._gradient(with_value=False).callee
    assert sg.grad(f, "x").callee is not sg.grad(f).callee
    with pytest.raises(sg.ArgumentError):
        sg.grad(f, [0])(3.0)


def test_arguments_of_other_types_find_their_own_version():
    """Whatever was called before."""
    f = python(lambda x: x * 2)
    alone = [python(lambda x: x * 2)(x) for x in OTHERS]
    for _ in range(2):
        for x, expected in zip(OTHERS, alone, strict=True):
            for _ in range(2):
                assert same(f(x), expected)


def test_values_that_versions_are_made_for():
    f = python(lambda x, how: x if how == "a" else (x * 2.0 if how else x * 3.0))
    for how, expected in [("a", 1.0), ("b", 2.0), (True, 2.0), (False, 3.0), (None, 3.0)] * 2:
        assert f(1.0, how) == expected


def test_arguments_by_name_and_defaults(slow):
    f = python(lambda x, y=2.0, z=3.0: x + 10.0 * y + 100.0 * z)
    assert f(1.0) == 321.0
    slow.clear()
    assert [f(1.0, z=4.0), f(y=1.0, x=2.0), f(1.0, 1.0), f(1.0, 1.0, 1.0)] == [421.0, 312.0, 311.0, 111.0]
    assert slow == []
    for args, kwargs in [((), {}), ((1.0,), {"x": 2.0}), ((1.0,), {"w": 2.0}), ((1.0,) * 4, {})]:
        with pytest.raises(TypeError):
            f(*args, **kwargs)


def test_more_arguments_are_not_one_tuple():
    f = python(lambda *xs: xs[0] * 2.0)
    assert [f(3.0), f(3.0)] == [6.0, 6.0]
    with pytest.raises(sg.SrcgradError):
        f((3.0,))


def test_what_is_outside_is_looked_at_in_every_call(slow):
    k, w = 2.0, np.ones(3)

    @python
    def f(x):
        return x * k * w[0]

    assert [f(1.0), f(1.0)] == [2.0, 2.0]
    k = 3.0
    assert [f(1.0), f(1.0)] == [3.0, 3.0]
    w = np.full(5, 2.0, np.float32)
    assert [f(1.0), f(1.0)] == [6.0, 6.0]
    k, w = 2.0, np.ones(3)
    assert [f(1.0), f(1.0)] == [2.0, 2.0]
    slow.clear()
    k = float("2.0")  # another object
    assert f(1.0) == 2.0
    assert slow == []


def test_a_method_of_a_captured_object_needs_no_new_version():
    class Model:
        def square(self, x):
            return x * x

        def energy(self, x):
            return self.square(x) * 2.0

    gradient = sg.grad(python(Model().energy))
    assert [gradient(1.0) for _ in range(3)] == [4.0] * 3
    assert [len(v) for v in gradient.callee.versions.values()] == [1]


def test_a_method_of_a_ufunc_needs_no_new_version():
    add = np.add

    @python
    def f(x):
        out = np.zeros(2)
        add.at(out, np.array([0, 0, 1]), x)
        return out

    assert [f(np.ones(3)).tolist() for _ in range(3)] == [[2.0, 1.0]] * 3
    assert [len(v) for v in f.callee.versions.values()] == [1]


def test_sizes_are_looked_at_in_every_call():
    f = python(lambda a, b: a + b)
    for shapes in [((3,), (3,)), ((3,), (1,)), ((1,), (3,)), ((3,), (3,))] * 2:
        a, b = map(np.ones, shapes)
        assert same(f(a, b), a + b)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"equal length|broadcast"):
            f(np.ones(3), np.ones(4))


@pytest.mark.parametrize("pure", [True, False])
def test_overlapping_arguments_are_refused_in_every_call(pure):
    @python
    def f(a, b):
        a[0] = b[1] * b[1]
        return a[0] * 2.0

    call = f.grad if pure else f
    data = np.ones(6)
    for _ in range(2):
        call(np.ones(3), np.ones(3))
        call(data[:3], data[3:])
        for a, b in [(data, data), (data[:3], data[1:4]), (data[::2], data[:3])]:
            with pytest.raises(sg.ArgumentError, match="share memory"):
                call(a, b)


def test_errors_of_the_function_pass():
    @sg.differentiable(boundscheck=True)
    def f(x, n):
        return x[n] * 2.0

    assert f(B, 1) == 4.0
    for _ in range(2):
        with pytest.raises(IndexError):
            f(B, 5)
    assert f(B, 1) == 4.0


def test_many_versions():
    """More than are tried quickly."""
    f = python(lambda *xs: sum(xs))
    for _ in range(2):
        for n in range(1, dispatch.KEPT + 4):
            assert f(*[1.0] * n) == n


@pytest.mark.parametrize("again", [copy.deepcopy, lambda f: cloudpickle.loads(cloudpickle.dumps(f))])
@pytest.mark.parametrize("make", [sg.grad, sg.jacrev, lambda f: f])
def test_copies_and_pickles_begin_anew(make, again):
    """What a version has looked at, and how, is the original's."""
    f = make(python(lambda x: x * x))
    first = f(3.0)
    other = again(f)
    assert other(3.0) == first
    assert same(other(np.float32(3.0)), f(np.float32(3.0)))

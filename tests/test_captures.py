"""Globals, closures, methods; where the source of a function comes from."""

import functools
import math
import sys
import types

import numpy as np
import pytest

import srcgrad as sg

SCALE = 2.0
COUNT = 3
FLAG = True
KIND = "square"
WEIGHTS = np.array([1.0, 2.0, 3.0])
PARAMETERS = (0.5, (2, np.array([1.0, 4.0])))
CONFIG = types.SimpleNamespace(rate=0.5, table=np.array([1.0, 2.0]))


def helper(x):
    return x * SCALE


def python(function):
    return sg.differentiable(function, target="python")


targets = pytest.mark.parametrize("target", ["python", "cpu"])


# -- globals -------------------------------------------------------------------------------------------------------


@targets
def test_a_global_scalar_is_read_at_every_call(target, monkeypatch):
    @sg.differentiable(target=target)
    def f(x):
        return SCALE * x * x

    assert (f(3.0), f.grad(3.0)) == (18.0, 12.0)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 5.0)
    assert (f(3.0), f.grad(3.0)) == (45.0, 30.0)
    assert sg.vjp(f, 3.0)[1](1.0) == (30.0,)
    assert sg.jvp(f, (3.0,), (1.0,)) == (45.0, 30.0)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.0)
    assert (f(3.0), f.grad(3.0)) == (18.0, 12.0)


@pytest.mark.parametrize(
    ("name", "value", "gradient"),
    [("COUNT", 2, 4.0), ("COUNT", 2.5, 5.0), ("FLAG", False, 100.0), ("KIND", "cube", 108.0)],
    ids=str,
)
def test_a_global_of_another_kind_is_read_at_every_call(name, value, gradient, monkeypatch):
    @python
    def f(x):
        if not FLAG:
            return 100.0 * x
        if KIND == "cube":
            return 9.0 * x * x * x
        return COUNT * x * x / 2.0

    assert f.grad(2.0) == 6.0
    monkeypatch.setattr(sys.modules[__name__], name, value)
    assert f.grad(2.0) == gradient


def test_a_scalar_that_becomes_an_array_and_back(monkeypatch):
    @python
    def f(x):
        return x * np.sum(SCALE * np.ones(2))

    assert f.grad(1.0) == 4.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", np.array([1.0, 10.0]))
    assert f.grad(1.0) == 11.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 2.0)
    assert f.grad(1.0) == 4.0


@targets
def test_a_global_array_changed_between_two_calls(target, monkeypatch):
    @sg.differentiable(target=target)
    def f(x):
        s = 0.0
        for i in range(WEIGHTS.shape[0]):
            s += WEIGHTS[i] * x * x
        return s

    original = WEIGHTS.copy()
    assert f.grad(1.0) == 12.0
    try:
        WEIGHTS[0] = 10.0
        assert (f(1.0), f.grad(1.0)) == (15.0, 30.0)
        assert sg.jvp(f, (1.0,), (1.0,)) == (15.0, 30.0)
    finally:
        WEIGHTS[:] = original
    for value in (np.ones(5), np.ones(10)[::2], np.ones(3, np.float32), np.array([7])):
        monkeypatch.setattr(sys.modules[__name__], "WEIGHTS", value)
        assert f.grad(1.0) == 2.0 * value.sum()


def test_a_global_tuple_with_an_array(monkeypatch):
    @python
    def f(x):
        k, (n, a) = PARAMETERS
        return k * x**n * a[1]

    assert f.grad(3.0) == 12.0
    monkeypatch.setattr(sys.modules[__name__], "PARAMETERS", (1.0, (3, np.array([0.0, 2.0]))))
    assert f.grad(3.0) == 54.0


def test_attributes_of_a_global_object(monkeypatch):
    @python
    def f(x):
        return CONFIG.rate * x * x * CONFIG.table[1]

    assert f.grad(1.0) == 2.0
    monkeypatch.setattr(CONFIG, "rate", 2.0)
    assert f.grad(1.0) == 8.0
    monkeypatch.setattr(CONFIG, "table", np.array([0.0, 10.0]))
    assert f.grad(1.0) == 40.0


def test_a_global_function_replaced_and_its_own_globals(monkeypatch):
    @python
    def f(x):
        return helper(x) * x

    module = sys.modules[__name__]
    assert f.grad(1.0) == 4.0
    monkeypatch.setattr(module, "SCALE", 3.0)
    assert f.grad(1.0) == 6.0
    monkeypatch.setattr(module, "helper", lambda x: x * x)
    assert f.grad(1.0) == 3.0
    monkeypatch.setattr(module, "helper", math.exp)
    assert f.grad(1.0) == pytest.approx(2.0 * math.e)


def test_default_values_changed_between_calls():
    def f(x, k=2.0):
        return k * x * x

    g = python(f)
    assert g.grad(1.0) == 4.0
    assert g.grad(1.0, 3.0) == 6.0


# -- closures ------------------------------------------------------------------------------------------------------


@targets
def test_a_closure_variable_is_read_at_every_call(target):
    k = 2.0

    @sg.differentiable(target=target)
    def f(x):
        return k * x * x

    gradient = sg.grad(f)
    assert gradient(1.0) == 4.0
    k = 3.0
    assert (f(1.0), gradient(1.0)) == (3.0, 6.0)


def test_a_closure_over_an_array_and_a_function():
    a = np.array([1.0, 2.0])
    square = lambda x: x * x  # noqa: E731

    @python
    def f(x):
        return square(x) * a[1]

    assert f.grad(3.0) == 12.0
    a[1] = 10.0
    assert f.grad(3.0) == 60.0
    a = np.array([0.0, 1.0, 0.0])
    assert f.grad(3.0) == 6.0
    square = lambda x: x  # noqa: E731
    assert f.grad(3.0) == 1.0


def test_functions_made_in_a_loop_do_not_share_versions():
    functions = []
    for k in range(3):

        def f(x, k=k):
            return x ** (k + 1)

        functions.append(python(f))
    assert [f.grad(2.0) for f in functions] == [1.0, 4.0, 12.0]


def make(k):
    @python
    def f(x):
        return k * x * x

    return f


def test_closures_of_one_function_do_not_share_versions():
    one, two = make(1.0), make(2.0)
    assert [one.grad(1.0), two.grad(1.0), one.grad(1.0)] == [2.0, 4.0, 2.0]


def test_inner_functions_lambdas_and_functions_as_arguments():
    def apply(g, x):
        return g(x) + g(2.0 * x)

    @python
    def f(x, g):
        k = x * x

        def inner(y):
            return k * y + SCALE

        return apply(inner, x) + apply(lambda y: g(y) * k, x)

    # k (3 x) + 4 + k (cos x + cos 2x)
    x, h = 0.7, 1e-6
    numeric = (f.py_func(x + h, math.cos) - f.py_func(x - h, math.cos)) / (2.0 * h)
    assert f.grad(x, math.cos) == pytest.approx(numeric, rel=1e-8)
    assert f.grad(x, np.cos) == pytest.approx(numeric, rel=1e-8)
    assert f.grad(x, lambda y: math.cos(y)) == pytest.approx(numeric, rel=1e-8)  # noqa: PLW0108


def test_a_function_that_is_not_defined_yet():
    @python
    def f(x):
        return later(x)

    with pytest.raises(sg.UnsupportedError, match="'later' has no value yet"):
        f(1.0)
    later = lambda x: x * x  # noqa: E731
    assert f.grad(3.0) == 6.0


# -- writing what is outside ---------------------------------------------------------------------------------------

WRITERS = {
    "global": "def f(x):\n    global G\n    G = x\n    return x * x\n",
    "global array": "def f(x):\n    A[0] = x\n    return x * A[0]\n",
    "global array in place": "def f(x):\n    A[0] += 1.0\n    return x * A[0]\n",
    "view of a global array": "def f(x):\n    row = A[1:]\n    row[0] = x\n    return x * A[1]\n",
    "attribute": "def f(x):\n    C.value = x\n    return x\n",
    "element of an attribute": "def f(x):\n    C.array[0] = x\n    return x\n",
    "helper that fills": "def g(a, x):\n    a[0] = x\ndef f(x):\n    g(A, x)\n    return x * A[0]\n",
    "list": "def f(x):\n    L.append(x)\n    return x\n",
    "dict": "def f(x):\n    D['a'] = x\n    return x\n",
    "whole array": "def f(x):\n    A[:] = x\n    return x * A[0]\n",
    "array method": "def f(x):\n    A.fill(x)\n    return x * A[0]\n",
    "array augmented": "def f(x):\n    B = A\n    B += x\n    return x * A[0]\n",
}


@pytest.mark.parametrize("name", WRITERS)
def test_writing_a_global_is_refused_at_its_line(name, define):
    scope = {"G": 1.0, "A": np.ones(3), "C": types.SimpleNamespace(array=np.ones(2)), "L": [], "D": {}}
    f = python(define(WRITERS[name], "f", **scope))
    for call in (f, f.grad):
        with pytest.raises(sg.UnsupportedError) as info:
            call(2.0)
        lines = [p.at.line for p in info.value.problems]
        assert lines, info.value
        assert set(lines) <= {2, 3, 5}, info.value
    assert scope["A"].tolist() == [1.0, 1.0, 1.0]
    assert (scope["L"], scope["D"], vars(scope["C"]).keys()) == ([], {}, {"array"})


def test_nonlocal_is_refused():
    count = 0

    @python
    def f(x):
        nonlocal count
        count += 1
        return x * x

    with pytest.raises(sg.UnsupportedError, match="cannot write a name of its surroundings"):
        f(1.0)


# -- methods and partial -------------------------------------------------------------------------------------------


class Spring:
    def __init__(self, stiffness):
        self.stiffness = stiffness
        self.rest = np.array([1.0, 2.0])

    def energy(self, x):
        s = 0.0
        for i in range(x.shape[0]):
            d = x[i] - self.rest[i]
            s += 0.5 * self.stiffness * self.square(d)
        return s

    def square(self, d):
        return d * d

    @sg.differentiable(target="python")
    def decorated(self, x):
        return self.stiffness * x * x

    @staticmethod
    def static(x):
        return x * x

    @classmethod
    def of_class(cls, x):
        return x * x * x


def test_bound_methods_with_attributes_of_self():
    spring, x = Spring(3.0), np.array([2.0, 5.0])
    gradient = sg.grad(python(spring.energy))
    assert gradient(x).tolist() == [3.0, 9.0]
    spring.stiffness = 1.0
    assert gradient(x).tolist() == [1.0, 3.0]
    spring.rest[0] = 0.0
    assert gradient(x).tolist() == [2.0, 3.0]
    assert sg.grad(python(Spring(2.0).energy))(x).tolist() == [2.0, 6.0]


def test_decorated_method():
    one, two = Spring(3.0), Spring(4.0)
    assert (one.decorated(2.0), two.decorated(2.0)) == (12.0, 16.0)
    assert (one.decorated.grad(2.0), two.decorated.grad(2.0)) == (12.0, 16.0)
    one.stiffness = 1.0
    assert one.decorated.grad(2.0) == 4.0
    assert sg.grad(one.decorated)(2.0) == 4.0
    assert Spring.decorated(one, 2.0) == 4.0


def test_static_and_class_methods():
    assert sg.grad(python(Spring.static))(3.0) == 6.0
    assert sg.grad(python(Spring.of_class))(2.0) == 12.0


def test_partial():
    """`functools.partial` fixes arguments, or is refused with what to do."""

    def f(x, k, *, n=1):
        return k * x**n

    try:
        g = sg.grad(functools.partial(f, k=3.0, n=2))
        assert g(2.0) == 12.0
    except sg.ArgumentError as error:
        assert "wrap the call in a def" in str(error)  # noqa: PT017


def test_partial_as_an_argument_or_a_global_works_or_is_refused():
    square = functools.partial(pow_of, n=2)

    @python
    def f(x):
        return square(x)

    try:
        assert f.grad(3.0) == 6.0
    except sg.UnsupportedError as error:
        assert error.problems[0].at.text().strip() == "return square(x)"  # noqa: PT017


def pow_of(x, n):
    return x**n


def test_callable_objects_are_refused():
    class Callable:
        def __call__(self, x):
            return x * x

    with pytest.raises(sg.ArgumentError, match="expected a Python function"):
        sg.grad(Callable())

"""The decorator and what it returns, and the functions that make derivatives: their options, arguments and results."""

import inspect
import math
import pickle
import subprocess
import sys

import cloudpickle
import numba
import numpy as np
import pytest

import srcgrad as sg


@sg.differentiable(target="python")
def weighted(x, w=2.0):
    """The weighted sum of squares."""
    s = 0.0
    for i in range(x.shape[0]):
        s += w * x[i] * x[i]
    return s


def product(a, b, c):
    return a * b * b * c * c * c


@numba.njit(fastmath=True, boundscheck=True)
def halves(x):
    return 0.5 * x * x


# -- the decorator -------------------------------------------------------------------------------------------------


def test_decorator_without_parentheses():
    @sg.differentiable
    def square(x):
        return x * x

    assert square(3.0) == 9.0
    assert square.grad(3.0) == 6.0


@pytest.mark.parametrize("options", [{}, {"fastmath": True, "boundscheck": True, "target": "python"}], ids=str)
def test_decorator_with_parentheses(options):
    @sg.differentiable(**options)
    def square(x):
        return x * x

    assert square(3.0) == 9.0
    assert square.value_and_grad(3.0) == (9.0, 6.0)


@pytest.mark.parametrize(
    "options",
    [{"target": "gpu"}, {"error_model": "fortran"}],
    ids=str,
)
def test_unavailable_option_is_refused(options):
    with pytest.raises(sg.ArgumentError) as info:
        sg.differentiable(**options)(product)

    assert next(iter(options)) in str(info.value).replace("error model", "error_model")
    assert "hint" in str(info.value)


def test_unknown_option_is_refused():
    with pytest.raises(TypeError):
        sg.differentiable(nopython=True)(product)


@pytest.mark.parametrize("thing", [math.sin, np.sin, 3.0, "text", print, None.__class__], ids=str)
def test_what_is_no_python_function_is_refused(thing):
    with pytest.raises(sg.ArgumentError, match="expected a Python function"):
        sg.grad(thing)


def test_keeps_name_doc_module_and_signature():
    assert weighted.__name__ == "weighted"
    assert weighted.__qualname__ == "weighted"
    assert weighted.__doc__ == "The weighted sum of squares."
    assert weighted.__module__ == __name__
    assert inspect.signature(weighted) == inspect.signature(weighted.py_func)
    assert str(inspect.signature(weighted)) == "(x, w=2.0)"
    assert str(inspect.signature(sg.grad(weighted))) == "(x, w=2.0)"
    assert "weighted" in repr(weighted)


def test_py_func_is_the_function():
    def square(x):
        return x * x

    assert sg.differentiable(square).py_func is square
    assert sg.differentiable(halves).py_func is halves.py_func


def test_signatures_grow_with_argument_types():
    f = sg.differentiable(product, target="python")
    assert f.signatures == []
    f(1.0, 2.0, 3.0)
    f(1.5, 2.5, 3.5)
    assert len(f.signatures) == 1
    f(np.float32(1.0), 2.0, 3)
    assert len(f.signatures) == 2


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_division_by_zero_follows_numpy_by_default(target):
    @sg.differentiable(target=target)
    def inverse(x):
        return 1.0 / x

    assert inverse(0.0) == math.inf
    assert inverse.grad(0.0) == -math.inf


def test_parallel_code_has_the_error_model_of_numpy():
    for lost in ({"error_model": "python"}, {"boundscheck": True}):
        with pytest.raises(sg.ArgumentError, match="errors on threads would be lost"):
            sg.differentiable(parallel=True, **lost)(halves.py_func)
    assert sg.differentiable(numba.njit(parallel=True)(halves.py_func)).options.error_model == "numpy"


def test_error_model_python_raises():
    @sg.differentiable(error_model="python")
    def inverse(x):
        return 1.0 / x

    with pytest.raises(ZeroDivisionError):
        inverse(0.0)


def test_dispatcher_keeps_its_options():
    f = sg.differentiable(halves)
    assert (f.options.fastmath, f.options.boundscheck) == (True, True)
    assert sg.differentiable(halves, fastmath=False).options.fastmath is False

    @numba.njit(error_model="python")
    def inverse(x):
        return 1.0 / x

    with pytest.raises(ZeroDivisionError):
        sg.differentiable(inverse)(0.0)
    with pytest.raises(ZeroDivisionError):
        sg.grad(inverse)(0.0)


def test_dispatcher_without_options_divides_as_it_did():
    @numba.njit
    def inverse(x):
        return 1.0 / x

    with pytest.raises(ZeroDivisionError):
        sg.differentiable(inverse)(0.0)


def test_decorating_twice_keeps_options():
    f = sg.differentiable(sg.differentiable(product, fastmath=True, boundscheck=True), fastmath=False)
    assert (f.options.fastmath, f.options.boundscheck) == (False, True)


def test_dispatcher_is_differentiated():
    assert sg.grad(halves)(3.0) == 3.0
    assert sg.differentiable(halves).grad(3.0) == 3.0
    assert sg.vjp(halves, 3.0)[1](2.0) == (6.0,)
    assert sg.jvp(halves, (3.0,), (2.0,)) == (4.5, 6.0)


def test_boundscheck_raises_index_error():
    @sg.differentiable(boundscheck=True)
    def beyond(x, n):
        s = 0.0
        for i in range(n):
            s += x[i] * x[i]
        return s

    x = np.arange(3.0)
    np.testing.assert_array_equal(beyond.grad(x, 3), 2.0 * x)
    for call in (beyond, beyond.grad, sg.jvp):
        with pytest.raises(IndexError):
            call(beyond, (x, 4), (x, None)) if call is sg.jvp else call(x, 4)
    with pytest.raises(IndexError):
        sg.vjp(beyond, x, 4)


# -- pickling, and calls from compiled code ------------------------------------------------------------------------


@pytest.mark.parametrize("module", [pickle, cloudpickle], ids=lambda m: m.__name__)
def test_pickle_of_a_function_of_a_module(module):
    again = module.loads(module.dumps(weighted))
    assert again is weighted


def test_cloudpickle_of_a_closure():
    power = 3

    @sg.differentiable(target="python", boundscheck=True)
    def f(x):
        return x**power

    again = cloudpickle.loads(cloudpickle.dumps(f))
    assert again.grad(2.0) == f.grad(2.0) == 12.0
    assert again.options == f.options
    assert again.__name__ == "f"


def test_cloudpickle_after_calls():
    f = sg.differentiable(lambda x: x * x)
    assert f.grad(3.0) == 6.0
    assert cloudpickle.loads(cloudpickle.dumps(f)).grad(3.0) == 6.0


def test_cloudpickle_into_a_process_without_the_file(tmp_path):
    path = tmp_path / "gone.py"
    path.write_text("def cube(x):\n    return x * x * x\n")
    namespace = {"__name__": "__main__"}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    f = sg.differentiable(namespace["cube"], target="python")
    data = cloudpickle.dumps(f)
    path.unlink()

    code = "import sys, pickle; print(pickle.loads(bytes.fromhex(sys.argv[1])).grad(2.0))"
    done = subprocess.run([sys.executable, "-c", code, data.hex()], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.stdout.strip() == "12.0", done.stderr


def test_call_from_njit():
    @sg.differentiable
    def energy(x, k):
        s = 0.0
        for i in range(x.shape[0]):
            s += k * x[i] * x[i]
        return s

    @numba.njit
    def total(x):
        s = 0.0
        for k in range(3):
            s += energy(x, k * 1.0)
        return s

    assert total(np.array([1.0, 2.0])) == 15.0


def test_call_from_differentiable():
    inner = sg.differentiable(lambda x: x * x * x, target="python")

    @sg.differentiable(target="python")
    def outer(x):
        return inner(x) + inner(2.0 * x)

    assert outer(1.0) == 9.0
    assert outer.grad(1.0) == 27.0


def test_call_of_njit_from_differentiable():
    @sg.differentiable
    def outer(x):
        return halves(x) * x

    assert outer.value_and_grad(2.0) == (4.0, 6.0)


# -- argnums, has_aux, keywords ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argnums", "positions"),
    [
        (0, 0), (1, 1), (2, 2), (-1, 2), (-3, 0), ("a", 0), ("c", 2),
        ((0,), (0,)), ((0, 2), (0, 2)), ((2, 0), (2, 0)), (("b", -1, 0), (1, 2, 0)),
    ],
    ids=str,
)  # fmt: skip
def test_argnums(argnums, positions):
    args = (2.0, 3.0, 5.0)
    every = (9.0 * 125.0, 2.0 * 6.0 * 125.0, 2.0 * 9.0 * 75.0)
    expected = tuple(every[p] for p in positions) if isinstance(positions, tuple) else every[positions]
    f = sg.differentiable(product, target="python")

    assert sg.grad(f, argnums=argnums)(*args) == expected
    assert sg.value_and_grad(f, argnums)(*args) == (product(*args), expected)


@pytest.mark.parametrize("argnums", [3, -4, "d", (0, 3), (0, 0), (0, "a"), (0, -3), 1.0, None, True, [0]], ids=str)
def test_wrong_argnums_are_refused(argnums):
    with pytest.raises(sg.ArgumentError):
        sg.grad(sg.differentiable(product, target="python"), argnums=argnums)(2.0, 3.0, 5.0)


def test_has_aux():
    def f(x, n):
        y = x * x
        return y, (n + 1, "label", y * 2.0, np.array([y, x]))

    f = sg.differentiable(f, target="python")
    gradient, (n, label, twice, array) = sg.grad(f, has_aux=True)(3.0, 4)
    assert (gradient, n, label, twice, array.tolist()) == (6.0, 5, "label", 18.0, [9.0, 3.0])
    (value, aux), gradient = sg.value_and_grad(f, has_aux=True)(3.0, 4)
    assert (value, gradient, aux[:3]) == (9.0, 6.0, (5, "label", 18.0))


@pytest.mark.parametrize("count", [1, 3], ids=str)
def test_has_aux_expects_a_pair(count):
    @sg.differentiable(target="python")
    def f(x):
        return x * x if count == 1 else (x, x, x)

    with pytest.raises(sg.NonScalarError, match="must return a pair"):
        sg.grad(f, has_aux=True)(3.0)


def test_has_aux_expects_a_float_first():
    with pytest.raises(sg.NonScalarError):
        sg.grad(sg.differentiable(lambda x: (2, x), target="python"), has_aux=True)(3.0)


def test_keywords_and_defaults():
    x = np.array([1.0, 2.0])
    assert weighted(x) == weighted(x=x) == weighted(w=2.0, x=x) == 10.0
    np.testing.assert_array_equal(weighted.grad(x), 4.0 * x)
    np.testing.assert_array_equal(weighted.grad(x, w=3.0), 6.0 * x)
    np.testing.assert_array_equal(sg.grad(weighted)(w=3.0, x=x), 6.0 * x)
    assert sg.grad(weighted, argnums="w")(x) == 5.0
    assert sg.grad(weighted, argnums=1)(x=x) == 5.0
    assert weighted.value_and_grad(x, w=1.0)[0] == 5.0


def test_keyword_only_and_positional_only():
    @sg.differentiable(target="python")
    def f(x, /, y, *, z=3.0):
        return x * y * z

    assert f(1.0, 2.0) == 6.0
    assert f.grad(1.0, y=2.0, z=5.0) == 10.0
    assert sg.grad(f, argnums=("y", "z"))(1.0, 2.0) == (3.0, 2.0)


@pytest.mark.parametrize("args", [(), (1.0, 2.0, 3.0)], ids=str)
def test_call_that_does_not_fit_is_a_type_error(args):
    with pytest.raises(TypeError):
        weighted(*args)
    with pytest.raises(TypeError):
        weighted.grad(*args)
    with pytest.raises(TypeError):
        weighted(np.ones(2), nonsense=1.0)


# -- vjp and jvp ---------------------------------------------------------------------------------------------------


def squares(x, k):
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        out[i] = k * x[i] * x[i]
    return out


def test_vjp_and_jvp_as_functions_and_methods():
    f, x = sg.differentiable(squares, target="python"), np.array([1.0, 2.0, -3.0])
    seed = np.array([1.0, 0.5, 2.0])
    for y, pullback in (sg.vjp(f, x, 2.0), f.vjp(x, 2.0)):
        np.testing.assert_array_equal(y, 2.0 * x * x)
        bx, bk = pullback(seed)
        np.testing.assert_array_equal(bx, 4.0 * x * seed)
        assert bk == seed @ (x * x)
    for y, dy in (sg.jvp(f, (x, 2.0), (seed, 1.0)), f.jvp((x, 2.0), (seed, 1.0))):
        np.testing.assert_array_equal(y, 2.0 * x * x)
        np.testing.assert_array_equal(dy, 4.0 * x * seed + x * x)


def test_undecorated_function():
    x = np.array([1.0, 2.0])
    assert sg.vjp(squares, x, 1.0)[1](np.ones(2))[1] == 5.0
    assert sg.jvp(squares, (x, 1.0), (np.zeros(2), 1.0))[1].tolist() == [1.0, 4.0]


def test_vjp_and_jvp_fill_in_defaults():
    y, pullback = sg.vjp(weighted, np.ones(2))
    assert (y, len(pullback(1.0))) == (4.0, 1)  # one cotangent for each argument that was given
    assert sg.jvp(weighted, (np.ones(2),), (np.ones(2),)) == (4.0, 8.0)

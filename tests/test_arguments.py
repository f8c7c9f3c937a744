"""Arguments and results: dtypes, layouts, tuples, what has no derivative, and what is refused."""

from collections import namedtuple
from typing import NamedTuple

import numpy as np
import pytest

import srcgrad as sg

from . import laws


class Pair(NamedTuple):
    value: float
    weights: np.ndarray


Nested = namedtuple("Nested", ["first", "rest"])


def sum_of_squares(x):
    s = 0.0
    for v in x:
        s += v * v
    return s


def grid_energy(a, k):
    """Reads and writes every element of a matrix, and returns it with a number."""
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += k * a[i, j] * a[i - 1, j]
            a[i, j] = a[i, j] * s
    return s, a


def python(function):
    return sg.differentiable(function, target="python")


targets = pytest.mark.parametrize("target", ["python", "cpu"])


# -- layouts -------------------------------------------------------------------------------------------------------


def layouts():
    values = np.linspace(0.2, 1.3, 12)
    square = values.reshape(3, 4)
    wide = np.zeros((6, 8))
    wide[::2, ::2] = square
    read_only = square.copy()
    read_only.flags.writeable = False
    return {
        "C": square,
        "Fortran": np.asfortranarray(square),
        "transposed": values.reshape(4, 3).T,
        "strided": wide[::2, ::2],
        "negative rows": square[::-1].copy()[::-1],
        "negative columns": square[:, ::-1],
        "broadcast": np.broadcast_to(values[:4], (3, 4)),
        "read-only": read_only,
        "no rows": np.zeros((0, 4)),
        "no columns": np.zeros((3, 0)),
        "one element": np.full((1, 1), 0.7),
        "float32": square.astype(np.float32),
        "float32 Fortran": np.asfortranarray(square.astype(np.float32)),
        "unaligned base": np.concatenate([[0.0], values])[1:].reshape(3, 4),
    }


@targets
@pytest.mark.parametrize("name", layouts())
def test_layout_of_a_matrix(name, target, rng):
    """The laws, with gradients of the argument's shape and dtype; the function overwrites its argument."""
    if target == "cpu" and name not in ("C", "transposed", "negative columns", "read-only", "no rows", "float32"):
        pytest.skip("compiled for a selection")
    f, args = sg.differentiable(grid_energy, target=target), (layouts()[name], 0.5)
    laws.check_adjoint_identity(f, args, rng)
    laws.check_purity(f, args, rng)
    y, pullback = sg.vjp(f, *args)
    np.testing.assert_allclose(y[0], grid_energy(np.array(args[0]), 0.5)[0], rtol=1e-5)
    ba, bk = pullback((1.0, np.zeros_like(y[1])))
    assert ba.shape == args[0].shape
    assert ba.dtype == args[0].dtype
    assert isinstance(bk, float)
    if not name.startswith("float32"):
        laws.check_tangent_against_differences(f, args, rng)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (2, 3), (2, 0, 3), (2, 1, 3), (2, 2, 2, 2)], ids=str)
def test_rank_and_empty_arrays(shape):
    @sg.differentiable(target="python")
    def f(x):
        s = 0.0
        for index in np.ndindex(x.shape):
            s += x[index] * x[index]
        return s

    x = np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)
    gradient = sg.grad(f)(x)
    assert isinstance(gradient, np.ndarray)
    assert gradient.shape == shape
    np.testing.assert_array_equal(gradient, 2.0 * x)


@targets
def test_zero_dimensional_array(target):
    @sg.differentiable(target=target)
    def f(x):
        return x[()] * x[()]

    gradient = sg.grad(f)(np.array(3.0))
    assert (gradient.shape, float(gradient)) == ((), 6.0)
    assert float(sg.jvp(f, (np.array(3.0),), (np.array(2.0),))[1]) == 12.0


def test_seed_and_tangent_in_any_layout():
    @sg.differentiable(target="python")
    def f(x):
        out = np.empty_like(x)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                out[i, j] = x[i, j] * x[i, j]
        return out

    x = np.arange(6.0).reshape(2, 3)
    pullback = sg.vjp(f, x)[1]
    seed = np.arange(12.0).reshape(3, 4)[:, ::2].T
    for given in (seed, np.asfortranarray(seed), seed.copy(), seed.astype(np.float32), seed.astype(int)):
        np.testing.assert_array_equal(pullback(given)[0], 2.0 * x * seed)
        np.testing.assert_array_equal(sg.jvp(f, (x,), (given,))[1], 2.0 * x * seed)


# -- float32 -------------------------------------------------------------------------------------------------------


@targets
def test_float32_array_has_a_float32_gradient(target):
    @sg.differentiable(target=target)
    def f(x):
        s = np.float32(0.0)
        for i in range(x.shape[0]):
            s += 0.5 * x[i] * x[i]
        return s

    x = np.array([1.0, 2.0, 3.0], np.float32)
    value, gradient = sg.value_and_grad(f)(x)
    assert isinstance(value, np.float32)
    assert gradient.dtype == np.float32
    np.testing.assert_array_equal(gradient, x)


def test_float32_scalar_argument_has_a_float32_gradient():
    f = python(lambda x, y: x * y)
    bx, by = sg.grad(f, argnums=(0, 1))(np.float32(2.0), 3.0)
    assert isinstance(bx, np.float32)
    assert type(by) is float
    assert (bx, by) == (3.0, 2.0)


@pytest.mark.parametrize("number", [2.0, np.float64(2.0), np.float32(2.0)], ids=lambda x: type(x).__name__)
def test_float_scalars(number):
    assert sg.grad(python(lambda x: x * x * x))(number) == 12.0


# -- what has no derivative ----------------------------------------------------------------------------------------


def test_none_where_there_is_no_derivative():
    def f(x, n, flag, kind, index, mask, nothing, pair):
        y = x * n if flag else x
        if kind == "double":
            y *= 2.0
        if nothing is None and mask[0]:
            y *= index[1]
        return y * pair[0] * pair[1]

    args = (1.5, 3, True, "double", np.array([1, 2]), np.array([True]), None, (2, 5.0))
    y, pullback = sg.vjp(python(f), *args)
    assert y == 180.0
    bx, *rest = pullback(1.0)
    assert bx == 120.0
    assert rest == [None, None, None, None, None, None, (None, 36.0)]
    y, dy = sg.jvp(python(f), args, (1.0, None, None, None, None, None, None, (None, 1.0)))
    assert dy == 120.0 + 36.0


@pytest.mark.parametrize("extra", [3, True, "text", np.array([1]), None, (1, "a")], ids=str)
def test_gradient_with_respect_to_what_has_no_derivative_is_refused(extra):
    f = python(lambda x, other: x * x)
    assert sg.grad(f)(2.0, extra) == 4.0
    for argnums in (1, "other", (0, 1)):
        with pytest.raises(sg.ArgumentError, match="cannot be differentiated with respect to 'other'"):
            sg.grad(f, argnums=argnums)(2.0, extra)


def test_integer_argument_gets_a_hint():
    with pytest.raises(sg.ArgumentError, match="which is an int") as info:
        sg.grad(python(lambda x: x * x * 1.0))(3)
    assert "hint: pass a float" in str(info.value)
    with pytest.raises(sg.ArgumentError, match="array of int64"):
        sg.grad(python(lambda x: x[0] * 1.0))(np.array([3]))


def test_tangent_of_an_integer_must_be_none():
    f = python(lambda x, n: x * n)
    with pytest.raises(sg.ArgumentError, match="must be None"):
        sg.jvp(f, (2.0, 3), (1.0, 1.0))
    with pytest.raises(sg.ArgumentError, match="is None"):
        sg.jvp(f, (2.0, 3), (None, None))


@pytest.mark.parametrize("tangents", [(), (1.0,), (1.0, None, None), (np.ones(2), None), (1.0, 1)], ids=str)
def test_tangents_that_do_not_fit_are_refused(tangents):
    with pytest.raises(sg.ArgumentError):
        sg.jvp(python(lambda x, n: x * n), (2.0, 3), tangents)


@pytest.mark.parametrize("seed", [1.0, np.ones(3), np.ones((2, 1)), None, "a", (np.ones(2),), 1j], ids=str)
def test_cotangents_that_do_not_fit_are_refused(seed):
    _, pullback = sg.vjp(python(lambda x: x * 2.0 * np.array([1.0, 2.0])), 3.0)
    with pytest.raises(sg.ArgumentError):
        pullback(seed)


def test_tangent_of_another_shape_is_refused():
    f = python(sum_of_squares)
    for tangent in (np.ones(3), np.ones((2, 1)), 1.0, None):
        with pytest.raises(sg.ArgumentError):
            sg.jvp(f, (np.ones(2),), (tangent,))


# -- results that cannot be differentiated -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x, x),
        lambda x: np.array([x, x]),
        lambda x: "text",
        lambda x: 3,
        lambda x: x > 0.0,
    ],
    ids=["tuple", "array", "string", "int", "bool"],
)
def test_gradient_of_what_is_no_float_is_refused(function):
    with pytest.raises(sg.NonScalarError, match="grad expects a function that returns"):
        sg.grad(python(function))(2.0)
    with pytest.raises(sg.NonScalarError):
        sg.value_and_grad(python(function))(2.0)


@pytest.mark.parametrize(
    "argument",
    [[1.0], {"a": 1.0}, {1.0}, 1j, np.ones(2, complex), np.ones(2, ">f8"), np.array(["a"]), np.ones(2, np.float16)],
    ids=lambda a: f"{type(a).__name__} {getattr(a, 'dtype', '')}",
)
def test_arguments_that_are_not_supported_are_refused(argument):
    with pytest.raises(sg.ArgumentError, match="'x' is"):
        sg.grad(python(lambda x: 1.0))(argument)


# -- tuples --------------------------------------------------------------------------------------------------------


def test_nested_tuples_and_namedtuples():
    def f(model, scale):
        (u, n), rest = model.first, model.rest
        s = u * n * rest.value
        for i in range(rest.weights.shape[0]):
            s += rest.weights[i] * rest.weights[i] * scale
        return s

    model = Nested((2.0, 3), Pair(5.0, np.array([1.0, 2.0])))
    for target in ("python", "cpu"):
        gradient = sg.grad(sg.differentiable(f, target=target))(model, 2.0)
        assert isinstance(gradient, Nested)
        assert gradient.first == (15.0, None)
        assert isinstance(gradient.rest, Pair)
        assert gradient.rest.value == 6.0
        assert gradient.rest.weights.tolist() == [4.0, 8.0]
    tangents = Nested((1.0, None), Pair(0.0, np.zeros(2)))
    assert sg.jvp(python(f), (model, 2.0), (tangents, 0.0))[1] == 15.0


def test_namedtuples_as_results():
    def f(x, n):
        return Pair(x * x, np.array([x, 2.0 * x])), (n, Nested(x, (x, "label")))

    y, pullback = sg.vjp(python(f), 3.0, 4)
    assert isinstance(y[0], Pair)
    assert isinstance(y[1][1], Nested)
    assert y[1][1] == (3.0, (3.0, "label"))
    assert pullback((Pair(1.0, np.array([10.0, 100.0])), (None, Nested(0.5, (0.25, None)))))[0] == 6.0 + 210.0 + 0.75
    dy = sg.jvp(python(f), (3.0, 4), (1.0, None))[1]
    assert isinstance(dy[0], Pair)
    assert dy[1] == (None, Nested(1.0, (1.0, None)))


@pytest.mark.parametrize("seed", [(1.0,), (1.0, 2.0, 3.0), 1.0, None, (1.0, (2.0,)), (1.0, None)], ids=str)
def test_cotangent_of_another_structure_is_refused(seed):
    _, pullback = sg.vjp(python(lambda x: (x, x * x)), 3.0)
    with pytest.raises(sg.ArgumentError):
        pullback(seed)


def test_empty_tuples():
    f = python(lambda x, extra: (x * x, ()))
    assert sg.vjp(f, 3.0, ())[1]((1.0, ())) == (6.0, ())


# -- constants and unused arguments --------------------------------------------------------------------------------


@targets
def test_unused_arguments_have_zero_gradients_of_their_shape(target):
    @sg.differentiable(target=target)
    def f(x, unused, scalar, pair):
        return x * x

    args = (3.0, np.ones((2, 3), np.float32), 2.0, (1.0, np.ones(2)))
    bx, unused, scalar, (u, v) = sg.grad(f, argnums=(0, 1, 2, 3))(*args)
    assert (bx, scalar, u) == (6.0, 0.0, 0.0)
    assert (unused.shape, unused.dtype, unused.any()) == ((2, 3), np.float32, False)
    assert v.tolist() == [0.0, 0.0]
    assert sg.vjp(f, *args)[1](1.0)[1].shape == (2, 3)


@targets
def test_constant_functions(target):
    f = sg.differentiable(lambda x: 2.0, target=target)
    assert sg.value_and_grad(f)(np.ones((2, 2)))[0] == 2.0
    assert sg.grad(f)(np.ones((2, 2))).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert sg.vjp(f, 1.0)[1](5.0) == (0.0,)
    assert sg.jvp(f, (1.0,), (5.0,)) == (2.0, 0.0)


def test_an_argument_itself_as_result():
    def f(x, a):
        a[0] *= x
        return a, x, a

    y, pullback = sg.vjp(python(f), 3.0, np.array([1.0, 2.0]))
    assert [list(y[0]), y[1], list(y[2])] == [[3.0, 2.0], 3.0, [3.0, 2.0]]
    bx, ba = pullback((np.array([1.0, 10.0]), 100.0, np.array([1000.0, 0.0])))
    assert bx == 1.0 + 100.0 + 1000.0
    assert ba.tolist() == [3003.0, 10.0]

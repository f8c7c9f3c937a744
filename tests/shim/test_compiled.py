"""Compiled functions called with tensors: nodes of the graph."""

import threading
from collections import namedtuple

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.shim as torch

TARGET = "python"  # the generated text as it is; what Numba makes of it is tested elsewhere, and once below


def differentiable(function):
    return sg.differentiable(target=TARGET)(function)


@differentiable
def energy(x, k):
    e = 0.0
    for i in range(1, x.shape[0]):
        d = x[i] - x[i - 1]
        e += 0.5 * k[i] * d * d
    return e


@differentiable
def scaled(x, s):
    for i in range(x.shape[0]):
        x[i] = x[i] * x[i] * s
    return x.sum()


@differentiable
def several(x, n):
    y = np.empty_like(x)
    s = 0.0
    for i in range(x.shape[0]):
        y[i] = np.sin(x[i]) * n
        s += y[i] * x[i]
    return y, s, n + 1


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


def numeric(function, array, eps=1e-6):
    """Central differences of a number with respect to an array."""
    out = np.zeros_like(array)
    for k in np.ndindex(array.shape):
        at = array[k]
        array[k] = at + eps
        up = function(array)
        array[k] = at - eps
        out[k] = (up - function(array)) / (2 * eps)
        array[k] = at
    return out


def test_one_node():
    x, k = leaf(0.0, 1.0, 3.0), leaf(1.0, 2.0, 3.0)
    y = energy(x, k)
    assert repr(y) == "tensor(7., dtype=torch.float64, grad_fn=<energyBackward>)"
    assert [type(n).__name__ for n, _ in y.grad_fn.next_functions] == ["AccumulateGrad"] * 2
    y.backward()
    expected = sg.grad(energy, argnums=(0, 1))(x.detach().numpy(), k.detach().numpy())
    assert x.grad.numpy().tolist() == expected[0].tolist()
    assert k.grad.numpy().tolist() == expected[1].tolist()


def test_compiled_by_numba():
    f = sg.differentiable(energy.py_func)
    x = leaf(0.0, 1.0, 3.0)
    f(x, np.ones(3)).backward()
    assert x.grad.tolist() == [-1.0, -1.0, 2.0]
    with torch.no_grad():
        assert f(x, np.ones(3)).item() == 2.5


def test_only_the_primal_runs_without_gradients():
    f = sg.differentiable(target=TARGET)(energy.py_func)
    x = leaf(0.0, 1.0)
    with torch.no_grad():
        y = f(x, torch.ones(2, dtype=torch.float64))
    assert not y.requires_grad
    assert not f(x.detach(), np.ones(2)).requires_grad
    assert {kind for v in f.callee.versions.values() for kind in v[0]._kernels} == {"primal"}
    assert not f.callee._gradients


def test_gradients_of_what_needs_them_only():
    x, k = leaf(0.0, 1.0, 3.0), torch.ones(3, dtype=torch.float64)
    y = energy(x, k)
    (version,) = energy.callee.active_in(("x",)).versions[next(iter(energy.callee.active_in(("x",)).versions))]
    assert "bk" not in version._texts["reverse"].printed.text
    y.backward()
    assert x.grad.tolist() == [-1.0, -1.0, 2.0]
    assert k.grad is None


def test_float32_stays_float32():
    x = leaf(0.0, 1.0, dtype=torch.float32)
    y = energy(x, torch.ones(2))
    assert y.dtype.numpy == np.asarray(energy(np.zeros(2, np.float32), np.ones(2, np.float32))).dtype
    y.backward()
    assert x.grad.dtype == torch.float32


def test_several_results():
    x = leaf(0.5, 1.5)
    y, s, n = several(x, 3)
    assert n == 4
    assert isinstance(n, int)
    assert (y.grad_fn is s.grad_fn, y.output_nr, s.output_nr) == (True, 0, 1)
    (y.sum() + 2 * s).backward()

    def f(a):
        y, s, _ = several.py_func(a, 3)
        return float(y.sum() + 2 * s)

    assert np.allclose(x.grad.numpy(), numeric(f, np.array([0.5, 1.5])))


def test_unused_result_counts_as_zero():
    x = leaf(0.5, 1.5)
    _, s, _ = several(x, 3)
    s.backward()
    f = lambda a: float(several.py_func(a, 3)[1])  # noqa: E731
    assert np.allclose(x.grad.numpy(), numeric(f, np.array([0.5, 1.5])))


Pair = namedtuple("Pair", "a b")


def test_tuples_and_numbers_as_arguments():
    @differentiable
    def f(p, c, flag, scale=2.0):
        s = p.a * scale if flag else p.a
        for i in range(p.b.shape[0]):
            s += p.b[i] * c[0] * c[1][i]
        return Pair(s, p.b * 2.0)

    a, b, c = torch.tensor(3.0, dtype=torch.float64, requires_grad=True), leaf(1.0, 2.0), leaf(4.0, 5.0)
    out = f(Pair(a, b), (10.0, c), True, scale=torch.tensor(0.5, dtype=torch.float64))
    assert isinstance(out, Pair)
    assert out.a.item() == 3.0 * 0.5 + 10.0 * (4.0 + 10.0)
    (out.a + out.b.sum()).backward()
    assert a.grad.item() == 0.5
    assert b.grad.tolist() == [42.0, 52.0]
    assert c.grad.tolist() == [10.0, 20.0]


def test_captured_arrays_are_constants():
    weights = np.array([1.0, 2.0])

    @differentiable
    def f(x):
        s = 0.0
        for i in range(x.shape[0]):
            s += weights[i] * x[i] * x[i]
        return s

    x = leaf(3.0, 4.0)
    f(x).backward()
    assert x.grad.tolist() == [6.0, 16.0]
    weights[0] = 10.0
    assert f(x.detach()).item() == 90.0 + 32.0


def test_in_a_larger_graph():
    x = leaf(0.0, 1.0, 3.0)
    hidden = torch.sin(x) * 2
    (energy(hidden, torch.ones(3, dtype=torch.float64)) ** 2).backward()
    f = lambda a: float(energy.py_func(np.sin(a) * 2, np.ones(3)) ** 2)  # noqa: E731
    assert np.allclose(x.grad.numpy(), numeric(f, np.array([0.0, 1.0, 3.0])))


# -- each node owns its tape -------------------------------------------------------------------------------------------


def test_an_optimiser_may_step_in_between():
    x, k = leaf(0.0, 1.0, 3.0), leaf(1.0, 2.0, 3.0)
    expected = sg.grad(energy, argnums=(0, 1))(x.detach().numpy().copy(), k.detach().numpy().copy())
    y = energy(x, k)
    with torch.no_grad():
        x.mul_(17.0)
        k.zero_()
    y.backward()
    assert x.grad.tolist() == expected[0].tolist()
    assert k.grad.tolist() == expected[1].tolist()


def test_results_may_be_overwritten():
    @differentiable
    def f(x):
        return np.exp(x)

    x = leaf(0.0, 1.0)
    y = f(x)
    with torch.no_grad():
        y.mul_(100.0)
    y.sum().backward()
    assert np.allclose(x.grad.numpy(), np.exp([0.0, 1.0]))


def test_two_graphs_alive():
    x = leaf(0.0, 1.0, 3.0)
    first = energy(x, np.ones(3))
    second = energy(x * 2, np.full(3, 5.0))
    second.backward(retain_graph=True)
    after_second = x.grad.clone()
    first.backward()
    assert (x.grad - after_second).tolist() == [-1.0, -1.0, 2.0]
    second.backward()
    assert (x.grad - after_second).tolist() == (after_second + torch.tensor([-1.0, -1.0, 2.0])).tolist()


def test_backward_twice():
    x = leaf(0.0, 1.0)
    y = energy(x, np.ones(2))
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_from_threads():
    x = leaf(*np.linspace(0.0, 1.0, 20))
    expected = sg.grad(energy)(x.detach().numpy(), np.ones(20))
    wrong = []

    def work():
        for _ in range(20):
            (g,) = torch.autograd.grad(energy(x, np.ones(20)), x)
            if g.tolist() != expected.tolist():
                wrong.append(g)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


# -- memory is shared by nobody unknown --------------------------------------------------------------------------------


def test_a_returned_argument_is_a_copy():
    @differentiable
    def f(x, y):
        return x, y[1:]

    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    a, b = f(x, y)
    with torch.no_grad():
        a.zero_()
        b.zero_()
    assert x.tolist() == [1.0, 2.0]
    assert y.tolist() == [3.0, 4.0]
    (a.sum() + b.sum()).backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([1.0, 1.0], [0.0, 1.0])
    with torch.no_grad():
        a, _ = f(x, y)
        a.zero_()
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("make", [lambda: leaf(1.0, 2.0), lambda: leaf(1.0, 2.0, 3.0)[:2]], ids=["leaf", "view"])
def test_writing_a_leaf_is_refused(make):
    x = make()
    before = x.tolist()
    with pytest.raises(
        RuntimeError, match=r"a (view of a )?leaf Variable that requires grad is being used in an in-place"
    ):
        scaled(x, 2.0)
    assert x.tolist() == before
    assert x._version == 0


def test_writing_without_gradients_counts_as_a_write():
    x, other = torch.tensor([1.0, 2.0], dtype=torch.float64), leaf(1.0, 1.0)
    product = x * other
    assert scaled(x, 2.0).item() == 10.0
    assert (x.tolist(), x._version) == ([2.0, 8.0], 1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()


def test_writing_a_leaf_under_no_grad():
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        scaled(x, 2.0)
    assert (x.tolist(), x._version, x.requires_grad) == ([2.0, 8.0], 1, True)


def test_writing_what_was_computed_is_followed():
    w = leaf(1.0, 2.0)
    x = w * 3
    s = scaled(x, 2.0)
    assert x.tolist() == [18.0, 72.0]
    assert x._version == 1
    assert x.grad_fn is s.grad_fn
    (x * x + s).sum().backward()

    def f(a):
        b = a * 3
        t = scaled.py_func(b, 2.0)
        return float((b * b + t).sum())

    assert np.allclose(w.grad.numpy(), numeric(f, np.array([1.0, 2.0])))


def test_writing_a_view_writes_its_base():
    w = leaf(1.0, 2.0, 3.0, 4.0)
    base = w * 1.0
    part, other = base[1:3], base[2:]
    scaled(part, w[0])
    assert base.tolist() == [1.0, 4.0, 9.0, 4.0]
    (other * base.sum()).sum().backward()

    def f(a):
        b = a * 1.0
        scaled.py_func(b[1:3], a[0])
        return float((b[2:] * b.sum()).sum())

    assert np.allclose(w.grad.numpy(), numeric(f, np.array([1.0, 2.0, 3.0, 4.0])))


def test_writing_into_a_tensor_that_needed_no_gradient():
    @differentiable
    def fill(out, x):
        for i in range(x.shape[0]):
            out[i] = x[i] * x[i]

    out, x = torch.zeros(2, dtype=torch.float64), leaf(3.0, 4.0)
    assert fill(out, x) is None
    assert out.requires_grad
    out.sum().backward()
    assert x.grad.tolist() == [6.0, 8.0]
    array = np.zeros(2)
    fill(array, x)
    assert array.tolist() == [9.0, 16.0]


def test_a_saved_tensor_that_compiled_code_overwrites_is_noticed():
    w = leaf(1.0, 2.0)
    x = w * 3
    y = x * x
    scaled(x, 2.0)
    with pytest.raises(RuntimeError, match="output 1 of scaled, is at version 1; expected version 0"):
        y.sum().backward()


# -- derivatives of derivatives ----------------------------------------------------------------------------------------


def test_double_backward():
    x, k = leaf(0.0, 1.0, 3.0), leaf(1.0, 2.0, 3.0)
    (g,) = torch.autograd.grad(energy(x, k), x, create_graph=True)
    assert g.requires_grad
    (g * g).sum().backward()

    def f(k_):
        return lambda a: float((sg.grad(energy)(a, k_) ** 2).sum())

    xa, ka = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 3.0])
    assert np.allclose(x.grad.numpy(), numeric(f(ka), xa))
    assert np.allclose(k.grad.numpy(), numeric(lambda b: f(b)(xa), ka))


def test_third_order():
    @differentiable
    def f(x):
        return np.sin(x) * x

    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    y = f(x)
    for _ in range(3):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
    # (x sin x)''' = -3 sin x - x cos x
    assert y.item() == pytest.approx(-3 * np.sin(0.7) - 0.7 * np.cos(0.7), rel=1e-12)


def test_double_backward_with_several_results():
    x = leaf(0.5, 1.5)
    y, s, _ = several(x, 3)
    (g,) = torch.autograd.grad((y * y).sum() + s * s, x, create_graph=True)
    g.sum().backward()

    def first(a):
        y, s, _ = several.py_func(a, 3)
        return float((y * y).sum() + s * s)

    assert np.allclose(
        x.grad.numpy(), numeric(lambda a: numeric(first, a, 1e-4).sum(), np.array([0.5, 1.5]), 1e-3), 1e-4
    )


def test_double_backward_is_refused_where_it_does_not_exist():
    @differentiable
    def f(x):
        y = x
        while y < 100.0:
            y = y * x * 1.5
        return y

    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    with pytest.raises(sg.UnsupportedError):
        torch.autograd.grad(g, x)


def test_double_backward_after_a_write_is_noticed():
    x = leaf(0.0, 1.0)
    y = energy(x, np.ones(2))
    with torch.no_grad():
        x.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(y, x, create_graph=True)


# -- other things that are called --------------------------------------------------------------------------------------


def test_a_gradient_is_a_node_too():
    x = leaf(0.0, 1.0, 3.0)
    g = sg.grad(energy)(x, np.ones(3))
    assert g.tolist() == [-1.0, -1.0, 2.0]
    (g * g).sum().backward()
    f = lambda a: float((sg.grad(energy)(a, np.ones(3)) ** 2).sum())  # noqa: E731
    assert np.allclose(x.grad.numpy(), numeric(f, np.array([0.0, 1.0, 3.0])))


def test_vjp_takes_arrays():
    with pytest.raises(sg.ArgumentError, match="'x' is a Tensor"):
        sg.vjp(energy, leaf(1.0), np.ones(1))


def test_methods():
    class Spring:
        k = 2.0

        @sg.differentiable(target=TARGET)
        def energy(self, x):
            return 0.5 * self.k * (x * x).sum()

    x = leaf(1.0, 2.0)
    Spring().energy(x).backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_inference_mode():
    x = leaf(0.0, 1.0)
    with torch.inference_mode():
        y = energy(x, np.ones(2))
    assert y.is_inference()
    assert not y.requires_grad


def test_parameters_that_are_shaped_anew():
    """A version for every layout and rank, and views of any strides."""

    @differentiable
    def total(a):
        s = 0.0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                s += a[i, j] * a[i, j] * (i + 2 * j)
        return s

    w = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    for view in (
        lambda t: t,
        lambda t: t.t(),
        lambda t: t[::2, 1:],
        lambda t: t.flip(0),
        lambda t: t[:, :1].expand(4, 3),
    ):
        (g,) = torch.autograd.grad(total(view(w)), w)
        f = lambda a, v=view: float(total.py_func(v(torch.tensor(a)).numpy()))  # noqa: E731
        assert np.allclose(g.numpy(), numeric(f, w.detach().numpy().copy()), atol=1e-6)

"""The rules of `srcgrad.rules` on tensors: NumPy's functions take them, with the derivatives that the compiler uses."""

import numpy as np
import pytest

import srcgrad as sg
import srcgrad.shim as torch
from srcgrad.rules import PRIMITIVES, RULES
from srcgrad.rules.registry import elementwise
from srcgrad.transform import pipeline
from tests.test_rules import points

UFUNCS = sorted(
    {f for f, op in PRIMITIVES.items() if isinstance(f, np.ufunc) and RULES[op].partials is not None},
    key=lambda f: f.__name__,
)


def tensors(args, dtype=torch.float64):
    return [torch.tensor([a], dtype=dtype, requires_grad=True) for a in args]


def difference(f, args, k, step=1e-5):
    up, down = list(args), list(args)
    up[k] += step
    down[k] -= step
    return (f(*up) - f(*down)) / (2 * step)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
def test_partials(ufunc):
    for args in points(PRIMITIVES[ufunc]):
        xs = tensors(args)
        y = ufunc(*xs)
        assert y.item() == ufunc(*np.array(args)[:, None])[0]
        y.backward()
        for k, x in enumerate(xs):
            assert x.grad.item() == pytest.approx(difference(ufunc, args, k), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
def test_second_derivatives(ufunc):
    """Rules are differentiated again: they run on tensors when a backward pass is recorded."""

    def first(*args):
        xs = tensors(args)
        return [g.item() for g in torch.autograd.grad(ufunc(*xs), xs)]

    for args in points(PRIMITIVES[ufunc]):
        xs = tensors(args)
        for j, g in enumerate(torch.autograd.grad(ufunc(*xs), xs, create_graph=True)):
            if not g.requires_grad:  # a constant partial
                assert all(
                    difference(lambda *a, j=j: first(*a)[j], args, k) == pytest.approx(0, abs=1e-8)
                    for k in range(len(args))
                )
                continue
            found = torch.autograd.grad(g, xs, allow_unused=True, retain_graph=True, materialize_grads=True)
            for k, h in enumerate(found):
                expected = difference(lambda *a, j=j: first(*a)[j], args, k)
                assert h.item() == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
def test_float32_stays_float32(ufunc):
    for args in points(PRIMITIVES[ufunc]):
        xs = tensors(args, torch.float32)
        y = ufunc(*xs)
        y.backward()
        assert {y.dtype, *(x.grad.dtype for x in xs)} == {torch.float32}


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
def test_same_derivative_as_compiled(ufunc, define):
    """Also at ties and kinks: one table."""
    names = ["x", "y"][: ufunc.nin]
    f = sg.differentiable(target="python")(
        define(f"def f({', '.join(names)}):\n    return np.{ufunc.__name__}({', '.join(names)})\n", "f")
    )
    tie = [(1.0,) * ufunc.nin] if ufunc.nin == 2 else []
    for args in [*points(PRIMITIVES[ufunc]), *tie]:
        compiled = sg.grad(f, argnums=tuple(range(ufunc.nin)))(*args)
        xs = tensors(args)
        eager = [g.item() for g in torch.autograd.grad(ufunc(*xs), xs, materialize_grads=True)]
        assert eager == pytest.approx(list(compiled), rel=1e-13)


def test_a_new_rule_works_in_both(monkeypatch, define):
    """A function that had none, with partials that one can recognise."""
    monkeypatch.setitem(RULES, "np.spacing", None)
    monkeypatch.delitem(RULES, "np.spacing")
    monkeypatch.setitem(PRIMITIVES, np.spacing, "np.spacing")
    monkeypatch.setitem(pipeline.OPERATIONS, "np.spacing", 1)  # what the verifier lets through

    @elementwise("np.spacing", np.spacing)
    def spacing(x, *, out):
        return out + 3.0 * np.sin(x)

    f = sg.differentiable(target="python")(define("def f(x):\n    return np.spacing(x)\n", "f"))
    (x,) = tensors((1.5,))
    z = np.spacing(x)
    assert type(z.grad_fn).__name__ == "SpacingBackward0"
    z.backward()
    assert x.grad.item() == pytest.approx(3.0 * np.sin(1.5), rel=1e-14)
    assert x.grad.item() == sg.grad(f)(1.5)

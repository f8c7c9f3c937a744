"""Hooks on saved tensors: gradients stay the same, whatever the hooks keep."""

import numpy as np
import pytest

import srcgrad.shim as torch

graph = torch.autograd.graph
PAIRS = {
    "identity": (lambda t: t, lambda t: t),
    "copy": (lambda t: t.clone(), lambda t: t),
    "list": (lambda t: t.numpy().copy(), torch.from_numpy),
}


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def overwriting(x, w):
    h = x * 2
    h.mul_(w)
    h.mul_(h)
    h[:1].mul_(w[:1]).exp_()
    return (h.exp() * w).sum()


def several(x, w):
    a, b, c = (x * w).unbind()
    return a * b + (c / a).exp() + torch.stack([a, b]).norm()


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        y = x * w
        ctx.save_for_backward(x, w, y)
        return y, y.sum()

    @staticmethod
    def backward(ctx, g, h):
        x, w, y = ctx.saved_tensors
        return (g + h) * y / x, (g + h) * y / w


def custom(x, w):
    y, total = Scaled.apply(x, w)
    return (y * total).sum()


@pytest.mark.parametrize("program", [overwriting, several, custom])
@pytest.mark.parametrize("pair", PAIRS)
def test_same_gradients(program, pair):
    found = []
    for hooks in (None, graph.saved_tensors_hooks(*PAIRS[pair])):
        x, w = leaf(0.5, 1.5, -1.0), leaf(2.0, 3.0, 0.5)
        if hooks is None:
            y = program(x, w)
        else:
            with hooks:
                y = program(x, w)
        first = torch.autograd.grad(y, (x, w), create_graph=True)
        second = torch.autograd.grad(sum(g.sum() for g in first), (x, w))
        found.append([g.detach().numpy() for g in (*first, *second)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-15)


def test_innermost_hooks_alone():
    seen = []
    x = leaf(1.0)
    with graph.saved_tensors_hooks(lambda t: seen.append("outer") or t, lambda t: t):
        with graph.saved_tensors_hooks(lambda t: seen.append("inner") or t, lambda t: t):
            x.exp()
        x.exp()
    x.exp()
    assert seen == ["inner", "outer"]


def test_freed_with_the_graph():
    x = leaf(1.0)
    with graph.save_on_cpu():
        y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_hooks_are_removed_after_an_error():
    x = leaf(1.0)
    with pytest.raises(ZeroDivisionError), graph.saved_tensors_hooks(lambda t: 1 / 0, lambda t: t):
        x.exp()
    x.exp().backward()


def test_names_of_saved_values():
    x = leaf(2.0)
    node = (x**3).grad_fn
    assert node._saved_self is x
    assert node._saved_exponent == 3
    assert x.exp().grad_fn._saved_result.item() == pytest.approx(np.exp(2.0))
    with pytest.raises(AttributeError):
        _ = node._saved_nothing

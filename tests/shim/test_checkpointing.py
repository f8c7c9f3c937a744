"""Checkpoints: the gradients of the plain function, memory that is freed, random numbers that repeat."""

import gc
import weakref

import numpy as np
import pytest

import srcgrad.shim as torch
from srcgrad.shim.utils.checkpoint import checkpoint, checkpoint_sequential, set_checkpoint_early_stop


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def inner(h, w):
    return (h * w).sin() * h


def outer(h, w, *, inside, reentrant):
    h = inside(inner, h, w, use_reentrant=reentrant).exp()
    h = h * 1
    h[0] = h[1] * 2
    h.mul_(w)
    return h.cos(), h.tanh()


def plainly(function, *args, use_reentrant):
    return function(*args)


@pytest.mark.parametrize("reentrant", [True, False])
def test_nested_as_without(reentrant):
    found = []
    for inside in (plainly, checkpoint):
        x, w = leaf(0.5, 1.5, -1.0), leaf(2.0, 3.0, 0.5)

        def f(h, w, inside=inside):
            return outer(h, w, inside=inside, reentrant=reentrant)

        a, b = inside(f, x * 1, w, use_reentrant=reentrant)
        for _ in range(2):
            (a * b).sum().backward(retain_graph=True)
        found.append((x.grad.numpy(), w.grad.numpy()))
    np.testing.assert_array_equal(found[0], found[1])


def held(reentrant):
    """How many of the intermediate arrays are alive after the forward pass."""
    seen = []

    def f(x):
        for _ in range(10):
            x = x.exp()
            seen.append(weakref.ref(x._data))
        return x.sum()

    x = torch.zeros(100, dtype=torch.float64, requires_grad=True)
    y = checkpoint(f, x, use_reentrant=reentrant) if reentrant is not None else f(x)
    gc.collect()
    assert y.requires_grad
    return sum(r() is not None for r in seen)


def test_memory():
    assert held(None) == 10
    assert held(False) == held(True) == 0


def test_each_part_runs_twice():
    runs = []

    def f(x):
        runs.append(1)
        return x.sin().exp()

    x = leaf(1.0)
    checkpoint(f, x, use_reentrant=False).backward()
    assert len(runs) == 2


def test_early_stop():
    ends = []

    def f(x):
        y = x.exp()
        ends.append(0)
        return y

    x = leaf(1.0)
    for stop, count in ((True, 1), (False, 2)):
        ends.clear()
        with set_checkpoint_early_stop(stop):
            checkpoint(f, x, use_reentrant=False).backward()
        assert len(ends) == count


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("preserve", [True, False])
def test_random_numbers(reentrant, preserve):
    torch.manual_seed(1)
    drawn = []

    def f(x):
        drawn.append(torch.rand(3, dtype=torch.float64))
        return (x * drawn[-1]).exp()

    x = leaf(1.0, 2.0, 3.0)
    y = checkpoint(f, x, use_reentrant=reentrant, preserve_rng_state=preserve)
    between = torch.rand(1)
    y.sum().backward()
    assert torch.equal(drawn[0], drawn[1]) == preserve
    torch.manual_seed(1)
    torch.rand(3, dtype=torch.float64)
    assert torch.equal(torch.rand(1), between)


def test_overwritten_argument():
    x = leaf(1.0)
    z = x * 1
    y = checkpoint(lambda t: t.sin() * t, z, use_reentrant=False)
    z.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_overwritten_in_the_second_run():
    def f(x):
        y = x * 1
        z = y * y  # saves y
        y.add_(1)
        return (z * y).sum()

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        checkpoint(f, leaf(1.0, 2.0), use_reentrant=False).backward()


def test_contexts_of_both_runs():
    seen = []

    class Noted:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            seen.append(self.name)

        def __exit__(self, *exception):
            pass

    y = checkpoint(torch.exp, leaf(1.0), use_reentrant=False, context_fn=lambda: (Noted("first"), Noted("second")))
    y.backward()
    assert seen == ["first", "second"]


def test_sequential_as_one_after_the_other():
    steps = [torch.sin, torch.exp, torch.cos, torch.tanh, torch.sqrt]
    x = leaf(0.3, 0.4)
    y = checkpoint_sequential(steps, 3, x, use_reentrant=False)
    z = x
    for step in steps:
        z = step(z)
    assert torch.equal(y, z)
    assert torch.equal(*(torch.autograd.grad(v.sum(), x)[0] for v in (y, z)))

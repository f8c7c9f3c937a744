"""LBFGS beside PyTorch, and the conditions of its line search."""

import numpy as np
import pytest

import srcgrad.shim as torch
from srcgrad.shim.optim import LBFGS
from srcgrad.shim.optim.wolfe import CURVATURE, DECREASE, Point, strong_wolfe
from tests.shim.optim_steps import start, trained, values

# Ten calls of PyTorch 2.13 from `start` in float64.
TRAJECTORIES = [
    ({"lr": 0.1}, [0.9931868455169488, 0.9931894910015742, 0.9931883567405301, 2.013716394616079]),
    ({"line_search_fn": "strong_wolfe", "max_iter": 3},
     [1.0212564776062734, 1.0211935486021928, 1.021152550573614, 1.9586031979195364]),
    ({"line_search_fn": "strong_wolfe", "max_iter": 2, "history_size": 2, "lr": 0.5},
     [1.1469534395267877, 1.1376595813263988, 1.1488591049193018, 1.7464244476461124]),
]  # fmt: skip


@pytest.mark.parametrize(("options", "expected"), TRAJECTORIES)
def test_trajectories_of_pytorch(options, expected):
    params, _ = trained(lambda p: LBFGS(p, **options), 10)
    np.testing.assert_allclose(values(params), expected, rtol=1e-9)
    params, _ = trained(lambda p: LBFGS(p, **options), 10, torch.float32)
    assert {p.dtype for p in params} == {torch.float32}
    np.testing.assert_allclose(values(params), expected, rtol=1e-3)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def test_rosenbrocks_valley():
    x = torch.tensor([-1.2, 1.0, -0.5, 2.0], dtype=torch.float64, requires_grad=True)
    optimizer = LBFGS([x], line_search_fn="strong_wolfe", max_iter=100, tolerance_change=0)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        losses.append(loss.item())
        return loss

    first = optimizer.step(closure)
    assert first.item() == losses[0]
    np.testing.assert_allclose(x.detach().numpy(), 1.0, rtol=1e-8)
    state = optimizer.state_dict()["state"][0]
    assert state["func_evals"] == len(losses)
    assert list(state) == [
        "func_evals", "n_iter", "d", "t", "al", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss",
    ]  # fmt: skip


def test_a_parameter_without_gradient_stays():
    x, y = start()
    optimizer = LBFGS([x, y])

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with torch.no_grad():  # the closure is run with gradients
        optimizer.step(closure)
    assert abs(x.detach().numpy()).max() < 1e-6
    assert y.item() == 0.7
    version = x._version
    optimizer.step(closure)  # nothing to do: the gradient is small
    assert x._version == version


@pytest.mark.parametrize("seed", range(20))
def test_line_search_meets_the_conditions(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.1, 3, size=2)

    def phi(t):
        value = a * (t - b) ** 4 - np.cos(3 * t) / 4 + b * t**2
        slope = 4 * a * (t - b) ** 3 + 0.75 * np.sin(3 * t) + 2 * b * t
        return Point(t, float(value), float(slope), np.array([slope]))

    begin = phi(0.0)
    assert begin.slope < 0
    found, calls = strong_wolfe(phi, begin, float(10 ** rng.uniform(-3, 1)), 1e-9)
    assert found.value <= begin.value + DECREASE * found.t * begin.slope
    assert abs(found.slope) <= -CURVATURE * begin.slope
    assert calls <= 12


def test_messages():
    x, y = start()
    with pytest.raises(ValueError, match=r"LBFGS doesn't support per-parameter options \(parameter groups\)"):
        LBFGS([{"params": x}, {"params": y}])
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        LBFGS([x], lr=-1)
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        trained(lambda p: LBFGS(p, line_search_fn="armijo"), 1)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'closure'"):
        LBFGS([x]).step()


def problem(lib, kind, dtype, rng):
    """Parameters and a loss."""

    def array(*shape, scale=1.0):
        return lib.from_numpy(np.asarray(rng.normal(size=shape) * scale, dtype))

    if kind == "valley":
        x = array(4).requires_grad_()
        return [x], lambda: rosenbrock(x)
    if kind == "logistic":
        features, labels = array(30, 5), lib.from_numpy((rng.uniform(size=30) > 0.5).astype(dtype))
        w, c = array(5).requires_grad_(), array().requires_grad_()
        return [w, c], lambda: (
            lib.log(1 + lib.exp(features @ w + c)) - labels * (features @ w + c)
        ).mean() + 0.01 * (w * w).sum()  # fmt: skip
    u, v = array(3, 2).requires_grad_(), array(2).requires_grad_()
    return [u, v], lambda: ((u @ v - 1) ** 4).sum() + (u**2).sum() / 10 + lib.sin(v).sum() + ((v - 2) ** 2).sum()


def run(lib, kind, dtype, seed, options):
    params, loss_of = problem(lib, kind, dtype, np.random.default_rng(seed))
    optimizer = lib.optim.LBFGS(params, **options)

    def closure():
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    seen = []
    for _ in range(4):
        loss = optimizer.step(closure)
        seen.append((loss.item(), optimizer.state[params[0]]["func_evals"], [p._version for p in params]))
    return seen, values(params), loss_of().item()


@pytest.mark.parametrize("kind", ["valley", "logistic", "quartic"])
def test_random_options_beside_pytorch(kind):
    real = pytest.importorskip("torch")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        search = rng.choice([None, "strong_wolfe"])
        options = {
            "line_search_fn": search, "lr": float(rng.choice([1, 0.5] if search else [0.1, 0.01])),
            "max_iter": int(rng.choice([1, 5])), "history_size": int(rng.choice([1, 3, 100])),
        }  # fmt: skip
        if rng.uniform() < 0.5:
            options["max_eval"] = int(rng.choice([3, 7]))
        ours, x, _ = run(torch, kind, "float64", seed, options)
        theirs, y, _ = run(real, kind, "float64", seed, options)
        assert [s[1:] for s in ours] == [s[1:] for s in theirs], options
        np.testing.assert_allclose([s[0] for s in ours], [s[0] for s in theirs], rtol=1e-6)
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)
        # In float32 rounding decides when it ends, so only the first steps are sure to be the same.
        ours, _, last = run(torch, kind, "float32", seed, options)
        theirs, _, real_last = run(real, kind, "float32", seed, options)
        np.testing.assert_allclose([s[0] for s in ours[:2]], [s[0] for s in theirs[:2]], rtol=2e-2, atol=1e-4)
        assert last <= real_last * 1.2 + 1e-2

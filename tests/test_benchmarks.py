"""The benchmarks compute what they say: primals, adjoints by hand, and our gradients of the primals agree."""

import types

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

import srcgrad as sg
from benchmarks import cuda as benchmarks_of_kernels
from benchmarks import report, run, workloads

WORKLOADS = {name: workloads.load(name) for name in workloads.NAMES}
FORMULATIONS = [(name, primal) for name, w in WORKLOADS.items() for primal in w.primals]
BY_HAND = [(name, adjoint) for name, w in WORKLOADS.items() for adjoint in w.by_hand]


def interpreted(function):
    """A compiled function and the compiled helpers that it calls, as plain Python: compiling them takes a minute."""
    plain = getattr(function, "py_func", function)
    scope = dict(plain.__globals__)
    for name in plain.__code__.co_names:
        if isinstance(scope.get(name), CPUDispatcher):
            scope[name] = interpreted(scope[name])
    return types.FunctionType(plain.__code__, scope, plain.__name__, plain.__defaults__, plain.__closure__)


def gradient_of(workload, primal):
    function = sg.differentiable(workload.primals[primal], target="python")
    value, gradients = sg.value_and_grad(function, argnums=workload.argnums)(*workload.arguments("XS"))
    return value, [np.asarray(g) for g in gradients]


@pytest.mark.parametrize(("name", "primal"), FORMULATIONS)
def test_gradients_against_differences(name, primal, rng):
    workload = WORKLOADS[name]
    value, gradients = gradient_of(workload, primal)
    function = interpreted(workload.primals[primal])
    args = workload.arguments("XS")
    assert value == pytest.approx(function(*args), rel=1e-12)
    directions = {i: rng.normal(size=np.shape(args[i])) for i in workload.argnums}

    def quotient(step):
        values = []
        for sign in (1.0, -1.0):
            moved = [a + sign * step * directions[i] if i in directions else a for i, a in enumerate(args)]
            values.append(function(*moved))
        return (values[0] - values[1]) / (2.0 * step)

    slope = sum(float(np.sum(g * directions[i])) for i, g in zip(workload.argnums, gradients, strict=True))
    scale = sum(float(np.linalg.norm(g * directions[i])) for i, g in zip(workload.argnums, gradients, strict=True))
    assert slope == pytest.approx((4.0 * quotient(1e-4) - quotient(2e-4)) / 3.0, abs=1e-7 * scale)


@pytest.mark.parametrize(("name", "adjoint"), BY_HAND)
def test_adjoints_by_hand(name, adjoint):
    workload = WORKLOADS[name]
    value, gradients = gradient_of(workload, "")
    by_hand, adjoints = interpreted(workload.by_hand[adjoint])(*workload.arguments("XS"))
    assert by_hand == pytest.approx(value, rel=1e-12)
    for ours, theirs in zip(gradients, adjoints, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=0.0, atol=1e-11 * np.linalg.norm(ours))


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("steps", [0, 1, 4, 7])
@pytest.mark.parametrize("adjoint", ["", "snapshots"])
def test_stencil_by_hand_at_the_edges(n, steps, adjoint, rng):
    workload = WORKLOADS["stencil"]
    args = workload.make(rng, n=n, steps=steps)
    function = sg.differentiable(workload.primal, target="python")
    value, gradients = sg.value_and_grad(function, argnums=(0, 1))(*args)
    by_hand, adjoints = interpreted(workload.by_hand[adjoint])(*args)
    assert by_hand == pytest.approx(value, rel=1e-12)
    for ours, theirs in zip(gradients, adjoints, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-12)


def test_camera_that_does_not_turn():
    workload = WORKLOADS["ba"]
    cameras, *others = workload.arguments("XS")
    cameras[0, :3] = 0.0
    function = sg.differentiable(workload.primal, target="python")
    value, gradients = sg.value_and_grad(function, argnums=(0, 1, 2))(cameras, *others)
    for adjoint in workload.by_hand.values():
        by_hand, adjoints = interpreted(adjoint)(cameras, *others)
        assert by_hand == pytest.approx(value, rel=1e-12)
        for ours, theirs in zip(gradients, adjoints, strict=True):
            np.testing.assert_allclose(theirs, ours, atol=1e-12)


def test_one_command(tmp_path, capsys):
    arguments = ["logreg:XS", "--tools", "njit,srcgrad", "--rounds", "2", "--skip", "start,memory"]
    assert run.main([*arguments, "--out", str(tmp_path)]) == 0
    assert "| logreg:XS |" in capsys.readouterr().out
    assert "logreg:XS" in (tmp_path / "gradients.md").read_text()


def test_disagreement_is_found(tmp_path):
    right, wrong = np.ones((2, 3)), np.ones((2, 3))
    wrong[0, 0] += 1e-6
    np.savez(tmp_path / "a.npz", **{"srcgrad|0": wrong})
    np.savez(tmp_path / "b.npz", **{"torch|0": right})
    errors = run.disagreement([tmp_path / "a.npz", tmp_path / "b.npz"])
    assert errors["torch"] == 0.0
    assert errors["srcgrad"] > run.TOLERANCE


def test_ratios():
    row = {
        "seconds": {"njit": 1.0, "srcgrad": 2.0, "srcgrad:other": 1.5, "jax": 6.0, "hand": 1.6},
        "ratios": {
            "njit": {"njit": 1.0, "srcgrad": 2.0, "srcgrad:other": 1.5, "jax": 6.0, "hand": 1.6},
            "srcgrad": {"njit": 0.5, "srcgrad": 1.0, "srcgrad:other": 0.75, "jax": 3.0, "hand": 0.8},
            "srcgrad:other": {"jax": 4.0, "hand": 1.1},
        },
    }
    torch = {"first_call": {}, "second_call": {}, "errors": {}, "seconds": {"njit": 9.0, "torch": 27.0}}
    result = row | {"first_call": {}, "second_call": {}, "errors": {}}
    run.add_torch(result, torch | {"ratios": {"njit": {"njit": 1.0, "torch": 3.0}}})
    assert result["seconds"]["njit"] == 1.0
    assert report.peer_over_ours(result) == (pytest.approx(2.0), "torch", "srcgrad:other")
    assert report.ours_over_hand(result) == (pytest.approx(1.25), "hand")


@pytest.mark.gpu
def test_kernels_for_gpus_run(capsys):
    """In the simulator, where sizes are tiny."""
    assert benchmarks_of_kernels.main(["--only", "saxpy", "histogram"]) == 0
    assert "histogram" in capsys.readouterr().out

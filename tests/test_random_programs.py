"""Random programs through every law, a few dozen seeds; `python -m tests.fuzz` runs thousands."""

from __future__ import annotations

import numpy as np
import pytest

from tests.random_programs.generator import InvalidProgramError, generate, validate
from tests.random_programs.laws import check
from tests.random_programs.program import Parameter, Program
from tests.random_programs.shrink import shrink


@pytest.mark.parametrize("seed", range(40))
def test_laws_in_plain_python(seed: int) -> None:
    """Generated text, run as it is."""
    program = generate(seed)
    outcome = check(program, "python")
    assert not outcome.failed, f"{outcome}\n{program.source}"


@pytest.mark.parametrize("seed", range(100, 105))
def test_laws_compiled(seed: int) -> None:
    """Generated text, compiled."""
    program = generate(seed, complexity=1)
    outcome = check(program, "cpu")
    assert not outcome.failed, f"{outcome}\n{program.source}"


def test_most_programs_are_accepted() -> None:
    """Refusing everything would pass the tests above."""
    outcomes = [check(generate(seed)).status for seed in range(200, 230)]
    assert outcomes.count("ok") >= 20, outcomes


def test_generator_is_deterministic() -> None:
    """The same seed gives the same text and the same arguments."""
    first, second = generate(5), generate(5)
    assert first.source == second.source
    for a, b in zip(first.arguments(), second.arguments(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    u = np.empty(3)\n    return u[0] + x", "not written"),
        ("    return abs(x - 0.6)", "not smooth"),
        ("    if x < 0.6:\n        return x\n    return 2.0 * x", "not smooth"),
        ("    return np.zeros(2)[5] * x", "IndexError"),
    ],
)
def test_useless_programs_are_rejected(body: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What finite differences cannot check, or what is no valid program, is not used."""
    monkeypatch.setattr(Parameter, "draw", lambda self, rng: 0.6)
    with pytest.raises(InvalidProgramError, match=reason):
        validate(Program(0, f"def f(x):\n{body}\n", (Parameter("x", "float"),)))


def test_shrinker_keeps_what_matters() -> None:
    """Statements that do not matter for the failure go away."""
    body = "    y = x * 2.0\n    z = math.sin(y)\n    if z > 0.1:\n        y = y + z\n    return math.cos(x) + y\n"
    source = "def f(x):\n" + body
    program = Program(0, source, (Parameter("x", "float"),))
    small = shrink(program, lambda candidate: "math.cos(x)" in candidate.source)
    assert small.source == "def f(x):\n    return math.cos(x)\n"

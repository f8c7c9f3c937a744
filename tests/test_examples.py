"""The examples do what they say, in a shorter form."""

import importlib.util
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_digits_learns(tmp_path, capsys):
    """Six epochs: most held-out digits are right, and there is a plot."""
    for name in ("sklearn", "matplotlib", "tqdm"):
        pytest.importorskip(name)
    spec = importlib.util.spec_from_file_location("digits", EXAMPLES / "digits.py")
    digits = importlib.util.module_from_spec(spec)
    sys.modules["digits"] = digits
    try:
        spec.loader.exec_module(digits)
        losses, accuracies = digits.train(epochs=6)
    finally:
        del sys.modules["digits"]
    assert accuracies[-1] > 0.9
    assert losses[-1] < 0.5 * losses[0]
    digits.plot(losses, accuracies, tmp_path / "digits.png")
    assert (tmp_path / "digits.png").stat().st_size > 10_000

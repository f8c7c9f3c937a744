"""Probes of PyTorch's answers: small programs over a module `torch`, and how an answer is written down.

`python -m tests.shim.texts` writes the golden file anew from the real PyTorch.
"""

import contextlib
import importlib
import io
import re
import sys
import warnings
from pathlib import Path

TABLE = {}
GOLDEN = Path(__file__).parent.parent / "golden" / "test_texts" / "table.txt"
_FILES = (
    "graph", "hooks", "modes", "function", "functional", "checks", "optim", "more_function", "more_derivatives",
    "more_graph", "more_func",
)  # fmt: skip
_PLAIN = (
    (re.compile(r"0x[0-9a-f]+"), "0x0"),
    (re.compile(r" \(Triggered internally at [^)]*\)"), ""),
    (re.compile(r'\n  File ".*", line \d+, in .*(\n    .*)*'), ""),
    (re.compile(r"<class '[\w.<>]*\.(\w+)'>"), r"<class '\1'>"),
)


def probe(label):
    """Put a probe into the table: a function of `torch`, a factory of float64 tensors, and [1, 2, 3], a leaf."""

    def add(function):
        assert label not in TABLE, label
        TABLE[label] = function
        return function

    return add


def say(*words):
    """A line of output, which belongs to the answer."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")


def outcome(torch, label):
    """What a module answers: the printed lines, the value or the error, and the warnings."""

    def make(data, **options):
        return torch.tensor(data, dtype=torch.float64, **options)

    said = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(said):
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message="`torch.jit")
        try:
            value = TABLE[label](torch, make, make([1.0, 2.0, 3.0], requires_grad=True))
            text = f"OK -> {value!r}"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            text = f"{type(error).__name__}: {error}"
    lines = [f"{said.getvalue()}[{label}] {text}"]
    lines += [f"    WARN {w.category.__name__}: {w.message}" for w in caught]
    answer = "\n".join(lines)
    for pattern, plain in _PLAIN:
        answer = pattern.sub(plain, answer)
    return answer.rstrip()


def recorded():
    """The golden answers by label."""
    found = {}
    for answer in GOLDEN.read_text(encoding="utf-8").split("\n----\n"):
        label = re.search(r"^\[(.*?)\] (OK ->|\w+:)", answer, re.MULTILINE)
        if label:
            found[label[1]] = answer.rstrip("\n")
    return found


def load():
    """Fill the table."""
    for name in _FILES:
        importlib.import_module(f"tests.shim.texts_{name}")
    return TABLE


if __name__ == "__main__":
    import torch as real

    from tests.shim import texts

    real.set_warn_always(True)
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text("\n----\n".join(texts.outcome(real, name) for name in texts.load()) + "\n", encoding="utf-8")

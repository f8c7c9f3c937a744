"""Printed arrays beside the texts of PyTorch: some in tests/golden/test_printing/texts.txt, many where it is installed.

`pytest tests/shim/test_printing.py --update-golden`, with PyTorch 2.13, writes the file anew from real tensors.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from srcgrad.shim.printing import format_tensor, printoptions, set_printoptions

GOLDEN = Path(__file__).parent.parent / "golden" / "test_printing" / "texts.txt"
FLOATS = (np.float64, np.float32, np.float16)
INTS = (np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint16, np.uint32, np.uint64)
DTYPES = (*FLOATS, *INTS, np.bool_)


@dataclass
class Case:
    array: np.ndarray
    graph: str = ""  # what the tensor is in the graph: nothing, a "leaf", or the result of a function of this name
    cls: str = ""  # the name of a subclass of Tensor, if it is of one
    options: dict = field(default_factory=dict)

    def text(self):
        with printoptions(**self.options):
            return format_tensor(self.array, self.suffixes(), prefix=f"{self.cls or 'tensor'}(")

    def suffixes(self):
        shown = self.array.dtype not in ((np.float32, np.int64, np.bool_) if self.array.size else (np.float32,))
        suffixes = [f"dtype=torch.{self.array.dtype}"] if shown else []
        if self.graph:
            suffixes.append("requires_grad=True" if self.graph == "leaf" else f"grad_fn=<{self.graph}Backward>")
        return suffixes

    def torch_text(self, torch):
        tensor = torch.from_numpy(np.array(self.array))
        if self.cls:
            tensor = tensor.as_subclass(type(self.cls, (torch.Tensor,), {}))
        if self.graph:
            tensor.requires_grad_()
            if self.graph != "leaf":
                function = {"forward": staticmethod(lambda ctx, x: x.clone())}
                tensor = type(self.graph, (torch.autograd.Function,), function).apply(tensor)
        with torch._tensor_str.printoptions(**self.options):
            return repr(tensor)


def f32(*values):
    return np.array(values, np.float32)


def ramp(*shape, dtype=np.float32):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def waves(*shape):
    return np.sin(ramp(*shape, dtype=np.float64)).astype(np.float32)


BIG = "AFunctionWithAVeryLongNameThatTakesUpMostOfALine"
CASES = {
    "scalar": Case(np.array(0.1, np.float32)),
    "scalar whole": Case(np.array(-3.0)),
    "scalar int": Case(np.array(7)),
    "scalar bool": Case(np.array(True)),
    "scalar nan": Case(np.array(np.nan, np.float32)),
    "scalar in the graph": Case(np.array(2.5, np.float32), graph="Mul"),
    "vector": Case(f32(1.5, 2.25, 3)),
    "vector whole": Case(f32(1, 2, 300)),
    "negative": Case(f32(1.5, -2.25, 30)),
    "negative whole": Case(f32(-1, 20)),
    "zeros": Case(f32(0, 0, 0)),
    "negative zero": Case(f32(-0.0, 1.0, 0.0)),
    "negative zero with digits": Case(f32(-0.0, 1.5)),
    "rounded up": Case(f32(0.99999, 9.99999)),
    "double": Case(np.array([0.1, 1 / 3])),
    "half": Case(np.array([0.1, 1 / 3, 1000], np.float16)),
    "half out of its range": Case(np.array([65504, 6e-8], np.float16)),
    "nan among whole numbers": Case(f32(1, np.nan, 3)),
    "infinities": Case(f32(np.inf, -np.inf, 0.5)),
    "nothing finite": Case(f32(np.inf, -np.inf, np.nan, 0.0, -0.0)),
    "many without a measure": Case(np.full(60, np.nan)),
    "infinity with exponent": Case(f32(1e-9, np.inf, -np.nan, 0.0)),
    "small": Case(f32(1e-5, 1e-6)),
    "just not small": Case(np.array([1.0e-4, 2e-4])),
    "just small": Case(np.array([np.nextafter(1e-4, 0), 2e-4])),
    "float32 is smaller than its text": Case(f32(1e-4)),
    "ratio of 1000": Case(np.array([0.5, 500.0])),
    "ratio above 1000": Case(np.array([0.5, 500.5])),
    "large": Case(np.array([1e8, 2e8])),
    "just not large": Case(np.array([1e8])),
    "whole with exponent": Case(np.array([1.0, -2000.0])),
    "ratio overflows": Case(np.array([1e-300, 1e300])),
    "exponents of unequal length": Case(np.array([1e-300, 1.0, -1.0])),
    "ints": Case(np.array([1, -20, 300])),
    "int32": Case(np.array([[1, 2], [3, -4]], np.int32)),
    "uint8": Case(np.array([0, 255], np.uint8)),
    "int64 limits": Case(np.array([-(2**63), 2**63 - 1])),
    "bools": Case(np.array([[True, False], [False, False]])),
    "all true": Case(np.ones(3, np.bool_)),
    "matrix": Case(ramp(2, 3) / 4),
    "column": Case(ramp(4, 1)),
    "three axes": Case(ramp(2, 2, 2)),
    "four axes": Case(waves(2, 1, 2, 2), graph="View"),
    "transposed": Case(ramp(2, 3).T),
    "broken rows": Case(waves(2, 15), graph="leaf"),
    "broken vector": Case(waves(40)),
    "one cell too many": Case(ramp(37, dtype=np.int64)),
    "empty": Case(np.zeros(0, np.float32)),
    "empty int": Case(np.zeros(0, np.int64)),
    "empty matrix": Case(np.zeros((0, 3)), graph="leaf"),
    "empty at depth": Case(np.zeros((2, 0, 4), np.float32)),
    "a thousand": Case(waves(10, 100)[:, :20]),
    "abbreviated vector": Case(ramp(1001), graph="leaf"),
    "abbreviated matrix": Case(waves(40, 30), graph="Add"),
    "abbreviated along one axis": Case(waves(2, 700)),
    "abbreviated short axes": Case(waves(7, 3, 60)),
    "only corners are measured": Case(np.where(np.arange(2000) == 1000, 1e12, 0.5)),
    "suffix breaks": Case(waves(7), graph="AFunction"),
    "suffixes break": Case(waves(5).astype(np.float64), graph=BIG),
    "suffixes break twice": Case(waves(2, 5).astype(np.float64), graph=BIG * 2),
    "suffix after lines": Case(waves(2, 5), graph="Tanh"),
    "subclass": Case(waves(2, 8), cls="Grid", graph="leaf"),
    "precision": Case(waves(4), options={"precision": 8}),
    "no digits": Case(waves(4), options={"precision": 0}),
    "precision of exponents": Case(f32(1e-9, 1), options={"precision": 2}),
    "exponents wanted": Case(f32(1, 20), options={"sci_mode": True}),
    "exponents wanted for zero": Case(f32(0), options={"sci_mode": True}),
    "exponents unwanted": Case(f32(1e-9, 123456.789), options={"sci_mode": False}),
    "line width": Case(waves(3, 4), graph="leaf", options={"linewidth": 30}),
    "no room": Case(waves(2, 2), graph="leaf", options={"linewidth": 5}),
    "edge items": Case(ramp(5, 5), options={"edgeitems": 1, "threshold": 20}),
    "no edge items": Case(ramp(5, 5), options={"edgeitems": 0, "threshold": 20}),
    "no edge items, all shown": Case(ramp(2, 2), graph="leaf", options={"edgeitems": 0}),
    "short": Case(waves(30, 40), options={"profile": "short"}),
    "full": Case(ramp(1001, dtype=np.uint8), options={"profile": "full", "linewidth": 120}),
}


def random_case(rng):
    shape = tuple(rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 12], rng.integers(5), p=[0.04, *[0.12] * 8]))
    if rng.random() < 0.15:  # about the threshold
        width = rng.integers(1, 40)
        shape = rng.permutation([round(1000 / width) + rng.integers(-1, 2), *[width] * (rng.random() < 0.7)])
    dtype = DTYPES[rng.integers(3)] if rng.random() < 0.7 else DTYPES[rng.integers(len(DTYPES))]
    array = random_values(rng, shape, dtype)
    if rng.random() < 0.4 and array.ndim:
        array = array.T[:: rng.choice([1, 2, -1])]
    options = {
        "precision": rng.integers(9),
        "threshold": rng.choice([0, 5, 30, 1000, 5000]),
        "edgeitems": rng.integers(5),
        "linewidth": rng.integers(10, 150),
        "profile": rng.choice(["default", "short", "full"]),
        "sci_mode": [None, True, False][rng.integers(3)],
    }
    options = {name: value for name, value in options.items() if rng.random() < 0.1}
    graph = ["", "leaf", "A" * rng.integers(1, 60)][rng.integers(3)] if dtype in FLOATS else ""
    return Case(array, graph, cls="Grid" if rng.random() < 0.05 else "", options=options)


def random_values(rng, shape, dtype):
    if dtype not in FLOATS:
        most = 2 if dtype is np.bool_ else 10 ** rng.integers(1, 3 if np.iinfo(dtype).bits == 8 else 5)
        return np.array(rng.integers(-most if np.dtype(dtype).kind == "i" else 0, most, shape)).astype(dtype)
    values = np.array(rng.standard_normal(shape))
    spread = rng.choice([0, 0, 1, 3, 8])
    values = values * 10.0 ** rng.uniform(*rng.choice([[-10, 12], [-4, 3], [-1, 1]]))
    values = values * 10.0 ** rng.uniform(-spread, spread, shape)
    if rng.random() < 0.3:
        values = np.round(values)
    for special in (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e8, 1e-4, 1e-1, np.nextafter(1e8, np.inf)):
        if rng.random() < 0.15:
            values = np.where(rng.random(shape) < rng.choice([0.05, 0.4, 1.0]), special, values)
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(dtype)


@pytest.fixture(scope="module")
def texts():
    """The golden file: {name of a case: its text}."""
    parts = re.split(r"^=== (.*)\n", GOLDEN.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.removesuffix("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_golden_file_is_what_torch_prints(golden):
    torch = pytest.importorskip("torch")
    golden("texts", "".join(f"=== {name}\n{case.torch_text(torch)}\n" for name, case in CASES.items()))


def test_every_text_has_a_case(texts):
    assert list(texts) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_text(name, texts):
    assert CASES[name].text() == texts[name]


def test_random_arrays_beside_torch(rng):
    torch = pytest.importorskip("torch")
    for case in (random_case(rng) for _ in range(300)):
        assert case.text() == case.torch_text(torch), case


def test_options_come_back():
    with printoptions(precision=1, sci_mode=True):
        set_printoptions(precision=2)
        assert format_tensor(f32(0.5)) == "tensor([0.50])"  # sci_mode is None again
    assert format_tensor(f32(0.5)) == "tensor([0.5000])"


def test_options_come_back_after_an_error():
    with pytest.raises(ZeroDivisionError), printoptions(profile="short"):
        1 / 0
    assert format_tensor(f32(0.5)) == "tensor([0.5000])"


def test_complex_is_refused():
    with pytest.raises(TypeError, match="complex128"):
        format_tensor(np.zeros(2, np.complex128))

"""Arrays as the text that PyTorch prints for a tensor: `tensor([[1., 2.], [3., 4.]], dtype=torch.float64)`.

The text is made from the inside out. The elements that are shown are cut out of the array and become cells, strings
of one width; cells become rows, broken at the line width; rows become the nested brackets; suffixes follow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress

import numpy as np


@dataclass
class _Options:
    """What `set_printoptions` sets; the defaults are PyTorch's."""

    precision: int = 4  # digits after the point of a float that is not a whole number
    threshold: float = 1000  # arrays of more elements are abbreviated
    edgeitems: int = 3  # how many items stay at either end of an axis that is abbreviated
    linewidth: int = 80  # columns
    sci_mode: bool | None = None  # whether floats have an exponent; None: it depends on the values


_options = _Options()  # one for the process, shared by all threads, as in PyTorch

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Change how arrays print from now on, as `torch.set_printoptions` does.

    `profile` ("default", "short" or "full") sets the first four together; what is given beside it overrides it.
    What is None stays as it is, except `sci_mode`: each call sets it, to None where it is not given.

    >>> with printoptions():
    ...     set_printoptions(precision=2)
    ...     format_tensor(np.array([0.125, 3.0]))
    'tensor([0.12, 3.00])'
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    state = vars(_options)
    state.update(_PROFILES.get(profile, {}))
    state.update((name, value) for name, value in given.items() if value is not None)
    state["sci_mode"] = sci_mode


@contextmanager
def printoptions(**options) -> Iterator[None]:
    """`set_printoptions(**options)` for the length of a `with` block, whatever else is set inside."""
    before = dict(vars(_options))
    set_printoptions(**options)
    try:
        yield
    finally:
        vars(_options).update(before)


def format_tensor(array: np.ndarray, suffixes: Sequence[str] = (), *, prefix: str = "tensor(") -> str:
    """The `repr` of a tensor with the elements of `array`, of any shape: floats, ints or bools.

    `suffixes`, such as "dtype=torch.float64" or "requires_grad=True", follow the elements in their order. Which of
    them there are is for the caller to know; only `size=(...)` is put before them here where PyTorch has it: for an
    empty array that is not one-dimensional, and for every array while the option `edgeitems` is 0.

    >>> format_tensor(np.array([1.0, -2.5]), ["requires_grad=True"])
    'tensor([ 1.0000, -2.5000], requires_grad=True)'
    >>> format_tensor(np.zeros((0, 3)), ["dtype=torch.float64"])
    'tensor([], size=(0, 3), dtype=torch.float64)'
    """
    indent = len(prefix)
    if array.size:
        text = prefix + _elements(array, indent)
        sized = not _options.edgeitems
    else:
        text = prefix + "[]"
        sized = array.ndim != 1
    if sized:
        suffixes = [f"size={array.shape}", *suffixes]
    return _with_suffixes(text, suffixes, indent)


def _with_suffixes(text: str, suffixes: Sequence[str], indent: int) -> str:
    """`text` and its suffixes, separated by commas, and the closing bracket; a suffix that does not fit starts a line.

    PyTorch counts two columns too many in the last line of the elements, and none for commas and brackets to come.
    So does this, so that lines break at the same suffix.
    """
    column = len(text) - text.rfind("\n") + 1
    pieces = [text]
    for suffix in suffixes:
        column += len(suffix) + 2
        if column > _options.linewidth:
            pieces.append(",\n" + " " * indent + suffix)
            column = indent + len(suffix)
        else:
            pieces.append(", " + suffix)
    pieces.append(")")
    return "".join(pieces)


def _elements(array: np.ndarray, indent: int) -> str:
    """The elements of an array that has some, in brackets; the first bracket stands in column `indent`."""
    edge = _options.edgeitems
    cut = [False] * array.ndim  # whether the middle of each axis is left out
    if array.size > _options.threshold and array.ndim:
        if not edge:
            return "[...]"
        cut = [length > 2 * edge for length in array.shape]
        array = _corners(array, cut, edge)
    cells, width = _cells(array)
    if not array.ndim:
        return cells[0]
    rows = _rows(cells, width, array.shape[-1], cut[-1], indent + array.ndim - 1)
    return _nested(rows, array.shape[:-1], cut, indent)


def _corners(array: np.ndarray, cut: Sequence[bool], edge: int) -> np.ndarray:
    """The first and last `edge` items along every axis that is cut: what is shown of an abbreviated array."""
    for axis, is_cut in enumerate(cut):
        if is_cut:
            before = (slice(None),) * axis
            ends = array[(*before, slice(edge))], array[(*before, slice(-edge, None))]
            array = np.concatenate(ends, axis)
    return array


def _cells(array: np.ndarray) -> tuple[list[str], int]:
    """The elements as texts, in C order, padded on the left to the width of their column; and that width."""
    # As Python numbers: a float32 or float16 becomes the double of the same value, and PyTorch, too, takes all
    # decisions on formats in double precision.
    values = array.ravel().tolist()
    kind = array.dtype.kind
    if kind == "f":
        texts, width = _float_texts(values)
    elif kind in "iub":
        texts = [str(value) for value in values]
        width = max(map(len, texts))
    else:
        raise TypeError(f"an array of {array.dtype} does not print as a tensor")
    return [text.rjust(width) for text in texts], width


def _float_texts(values: list[float]) -> tuple[list[str], int]:
    """The texts of floats, all in one of three formats ("1.", "1.0000", "1.0000e+00"), and the width of the column.

    Format and width are chosen by the values that are finite and not zero, so "-0.", "nan" and "-inf" may be wider
    than the column.
    """
    measured = [value != 0 and math.isfinite(value) for value in values]
    chosen_by = list(compress(values, measured))
    if chosen_by and _has_exponent(chosen_by):
        texts = _formatted(values, "e")
    elif all(map(float.is_integer, chosen_by)):
        texts = [f"{value:.0f}." if math.isfinite(value) else str(value) for value in values]
    else:
        texts = _formatted(values, "f")
    return texts, max(map(len, compress(texts, measured)), default=1)


def _has_exponent(values: list[float]) -> bool:
    """Whether floats, finite and not zero, print with an exponent: where few would have digits without."""
    if _options.sci_mode is not None:
        return _options.sci_mode
    sizes = [abs(value) for value in values]
    least, most = min(sizes), max(sizes)
    return most / least > 1000.0 or most > 1.0e8 or least < 1.0e-4


def _formatted(values: list[float], style: str) -> list[str]:
    spec = f".{_options.precision}{style}"
    return [format(value, spec) for value in values]


def _rows(cells: list[str], width: int, length: int, is_cut: bool, indent: int) -> list[str]:
    """Every `length` cells as a row in brackets that starts in column `indent`, with line breaks where it is full.

    As many cells are put on a line as fit if all have the given width; a line with wider ones may be too long.
    """
    per_line = max(1, math.floor((_options.linewidth - indent) / (width + 2)))
    line_break = ",\n" + " " * (indent + 1)
    rows = []
    for row in _groups(cells, length, is_cut, " ..."):  # with a blank of its own: two stand before the dots
        lines = [", ".join(row[start : start + per_line]) for start in range(0, len(row), per_line)]
        rows.append(f"[{line_break.join(lines)}]")
    return rows


def _nested(parts: list[str], shape: Sequence[int], cut: Sequence[bool], indent: int) -> str:
    """The brackets around rows: `shape` is of the axes outside of them, with one part for each of its elements."""
    for axis in reversed(range(len(shape))):
        separator = "," + "\n" * (len(shape) - axis) + " " * (indent + axis + 1)
        parts = [f"[{separator.join(group)}]" for group in _groups(parts, shape[axis], cut[axis], "...")]
    return parts[0]


def _groups(items: list[str], length: int, is_cut: bool, dots: str) -> Iterator[list[str]]:
    """`items`, `length` at a time, with `dots` in the middle where elements are left out."""
    for start in range(0, len(items), length):
        group = items[start : start + length]
        if is_cut:
            group.insert(length // 2, dots)
        yield group

"""Random programs over tensors, run with PyTorch and with srcgrad.shim, and compared step by step.

`python -m tests.shim.random_graphs --count 2000 --seed 0` prints a summary and a reproduction of each difference. A
program is a list of lines of Python over `torch`, `data` and the tensors before; so a reproduction can be pasted, and a
program shrinks by leaving out lines.
"""

import argparse
import collections
import re
import sys
import warnings

import numpy as np

from srcgrad import shim
from tests.shim.graph_steps import Writer, data

UNSTABLE = (  # texts that name addresses, builds or source files, or that PyTorch words by kernel
    "not implemented for",
    "Exception raised from",
    "INTERNAL ASSERT",
    "incompatible function arguments",
    "received an invalid combination of arguments",
    "einsum()",
    "INDICES element is out",
    "Expected size for first two dimensions of batch2",
    "shapes cannot be multiplied",
)
# Differences that stay, each as (what the line contains, what is seen, why).
EXPECTED = (
    (
        "",
        "does not change the shape in place where there are views",
        "squeeze_ and its kin need a tensor without views",
    ),
    ("", "more than one element of the written-to tensor refers to a", "writes into expanded tensors: clone() first"),
    ("", "('RuntimeError', 'unsupported operation: some elements", "source and target overlap: an error here"),
    (".add_(", "value", "source and target overlap: here the source is read first"),
    (".topk(", "value", "which of equal elements topk, kthvalue, mode or median names is left open"),
    (".kthvalue(", "value", "which of equal elements topk, kthvalue, mode or median names is left open"),
    (".all(", "value", "a discontinuous function of numbers that were rounded differently"),
    (".floor(", "value", "a discontinuous function of numbers that were rounded differently"),
    ("torch.eq(", "value", "a discontinuous function of numbers that were rounded differently"),
    (".nonzero(", "shape", "a discontinuous function of numbers that were rounded differently"),
    ("signbit(", "value", "a discontinuous function of numbers that were rounded differently"),
    ("", "INTERNAL ASSERT FAILED", "PyTorch fails"),
    ("", "ZeroTensors are immutable", "PyTorch fails"),
    ("", "for *: 'NoneType' and 'int'", "a zero gradient here, None there"),
    ("*fmax(", "value", "the derivative of fmax where both are equal: 1/2 each by srcgrad.rules, 1 and 0 there"),
    ("*= abs(", "grad value", "a discontinuous function of numbers that were rounded differently"),
    ("", "[] and [None]", "PyTorch calls a hook with None for outputs that got no gradient"),
    ("torch.kron(", "view size is not compatible", "PyTorch fails for tensors that are not contiguous"),
    ("", "output 0 of AsStrided, is at version", "PyTorch's kron does not notice that its argument was overwritten"),
    ("", "backward through the graph a second time", "trapezoid keeps a number here, so that it can be used once only"),
    (".view(", "view size is not compatible", "strides of results: PyTorch keeps those of the argument sometimes"),
    ("", "AsStridedBackward0", "PyTorch's products of matrices and stacks are views of other products sometimes"),
    (".index_select(", "INDICES element", "PyTorch has another text for each of its kernels"),
    (
        "",
        "grad value",
        "an index that repeats in a store: the last value wins here, its gradient is counted twice there",
    ),
    (
        "grad(",
        "value",
        "an index that repeats in a store: the last value wins here, its gradient is counted twice there",
    ),
    ("hg", "nan", "second derivative of a norm, of var or of std at 0: 0 here, NaN there"),
    ("backward(", "nan", "derivatives of a norm at 0, times infinity: 0 here, NaN there"),
    (" // ", "div_floor_cpu", "PyTorch does not divide bools"),
    ("div(", "div_trunc_cpu", "PyTorch does not divide bools"),
    ("hg", "_cdist_backward", "PyTorch has no second derivative of cdist"),
    ("grad(", "nan", "a derivative that is 0, times NaN: 0 there, for maximum and minimum"),
    (".floor_(", "value", "a discontinuous function of numbers that were rounded differently"),
    (".expand(", "CPUBoolType", "PyTorch's name of the type of bools is another there"),
    ("[", "is out of bounds for dimension", "PyTorch counts dimensions with those that None adds"),
)


_REPEATS = re.compile(r"^(?!with)t\d+(_\d+)?\[.*[\[(].*\] [*+]?= ")  # a store at an index tensor


def expected(lines, what):
    """Why a difference at the last of some lines is expected; None if it is not. A star stands for all lines."""
    for part, seen, why in EXPECTED:
        if seen in what and any(part.strip("*") in line for line in (lines if part[:1] == "*" else lines[-1:])):
            if "repeats" not in why or any(_REPEATS.search(line) for line in lines):
                return why
    return None


STRICTER = (
    "modified by an inplace operation: [",  # its node saved a tensor that the formula here does not need
    "detached in-place",
    "backward through the graph a second time",  # its node saved something, so that it can be used once only
    "refer to a single memory location",  # source and target overlap: here the source is read first
)
COMPOSED = ("EinsumBackward0", "UnsafeViewBackward0")  # PyTorch takes the sizes into account when it composes these
TOLERANCE = {"torch.float64": 1e-7, "torch.float32": 3e-4}


class Run:
    """A program as it runs with one module."""

    def __init__(self, torch):
        self.torch = torch
        self.names = {"torch": torch, "data": data, "log": []}

    def step(self, line):
        """Run a line; returns the error that it raised as (type, text), or None."""
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                exec(compile(line, "<step>", "exec"), self.names)
        except Exception as error:  # noqa: BLE001 - the error is what is compared
            return type(error).__name__, str(error)
        return None

    def seen(self):
        """What can be compared: all variables."""
        return {k: v for k, v in self.names.items() if k not in ("torch", "data") and k[0] != "_"}


def same_error(a, b):
    if a is None or b is None or a[0] != b[0]:
        return a == b
    if any(text in a[1] for text in UNSTABLE):
        return True
    if all("modified by an inplace operation: [" in t[1] for t in (a, b)):
        return True  # which of several is found first depends on the order of nodes
    first, second = (re.sub(r"0x[0-9a-f]+", "0x", t[1]).strip() for t in (a, b))
    return first == second


def difference(ours, theirs, *, composed=False, loose=False):
    """What differs between two values, in words; None if nothing."""
    if isinstance(theirs, tuple | list):
        if not isinstance(ours, tuple | list) or len(ours) != len(theirs):
            return f"length: {ours!r} and {theirs!r}"
        found = (difference(a, b, composed=composed, loose=loose) for a, b in zip(ours, theirs, strict=True))
        return next((f for f in found if f), None)
    if composed and (ours is None or theirs is None):  # no gradient, or one that is zero
        given = theirs if ours is None else ours
        return None if given is None or not given.numpy(force=True).any() else f"None: {ours!r} and {theirs!r}"
    if not hasattr(theirs, "detach"):
        return _plain(ours, theirs)
    if not hasattr(ours, "detach"):
        return f"no tensor: {ours!r}"
    for name, read in _FACTS.items():
        if composed and name in ("requires_grad", "is_leaf") and _fact(read, theirs) == (name == "is_leaf"):
            continue  # constant there, and here with a derivative that is zero
        if name == "grad_fn" and (composed or _fact(read, ours) in COMPOSED):
            continue
        a, b = _fact(read, ours), _fact(read, theirs)
        if a != b:
            return f"{name}: {a} and {b}"
    x, y = ours.numpy(force=True), theirs.numpy(force=True)
    if not close(x, y, TOLERANCE["torch.float32" if loose else "torch.float64"]):
        return f"value: {x.tolist()} and {y.tolist()}"
    if _fact(lambda t: t.is_leaf or t.retains_grad, theirs) is True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is none of ours to ask for the gradient of a tensor that keeps none
            a, b = ours.grad, theirs.grad
        inner = difference(a, b, composed=True, loose=loose)
        return inner and f"grad {inner}"
    return None


def _fact(read, tensor):
    try:
        return read(tensor)
    except RuntimeError as error:  # a view of several that was overwritten
        return str(error)


_FACTS = {
    "shape": lambda t: tuple(t.shape),
    "dtype": lambda t: str(t.dtype),
    "requires_grad": lambda t: t.requires_grad,
    "is_leaf": lambda t: t.is_leaf,
    "grad_fn": lambda t: (
        None if t.grad_fn is None else t.grad_fn.name().replace("torch::autograd::", "").replace("ReshapeAlias", "View")
    ),
}


def versions(ours, theirs, first, name):
    """What differs in how often a tensor was overwritten since it was made."""
    if not hasattr(theirs, "detach") or not hasattr(ours, "detach"):
        return None
    offset = theirs._version - ours._version
    return None if first.setdefault(name, offset) == offset else f"_version: {ours._version} and {theirs._version}"


def _plain(ours, theirs):
    if isinstance(theirs, float | int):
        same = type(ours) is type(theirs) and close(np.asarray(ours), np.asarray(theirs), 3e-4)
        return None if same else f"number: {ours!r} and {theirs!r}"
    if isinstance(theirs, str | type(None)):
        return None if ours == theirs else f"value: {ours!r} and {theirs!r}"
    return None


def close(x, y, tolerance):
    if tolerance is None or x.dtype.kind != "f":
        return bool((x == y).all())
    finite = np.isfinite(y)
    if not (np.isfinite(x) == finite).all():
        return False
    strange = ~finite
    if not ((x == y) | (np.isnan(x) & np.isnan(y)))[strange].all():
        return False
    scale = 1 + np.abs(y[finite]).max(initial=0)
    return bool((np.abs(x[finite] - y[finite]) <= tolerance * scale).all())


def compare(lines, torch):
    """Run a program with both modules.

    Returns:
        (number of steps that raised the same, number of the step that differs or None, what differs there).
    """
    ours, theirs = Run(shim), Run(torch)
    raised = 0
    loose = False  # once there are floats of 32 bits: gradients of others pass through them too
    first = {}  # the version of each tensor when it was made: what PyTorch's kernels do to it before is no promise
    for k, line in enumerate(lines):
        a, b = ours.step(line), theirs.step(line)
        if a is None and b is not None and any(text in b[1] for text in STRICTER):
            return raised, None, None
        if not same_error(a, b):
            return raised, k, f"error: {a} and {b}"
        raised += a is not None
        if a is not None and ".backward(" in line:
            return raised, None, None  # what was added up before it failed depends on the order of nodes
        loose = loose or any("float32" in str(getattr(v, "dtype", "")) for v in theirs.seen().values())
        mine = ours.seen()
        for name, value in theirs.seen().items():
            found = (
                "missing" if name not in mine else difference(mine[name], value, composed=name[0] in "ghl", loose=loose)
            )
            found = found or versions(mine[name], value, first, name)
            if found:
                return raised, k, f"{name} {found}"
    return raised, None, None


def shrunk(lines, at, torch):
    """The fewest lines with a difference of the same kind at the same line."""
    lines = lines[: at + 1]
    kind = _kind(compare(lines, torch)[2])
    k = len(lines) - 2
    while k >= 0:
        fewer = lines[:k] + lines[k + 1 :]
        _, where, what = compare(fewer, torch)
        if where == len(fewer) - 1 and _kind(what) == kind:
            lines = fewer
        k -= 1
    return lines


def _kind(what):
    """The kind of a difference, without the values."""
    head = re.sub(r"^[a-z]+\d*(_\d+)? ", "", what or "")
    return head.split(":")[0]


def program(seed, torch, steps=22):
    """The lines of a random program; PyTorch runs along, so that the writer knows shapes and values."""
    live = Run(torch)
    writer = Writer(seed, live)
    while len(writer.lines) < steps:
        writer.step()
    writer.finish()
    return writer.lines


def cause(lines, at, what):
    """What to file a difference under: the template of its line, and what kind it is."""
    return f"{lines[at].template}: {_kind(what)}"


def main():
    import torch  # noqa: PLC0415 - the test module imports this one without PyTorch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=22)
    parser.add_argument("--show", type=int, default=40, help="how many causes to show a reproduction of")
    args = parser.parse_args()
    fine, raised, steps = 0, 0, 0
    causes, reasons = collections.defaultdict(list), collections.Counter()
    for seed in range(args.seed, args.seed + args.count):
        lines = program(seed, torch, args.steps)
        errors, at, what = compare(lines, torch)
        raised += errors
        steps += len(lines) if at is None else at
        if at is None:
            fine += 1
        elif expected(lines[: at + 1], what):
            reasons[expected(lines[: at + 1], what)] += 1
        else:
            causes[cause(lines, at, what)].append((seed, lines, at))
    out = sys.stdout.write
    out(
        f"{args.count} graphs, {steps} steps: {fine} without a difference, {reasons.total()} with one expected, "
    )
    out(f"{args.count - fine - reasons.total()} with another; ")
    out(f"{raised} steps raised the same error\n")
    for why, count in reasons.most_common():
        out(f"  {count}x {why}\n")
    for name, found in sorted(causes.items(), key=lambda c: -len(c[1]))[: args.show]:
        seed, lines, at = found[0]
        small = shrunk(lines, at, torch)
        out(f"\n{len(found)}x {name} (seed {seed})\n")
        out("".join(f"    {line}\n" for line in small))
        out(f"  ours and PyTorch's: {compare(small, torch)[2][:700]}\n")


if __name__ == "__main__":
    main()

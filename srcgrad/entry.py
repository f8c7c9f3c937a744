"""The quick way into a compiled version: one Python function, made for the types of its arguments.

It checks by identity and by cheap attributes what the general way in (`dispatch.py`) checks in general, and answers
MISS wherever it is not sure: then the general way decides. So it may be strict, but never lenient.

    def entry(args):
        try:
            v0, v1, = args
            if type(v0) is not float and type(v0) is not float64: return MISS
            if type(v1) is not ndarray or v1.dtype is not d1 or v1.ndim != 2: return MISS
            if not v1.flags.c_contiguous: return MISS
            if (now := k2["SCALE"]) is not k3 and not same(now, k3): return MISS
        except Exception: return MISS
        try: r = call(v0, v1)
        except failures as error: raise mapped(error) from error
        return r[0]
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from operator import getitem
from typing import Any

import numpy as np

from srcgrad.ir.arguments import Constant, TupleOf
from srcgrad.ir.types import Array, Scalar
from srcgrad.plan import Outside
from srcgrad.version import Kernel, Version, overlap, repeats, same

Entry = Callable[[tuple[Any, ...]], Any]
Guard = Callable[[tuple[Any, ...]], bool]
MISS = object()


def make_entry(version: Version, kernel: Kernel, *, pure: bool) -> Entry:
    """The quick way into `kernel`.

    `pure` calls run on copies of the arrays that are overwritten.
    """
    writer = _checked(
        version
    )  # objects of the user's may raise anything when asked: the general way says what is wrong
    passed = writer.passed(kernel, pure=pure)
    result = writer.result(version.plan.result, version.plan.count)
    call = kernel.compiled
    text = "\n".join(
        [
            "def entry(args):",
            "    try:",
            *(f"        {line}" for line in writer.lines),
            "    except Exception: return MISS",
            "    try:",
            f"        r = call({', '.join(passed)})",
            "    except failures as error: raise mapped(error) from error",
            f"    return {result}",
        ]
    )
    scope = {**writer.scope, "call": call.quick, "failures": call.failures, "mapped": call.mapped}
    exec(compile(text, "<srcgrad entry>", "exec"), scope)
    entry: Entry = scope["entry"]
    return entry


def make_guard(version: Version) -> Guard:
    """Whether `version` is certainly the one for the values of some arguments."""
    writer = _checked(version)
    checks = [f"        {line.replace('return MISS', 'return False')}" for line in writer.lines]
    text = "\n".join(["def guard(args):", "    try:", *checks, "    except Exception: return False", "    return True"])
    exec(compile(text, "<srcgrad guard>", "exec"), writer.scope)
    guard: Guard = writer.scope["guard"]
    return guard


def _checked(version: Version) -> _Writer:
    """The checks of a version, as lines of text."""
    writer = _Writer(python=version.program.options.target == "python")
    writer.arguments(version.kinds)
    leaves = list(writer.leaves)
    for outside in version.plan.constants:
        writer.constant(outside)
    for outside in version.plan.arrays:
        writer.captured(outside)
    for fact in version.plan.facts:
        writer.check("not ({})".format(re.sub(r"\bp\[(\d+)\]", lambda m: leaves[int(m[1])], fact)))
    return writer


class _Writer:
    """Collects the lines of an entry and the objects that they name."""

    def __init__(self, *, python: bool) -> None:
        self.python = python
        self.lines: list[str] = []
        self.leaves: list[str] = []
        self.arrays: dict[str, Array] = {}
        self.scope: dict[str, Any] = {
            "MISS": MISS, "ndarray": np.ndarray, "float64": np.float64, "float32": np.float32, "integer": np.integer,
            "same": same, "overlap": overlap, "repeats": repeats, "generic": np.generic,
        }  # fmt: skip

    def name(self, value: Any) -> str:
        self.scope[name := f"k{len(self.scope)}"] = value
        return name

    def check(self, miss: str) -> None:
        self.lines.append(f"if {miss}: return MISS")

    # -- arguments -------------------------------------------------------------------------------------------------

    def arguments(self, kinds: list[Any]) -> None:
        names = [f"v{k}" for k in range(len(kinds))]
        self.lines.append(f"{', '.join(names)}, = args" if names else "() = args")
        for name, kind in zip(names, kinds, strict=True):
            self.argument(name, kind)

    def argument(self, name: str, kind: Any) -> None:
        if isinstance(kind, TupleOf):
            cls = "tuple" if kind.cls is None else self.name(kind.cls)
            self.check(f"type({name}) is not {cls} or len({name}) != {len(kind.items)}")
            parts = [f"{name}_{k}" for k in range(len(kind.items))]
            if parts:
                self.lines.append(f"{', '.join(parts)}, = {name}")
            for part, item in zip(parts, kind.items, strict=True):
                self.argument(part, item)
        elif isinstance(kind, Constant):
            self.fixed(name, kind.value)
        elif isinstance(kind, Array):
            self.array(name, kind)
            self.leaves.append(name)
        else:
            unfit = {
                "int64": f"type({name}) is not int and not isinstance({name}, integer)",
                "float32": f"type({name}) is not float32",
            }
            self.check(unfit.get(kind.dtype, f"type({name}) is not float and type({name}) is not float64"))
            self.leaves.append(name)

    def fixed(self, name: str, value: Any) -> None:
        if value is None or isinstance(value, bool):
            self.check(f"{name} is not {value}")
        elif type(value) is str:
            self.check(f"type({name}) is not str or {name} != {value!r}")
        else:
            self.check(f"{name} is not {self.name(value)}")

    def array(self, name: str, kind: Array) -> None:
        self.check(
            f"type({name}) is not ndarray or {name}.dtype is not {self.name(np.dtype(kind.dtype))} "
            f"or {name}.ndim != {kind.ndim}"
        )
        flags = f"f_{name}"
        self.lines.append(f"{flags} = {name}.flags")
        self.check(
            {
                "C": f"not {flags}.c_contiguous",
                "F": f"{flags}.c_contiguous or not {flags}.f_contiguous",
                "A": f"{flags}.c_contiguous or {flags}.f_contiguous",
            }[kind.layout]
        )
        self.arrays[name] = kind

    # -- what is outside ---------------------------------------------------------------------------------------------

    def reading(self, outside: Outside) -> str:
        read = outside.read
        if isinstance(read, partial) and read.func is getitem and len(read.args) == 2:
            return f"{self.name(read.args[0])}[{read.args[1]!r}]"
        if isinstance(read, partial) and read.func is getattr and str(read.args[1]).isidentifier():
            return f"{self.name(read.args[0])}.{read.args[1]}"
        return f"{self.name(read)}()"

    def constant(self, outside: Outside) -> None:
        expected = self.name(outside.expected)
        self.check(f"(now := {self.reading(outside)}) is not {expected} and not same(now, {expected})")

    def captured(self, outside: Outside) -> None:
        name = f"v{len(self.scope)}x"
        self.lines.append(f"{name} = {self.reading(outside)}")
        self.array(name, outside.expected)
        self.leaves.append(name)

    # -- the call ----------------------------------------------------------------------------------------------------

    def passed(self, kernel: Kernel, *, pure: bool) -> list[str]:
        """The arguments of the call; an array that may overlap a written one is left to the general way."""
        leaves, own = self.leaves, kernel.own
        pairs = {tuple(sorted((k, j))) for k in kernel.written if k < own for j in range(own) if j != k}
        for k, j in sorted(pairs):
            a, b = leaves[k], leaves[j]
            if a in self.arrays and b in self.arrays:
                self.check(f"not (f_{a}.owndata and f_{b}.owndata and {a} is not {b}) and overlap({a}, {b})")
        for k in kernel.written:
            if k < own and leaves[k] in self.arrays and self.arrays[leaves[k]].layout == "A":
                self.check(f"repeats({leaves[k]})")
        out = list(leaves)
        if self.python:
            out = [n if n in self.arrays else f"(float64({n}) if type({n}) is float else {n})" for n in out]
        if pure:
            for k in kernel.written:
                order = {"C": "", "F": '"F"', "A": '"K"'}[self.arrays[leaves[k]].layout]
                out[k] = f"{leaves[k]}.copy({order})"
        return out

    def result(self, kind: Any, count: int) -> str:
        """An expression for the result, of the flat results `r`."""
        left = iter(range(count))
        plain = [True]

        def write(kind: Any) -> str:
            if isinstance(kind, TupleOf):
                parts = "".join(f"{write(k)}, " for k in kind.items)
                if kind.cls is not None or kind.is_list:
                    plain[0] = False
                if kind.cls is not None:
                    return f"{self.name(kind.cls)}({parts})"
                return f"[{parts}]" if kind.is_list else f"({parts})"
            if isinstance(kind, Constant):
                plain[0] = False
                return self.name(kind.value)
            k = next(left)
            if isinstance(kind, Scalar) and (kind.dtype == "float32" or self.python):
                plain[0] = False
                number = f"(r[{k}].item() if isinstance(r[{k}], generic) else r[{k}])"
                return f"float32(r[{k}])" if kind.dtype == "float32" else number
            return f"r[{k}]"

        text = write(kind)
        flat = isinstance(kind, TupleOf) and not any(isinstance(k, TupleOf) for k in kind.items)
        return "r" if flat and plain[0] and not self.python else text

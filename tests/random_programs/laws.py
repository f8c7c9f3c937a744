"""The laws that srcgrad's derived functions must obey, checked on one program through the public API."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcgrad as sg

from .generator import InvalidProgramError, slope, validate
from .program import Program, copy_of, flatten

VALUE_TOLERANCE, IDENTITY_TOLERANCE, DIFFERENCE_TOLERANCE = 1e-9, 1e-9, 1e-5
SINGLE_TOLERANCES = 1e-4, 1e-4, 2e-3  # the same, where some of the program is in single precision
SMOOTH = 1e-6


@dataclass(frozen=True)
class Outcome:
    """What happened: ok, refused (SrcgradError), wrong, crashed (any other exception), unsmooth or hung."""

    status: str
    law: str = ""
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether this is a bug of srcgrad."""
        return self.status in ("wrong", "crashed", "hung")


class LawBrokenError(Exception):
    """A law does not hold."""

    def __init__(self, law: str, detail: str):
        super().__init__(f"{law}: {detail}")
        self.law, self.detail = law, detail


def bytes_of(arguments: list[Any]) -> list[Any]:
    """Something to compare arguments with later."""
    return [a.tobytes() if isinstance(a, np.ndarray) else a for a in arguments]


def dot(a: Any, b: Any) -> tuple[float, float]:
    """The inner product of two flat vectors, and the sum of the absolute values of its terms."""
    terms = flatten(a) * flatten(b)
    return float(np.sum(terms)), float(np.sum(np.abs(terms)))


def cotangent_of(value: Any, rng: np.random.Generator) -> Any:
    """A random cotangent of the structure of a result."""
    if isinstance(value, tuple):
        return tuple(cotangent_of(item, rng) for item in value)
    if isinstance(value, np.ndarray):
        return rng.normal(size=value.shape).astype(value.dtype)
    return float(rng.normal())


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest magnitude (at least 1)."""
    if found.shape != expected.shape:
        return float("inf")
    difference = np.max(np.abs(found - expected), initial=0.0)
    worst = difference / (1.0 + np.max(np.abs(expected), initial=0.0))
    return float("inf") if np.isnan(worst) else float(worst)


def demand(holds: bool, law: str, detail: Callable[[], str]) -> None:
    """Raise LawBrokenError unless it holds."""
    if not holds:
        raise LawBrokenError(law, detail())


def check_structure(program: Program, primals: list[Any], cotangents: Any) -> None:
    """One cotangent per argument, of its shape; None where there is no derivative."""
    demand(isinstance(cotangents, tuple) and len(cotangents) == len(primals), "structure", lambda: repr(cotangents))
    for parameter, primal, cotangent in zip(program.parameters, primals, cotangents, strict=True):
        if not parameter.differentiable:
            demand(cotangent is None, "structure", lambda p=parameter, c=cotangent: f"{p.name} has cotangent {c!r}")
        else:
            same = cotangent is not None and np.shape(cotangent) == np.shape(primal)
            demand(same, "structure", lambda p=parameter, c=cotangent: f"{p.name} has cotangent {c!r}")
            if isinstance(primal, np.ndarray):
                demand(cotangent.dtype == primal.dtype, "structure",
                       lambda p=parameter, c=cotangent: f"the cotangent of {p.name} is {c.dtype}")  # fmt: skip


def check_laws(program: Program, target: str, sample: int = 0) -> None:
    """Raise LawBrokenError, or whatever srcgrad raises, unless all laws hold."""
    if sample:
        validate(program, sample)  # these arguments may take other branches than those the program was made with
    function, primals, tangents = program.load(), program.arguments(sample), program.tangents(sample)
    expected = function(*[copy_of(a) for a in primals])
    differences, error = slope(program, sample)
    value_limit, identity_limit, difference_limit = (
        SINGLE_TOLERANCES if program.single else (VALUE_TOLERANCE, IDENTITY_TOLERANCE, DIFFERENCE_TOLERANCE)
    )
    if error > SMOOTH:
        raise InvalidProgramError(f"finite differences disagree by {error:.1e}")
    g = sg.differentiable(function, target=target)
    before = bytes_of(primals)

    def unchanged(where: str) -> None:
        for p, old, new in zip(program.parameters, before, bytes_of(primals), strict=True):
            demand(old == new, "purity", lambda p=p: f"{where} changed {p.name}")

    y, dy = sg.jvp(g, tuple(primals), tuple(tangents))
    unchanged("jvp")
    flat, flat_dy = flatten(expected), flatten(dy)
    gap = relative(flatten(y), flat)
    demand(gap < value_limit, "jvp value", lambda: f"off by {gap:.1e}: {flatten(y)} instead of {flat}")
    off = relative(flat_dy, differences)
    demand(off < difference_limit, "tangent", lambda: f"off by {off:.1e}: {flat_dy}, differences give {differences}")

    y, pullback = sg.vjp(g, *[copy_of(a) for a in primals])
    vjp_gap = relative(flatten(y), flat)
    demand(vjp_gap < value_limit, "vjp value", lambda: f"off by {vjp_gap:.1e}: {flatten(y)} instead of {flat}")
    y, pullback = sg.vjp(g, *primals)
    unchanged("vjp")
    cotangent = cotangent_of(y, np.random.default_rng([program.seed, sample, 29]))
    kept = flatten(cotangent)
    first = pullback(copy_of(cotangent))
    check_structure(program, primals, first)
    unchanged("the pullback")
    left, left_size = dot(cotangent, dy)
    active = [(c, t) for c, t in zip(first, tangents, strict=True) if t is not None]
    pairs = [dot(c, t) for c, t in active]
    right, right_size = sum(p[0] for p in pairs), sum(p[1] for p in pairs)
    scale = 1.0 + left_size + right_size
    demand(abs(left - right) < identity_limit * scale, "adjoint identity",
           lambda: f"<ct, dy> = {left!r}, <pullback(ct), t> = {right!r}")  # fmt: skip

    first = copy_of(first)
    second = pullback(cotangent)
    demand(bool(np.array_equal(flatten(cotangent), kept)), "purity", lambda: "the pullback changed its cotangent")
    for c, d, p in zip(first, second, program.parameters, strict=True):
        same = c is None or np.array_equal(flatten(c), flatten(d))
        demand(bool(same), "pullback twice", lambda c=c, d=d, p=p: f"{p.name}: first {c!r}, then {d!r}")
    if not isinstance(expected, (tuple, np.ndarray)):
        check_joint(program, g, primals, pullback, flat, value_limit)
        unchanged("value_and_grad")


def check_joint(
    program: Program, g: Any, primals: list[Any], pullback: Callable, value: np.ndarray, limit: float
) -> None:
    """`value_and_grad` gives what the split pullback gives."""
    argnums = tuple(n for n, p in enumerate(program.parameters) if p.differentiable)
    y, gradients = sg.value_and_grad(g, argnums=argnums)(*primals)
    demand(relative(flatten(y), value) < limit, "joint value", lambda: f"{y!r} instead of {value!r}")
    split = pullback(1.0)
    for n, gradient in zip(argnums, gradients, strict=True):
        gap = relative(flatten(gradient), flatten(split[n]))
        demand(gap < limit, "joint and split", lambda n=n, x=gradient: f"argument {n}: {x!r} and {split[n]!r}")


def first_line(error: BaseException) -> str:
    """The message of an error without places and names, for a histogram."""
    problems = getattr(error, "problems", ())
    text = problems[0].message if problems else str(error)
    return re.sub(r"\d+", "N", re.sub(r"`[^`]*`|'[^']*'", "_", text))[:160]


def check(program: Program, target: str = "python", samples: int = 1) -> Outcome:
    """Put a program through the laws, with several samples of its arguments."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        outcomes = []
        for sample in range(samples):
            outcomes.append(check_sample(program, target, sample))
            if outcomes[-1].status not in ("ok", "unsmooth"):
                return outcomes[-1]
    return outcomes[0]


def check_sample(program: Program, target: str, sample: int) -> Outcome:
    """Put a program through the laws once."""
    try:
        check_laws(program, target, sample)
    except InvalidProgramError as reason:
        return Outcome("unsmooth", "", str(reason))
    except LawBrokenError as broken:
        return Outcome("wrong", broken.law, broken.detail)
    except sg.SrcgradError as error:
        return Outcome("refused", first_line(error), str(error))
    except Exception as error:  # noqa: BLE001  (reported)
        return Outcome("crashed", type(error).__name__, describe(error))
    return Outcome("ok")


def describe(error: Exception) -> str:
    """The error and where in srcgrad it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "tests" not in f.filename][-5:]
    places = " < ".join(f"{f.filename.split('/')[-1]}:{f.lineno} {f.name}" for f in reversed(frames))
    return f"{type(error).__name__}: {str(error)[:1500]}\n    at {places}"

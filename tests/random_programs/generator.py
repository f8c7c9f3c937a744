"""Programs that are valid: written, run, and rejected until one passes."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np

from . import buffers, loops, scalars, whole  # noqa: F401
from .functions import write_program
from .program import DoubleNumpy, PoisonedNumpy, Program, copy_of, doubled, flatten

STEP = 2e-5
LIMIT = 1e3


class InvalidProgramError(Exception):
    """The program cannot be used; the text says why."""


def run(function: Any, arguments: list[Any]) -> np.ndarray:
    """All numbers the function returns; the arguments are not touched."""
    return flatten(function(*[copy_of(a) for a in arguments]))


def shifted(arguments: list[Any], tangents: list[Any], step: float) -> list[Any]:
    """The arguments moved along a direction."""
    return [
        copy_of(a) if t is None else a + step * t if isinstance(a, float) else _moved(a, t, step)
        for a, t in zip(arguments, tangents, strict=True)
    ]  # fmt: skip


def _moved(array: np.ndarray, tangent: np.ndarray, step: float) -> np.ndarray:
    """A copy of the array, in its layout, moved."""
    result = copy_of(array)
    result += step * tangent
    return result


def finite_difference(function: Any, arguments: list[Any], tangents: list[Any]) -> tuple[np.ndarray, float]:
    """The derivative in a direction and an estimate of its relative error, which is large at a kink."""

    def at(step: float) -> np.ndarray:
        return run(function, shifted(arguments, tangents, step))

    values = {s: at(s * STEP) for s in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)}
    if len({v.shape for v in values.values()}) > 1:
        raise InvalidProgramError("the size of the result depends on the data")
    wide, central, narrow = ((values[s] - values[-s]) / (2 * s * STEP) for s in (2.0, 1.0, 0.5))
    best = (4 * narrow - central) / 3
    coarse = (4 * central - wide) / 3
    scale = 1.0 + np.max(np.abs(best), initial=0.0)
    error = np.max(np.abs(best - coarse), initial=0.0) / scale
    # a kink exactly at the arguments leaves central differences consistent: compare the two sides
    right, left = ((values[s] - values[0.0]) / (s * STEP) for s in (0.5, -0.5))
    sides = np.max(np.abs(right - left), initial=0.0) / scale
    right, left = ((values[s] - values[0.0]) / (s * STEP) for s in (1.0, -1.0))
    wide_sides = np.max(np.abs(right - left), initial=0.0) / scale
    if wide_sides > 1e-7 and sides > 0.7 * wide_sides:  # halving the step must halve the difference
        error = max(error, sides)
    return best, float(error)


def slope(program: Program, sample: int = 0) -> tuple[np.ndarray, float]:
    """`finite_difference` of a program; one that computes in single precision does so in double precision here."""
    function, arguments, tangents = program.load(), program.arguments(sample), program.tangents(sample)
    if program.single:
        function = program.load(DoubleNumpy())
        arguments, tangents = ([doubled(value) for value in values] for values in (arguments, tangents))
    return finite_difference(function, arguments, tangents)


def validate(program: Program, sample: int = 0) -> None:
    """Raise `InvalidProgramError` unless the program can be used with this sample of its arguments."""
    arguments = program.arguments(sample)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            function = program.load()
            result = run(function, arguments)
            poisoned = [run(program.load(PoisonedNumpy(p)), arguments) for p in (np.nan, 0.37)]
            _, error = slope(program, sample)
        except InvalidProgramError:
            raise
        except Exception as problem:
            raise InvalidProgramError(f"{type(problem).__name__}: {problem}") from problem
    if not np.all(np.isfinite(result)) or np.max(np.abs(result), initial=0.0) > LIMIT:
        raise InvalidProgramError("not bounded")
    if any(not np.array_equal(result, other) for other in poisoned):
        raise InvalidProgramError("reads what it has not written")
    if error > 1e-6:
        raise InvalidProgramError("not smooth")


def problem_of(program: Program) -> str | None:
    """Why the program cannot be used, or None."""
    try:
        validate(program)
    except InvalidProgramError as problem:
        return str(problem)
    return None


def generate(
    seed: int,
    complexity: int | None = None,
    features: dict[str, float] | None = None,
    rejected: Counter | None = None,
    *,
    arrays: bool | None = None,
) -> Program:
    """The program of this seed.

    `complexity` (1 to 5) sets the number and nesting of statements; `features` multiplies the weights of
    kinds of statements (the names given to `@statement`, those given to `@form` after "form: ", and "kink");
    `rejected` collects why drafts failed; `arrays` asks for programs that mainly work on whole arrays, as NumPy
    does, or that never do (None: half of the programs do, some of them mainly).
    """
    for attempt in range(200):
        program = write_program(seed, attempt, complexity, features or {}, arrays=arrays)
        problem = problem_of(program)
        if problem is None:
            return program
        if rejected is not None:
            rejected[problem] += 1
    raise RuntimeError(f"no valid program for seed {seed}")

"""Every program of the corpus obeys every law: all of them on the `python` back end, a selection compiled.

`-m compiled_all` compiles the rest too, and tries every program under Numba itself.
"""

import builtins
import functools
import os
import subprocess
import sys
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType

import numba
import pytest

import srcgrad as sg

from . import laws
from .programs import PROGRAMS

COMPILED = [
    pytest.param(program, marks=() if "compiled" in program.tags else pytest.mark.compiled_all) for program in PROGRAMS
]
SMOOTH = [program for program in PROGRAMS if program.smooth]
FOR_NUMBA = [program for program in PROGRAMS if program.numba_ok]

every_program = pytest.mark.parametrize("program", PROGRAMS, ids=str)


@functools.lru_cache(maxsize=8)
def derived(program, target):
    return sg.differentiable(program.function, target=target)


@every_program
def test_primal_kept(program):
    laws.check_primal_kept(derived(program, "python"), program.arguments())


@every_program
def test_adjoint_identity(program):
    laws.check_adjoint_identity(derived(program, "python"), program.arguments(), program.rng())


@pytest.mark.parametrize("program", SMOOTH, ids=str)
def test_tangent_against_differences(program):
    laws.check_tangent_against_differences(derived(program, "python"), program.arguments(), program.rng())


@every_program
def test_joint_equals_split(program):
    laws.check_joint_equals_split(derived(program, "python"), program.arguments())


@every_program
def test_pullback_twice(program):
    laws.check_pullback_twice(derived(program, "python"), program.arguments(), program.rng())


@every_program
def test_purity(program):
    laws.check_purity(derived(program, "python"), program.arguments(), program.rng())


@every_program
def test_deterministic_source(program):
    laws.check_deterministic_source(program.function, program.arguments(), target="python")


PRINT_SOURCES = """
from tests.laws import sources
from tests.programs import PROGRAMS
for program in PROGRAMS:
    if "compiled" in program.tags:
        print(*sources(program.function, program.arguments(), target="python"), sep="\\n")
"""


def test_same_source_in_two_processes():
    """What differs between processes is the hash of strings, and with it the order of sets."""
    first, second = (
        subprocess.run(  # noqa: S603
            [sys.executable, "-c", PRINT_SOURCES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[1],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    )

    assert first == second


@pytest.mark.parametrize("program", COMPILED, ids=str)
def test_compiled(program):
    """One test for all laws, since each mode is compiled once."""
    compiled, args, rng = derived(program, "cpu"), program.arguments(), program.rng()

    laws.check_primal_kept(compiled, args)
    laws.check_adjoint_identity(compiled, args, rng)
    laws.check_backends_agree(derived(program, "python"), compiled, args, rng)
    laws.check_joint_equals_split(compiled, args)
    laws.check_pullback_twice(compiled, args, rng)
    laws.check_purity(compiled, args, rng)


@pytest.mark.compiled_all
@pytest.mark.parametrize("program", FOR_NUMBA, ids=str)
def test_numba_takes_program(program):
    """The corpus is Numba code: what `njit` computes is what Python computes."""
    args, own_args = program.arguments(), program.arguments()
    expected = program.function(*args)

    result = jitted(program.function)(*own_args)

    rtol = 2e-6 if laws.is_single(args, expected) else 1e-12
    laws.assert_close(result, expected, rtol, "the result under njit")
    laws.assert_close(own_args, args, rtol, "the arguments after njit")


@functools.cache
def jitted(function):
    """`function` under `njit`, with the plain functions that it calls under `njit` too."""
    scope = {name: _jitted_value(value) for name, value in function.__globals__.items() if name in _names(function)}
    cells = tuple(CellType(_jitted_value(cell.cell_contents)) for cell in function.__closure__ or ())
    copied = FunctionType(
        function.__code__, scope | {"__builtins__": builtins}, function.__name__, function.__defaults__, cells
    )
    copied.__module__ = function.__module__
    return numba.njit(error_model="numpy")(copied)


def _jitted_value(value):
    if isinstance(value, FunctionType):
        return jitted(value)
    if isinstance(value, ModuleType) and value.__name__.startswith("tests."):
        module = ModuleType(value.__name__)
        module.__dict__.update({name: _jitted_value(item) for name, item in vars(value).items()})
        return module
    return value


def _names(function):
    """The names that a function and the functions inside it look up."""
    pending, names = [function.__code__], set()
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return names

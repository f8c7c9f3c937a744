"""Programs: what can be differentiated. A user's function is one, and so is the gradient of a program.

Nothing here imports the compiler before it is needed: a call whose code is in the cache does without.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from types import FunctionType, MethodType
from typing import Any

from srcgrad.backend import Options
from srcgrad.errors import ArgumentError, NonScalarError, Problem

Arguments = Sequence[tuple[str, Any]]


class Program(ABC):
    """Something with a signature that has IR for every choice of argument types."""

    signature: inspect.Signature
    name: str
    options: Options
    active: tuple[str, ...] | None = None  # the arguments that its sweeps differentiate with respect to; None: all
    is_frugal = False  # whether loops are checkpointed whose tape takes too much memory

    def frugal(self) -> Program:
        """The same with the loops checkpointed whose tape takes too much memory."""
        return self

    @abstractmethod
    def lowered(self, arguments: Arguments) -> Any:
        """The IR for arguments of these names and types, a `Lowered`.

        Raises:
            UnsupportedError: it cannot be differentiated.
        """

    @abstractmethod
    def cache_parts(self) -> tuple[Any, ...]:
        """What its IR depends on, besides the argument types."""


class UserFunction(Program):
    """A Python function."""

    def __init__(self, function: FunctionType | MethodType | Any, options: Options) -> None:
        self.function, self.options = function, options
        self.signature = inspect.signature(function)
        self.name = function.__name__

    def lowered(self, arguments: Arguments) -> Any:
        pipeline = import_module("srcgrad.transform.pipeline")
        found = pipeline.primal(self.function, arguments)
        on_device = self.options.target == "cuda"
        if self.options.parallel or on_device:
            return pipeline.check_parallel(found, on_device=on_device)
        return pipeline.in_sequence(found)

    def cache_parts(self) -> tuple[Any, ...]:
        return "function", self.function, str(self.signature)


class GradientOf(Program):
    """The gradient of a program with a scalar result, with the value before it where `with_value` is set."""

    def __init__(self, of: Program, argnums: Any, *, with_value: bool, has_aux: bool) -> None:
        self.of, self.argnums, self.with_value, self.has_aux = of, argnums, with_value, has_aux
        self.options, self.signature = of.options, of.signature
        self.name = f"{of.name}_gradient"

    def lowered(self, arguments: Arguments) -> Any:
        return import_module("srcgrad.derive").gradient(self, arguments)

    def frugal(self) -> GradientOf:
        made = GradientOf(self.of.frugal(), self.argnums, with_value=self.with_value, has_aux=self.has_aux)
        made.is_frugal = True
        return made

    def cache_parts(self) -> tuple[Any, ...]:
        return "gradient of", self.of, self.argnums, self.with_value, self.has_aux, self.is_frugal


class ActiveIn(Program):
    """A program that is differentiated with respect to some of its arguments only.

    With `finals`, the arrays that it overwrites are results too, after its own: their contents at the end.
    """

    def __init__(self, of: Program, active: tuple[str, ...], *, finals: bool = False) -> None:
        self.of, self.active, self.finals = of, active, finals
        self.options, self.signature, self.name = of.options, of.signature, of.name

    def lowered(self, arguments: Arguments) -> Any:
        found = self.of.lowered(arguments)
        return import_module("srcgrad.derive").with_finals(found) if self.finals else found

    def frugal(self) -> ActiveIn:
        made = ActiveIn(self.of.frugal(), self.active or (), finals=self.finals)
        made.is_frugal = made.of.is_frugal
        return made

    def cache_parts(self) -> tuple[Any, ...]:
        return "active in", self.of, self.active, self.finals


class PullbackOf(Program):
    """The gradients of a program's active arguments, as a function of its arguments and its cotangents.

    It takes one argument more, the tuple of cotangents of all floats among the results, and returns a flat tuple.
    """

    def __init__(self, of: Program) -> None:
        self.of, self.options, self.name = of, of.options, f"{of.name}_pullback"
        names = list(of.signature.parameters)
        last = "cotangents"
        while last in names:
            last += "_"
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.signature = inspect.Signature([inspect.Parameter(n, kind) for n in (*names, last)])

    def lowered(self, arguments: Arguments) -> Any:
        return import_module("srcgrad.derive").pullback(self, arguments)

    def cache_parts(self) -> tuple[Any, ...]:
        return "pullback of", self.of


def resolve_argnums(argnums: Any, names: list[str], program: str) -> list[str]:
    """The names of the arguments that `argnums` (an index, a name, or a tuple of them) selects.

    >>> resolve_argnums((0, "b", -1), ["a", "b", "c"], "f")
    ['a', 'b', 'c']
    """
    found = []
    for a in argnums if isinstance(argnums, tuple) else (argnums,):
        if isinstance(a, str):
            if a not in names:
                hint = f"its arguments are {', '.join(names)}"
                raise ArgumentError(Problem(f"'{program}' has no argument '{a}' to differentiate", hint=hint))
            found.append(a)
        elif isinstance(a, int) and not isinstance(a, bool):
            if not -len(names) <= a < len(names):
                hint = f"its arguments are {', '.join(names)}"
                raise ArgumentError(Problem(f"'{program}' has no argument number {a} to differentiate", hint=hint))
            found.append(names[a])
        else:
            message = f"argnums must be indices or names, but got {a!r}"
            raise ArgumentError(Problem(message, hint="use argnums=(0, 1)"))
    if len(set(found)) < len(found):
        raise ArgumentError(Problem("argnums selects an argument twice", hint="name each argument once"))
    return found


def nothing_returned(program: Program) -> ArgumentError:
    """The error of a derivative of a function without a result."""
    message = f"'{program.name}' returns nothing, so there is nothing to differentiate"
    return NonScalarError(Problem(message, hint="return the arrays you fill"))

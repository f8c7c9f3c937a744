"""A kernel as a program: from its arguments and its launch to the final contents of the arrays that it writes."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import FunctionType
from typing import Any

from srcgrad.backend import Options
from srcgrad.program import Arguments, Program

LAUNCH = ("gridDim_x", "gridDim_y", "gridDim_z", "blockDim")


class KernelProgram(Program):
    """A kernel for launches of any grid; the shape of the blocks is a constant of a version.

    Its parameters are the kernel's, then the extents of the grid (None for 1), and the `BlockShape`. It returns a tuple
    with a value for each parameter of the kernel: the final contents of an array that is written, else None.
    """

    def __init__(self, function: FunctionType, options: Options) -> None:
        self.function, self.options = function, options
        self.name = function.__name__
        own = list(inspect.signature(function).parameters.values())
        names = {p.name for p in own}
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        launch = [inspect.Parameter(_unused(name, names), kind) for name in LAUNCH]
        self.signature = inspect.Signature([*(p.replace(default=p.empty, kind=kind) for p in own), *launch])

    def plain(self, arguments: Arguments, *, flat: bool = False) -> Any:
        """The IR without results; for `flat` see `transform/simt/flat.py`."""
        kernel = import_module("srcgrad.transform.pipeline").kernel
        return kernel(self.function, arguments, on_device=self.options.target == "cuda", flat=flat)

    def lowered(self, arguments: Arguments) -> Any:
        found = self.plain(arguments)
        return import_module("srcgrad.derive").with_contents(found, [n for n, _ in arguments[: -len(LAUNCH)]])

    def cache_parts(self) -> tuple[Any, ...]:
        return "kernel", self.function, str(self.signature)


class AdjointOf(Program):
    """The adjoint of a kernel with respect to some of its arguments, in memory that is given.

    After the parameters of the kernel and of the launch it takes an array for each of them: of the shape of an array,
    of one element for a number. It returns nothing.
    """

    def __init__(self, of: KernelProgram, wanted: tuple[str, ...]) -> None:
        self.of, self.wanted, self.options, self.name = of, wanted, of.options, f"{of.name}_adjoint"
        names = set(of.signature.parameters)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        more = [inspect.Parameter(_unused(f"b{name}", names), kind) for name in wanted]
        self.signature = inspect.Signature([*of.signature.parameters.values(), *more])

    def lowered(self, arguments: Arguments) -> Any:
        return import_module("srcgrad.derive").kernel_adjoint(self, arguments)

    def cache_parts(self) -> tuple[Any, ...]:
        return "adjoint of", self.of, self.wanted


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name

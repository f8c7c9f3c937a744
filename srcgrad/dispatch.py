"""From a call to the compiled version for its arguments."""

from __future__ import annotations

import inspect
from typing import Any

from srcgrad import structure
from srcgrad.backend import adopt, any_on_device
from srcgrad.entry import MISS, Entry, Guard, make_entry, make_guard
from srcgrad.errors import ArgumentError, Problem
from srcgrad.program import ActiveIn, GradientOf, Program, PullbackOf
from srcgrad.version import Version, find_version

KEPT = 8  # quick ways in that a function tries, the latest first


class Callee:
    """A program with its compiled versions."""

    def __init__(self, program: Program) -> None:
        self.program = program
        parameters = program.signature.parameters
        self.parameters = list(parameters)
        kinds = {p.kind for p in parameters.values()}
        self.simple = kinds <= {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
        self.on_device = program.options.target == "cuda"
        direct = self.simple and not self.on_device
        self.arity = len(self.parameters) if direct else -1  # of calls whose arguments are the parameters as they are
        self.named = inspect.Parameter.POSITIONAL_ONLY not in kinds and self.simple
        self.defaults = {n: p.default for n, p in parameters.items() if p.default is not inspect.Parameter.empty}
        self.versions: dict[Any, list[Version]] = {}
        self._gradients: dict[Any, Callee] = {}
        self._guards: tuple[tuple[Guard, Version], ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """For pickles and copies: without compiled versions, which look at what is outside the original."""
        return {**vars(self), "versions": {}, "_gradients": {}, "_guards": ()}

    def gradient(self, argnums: Any, *, with_value: bool, has_aux: bool) -> Callee:
        """The gradient of this program; the same one each time, so that it is compiled once."""
        key = argnums, with_value, has_aux
        try:
            if key not in self._gradients:
                self._gradients[key] = Callee(GradientOf(self.program, argnums, with_value=with_value, has_aux=has_aux))
            return self._gradients[key]
        except TypeError:  # a list; the error of that comes with the first call
            return Callee(GradientOf(self.program, argnums, with_value=with_value, has_aux=has_aux))

    def active_in(self, names: tuple[str, ...], *, finals: bool = False) -> Callee:
        """This program, differentiated with respect to some arguments only; the same one each time. See `ActiveIn`."""
        key = names, finals
        if key not in self._gradients:
            self._gradients[key] = Callee(ActiveIn(self.program, names, finals=finals))
        return self._gradients[key]

    def pullback(self) -> Callee:
        """The gradients of the active arguments as a program; the same one each time. See `PullbackOf`."""
        if "pullback" not in self._gradients:
            self._gradients["pullback"] = Callee(PullbackOf(self.program))
        return self._gradients["pullback"]

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The argument values in the order of the parameters, defaults filled in."""
        if self.on_device:
            return adopt(self._bound(args, kwargs))  # type: ignore[no-any-return]
        return self._bound(args, kwargs)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not kwargs and len(args) == self.arity:
            return args
        if self.named:
            rest = self.parameters[len(args) :]
            found = [kwargs[n] if n in kwargs else self.defaults.get(n, MISS) for n in rest]
            if all(v is not MISS for v in found) and len(args) <= len(self.parameters) and kwargs.keys() <= set(rest):
                return (*args, *found)
        bound = self.program.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def positional(self, found: tuple[Any, ...]) -> tuple[Any, ...]:
        """One value a parameter as one value a positional argument."""
        if self.simple:
            return found
        kinds = [p.kind for p in self.program.signature.parameters.values()]
        out: list[Any] = []
        for kind, value in zip(kinds, found, strict=True):
            out += value if kind is inspect.Parameter.VAR_POSITIONAL else [value]
        return tuple(out)

    def version(self, values: tuple[Any, ...]) -> Version:
        """The version compiled for these argument types, and for what the function captures as it is now."""
        for guard, version in self._guards:
            if guard(values):
                return version
        version = self._searched(values)
        if all(known is not version for _, known in self._guards):
            self._guards = ((make_guard(version), version), *self._guards)[:KEPT]
        return version

    def _searched(self, values: tuple[Any, ...]) -> Version:
        if not self.on_device and any_on_device(values):
            message = f"'{self.program.name}' runs on the CPU, and one of its arguments is on a GPU"
            hint = 'use differentiable(target="cuda"), or copy the array to the host'
            raise ArgumentError(Problem(message, hint=hint))
        kinds = tuple(structure.type_of(v, n) for v, n in zip(values, self.parameters, strict=True))
        try:
            known = self.versions.setdefault(kinds, [])
        except TypeError:
            message = "an argument that is no number, array, string or tuple must be hashable"
            raise ArgumentError(Problem(message, hint="pass its numbers and arrays separately")) from None
        for version in known:
            if version.fits(values) and version.is_valid():
                return version
        arguments = tuple(zip(self.parameters, kinds, strict=True))
        version = find_version(self.program, arguments, values)
        if not version.fits(values):  # its tape would take too much memory
            version = find_version(self.program.frugal(), arguments, values)
        known.append(version)
        return version


class Dispatching:
    """Something that is called like a program: with the primal of its version for the arguments.

    A call tries the quick ways into versions that have been called before; `_slow` finds or makes the version.
    """

    callee: Callee
    pure: bool  # whether arrays that are overwritten are copied first
    _entries: tuple[Entry, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """For pickles and copies, as that of `Callee`."""
        return {name: value for name, value in vars(self).items() if name != "_entries"}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        callee = self.callee
        values = args if not kwargs and len(args) == callee.arity else callee.bind(args, kwargs)
        for entry in self._entries:
            found = entry(values)
            if found is not MISS:
                return found
        return self._slow(values)

    def _slow(self, values: tuple[Any, ...]) -> Any:
        take_over = structure.foreign(values)
        if take_over is not None:
            return take_over(self.callee, values, pure=self.pure)
        version = self.callee.version(values)
        kernel = version.kernel("primal")
        flat = version.flat(values)
        result = version.result(kernel.pure(flat) if self.pure else kernel(flat))
        if not self.callee.on_device:
            self._admit(version)
        return result

    def _admit(self, version: Version) -> None:
        """Put the quick way into `version` first."""
        entry = entry_of(version, pure=self.pure)
        self._entries = (entry, *(e for e in self._entries if e is not entry))[:KEPT]


def entry_of(version: Version, *, pure: bool) -> Entry:
    """The quick way into the primal of a version; `pure` calls run on copies of what is overwritten."""
    if pure not in version.entries:
        version.entries[pure] = make_entry(version, version.kernel("primal"), pure=pure)
    found: Entry = version.entries[pure]
    return found

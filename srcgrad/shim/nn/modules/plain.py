"""Modules that hold nothing: their arguments are those of a function, and are printed as PyTorch prints them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.shim.nn.module import Module


class Plain(Module):
    """A module that calls a function with its attributes.

    Attributes of the class:
        function: what is called, with the inputs and the attributes by name.
        options: the names of attributes and their defaults, in the order of the arguments; one without a default must
            be given.
        shown: those that are printed; all, if None. `inplace` is printed where it is true.
        quiet: print values without names.
    """

    function: Callable[..., Any]
    options: dict[str, Any] = {}  # noqa: RUF012 - subclasses replace it
    shown: tuple[str, ...] | None = None
    quiet = False
    always_inplace = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        names = list(self.options)
        given = dict(zip(names, args, strict=False))
        for name in kwargs:
            if name not in self.options:
                raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument '{name}'")
        given.update(kwargs)
        if len(args) > len(names):
            raise TypeError(
                f"{type(self).__name__}.__init__() takes from 1 to {len(names) + 1} positional arguments but "
                f"{len(args) + 1} were given"
            )
        missing = [f"'{n}'" for n, default in self.options.items() if default is REQUIRED and n not in given]
        if missing:
            count = f"{len(missing)} required positional argument{'s' if len(missing) > 1 else ''}"
            raise TypeError(f"{type(self).__name__}.__init__() missing {count}: {' and '.join(missing)}")
        for name, default in self.options.items():
            setattr(self, name, given.get(name, default))

    def arguments(self) -> dict[str, Any]:
        """What the function is called with, besides the inputs."""
        return {name: getattr(self, name) for name in self.options}

    def forward(self, *inputs: Any) -> Any:
        return type(self).function(*inputs, **self.arguments())

    def extra_repr(self) -> str:
        names = self.options if self.shown is None else self.shown
        parts = []
        for name in names:
            value = getattr(self, name)
            if name == "inplace" and not self.always_inplace:
                parts += ["inplace=True"] if value else []
            elif self.quiet:
                parts.append(str(value))
            else:
                parts.append(f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}")
        return ", ".join(parts)


REQUIRED: Any = object()

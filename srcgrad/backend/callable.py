"""Let the user's own `@njit` functions call a differentiable function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import types
from numba.extending import typeof_impl

from srcgrad.ir.printed import Printed
from srcgrad.ir.types import BOOL, Array, Scalar


def callable_from_njit(cls: type, print_for: Callable[[Any, list[Any]], tuple[Printed, dict[str, Any]]]) -> None:
    """Make instances of `cls` callable from compiled code.

    Args:
        cls: the class.
        print_for: given an instance and argument types, the text to compile, and the captured arrays in it by name.
    """

    @typeof_impl.register(cls)
    def type_of_instance(value: Any, context: Any) -> types.Dispatcher:
        del context
        adapter = value.__dict__.get("_njit_adapter")
        if adapter is None:
            adapter = value.__dict__["_njit_adapter"] = _Adapter(value, print_for)
        return types.Dispatcher(adapter)


class _Adapter:
    """Looks like a dispatcher to Numba; forwards to one dispatcher for each choice of argument types."""

    is_compiling = False  # the functions are compiled one by one, and cannot call themselves

    def __init__(self, owner: Any, print_for: Callable[..., Any]) -> None:
        self.owner, self.print_for = owner, print_for
        self.dispatchers: dict[Any, Any] = {}

    def _dispatcher(self, args: tuple[Any, ...]) -> Any:
        args = tuple(types.unliteral(a) for a in args)
        if args not in self.dispatchers:
            printed, arrays = self.print_for(self.owner, [kind_of(a) for a in args])
            namespace = dict(arrays)
            exec(compile(printed.text, f"<srcgrad {printed.name}>", "exec"), namespace)
            options = self.owner.options.numba_options()
            for helper in printed.helpers:
                namespace[helper] = numba.njit(**options)(namespace[helper])
            self.dispatchers[args] = numba.njit(**options)(namespace[printed.name])
        return self.dispatchers[args]

    def get_call_template(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        return self._dispatcher(args).get_call_template(args, kws)

    def get_overload(self, args: Any) -> Any:
        given = tuple(getattr(args, "args", args))  # a signature, in some versions of Numba
        return self._dispatcher(given).get_overload(args)


def kind_of(t: Any) -> Any:
    """A Numba type as an argument type: ours, or a pair of a list and a namedtuple class for a tuple.

    Raises:
        numba.core.errors.TypingError: a type that differentiable functions do not take.
    """
    if isinstance(t, types.Array):
        return Array(str(t.dtype), t.ndim, t.layout)
    if isinstance(t, types.Boolean):
        return BOOL
    if isinstance(t, types.Integer):
        return Scalar("int64")
    if isinstance(t, types.Float):
        return Scalar(str(t))
    if isinstance(t, types.BaseTuple):
        return [kind_of(i) for i in t.types], getattr(t, "instance_class", None)
    if isinstance(t, types.NoneType):
        return None
    raise numba.core.errors.TypingError(f"a differentiable function does not take {t} in compiled code")

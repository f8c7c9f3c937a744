"""Whether operations are recorded: `no_grad` and its kin, thread-local context managers and decorators."""

from __future__ import annotations

import contextvars
import functools
import inspect
import threading
import warnings
from collections.abc import Callable, Generator
from typing import Any

import numpy as np


def _loudly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


def _quiet() -> Callable[..., Any]:
    """A function that calls another with NumPy's warnings off, as PyTorch gives none.

    Entering `np.errstate` takes longer than a small operation. It is a context variable, so a context in which it was
    entered once will do; before NumPy 2 it was not.
    """
    context = contextvars.copy_context()
    context.run(np.errstate(all="ignore").__enter__)
    return context.run if context.run(np.geterr)["over"] == "ignore" != np.geterr()["over"] else _loudly


class _State(threading.local):
    """The modes of a thread.

    Attributes:
        quiet: calls a function of arrays with NumPy's warnings off; the function must not use it in turn.
        grad: operations are recorded.
        inference: results are inference tensors.
        special: what is done to every new node, for anomaly detection and hooks on saved tensors; None mostly.
        partial: the running backward pass is for some tensors only.
        callbacks: what is done at the end of the running backward pass; None mostly.
    """

    grad = True
    inference = False
    special: tuple[Callable[[Any], None], ...] | None = None
    partial = False
    callbacks: list[Callable[[], None]] | None = None

    def __init__(self) -> None:
        self.quiet = _quiet()


STATE = _State()


def note_nodes(note: Callable[[Any], None], on: bool) -> None:
    """From now on, or no longer, call a function with every new node of this thread."""
    kept = tuple(n for n in STATE.special or () if n is not note)
    STATE.special = (*kept, note) if on else kept or None


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread."""
    return STATE.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return STATE.inference


class _Mode:
    """A context manager that is also a decorator, of functions and of generators, resumed in the mode each time."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exception: object) -> None:
        raise NotImplementedError

    def again(self) -> _Mode:
        """A new context of the same kind: a decorated function can be entered again while it runs."""
        return type(self)()

    def __call__(self, function: Any) -> Any:
        if inspect.isclass(function):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate "
                "functions or methods. To preserve the current behavior of class decoration, you can directly decorate "
                "the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
            function.__init__ = self(function.__init__)
            return function
        if inspect.isgeneratorfunction(function):
            return self._generator(function)

        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return function(*args, **kwargs)

        return in_mode

    def _generator(self, function: Callable[..., Generator]) -> Callable[..., Generator]:
        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Generator:
            inner = function(*args, **kwargs)
            with self.again():
                try:
                    value = next(inner)
                except StopIteration as end:
                    return end.value
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with self.again():
                        inner.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in goes to the generator
                    step = functools.partial(inner.throw, error)
                else:
                    step = functools.partial(inner.send, sent)
                with self.again():
                    try:
                        value = step()
                    except StopIteration as end:
                        return end.value

        return in_mode


class _Recording(_Mode):
    """Sets whether operations are recorded."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __enter__(self) -> None:
        self.before = STATE.grad
        STATE.grad = self.enabled

    def __exit__(self, *exception: object) -> None:
        STATE.grad = self.before


class _Bare(_Recording):
    """One that can decorate without parentheses."""

    enabled = False

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()
        return made(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__(self.enabled)


class no_grad(_Bare):  # noqa: N801 - PyTorch's name
    """Operations are not recorded: their results do not require gradients.

    A context manager, and a decorator with or without parentheses. Per thread.
    """


class enable_grad(_Bare):  # noqa: N801 - PyTorch's name
    """Operations are recorded, also inside of `no_grad`."""

    enabled = True


class set_grad_enabled(_Recording):  # noqa: N801 - PyTorch's name
    """Set whether operations are recorded: at once, and as a context manager until its end."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.before = STATE.grad
        STATE.grad = mode

    def __enter__(self) -> None:
        STATE.grad = self.enabled

    def __call__(self, function: Any) -> Any:
        STATE.grad = self.before  # as a decorator it changes nothing here
        return super().__call__(function)

    def again(self) -> _Mode:
        return set_grad_enabled(self.enabled)


class inference_mode(_Mode):  # noqa: N801 - PyTorch's name
    """Like `no_grad`, and the results can never take part in a recorded computation.

    Args:
        mode: whether to be in inference mode.
    """

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()
        return made(mode)

    def __init__(self, mode: Any = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.before = STATE.grad, STATE.inference
        STATE.grad, STATE.inference = (False, True) if self.mode else (True, False)

    def __exit__(self, *exception: object) -> None:
        STATE.grad, STATE.inference = self.before

    def again(self) -> _Mode:
        return inference_mode(self.mode)

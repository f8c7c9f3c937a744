"""Calls of code that runs on several threads: what Numba's threading layers cannot bear is prevented here.

The workqueue layer ends the process when two Python threads use it at once; GNU OpenMP ends a child that was forked
after it had been used. (Numba's documentation, "The Threading Layers".)
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable
from typing import Any

import numba

from srcgrad.errors import ParallelError, Problem


class _Layer:
    """What is known of the threading layer of this process."""

    name = ""  # not chosen before the first parallel call
    lock = threading.RLock()
    forked = False


def on_threads(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, called by one Python thread at a time where the layer needs that.

    Raises:
        ParallelError: when called, in a process that was forked after OpenMP had been used.
    """

    @functools.wraps(function, assigned=(), updated=())
    def call(*args: Any) -> Any:
        if _Layer.name and _Layer.name != "workqueue":
            if _Layer.forked:
                raise _refusal()
            return function(*args)
        with _Layer.lock:
            result = function(*args)
            if not _Layer.name:
                with contextlib.suppress(ValueError):  # no loop has run on threads yet
                    _Layer.name = numba.threading_layer()
            return result

    return call


def _refusal() -> ParallelError:
    message = "this process was forked after its parent had run parallel code with OpenMP, which does not survive that"
    hint = 'use multiprocessing.get_context("spawn"), or NUMBA_THREADING_LAYER=workqueue'
    return ParallelError(Problem(message, hint=hint))


def _after_fork() -> None:
    _Layer.lock = threading.RLock()
    _Layer.forked = _Layer.name == "omp"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

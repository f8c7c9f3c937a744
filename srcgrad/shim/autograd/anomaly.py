"""Anomaly detection: where the forward operation was that a failing backward node belongs to."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.shim.engine import Watch
from srcgrad.shim.graph import Anomaly, Node
from srcgrad.shim.modes import note_nodes

_OWN = str(Path(__file__).parent.parent)
_ENABLED = (
    "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging."
)
_UNKNOWN = "No forward pass information available. Enable detect anomaly during forward pass for more information."
_RUNNING: list[Node] = []  # the nodes whose backward runs now, the innermost last


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switch anomaly detection: at once, and as a context manager until its end.

    Args:
        mode: whether to record where nodes were made, and to report that when their backward fails.
        check_nan: a NaN is a failure.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = Anomaly.enabled, Anomaly.check_nan
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _switch(*self.before)


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """Anomaly detection inside of a `with`.

    Args:
        check_nan: a NaN is a failure.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(_ENABLED, UserWarning, stacklevel=2)

    def __enter__(self) -> None:
        self.before = Anomaly.enabled, Anomaly.check_nan
        _switch(True, self.check_nan)

    def __exit__(self, *exception: object) -> None:
        _switch(*self.before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return Anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether a NaN is a failure, if it is on."""
    return Anomaly.check_nan


def _switch(mode: bool, check_nan: bool) -> None:
    Anomaly.enabled, Anomaly.check_nan = mode, check_nan
    note_nodes(_record, mode)
    watch(_guarded, mode)


def watch(around: Callable[[Any, Callable[[], Any]], Any], on: bool) -> None:
    """From now on, or no longer, run the nodes of backward passes through a function."""
    kept = tuple(a for a in Watch.around or () if a is not around)
    Watch.around = (*kept, around) if on else kept or None


def _record(node: Node) -> None:
    """Note where a node is made: outside of this package, and in which node's backward."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    node.trace = traceback.extract_stack(frame), _RUNNING[-1] if _RUNNING else None


def _guarded(node: Node, run: Callable[[], Any]) -> Any:
    """Run a node; report where it was made if that fails, or gives NaN."""
    _RUNNING.append(node)
    try:
        grads = run()
        for k, g in enumerate(grads if Anomaly.check_nan else ()):
            if g is not None and np.isnan(getattr(g, "_data", g)).any():
                raise RuntimeError(f"Function '{node.name()}' returned nan values in its {k}th output.")  # noqa: TRY301
    except Exception:  # whatever it is, the user is told where the node was made, and gets it
        _report(node)
        raise
    finally:
        _RUNNING.pop()
    return grads


def _report(node: Node) -> None:
    """Warn with the forward stack of a node, and of those whose backward made it."""
    known, at = node.trace is not None, 1
    while sys._getframe(at).f_back is not None and sys._getframe(at).f_code.co_filename.startswith(_OWN):
        at += 1
    text = f"Traceback of forward call that caused the error:\n{_stack(node)}" if known else _UNKNOWN
    warnings.warn(f"Error detected in {node.name()}. {text}", UserWarning, stacklevel=at + 1)
    parent = node.trace[1] if known else None
    while parent is not None:
        known = parent.trace is not None
        text = f"Traceback of forward call that induced the previous calculation:\n{_stack(parent)}"
        text = f"\n\nPrevious calculation was induced by {parent.name()}. {text if known else _UNKNOWN}"
        warnings.warn(text, UserWarning, stacklevel=at + 1)
        parent = parent.trace[1] if known else None


def _stack(node: Node) -> str:
    return "".join(traceback.format_list(node.trace[0])) if node.trace is not None else ""

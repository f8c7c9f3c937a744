"""Functions that NumPy lacks, on arrays: SciPy's where it is installed, else the standard library's, one by one."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable
from typing import Any

import numpy as np

_SCIPY: Any = importlib.import_module("scipy.special") if importlib.util.find_spec("scipy") else None


def _of(name: str, one: Callable[..., float]) -> Callable[..., Any]:
    """SciPy's function, or an element-wise loop over that of one number."""
    if _SCIPY is not None:
        return getattr(_SCIPY, name)  # type: ignore[no-any-return]
    loop = np.vectorize(one, otypes=[float])

    def function(x: Any) -> Any:
        x = np.asarray(x)
        return loop(x).astype(x.dtype if x.dtype.kind == "f" else float)

    return function


def of_scipy(name: str) -> Callable[..., Any]:
    """A function that only SciPy has.

    Raises:
        ImportError: it is not installed.
    """
    if _SCIPY is None:
        raise ImportError(f"srcgrad.shim needs SciPy for {name}: pip install srcgrad[scipy]")
    return getattr(_SCIPY, name)  # type: ignore[no-any-return]


def log_expit(x: Any) -> Any:
    """The logarithm of the logistic function."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def _expit(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))  # where the exponential overflows, 0 is right


expit = _SCIPY.expit if _SCIPY is not None else _expit
erf = _of("erf", math.erf)
erfc = _of("erfc", math.erfc)
lgamma = _of("gammaln", math.lgamma)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma, of arrays and tensors."""
    if isinstance(x, np.ndarray | np.generic):
        return of_scipy("psi")(x) if n == 0 else of_scipy("polygamma")(n, x).astype(x.dtype)
    return importlib.import_module("srcgrad.shim.ops.pointwise").polygamma(n, x)


FUNCTIONS: dict[str, Callable[..., Any]] = {"expit": _expit, "polygamma": polygamma}

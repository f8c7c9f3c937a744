"""Compiled code on disk: what Numba's dispatcher takes for its own cache.

Numba's finds a function by the name, time and size of its source file and keeps an index beside it, which processes
overwrite for each other. Ours finds it by the text, and keeps one file for each choice of argument types.
"""

from __future__ import annotations

import hashlib
import pickle
from typing import Any

from numba.core import serialize
from numba.core.compiler import CompileResult

from srcgrad import cache
from srcgrad.backend.stamp import stamp


class ObjectCache:
    """The cache of one dispatcher; the interface is that of Numba's `_Cache`.

    Args:
        text: what the compiled code depends on: the text of the function, its name, the options.
    """

    cache_path = None

    def __init__(self, text: str) -> None:
        self.text = text

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature, or None."""
        content = cache.read(self._name(sig, target_context.codegen()))
        if content is None:
            return None
        target_context.refresh()  # types and functions that the code may need
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(content))  # noqa: S301 - a file of our own
        except Exception:  # noqa: BLE001 - whatever is wrong with it, compiling again is right
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code."""
        if data.lifted or data.objectmode or data.library.has_dynamic_globals:  # an address means nothing elsewhere
            return
        cache.write(self._name(sig, data.codegen), serialize.dumps(data._reduce()))

    def _name(self, sig: Any, codegen: Any) -> str:
        key = repr((stamp(), codegen.magic_tuple(), str(sig), self.text))
        return f"{hashlib.sha256(key.encode()).hexdigest()}.code"

    def enable(self) -> None:
        """Nothing to do: the cache is on as long as it is there."""

    def disable(self) -> None:
        """As `enable`."""

    def flush(self) -> None:
        """As `enable`: what is not right is not found."""

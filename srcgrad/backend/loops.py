"""Let functions compiled by Numba loop over `srcgrad.checkpointed(range(n))`."""

from __future__ import annotations

from typing import Any

from numba.extending import overload

from srcgrad.loops import checkpointed


def checkpointed_in_njit() -> None:
    """In compiled code, `checkpointed` is the range that it is given."""

    @overload(checkpointed)
    def overloaded(iterable: Any, snapshots: Any = None) -> Any:
        def unchanged(iterable: Any, snapshots: Any = None) -> Any:
            return iterable

        return unchanged

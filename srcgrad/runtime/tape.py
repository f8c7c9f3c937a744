"""Growth of the tape."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable


@register_jitable
def reserve(tape, size):
    """`tape` if it has `size` elements, else a copy of it that has at least twice as many as before."""
    if size <= tape.shape[0]:
        return tape
    grown = np.empty(max(size, 2 * tape.shape[0]), tape.dtype)
    for i in range(tape.shape[0]):
        grown[i] = tape[i]
    return grown

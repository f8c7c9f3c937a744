"""Hypothesis strategies for arguments: shapes, layouts, and values from tiny to large, away from kinks."""

import numpy as np
from hypothesis import strategies as st

LAYOUTS = ("C", "F", "strided", "reversed", "read-only")


def magnitudes():
    """Floats of either sign from 1e-6 to 1e3: extreme for most functions, and still smooth."""
    size = st.floats(-6.0, 3.0).map(lambda e: 10.0**e)
    return st.builds(lambda s, m: s * m, st.sampled_from((-1.0, 1.0)), size)


@st.composite
def arrays(draw, ndim, dtype="float64", largest=4, smallest=0):
    """Arrays of `ndim` dimensions with sides from `smallest` to `largest`, in any layout."""
    shape = tuple(draw(st.integers(smallest, largest)) for _ in range(ndim))
    count = int(np.prod(shape))
    values = np.array(draw(st.lists(magnitudes(), min_size=count, max_size=count)), dtype).reshape(shape)
    return laid_out(values, draw(st.sampled_from(LAYOUTS)))


def laid_out(values, layout):
    """The same values in memory of another layout."""
    if layout == "F":
        return np.asfortranarray(values)
    if layout == "strided":
        wide = np.zeros(tuple(2 * n for n in values.shape), values.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in values.shape)]
        view[...] = values
        return view
    if layout == "reversed":
        flip = tuple(slice(None, None, -1) for _ in values.shape)
        return np.ascontiguousarray(values[flip])[flip]
    values = np.ascontiguousarray(values)
    values.flags.writeable = layout != "read-only"
    return values

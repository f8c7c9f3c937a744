"""Layouts for sample arguments: each takes a drawer `rng -> array`, and returns one of the same values elsewhere."""

import numpy as np


def columns_first(spec):
    """In Fortran order."""
    return lambda rng: np.asfortranarray(spec(rng))


def every_second(spec):
    """Every second element, in every dimension, of a larger buffer."""

    def draw_array(rng):
        values = spec(rng)
        wide = np.full(tuple(2 * n for n in values.shape), 99.0, values.dtype)
        view = wide[tuple(slice(None, None, 2) for _ in values.shape)]
        view[...] = values
        return view

    return draw_array


def backwards(spec):
    """Negative strides in every dimension."""
    return lambda rng: np.flip(np.ascontiguousarray(np.flip(spec(rng))))

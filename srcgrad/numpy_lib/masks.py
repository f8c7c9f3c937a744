"""Reading and writing by boolean masks."""

import numpy as np


def compress(a, mask):
    """`a[mask]`, for a mask over the first axes of a."""
    if mask.shape != a.shape[: mask.ndim]:
        raise ValueError("boolean index did not match the shape of the array")
    count = 0
    for i in np.ndindex(mask.shape):
        if mask[i]:
            count += 1
    rest = a.shape[mask.ndim :]
    out = np.empty((count, *rest), a.dtype)
    k = 0
    for i in np.ndindex(mask.shape):
        if mask[i]:
            for j in np.ndindex(rest):
                out[(k, *j)] = a[i + j]
            k += 1
    return out


def numbers(mask, length):
    """For each true element, its number among them; `length` of them are expected, or one row for all."""
    count = 0
    for i in np.ndindex(mask.shape):
        if mask[i]:
            count += 1
    if length not in (count, 1):
        raise ValueError("cannot assign the values to the elements that the mask chooses: their numbers differ")
    out = np.zeros(mask.shape, np.int64)
    if length != 1:
        k = 0
        for i in np.ndindex(mask.shape):
            if mask[i]:
                out[i] = k
                k += 1
    return out

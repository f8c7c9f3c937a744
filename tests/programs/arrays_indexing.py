"""Indexing: masks, arrays of integers, partial indices and slices, read and written."""

import numpy as np

from .arrays_samples import backwards, columns_first, every_second
from .registry import program
from .samples import array, draw, fixed, indices, scalar, signed


@program(draw(signed(6)), tags=["compiled"])
def mask_read_and_written(x):
    positive = x > 0.0
    s = x[positive].sum()
    x[x < 0.0] = 0.1 * s
    x[positive] = np.sqrt(x[positive])
    return np.prod(x), x


@program(draw(signed(4, 3), signed(4, 3)), numba_ok=False)
def masks_of_matrices(a, b):
    a[b > 0.5] *= 2.0
    keep = (a > 0.0) & ~(b > a)
    a[~keep] = 0.5
    return a, (a * keep).sum() + np.count_nonzero(keep) * b[0, 0]


@program(draw(signed(5, 3), fixed([True, False, True, True, False])))
def rows_by_mask(a, chosen):
    return a[chosen].sum(axis=0) * a[~chosen, 1].sum()


@program(draw(array(5), fixed([3, 1, 1, 4]), signed(4)), tags=["compiled"])
def repeated_indices_are_buffered(out, index, v):
    """Of repeated indices only the last counts."""
    out[index] += v
    out[index[:2]] *= 2.0
    return out


@program(draw(array(5), fixed([3, 1, 1, 4]), signed(4)), numba_ok=False)
def repeated_indices_are_added(out, index, v):
    np.add.at(out, index, v * v)
    np.subtract.at(out, index[:2], out[:2])
    return out


@program(draw(signed(5, 3), indices(6, 5), signed(6, 3)))
def scatter_of_rows(a, index, rows):
    out = np.zeros_like(a)
    for k, i in enumerate(index):
        out[i] += rows[k] * a[i]
    return out


@program(draw(array(4, 5), fixed([0.3, 1.7, 2.9]), fixed([3.6, 0.2, 1.5])), numba_ok=False)
def bilinear_interpolation(image, y, x):
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = y - i, x - j
    upper = (1.0 - fx) * image[i, j] + fx * image[i, j + 1]
    return (1.0 - fy) * upper + fy * ((1.0 - fx) * image[i + 1, j] + fx * image[i + 1, j + 1])


@program(draw(backwards(array(5)), array(5)))
def negative_steps_of_arrays(x, y):
    symmetric = x + x[::-1]
    y[::-2] = symmetric[:3] * x[2:5]
    y[3::-1] += x[1:]
    return symmetric * y[::-1]


@program(draw(signed(3, 4, 5)), tags=["compiled"])
def partial_indices(a):
    first = a[0] * a[-1]
    b = a[:, 1].copy()
    b[..., 2] = a[..., 0, 2] + a[2, :3, 1]
    a[1] = first
    a[:, 0] *= 2.0
    return first, b, a[1, 2].sum() + a[..., -1].max()


@program(draw(every_second(signed(5, 4)), signed(2, 2)))
def written_blocks(a, b):
    a[1:-1, ::2] += np.sum(b)
    a[::4, 1:3] = b
    a[2] = a[3] * a[1]
    a[:, 3] /= 2.0 + a[:, 0] ** 2
    return a


@program(draw(signed(4), signed(5)))
def pairs_by_newaxis(x, y):
    table = x[:, np.newaxis] * y[np.newaxis, :] + x[:, None]
    table[np.newaxis, 1, :] = y
    return table, table[:, :, np.newaxis]


@program(draw(array(3, 4, 5), fixed([2, 0]), fixed([1, 3])), numba_ok=False)
def two_arrays_of_indices(a, i, j):
    a[i, j] *= 2.0
    a[:, j, 1] = a[:, i, 2] + 1.0
    return a[i, j], a[i, :, j], a[np.ix_(i, j)], a[i][:, j].sum(axis=-1), a[..., i]


@program(draw(array(4, 3), fixed([2, 0, 1, 1]), fixed([[0, 3], [2, 1]])), numba_ok=False)
def take_and_choose(a, which, order):
    picked = np.take_along_axis(a, which[:, None], axis=1)
    return picked, np.take(a, order, axis=0) * a[order], np.take(a, which)


@program(draw(fixed([0.5, 1.0, 2.2, 3.0]), signed(4), fixed([0.7, 1.4, 2.9]), signed(3)))
def interpolated_tables(grid, values, at, weights):
    k = np.searchsorted(grid, at) - 1
    t = (at - grid[k]) / (grid[k + 1] - grid[k])
    by_hand = values[k] + t * (values[k + 1] - values[k])
    return np.sum(weights * by_hand) + np.interp(at, grid, values * values)


@program(draw(fixed([0.0, 0.8, 2.0, 3.1]), signed(4), array(4), fixed([0.3, 1.2, 2.5])))
def cubic_hermite_spline(grid, values, slopes, at):
    k = np.searchsorted(grid, at, side="right") - 1
    h = grid[k + 1] - grid[k]
    t = (at - grid[k]) / h
    left = (1.0 + 2.0 * t) * values[k] + t * h * slopes[k]
    right = t**2 * (3.0 - 2.0 * t) * values[k + 1] + t**2 * (t - 1.0) * h * slopes[k + 1]
    return (1.0 - t) ** 2 * left + right


@program(draw(signed(6), fixed([2, 0, 2, 1, 0, 2])))
def sums_of_groups(x, group):
    totals = np.bincount(group, x)
    counts = np.bincount(group)
    return totals / counts, x - (totals / counts)[group]


@program(draw(signed(6, dtype=np.float32), scalar(0.2, 0.3)))
def clipped_and_chosen(x, limit):
    x = np.clip(x, -1.0, 1.0)
    x = np.where(np.abs(x) < 0.7, limit * x, x)
    return np.where(x > 0.0, x * x, -x)[np.argsort(x)]


@program(draw(columns_first(signed(4, 3)), signed(3)))
def views_named_and_written(a, v):
    top, bottom = a[:2], a[2:]
    top += bottom
    column = bottom[:, 1]
    column *= v[0]
    flat = a.T[1]
    flat[:] = flat + v[2]
    bottom[...] = bottom * v
    return a


@program(draw(signed(4, 4), scalar()), numba_ok=False)
def diagonals_and_triangles(a, k):
    i = np.arange(4)
    a[i, i] += k
    a[np.tril_indices(4, -1)] *= 0.5
    upper = a[np.triu_indices(4)]
    return a, upper, np.diagonal(a, 1) * a[i[:3], i[1:]]


@program(draw(signed(6), scalar()))
def slice_objects_and_nonzero(x, k):
    inner = slice(1, -1)
    x[inner] = k * x[slice(2, None)] + x[inner]
    found = np.nonzero(x > 0.0)[0]
    where = np.where(x <= 0.0)
    x[where] = k
    return x[found].sum(), x


@program(draw(signed(3, 4), signed(5), signed(4)))
def rows_and_columns_in_loops(a, b, c):
    for i, row in enumerate(a):
        row *= b[i]
        a[i, ::-1] += c
    for column in a.T:
        column[1:] = column[:-1] * column[1:]
    return a


@program(draw(signed(2), signed(2)))
def nested_choices_and_a_short_axis(x, k):
    """Operands that are computed early, because a later one fills an array, stay in their order."""
    for _ in range(1):
        x = x
    return np.where(x < 1.0, np.where(k[0] <= 0.6271, x, k), x[[1]])

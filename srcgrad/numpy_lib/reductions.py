"""Reductions, over all elements or along axes. In float32, sums are float32, as in NumPy."""

import numpy as np

from srcgrad.numpy_lib.axes import at, common_shape, dims, normal_axes, offset, others, product, spread, woven
from srcgrad.numpy_lib.folding import added_up, element, float_type, one_if_nonzero, quotient, reduced, total_type
from srcgrad.numpy_lib.registry import defines


def check_mask(where, a):
    """Raise where a mask is of no shape that stretches to that of the array."""
    if where.ndim > a.ndim:
        raise ValueError("operands could not be broadcast together")
    common_shape(a, where)
    for k in dims(where.ndim):
        n, m = where.shape[k], a.shape[a.ndim - where.ndim + k]
        if n not in (m, 1):
            raise ValueError("operands could not be broadcast together")


def chosen(a, i, t, where):
    return t(a[i]) if spread(where, i) else t(0)


def one_if_chosen(a, i, t, where):
    return t(1) if spread(where, i) else t(0)


@defines(np.sum, arrays="a where", once="a")
def sum(a, axis=None, dtype=None, *, keepdims=False, where=None):
    t = total_type(a) if dtype is None else dtype
    axes = normal_axes(axis, a.ndim)
    if where is None:
        return added_up(element, a, axes, keepdims, t)
    check_mask(where, a)
    return added_up(chosen, a, axes, keepdims, t, where)


@defines(np.mean, arrays="a where", once="a")
def mean(a, axis=None, dtype=None, *, keepdims=False, where=None):
    t = float_type(a) if dtype is None else dtype
    axes = normal_axes(axis, a.ndim)
    if where is None:
        return added_up(element, a, axes, keepdims, t, by=t(product(at(a.shape, axes))))
    check_mask(where, a)
    counts = added_up(one_if_chosen, a, axes, keepdims, t, where)
    return quotient(added_up(chosen, a, axes, keepdims, t, where), counts)


def squared_deviation(a, i, t, means, axes):
    d = t(a[i]) - (means if np.ndim(means) == 0 else means[others(i, axes)])
    return d * d


def dispersion(a, axis, ddof, keepdims, root):
    t = float_type(a)
    axes = normal_axes(axis, a.ndim)
    n = product(at(a.shape, axes))
    by = t(n if ddof == 0 else np.maximum(n - ddof, 0))
    return added_up(squared_deviation, a, axes, keepdims, t, mean(a, axes), axes, by=by, root=root)


@defines(np.var)
def var(a, axis=None, *, ddof=0, keepdims=False):
    return dispersion(a, axis, ddof, keepdims, False)


@defines(np.std)
def std(a, axis=None, *, ddof=0, keepdims=False):
    return dispersion(a, axis, ddof, keepdims, True)


def product_at(a, i, axes, t):
    total = t(1)
    for j in np.ndindex(at(a.shape, axes)):
        total *= t(a[woven(i, j, axes)])
    return total


@defines(np.prod, once="a")
def prod(a, axis=None, dtype=None, *, keepdims=False):
    return reduced(product_at, a, normal_axes(axis, a.ndim), keepdims, total_type(a) if dtype is None else dtype)


# -- extrema: only the position is carried, so that the derivative goes to the one element that was chosen ----------


def position(a, i, axes, largest, skip_nan):
    """Where along the axes the first of the largest (smallest) elements is; NaN goes before all, or after."""
    best = (0,) * len(axes)
    for j in np.ndindex(at(a.shape, axes)):
        x, top = a[woven(i, j, axes)], a[woven(i, best, axes)]
        settled = x <= top if largest else x >= top
        if not (settled | np.isnan(x if skip_nan else top)):
            best = j
    return best


def extremum_at(a, i, axes, t, largest, skip_nan):
    return a[woven(i, position(a, i, axes, largest, skip_nan), axes)]


def extremum(a, axis, keepdims, largest, skip_nan):
    axes = normal_axes(axis, a.ndim)
    if product(at(a.shape, axes)) == 0:
        raise ValueError("zero-size array to reduction operation which has no identity")
    return reduced(extremum_at, a, axes, keepdims, a.dtype.type, largest, skip_nan)


def extremum_from(a, i, axes, t, largest, initial, where):
    """The extremum of `initial` and the chosen elements."""
    best, found = (0,) * len(axes), False
    for j in np.ndindex(at(a.shape, axes)):
        place = woven(i, j, axes)
        if where is None or spread(where, place):
            x, top = a[place], a[woven(i, best, axes)]
            settled = x <= top if largest else x >= top
            if not (found & (settled | np.isnan(top))):
                best, found = j, True
    if not found:
        return t(initial)
    x = a[woven(i, best, axes)]
    return t(initial) if (initial >= x if largest else initial <= x) else x


def limited(a, axis, keepdims, largest, initial, where):
    if where is not None:
        check_mask(where, a)
    if initial is not None:
        return reduced(
            extremum_from, a, normal_axes(axis, a.ndim), keepdims, a.dtype.type, largest, initial, where
        )  # fmt: skip
    if where is not None:
        raise ValueError("reduction operation has no identity, so to use a where mask one has to specify 'initial'")
    return extremum(a, axis, keepdims, largest, False)


@defines(np.max, np.amax, arrays="a where")
def max(a, axis=None, *, keepdims=False, initial=None, where=None):
    return limited(a, axis, keepdims, True, initial, where)


@defines(np.min, np.amin, arrays="a where")
def min(a, axis=None, *, keepdims=False, initial=None, where=None):
    return limited(a, axis, keepdims, False, initial, where)


@defines(np.ptp)
def ptp(a, axis=None, *, keepdims=False):
    low, high = min(a, axis, keepdims=keepdims), max(a, axis, keepdims=keepdims)
    if np.ndim(high) == 0:
        return high - low
    for i in np.ndindex(high.shape):
        high[i] -= low[i]
    return high


def position_at(a, i, axes, t, largest):
    return offset(position(a, i, axes, largest, False), at(a.shape, axes))


def position_along(a, axis, keepdims, largest):
    axes = normal_axes(axis, a.ndim)
    if product(at(a.shape, axes)) == 0:
        raise ValueError("attempt to get the position of an extremum of an empty sequence")
    return reduced(position_at, a, axes, keepdims, np.int64, largest)


@defines(np.argmax)
def argmax(a, axis=None, *, keepdims=False):
    return position_along(a, axis, keepdims, True)


@defines(np.argmin)
def argmin(a, axis=None, *, keepdims=False):
    return position_along(a, axis, keepdims, False)


# -- truth ---------------------------------------------------------------------------------------------------------


def any_at(a, i, axes, t):
    found = False
    for j in np.ndindex(at(a.shape, axes)):
        found = found | (a[woven(i, j, axes)] != 0)
    return found


def all_at(a, i, axes, t):
    found = True
    for j in np.ndindex(at(a.shape, axes)):
        found = found & (a[woven(i, j, axes)] != 0)
    return found


@defines(np.any, once="a")
def any(a, axis=None, *, keepdims=False):
    return reduced(any_at, a, normal_axes(axis, a.ndim), keepdims, np.bool_)


@defines(np.all, once="a")
def all(a, axis=None, *, keepdims=False):
    return reduced(all_at, a, normal_axes(axis, a.ndim), keepdims, np.bool_)


@defines(np.count_nonzero, once="a")
def count_nonzero(a, axis=None, *, keepdims=False):
    return added_up(one_if_nonzero, a, normal_axes(axis, a.ndim), keepdims, np.int64)

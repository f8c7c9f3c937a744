"""How reductions go through an array, whichever axes they reduce."""

import numpy as np

from srcgrad.numpy_lib.axes import at, dims, others, woven


def total_type(a):
    """The type of sums and products: floats have their own, all else is added up in 64 bits."""
    if a.dtype.kind == "f":
        return a.dtype.type
    return np.uint64 if a.dtype.kind == "u" else np.int64


def float_type(*arrays):
    """The type of means: that of floats, or float64."""
    dtype = np.result_type(*arrays)
    return dtype.type if dtype.kind == "f" else np.float64


def element(a, i, t):
    return t(a[i])


def one_if_nonzero(a, i, t):
    return t(a[i] != 0)


def finished(total, by, root):
    """A sum, divided by a number and its root taken, where either is wanted."""
    quotient = total if by is None else total / by
    if not root:
        return quotient
    # the root of 0 has no derivative; as in PyTorch, that of a norm of nothing but zeros is taken as 0
    return np.sqrt(quotient) if quotient > 0 else 0 * quotient


def added_up(term, a, axes, keepdims, t, *more, by=None, root=False):
    """The sums over `axes` of `term(a, i, t, *more)`, finished.

    They go into one number at a time where the axes are the last, else into the result in memory order.
    """
    if len(axes) == a.ndim and not keepdims:
        total = t(0)
        for i in np.ndindex(a.shape):
            total += term(a, i, t, *more)
        return finished(total, by, root)
    one, zero = ((1,), (0,)) if keepdims else ((), ())
    shape = others(a.shape, axes, one)
    if axes == dims(a.ndim)[a.ndim - len(axes) :]:
        out = np.empty(shape, t)
        for i in np.ndindex(others(a.shape, axes)):
            total = t(0)
            for j in np.ndindex(at(a.shape, axes)):
                total += term(a, i + j, t, *more)
            out[i + zero * len(axes)] = finished(total, by, root)
        return out
    out = np.zeros(shape, t)
    for i in np.ndindex(a.shape):
        out[others(i, axes, zero)] += term(a, i, t, *more)
    if by is not None or root:
        for i in np.ndindex(shape):
            out[i] = finished(out[i], by, root)
    return out


def reduced(kernel, a, axes, keepdims, t, *more):
    """`kernel(a, i, axes, t, *more)` for each index `i` of the other axes."""
    if len(axes) == a.ndim and not keepdims:
        return kernel(a, (), axes, t, *more)
    one, zero = ((1,), (0,)) if keepdims else ((), ())
    out = np.empty(others(a.shape, axes, one), t)
    for i in np.ndindex(others(a.shape, axes)):
        out[woven(i, zero * len(axes), axes) if keepdims else i] = kernel(a, i, axes, t, *more)
    return out


def quotient(total, count):
    """Sums, each divided by its own count."""
    if np.ndim(total) == 0:
        return total / count
    for i in np.ndindex(total.shape):
        total[i] /= count[i]
    return total

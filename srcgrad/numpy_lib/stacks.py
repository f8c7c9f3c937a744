"""Products of stacks of matrices, by loops."""

import numpy as np

AXES = (0, 1, 2, 3, 4, 5)


def joined(n, m):
    """The length of an axis that stretches two."""
    if n not in (m, 1) and m != 1:
        raise ValueError("matmul: the operands could not be broadcast together")
    return m if n == 1 else n


def stacked_matmul(a, b):
    """`a @ b` where one has more than two axes: the leading ones are broadcast."""
    if a.ndim == 1:
        return rows_removed(stacked(a[None, :], b), -2)
    if b.ndim == 1:
        return rows_removed(stacked(a, b[:, None]), -1)
    return stacked(a, b)


def rows_removed(c, axis):
    """`c` without an axis of length 1 that stands at the end, or before it."""
    return c[..., 0] if axis == -1 else c[..., 0, :]


def stacked(a, b):
    rank = max(a.ndim, b.ndim) - 2
    s = (1,) * (rank + 2 - a.ndim) + a.shape[:-2]
    t = (1,) * (rank + 2 - b.ndim) + b.shape[:-2]
    batch = ()
    for k in AXES[:rank]:
        batch = (*batch, joined(s[k], t[k]))
    if a.shape[-1] != b.shape[-2]:
        raise ValueError("matmul: the operands do not fit")
    out = np.zeros((*batch, a.shape[-2], b.shape[-1]), np.result_type(a, b))
    for i in np.ndindex(batch):
        first = ()
        for k in AXES[rank + 2 - a.ndim : rank]:
            first = (*first, min(i[k], s[k] - 1))
        second = ()
        for k in AXES[rank + 2 - b.ndim : rank]:
            second = (*second, min(i[k], t[k] - 1))
        for r in range(a.shape[-2]):
            for k in range(a.shape[-1]):
                for c in range(b.shape[-1]):
                    out[(*i, r, c)] += a[(*first, r, k)] * b[(*second, k, c)]
    return out

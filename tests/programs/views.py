"""Views, read and written through."""

import math

import numpy as np

from .registry import program
from .samples import array, draw, scalar


@program(draw(array(3, 4)))
def row_views_read(a):
    s = 0.0
    for i in range(a.shape[0]):
        row = a[i]
        for j in range(row.shape[0]):
            s += row[j] * row[j - 1]
    return s


@program(draw(array(3, 4)), tags=["compiled"])
def row_views_written(a):
    for i in range(1, a.shape[0]):
        row = a[i]
        above = a[i - 1]
        for j in range(row.shape[0]):
            row[j] = row[j] * above[j] + row[j - 1]
    return a


@program(draw(array(6, 2)))
def negative_row_index(a):
    last = a[-1]
    last[0] *= last[1]
    a[-2, -1] = last[0] * a[0, 0]
    return a[-1, 0] * a[4, 1]


@program(draw(array(9)))
def slice_views(a):
    left = a[:4]
    right = a[4:]
    s = 0.0
    for i in range(left.shape[0]):
        left[i] = left[i] * right[i]
        s += left[i] * right[i + 1]
    return s + a[0] * a[5]


@program(draw(array(10)))
def slices_with_steps(a):
    even = a[::2]
    odd = a[1::2]
    for i in range(even.shape[0]):
        even[i] = even[i] * odd[i]
        odd[i] = odd[i] + even[i] * even[i]
    return a


@program(draw(array(7)))
def negative_steps(a):
    back = a[::-1]
    some = a[5:0:-2]
    s = 0.0
    for i in range(back.shape[0]):
        s += back[i] * a[i] * (i + 1)
    for i in range(some.shape[0]):
        some[i] = some[i] * back[i] + s
    return a[1] * a[3] + a[5]


@program(draw(array(3, 4)))
def transpose_view(a):
    t = a.T
    s = 0.0
    for i in range(t.shape[0]):
        for j in range(t.shape[1]):
            s += t[i, j] * a[j, i - 1]
            t[i, j] = s * 0.1
    return a


@program(draw(array(2, 6)))
def reshape_view(a):
    b = a.reshape(3, 4)
    c = a.reshape((4, 3))
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] = b[i, j] * c[j, i]
    return a


@program(draw(array(3, 3)))
def ravel_view(a):
    flat = a.ravel()
    for i in range(1, flat.shape[0]):
        flat[i] = flat[i] * flat[i - 1] + 0.5
    return a[0, 1] * a[2, 2] + a[1, 1]


@program(draw(array(3, 4, 2)))
def views_of_views(a):
    plane = a[1]
    column = plane[:, 1]
    some = column[1:][::2]
    some[0] = some[0] * plane[0, 0]
    some[1] = column[3] * a[0, 0, 0] * some[0]
    return a[1, 1, 1] * a[1, 3, 1] + column[0]


@program(draw(array(6)), tags=["compiled"])
def rows_of_a_buffer_swapped(x):
    n = x.shape[0]
    buf = np.zeros((2, n))
    for i in range(n):
        buf[0, i] = x[i]
    cur, nxt = buf[0], buf[1]
    for t in range(3):
        for i in range(1, n - 1):
            nxt[i] = cur[i] * cur[i] + 0.3 * cur[i - 1] * cur[i + 1]
        cur, nxt = nxt, cur
    s = 0.0
    for i in range(n):
        s += cur[i] * cur[i]
    return s


@program(draw(array(4, 5)))
def rows_indexed_by_parity(x):
    for t in range(1, 4):
        now = x[t % 2]
        before = x[(t + 1) % 2]
        for i in range(now.shape[0]):
            now[i] = now[i] * before[i] + 0.1
    return x[0], x[1]


@program(draw(array(5, 3)))
def view_moving_with_loop(a):
    previous = a[0]
    for i in range(1, a.shape[0]):
        row = a[i]
        for j in range(row.shape[0]):
            row[j] += 0.5 * previous[j] * row[j]
        previous = row
    return previous


@program(draw(array(4, 4)))
def diagonal_and_column_views(a):
    column = a[:, 2]
    s = 0.0
    for i in range(4):
        s += a[i, i] * column[i]
        column[i] = s
    return s * column[0]


@program(draw(array(3, 3), array(3)))
def overlapping_views(a, v):
    first = a[0:2]
    second = a[1:3]
    for i in range(2):
        for j in range(3):
            second[i, j] = first[i, j] * v[j]
    return a


@program(draw(array(8)))
def overlapping_windows(a):
    s = 0.0
    for i in range(a.shape[0] - 2):
        window = a[i : i + 3]
        window[1] = window[0] * window[2]
        s += window[1] * window[1]
    return s


@program(draw(array(6)))
def view_is_the_result(a):
    inner = a[1:-1]
    for i in range(inner.shape[0]):
        inner[i] = inner[i] * a[i]
    return inner


@program(draw(array(3, 4)))
def strided_block(a):
    block = a[::2, 1::2]
    s = 1.0
    for i in range(block.shape[0]):
        for j in range(block.shape[1]):
            s += block[i, j] * s
            block[i, j] = math.sin(s)
    return s, a


@program(draw(array(4, 2)))
def unpacked_row(a):
    s = 0.0
    for i in range(a.shape[0]):
        x, y = a[i, 0], a[i, 1]
        s += x * y + math.atan2(y, x)
    return s


@program(draw(array(3, 2, 2), scalar()))
def swapped_rows_of_3d(a, x):
    u = a[0]
    v = a[1]
    w = a[2]
    for t in range(2):
        for i in range(2):
            for j in range(2):
                w[i, j] = u[i, j] * v[j, i] * x
        u, v, w = v, w, u
    return u[0, 0] + v[1, 1] * w[0, 1]


@program(draw(array(2, 3)))
def swapaxes_by_transpose_of_rows(a):
    t = a.T
    row = t[1]
    row[0] = row[1] * a[0, 0]
    return a


@program(draw(array(5), 3))
def view_bounds_from_arguments(a, k):
    head = a[:k]
    tail = a[k:]
    for i in range(len(tail)):
        head[i] = tail[i] * head[i]
    s = 0.0
    for v in head:
        s += v * v
    return s


@program(draw(array(3, 4)))
def shape_unpacked(a):
    n, m = a.shape
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += a[i, j] * a[n - 1 - i, m - 1 - j] / (a.size * a.ndim)
    return s

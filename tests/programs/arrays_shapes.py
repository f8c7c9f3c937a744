"""Shapes: joining, splitting, repeating, transposing, broadcasting; images and signals."""

import numpy as np

from .arrays_samples import backwards, columns_first, every_second
from .registry import program
from .samples import array, draw, fixed, scalar, signed


@program(draw(signed(3), signed(2), signed(2, 3), signed(4, 3)), tags=["compiled"])
def joined(a, b, c, d):
    v = np.concatenate((a, b, a[::-1] * b[0]))
    rows = np.vstack((c, d * 2.0, c[:1]))
    wide = np.hstack((c.T, d.T))
    return v * v, rows.sum(axis=0), wide @ np.hstack((b, d[:, 0] * 3.0)), np.column_stack((a, c[0] * a))


@program(draw(signed(3, 4), signed(3, 4, dtype=np.float32)), numba_ok=False)
def stacked_lists(a, b):
    parts = [a, b, a * b]
    table = np.stack([a.sum(axis=0), parts[1].sum(axis=0), parts[2].sum(axis=0)], axis=1)
    cube = np.stack(parts, axis=-1)
    both = np.concatenate([a, b], axis=1)
    return table, cube[1] * cube[..., 2][0][:, None], both, np.vstack((both, np.hstack((b, a))))


@program(draw(signed(6), signed(3, 4)))
def rolled_and_differenced(x, a):
    gap = np.diff(x, 2)
    return np.roll(x, 2) * x - np.roll(x, -1), gap * gap, np.diff(a) * np.diff(a)[::-1], np.roll(a, 1) * a


@program(draw(signed(4, 4), signed(3, 4)))
def triangles_and_diagonals(a, b):
    low = np.tril(a, -1)
    skew = low - low.T + np.diag(np.diag(a) ** 2)
    return skew @ np.triu(a), np.diag(b) * np.trace(a), np.diag(b[0], 1), np.tril(b, 1)


@program(draw(signed(3), signed(4), scalar()), numba_ok=False)
def meshes(x, y, k):
    xx, yy = np.meshgrid(x, y)
    field = np.sin(k * xx) * np.exp(-(yy**2))
    rows, columns = np.meshgrid(x, y * y, indexing="ij")
    return field, (field.T * rows * columns).sum()


@program(draw(signed(3), signed(2, 3)), numba_ok=False)
def repeated_and_tiled(x, a):
    many = np.repeat(x, 2) * np.tile(x, 2)
    return many, np.repeat(a, [1, 3], axis=0), np.tile(a, (2, 2)) * np.tile(x, 2), np.repeat(a, 2, axis=1)


@program(draw(signed(4), signed(2, 3)))
def upsampled(x, a):
    doubled = np.repeat(x, 2)
    doubled[1:-1:2] = 0.5 * (doubled[:-2:2] + doubled[2::2])
    return doubled, np.repeat(a, 2).reshape(3, 4) ** 2


@program(draw(signed(2, 3, 4)), numba_ok=False)
def axes_moved(a):
    b = a.transpose(2, 0, 1) * np.moveaxis(a, -1, 0)
    c = np.swapaxes(a, 0, 1).reshape(3, -1)
    return b.sum(axis=(0, 2)), c @ c.T, np.einsum("ijk,ilk->jl", a, a), np.expand_dims(a[0], 1) * a.mean(0)[:, None]


@program(draw(signed(2, 6), columns_first(signed(3, 4))))
def reshaped(a, b):
    c = a.reshape((3, 4)) * b
    d = c.ravel()[2:8].reshape(2, -1) + b.T.flatten()[:3]
    return d, np.transpose(c) * a.reshape(4, 3), np.ravel(b)[::3]


@program(draw(signed(4), signed(3, 4), signed(2, 1, 4), scalar()))
def broadcast_between_ranks(x, a, b, k):
    c = a * b + x
    c -= x * k
    c *= a
    return c, x - b[0], k / (1.0 + c[0] ** 2)


@program(draw(signed(3, 4), signed(3), signed(3)), numba_ok=False)
def broadcast_and_reduced(a, r, s):
    full = np.broadcast_to(r[:, None], a.shape) * a
    flipped = np.flip(full, axis=1) + np.fliplr(a) * s.reshape(3, 1)
    return full.sum(keepdims=True) * flipped, np.rot90(a) * r, np.squeeze(a[None, :1])


@program(draw(signed(2, 6)), numba_ok=False)
def split_and_padded(a):
    left, middle, right = np.split(a, 3, axis=1)
    padded = np.pad(left * right, 1, mode="edge")
    return padded[:-2] * middle[0, 0] + padded[2:], np.pad(middle[0], (1, 2)), np.append(left, right)


@program(draw(array(5, 6)))
def sobel_edges(image):
    smooth = image[:, :-2] + 2.0 * image[:, 1:-1] + image[:, 2:]
    gy = smooth[2:] - smooth[:-2]
    gx = image[:-2] + 2.0 * image[1:-1] + image[2:]
    gx = gx[:, 2:] - gx[:, :-2]
    return np.hypot(gx, gy) + 0.1 * np.arctan2(gy, gx + 5.0)


@program(draw(signed(4, 6, dtype=np.float32)))
def max_pooling(image):
    rows = np.maximum(image[::2], image[1::2])
    pooled = np.maximum(rows[:, ::2], rows[:, 1::2])
    return pooled, np.minimum(image[0, :-1], image[1, 1:]).sum()


@program(draw(signed(2, 4, 4), signed(3, 2, 2, 2)), numba_ok=False)
def pooling_by_reshape_and_channels(image, kernels):
    blocks = image.reshape(2, 2, 2, 2, 2)
    out = np.zeros((3, 3, 3))
    for i in range(2):
        for j in range(2):
            out += np.tensordot(kernels[..., i, j], image[:, i : i + 3, j : j + 3], axes=1)
    return blocks.max(axis=(2, 4)), blocks.mean(axis=(-1, -3)), np.maximum(out, 0.01 * out)


@program(draw(backwards(signed(6)), array(3)))
def convolved_and_correlated(x, kernel):
    kernel /= kernel.sum()
    y = np.convolve(x, kernel)
    return y, np.convolve(x, kernel, mode="valid"), np.correlate(x, y[:2]), np.convolve(kernel, x, "same")


@program(draw(signed(5), scalar()))
def discrete_fourier_transform(x, rate):
    k = np.arange(x.size)
    phase = 2.0 * np.pi * np.outer(k, k) / x.size * rate
    return (np.cos(phase) @ x) ** 2 + (np.sin(phase) @ x) ** 2


@program(draw(signed(3, 2), signed(4, 2, dtype=np.float32)))
def pairwise_distances(a, b):
    d = np.expand_dims(a, 1) - b
    return np.sqrt((d * d).sum(axis=2) + 1e-3)


@program(draw(every_second(array(5, dtype=np.float32)), array(5, dtype=np.float32), np.float32(0.25)))
def buffers_given_as_out(x, y, k):
    work = np.empty_like(x)
    np.multiply(x, k, work)
    np.add(work, y, work)
    np.exp(work, work)
    x += work
    return np.sqrt(x, y) * y


@program(draw(columns_first(signed(3, 5, dtype=np.float32)), signed(5)), tags=["compiled"])
def arrays_in_place_of_each_kind(a, x):
    a *= x
    a /= 2.0 + x**2
    a -= a[1].copy()
    a += 1.5
    a **= 2
    x -= a.sum(axis=0)
    return x


@program(draw(signed(3), scalar()))
def arrays_filled(x, k):
    a = np.zeros((3, 4))
    a[:] = x.reshape(3, 1)
    a[1, :] = k
    b = np.full((2, 3), k * k)
    b[1] = x
    c = np.ones_like(a) * k
    c.fill(k + x[0])
    c[0] += a[2]
    return a, b @ a, c, np.linspace(0.0, k, 4) * np.eye(4)[2] + np.arange(4) * k


@program(draw(signed(5, 4), 3))
def sliding_windows(a, width):
    out = np.empty((a.shape[0] - width + 1, 4))
    for i in range(out.shape[0]):
        window = a[i : i + width]
        out[i] = window.sum(axis=0) * window[-1] / width
    return out

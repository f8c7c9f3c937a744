"""Sliding windows over the spatial axes of arrays (N, C, *sizes): patches, and their sum back into place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """Where the windows lie. All tuples have one number for each spatial axis.

    Attributes:
        sizes: of the array.
        kernel: of a window.
        stride: from one window to the next.
        before: how much padding there is in front.
        after: and behind; negative where the last elements are in no window.
        dilation: between the elements of a window.
    """

    sizes: Sizes
    kernel: Sizes
    stride: Sizes
    before: Sizes
    after: Sizes
    dilation: Sizes

    @property
    def full(self) -> Sizes:
        """The sizes with padding."""
        return tuple(b + n + max(a, 0) for b, n, a in zip(self.before, self.sizes, self.after, strict=True))

    @property
    def counts(self) -> Sizes:
        """How many windows there are along each axis."""
        parts = zip(self.sizes, self.before, self.after, self.dilation, self.kernel, self.stride, strict=True)
        return tuple((b + n + a - d * (k - 1) - 1) // s + 1 for n, b, a, d, k, s in parts)

    def inside(self) -> tuple[slice, ...]:
        """The array in the padded one."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.sizes, strict=True))

    def padded(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """(N, C, *sizes) -> (N, C, *full)."""
        if self.full == self.sizes:
            return x
        out = np.full((*x.shape[:2], *self.full), value, x.dtype)
        out[(..., *self.inside())] = x
        return out

    def offsets(self) -> Iterator[tuple[Sizes, tuple[slice, ...]]]:
        """Each element of a window, and the slices of the padded array that it takes over all windows."""
        counts = self.counts
        for at in itertools.product(*map(range, self.kernel)):
            yield at, tuple(
                slice(i * d, i * d + s * (n - 1) + 1, s)
                for i, d, s, n in zip(at, self.dilation, self.stride, counts, strict=True)
            )

    def patches(self, x: np.ndarray) -> np.ndarray:
        """A view (C, *kernel, N, *counts) of the padded array."""
        x = self.padded(x)
        steps = x.strides[2:]
        inner = tuple(a * d for a, d in zip(steps, self.dilation, strict=True))
        outer = tuple(a * s for a, s in zip(steps, self.stride, strict=True))
        shape = (x.shape[1], *self.kernel, x.shape[0], *self.counts)
        return as_strided(x, shape, (x.strides[1], *inner, x.strides[0], *outer), writeable=False)

    def folded(self, patches: np.ndarray) -> np.ndarray:
        """The adjoint of `patches`: (C, *kernel, N, *counts) -> (N, C, *sizes), overlapping elements added."""
        rank = len(self.kernel)
        out = np.zeros((patches.shape[1 + rank], patches.shape[0], *self.full), patches.dtype)
        target = out.swapaxes(0, 1)
        for at, slices in self.offsets():
            target[(..., *slices)] += patches[(slice(None), *at)]
        if self.full == self.sizes:
            return out
        return np.ascontiguousarray(out[(..., *self.inside())])

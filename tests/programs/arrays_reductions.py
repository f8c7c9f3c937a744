"""Reductions, scans and sorting, of whole arrays and along axes."""

import numpy as np

from .arrays_samples import backwards, columns_first, every_second
from .registry import program
from .samples import array, draw, fixed, increasing, scalar, signed


trapezoid = np.trapezoid if hasattr(np, "trapezoid") else np.trapz


@program(draw(signed(3, 4)))
def sums_along_axes(a):
    return a.sum(axis=0), np.sum(a * a, axis=1), np.sum(a, 0)[1:] * a.sum(-1), a.sum()


@program(draw(signed(2, 3, 4)), numba_ok=False)
def sums_of_several_axes(a):
    b = a.sum(axis=(0, 2))
    c = np.sum(a, axis=(1, -1), keepdims=True)
    return b * np.sum(a), (a * c).sum(axis=1), a.sum(axis=2, keepdims=True) * a, np.mean(a, axis=(0, 1))


@program(draw(every_second(signed(3, 4))), tags=["compiled"], numba_ok=False)
def extrema_along_axes(a):
    span = np.max(a, axis=0) - np.min(a, axis=0)
    highest = a.max(axis=1, keepdims=True)
    return span, a / highest, a.min() * np.amax(a), np.ptp(a, axis=1), np.maximum.reduce(a, axis=0)


@program(draw(signed(6), columns_first(signed(3, 4))))
def extrema_and_their_places(x, a):
    top, low = np.argmax(x), x.argmin()
    x[top] *= 2.0
    row = a[np.argmax(a[:, 1])]
    return x[top] * x[low], row * x.max(), np.ptp(x) * a.min()


@program(draw(signed(3, 4)))
def places_of_extrema_along_axes(a):
    best = np.argmax(a, axis=1)
    worst = a.argmin(axis=0)
    return a[np.arange(3), best] * 2.0, a[worst, np.arange(4)] * a[0]


@program(draw(signed(4, 3)), numba_ok=False)
def moments_along_axes(a):
    z = (a - a.mean(axis=0, keepdims=True)) / np.std(a, axis=0)
    spread = np.var(a, axis=1, ddof=1)
    return (z**3).mean(axis=0), spread, np.sqrt(spread).mean(), a.std(ddof=1)


@program(draw(signed(6, dtype=np.float32), signed(3, 4)))
def moments(x, a):
    return np.mean(x), np.var(a) * np.std(x), a.mean() + x.std(), np.mean((x - x.mean()) ** 3)


@program(draw(signed(6), array(6)))
def cumulative_sums_and_products(x, growth):
    survival = np.cumprod(1.0 - 0.5 * growth)
    drawdown = np.cumsum(x) * survival
    return drawdown, survival[-1], (np.cumsum(x[::-1])[::-1] * x).sum(), x.cumsum()[2]


@program(draw(signed(3, 4)), numba_ok=False)
def scans_along_axes(a):
    running = np.maximum.accumulate(a, axis=1)
    return np.cumsum(a, axis=0) * a, np.cumprod(a, axis=1), running, np.cumsum(a)[::-1], np.add.accumulate(a[0])


@program(draw(fixed([1.3, 0.0, -0.7, 2.0]), fixed([[1.0, 0.5, 0.0], [0.0, 2.0, 0.0]])))
def products_with_zeros(x, a):
    rows = np.ones(2)
    for i in range(2):
        rows[i] = np.prod(a[i, :2]) + a[i].prod()
    return np.prod(x), rows, np.cumprod(x)


@program(draw(fixed([[1.0, 0.5, 0.0], [0.0, 2.0, 0.0]])), numba_ok=False)
def products_along_axes(a):
    return np.prod(a, axis=0), a.prod(axis=1, keepdims=True) * a, np.multiply.reduce(a + 1.0, axis=1)


@program(draw(signed(6), array(5)))
def sorted_values(x, weights):
    order = np.argsort(x)
    ranked = np.sort(x)
    x.sort()
    return ranked[1:] @ weights, weights * x[:-1], np.sum(weights[order[:3] % 5])


@program(draw(signed(5), backwards(signed(6)), signed(3, 4)))
def medians_and_quantiles(odd, even, a):
    deviation = np.median(np.abs(odd - np.median(odd)))
    return np.median(even) * deviation, np.quantile(even, 0.3), np.percentile(odd, 60), np.median(a)


@program(draw(signed(3, 5)), numba_ok=False)
def sorted_along_axes(a):
    b = np.sort(a, axis=0)
    trimmed = np.sort(a)[:, 1:-1].mean(axis=1)
    return b * a[::-1], trimmed, np.median(a, axis=1), np.quantile(a, [0.25, 0.75], axis=1), np.partition(a[0], 2)[2]


@program(draw(increasing(5), array(5)))
def trapezoid_integral(x, y):
    area = np.sum(0.5 * (y[1:] + y[:-1]) * np.diff(x))
    return area + trapezoid(y * y, x)


@program(draw(signed(3, 4), fixed([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 0]], dtype=bool)), numba_ok=False)
def reductions_with_where(a, known):
    total = np.sum(a, axis=1, where=known)
    return total / known.sum(axis=1), np.max(a, axis=0, where=known, initial=-9.0), np.average(a, axis=0, weights=known)


@program(draw(array(3), array(4), scalar()))
def scalars_with_arrays(x, y, k):
    s = np.sum(x) * k
    t = 1.0 / (s + y.mean())
    r = s**y - t // 10.0 + y % 0.3
    return s, r, np.dot(x, x) / t, (k + x[0]) * y - max(s, t), float(y.max()) * k


@program(draw(array(4), scalar()))
def arrays_without_dimensions(x, k):
    s = np.zeros(())
    s[()] = x.sum() * k
    t = np.array(k) * s + np.array(1.0)
    return s[()], x * t, np.sqrt(s) + x[:1].reshape(())


@program(draw(array(4, dtype=np.float32), array(4), np.float32(1.5)))
def reductions_of_two_precisions(x, y, k):
    s = np.sum(x * k)
    x /= s
    return s, x @ x, np.sum(x * y), np.mean(y) * k, np.cumsum(x), np.max(x) * np.prod(x)


@program(draw(array(4), array(4)))
def functions_of_arrays(x, y):
    a = np.log1p(x) + np.expm1(-y) + np.sin(x) * np.cos(y) + np.tan(0.5 * x)
    b = np.arctan(x) + np.arcsin(0.5 * x) + np.sinh(y) / np.cosh(x) + np.tanh(x - y)
    c = np.logaddexp(x, y) + np.hypot(x, y) + np.arctan2(y, x) + np.power(x, y) + np.cbrt(x)
    d = np.square(x) - np.reciprocal(y) + np.log2(x) + np.log10(y) + np.exp2(y) + np.sqrt(x) + np.negative(y)
    return a, b, c, d + np.abs(-x) + np.sign(x) + np.floor(y) + np.copysign(x, -y) + np.fmax(x, 0.3)


@program(draw(every_second(signed(4, dtype=np.float32)), columns_first(array(3, 4, dtype=np.float32))))
def single_precision_scores(x, a):
    z = a * x - np.sum(a, axis=1).reshape(3, 1)
    p = np.exp(-np.abs(z))
    return np.log(p.sum(axis=0)), p[:, ::-1] * x


@program(draw(signed(6), signed(5, 3)), smooth=False)
def kinks_and_ties(x, a):
    """Maxima of equal entries, and absolute values of zero."""
    x[1] = x[0]
    x[2:4] = 0.0
    a[1] = a[0]
    return x.max() + np.abs(x).sum(), np.maximum(a[0], a[1]), np.minimum(x, 0.0), np.clip(a, -1.0, 0.0).sum()


@program(draw(signed(5), signed(4, 3)))
def running_normalization(x, a):
    """An exponential moving mean, and the variance around it, over rows."""
    mean, spread = a[0].copy(), np.ones(3)
    for row in a[1:]:
        delta = row - mean
        mean += 0.3 * delta
        spread = 0.7 * (spread + 0.3 * delta**2)
    return (a - mean) / np.sqrt(spread), np.sum(np.outer(x, mean), axis=1)


@program(draw(array(8), array(3, 4)))
def extremes_of_arrays(x, a):
    return np.max(x * x) * np.min(a) + np.argmax(x) * x[np.argmin(x)] + np.sum(np.max(a, axis=0))

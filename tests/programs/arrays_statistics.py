"""Statistics, filters and finance on whole arrays."""

import math

import numpy as np

from .arrays_samples import backwards, columns_first, every_second
from .registry import program
from .samples import array, dominant, draw, fixed, increasing, scalar, signed


@program(draw(signed(3, 4)), numba_ok=False)
def log_sum_exp_of_rows(x):
    biggest = np.max(x, axis=1, keepdims=True)
    return np.squeeze(biggest, axis=1) + np.log(np.sum(np.exp(x - biggest), axis=1))


@program(draw(signed(5, 2), signed(3), signed(3, 2), signed(3, 2)), numba_ok=False)
def mixture_log_likelihood(x, logits, means, log_scales):
    z = (x[:, None, :] - means) / np.exp(log_scales)
    terms = logits - 0.5 * (z**2).sum(axis=-1) - log_scales.sum(axis=-1)
    top = terms.max(axis=-1, keepdims=True)
    return np.sum(top[:, 0] + np.log(np.exp(terms - top).sum(axis=-1))) - 5 * np.log(np.exp(logits).sum())


@program(draw(signed(4), signed(4), scalar(), scalar(0.3, 0.6)), tags=["compiled"])
def gaussian_process(x, y, length, noise):
    d = (x.reshape(-1, 1) - x) / length
    k = np.exp(-0.5 * d * d) + noise * np.eye(x.size)
    factor = np.linalg.cholesky(k)
    half = np.linalg.solve(factor, y)
    return 0.5 * half @ half + np.log(np.diag(factor)).sum()


@program(draw(signed(4, 2), signed(3, 3), array(3, 2), dominant(3), dominant(2)))
def kalman_filter(observed, a, h, q, r):
    x, p = np.zeros(3), np.eye(3)
    misfit = 0.0
    for t in range(observed.shape[0]):
        x, p = a @ x, a @ p @ a.T + q
        e = observed[t] - h.T @ x
        s = h.T @ p @ h + r
        gain = np.linalg.solve(s, h.T @ p).T
        x, p = x + gain @ e, (np.eye(3) - gain @ h.T) @ p
        misfit += e @ np.linalg.inv(s) @ e + np.linalg.slogdet(s)[1]
    return misfit


@program(draw(signed(6, 3), columns_first(signed(6, 2)), scalar()))
def ridge_regression(x, y, penalty):
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)


@program(draw(signed(6, 3)), numba_ok=False)
def explained_variance(x):
    centred = x - x.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred / (x.shape[0] - 1))
    return values[::-1] / values.sum()


@program(draw(signed(5, 3), signed(3), dominant(3)))
def multivariate_normal(x, mean, covariance):
    d = x - mean
    _, log_determinant = np.linalg.slogdet(2.0 * np.pi * covariance)
    return -0.5 * (np.sum(d * np.linalg.solve(covariance, d.T).T) + x.shape[0] * log_determinant)


@program(draw(signed(6), signed(4), scalar(0.3, 0.8)))
def kernel_density(data, at, width):
    z = (at[:, np.newaxis] - data) / width
    return np.exp(-0.5 * z * z).sum(axis=1) / (data.size * width * math.sqrt(2.0 * math.pi))


@program(draw(every_second(array(4)), signed(6, 4)))
def portfolio_variance(weights, returns):
    weights = weights / weights.sum()
    excess = returns - returns.sum(axis=0) / len(returns)
    covariance = excess.T @ excess / (len(returns) - 1)
    return weights @ covariance @ weights


@program(draw(array(3), array(3, 3), array(3, 4), fixed([0, 3, 1, 2])))
def hidden_markov_model_in_logarithms(start, transition, emission, observed):
    a = np.log(start / start.sum()) + np.log(emission[:, observed[0]])
    log_transition = np.log(transition)
    for y in observed[1:]:
        m = a.max()
        a = m + np.log(np.exp(a - m) @ np.exp(log_transition)) + np.log(emission[:, y])
    return np.log(np.sum(np.exp(a)))


@program(draw(signed(5, 3), signed(3, 3)), numba_ok=False)
def viterbi_score(unary, pairwise):
    score = unary[0]
    for t in range(1, unary.shape[0]):
        score = np.max(score[:, None] + pairwise, axis=0) + unary[t]
    return score.max()


@program(draw(signed(5, 3), signed(3, 3), fixed([0, 2, 1, 1, 0])), numba_ok=False)
def conditional_random_field(unary, pairwise, tags):
    alpha = unary[0]
    for row in unary[1:]:
        alpha = np.logaddexp.reduce(alpha[:, None] + pairwise, axis=0) + row
    gold = unary[np.arange(5), tags].sum() + pairwise[tags[:-1], tags[1:]].sum()
    return np.logaddexp.reduce(alpha) - gold


@program(draw(array(3), array(4), array(3, 4), scalar(0.3, 0.6)))
def sinkhorn(a, b, cost, epsilon):
    a, b = a / a.sum(), b / b.sum()
    k = np.exp(-cost / epsilon)
    v = np.ones_like(b)
    for _ in range(4):
        u = a / (k @ v)
        v = b / (k.T @ u)
    return np.sum(u[:, None] * k * v[None, :] * cost)


@program(draw(signed(4), signed(5), scalar(0.5, 1.0)), numba_ok=False)
def soft_dtw_by_antidiagonals(x, y, gamma):
    n, m = len(x), len(y)
    d = (x[:, None] - y[None, :]) ** 2
    r = np.full((n + 1, m + 1), 1e3)
    r[0, 0] = 0.0
    for k in range(2, n + m + 1):
        i = np.arange(max(1, k - m), min(n, k - 1) + 1)
        j = k - i
        steps = np.stack((r[i - 1, j - 1], r[i - 1, j], r[i, j - 1]))
        low = steps.min(axis=0)
        r[i, j] = d[i - 1, j - 1] + low - gamma * np.log(np.exp((low - steps) / gamma).sum(axis=0))
    return r[n, m]


@program(draw(signed(6), 3))
def autocorrelation(x, lags):
    z = x - x.mean()
    r = np.empty(lags)
    for k in range(lags):
        r[k] = np.dot(z[: z.size - k], z[k:])
    return r / np.sum(z**2)


@program(draw(backwards(signed(6)), 3))
def moving_average(x, width):
    c = np.cumsum(np.concatenate((np.zeros(1), x)))
    return (c[width:] - c[:-width]) / width


@program(draw(signed(3, 5), scalar(0.9, 1.1), scalar(0.01, 0.05), scalar(0.2, 0.4)), numba_ok=False)
def geometric_brownian_motion(normals, spot, rate, volatility):
    dt = 0.2
    steps = (rate - 0.5 * volatility**2) * dt + volatility * np.sqrt(dt) * normals
    paths = spot * np.exp(np.cumsum(steps, axis=1))
    return np.mean(np.maximum(paths.mean(axis=1) - 0.95, 0.0)) * np.exp(-rate)


@program(draw(signed(4, 5), signed(4, 5), scalar(0.5, 0.9), array(3, low=0.1, high=0.4)))
def heston_paths(first, second, rho, theta):
    mean, kappa, eta = theta
    v = np.full(5, mean)
    log_price = np.zeros(5)
    for t in range(first.shape[0]):
        root = np.sqrt(np.maximum(v, 0.0))
        z = rho * first[t] + np.sqrt(1.0 - rho**2) * second[t]
        log_price += -0.05 * v + 0.3 * root * first[t]
        v = v + kappa * (mean - v) * 0.1 + eta * root * z * 0.3
    return np.exp(log_price).mean()


def cumulative_normal(x):
    """The error function by a rational approximation, as `math.erf` takes no arrays."""
    t = 1.0 / (1.0 + 0.3275911 * np.abs(x) / np.sqrt(2.0))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return 0.5 * (1.0 + np.sign(x) * (1.0 - poly * np.exp(-0.5 * x * x)))


@program(draw(array(4), array(4, low=0.8, high=1.2), array(4), scalar(0.02, 0.05), scalar(0.2, 0.5)))
def black_scholes_of_arrays(price, strike, t, rate, volatility):
    deviation = volatility * np.sqrt(t)
    discount = np.exp(-rate * t)
    forward = price / discount
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    n1 = cumulative_normal(d1)
    n2 = cumulative_normal(d2)
    call = discount * (forward * n1 - strike * n2)
    put = call - discount * (forward - strike)
    vega = price * np.exp(-0.5 * d1**2) * np.sqrt(t / (2.0 * np.pi))
    return call, put, vega


@program(draw(signed(5, 3)), numba_ok=False)
def correlation_matrix(x):
    z = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    return z.T @ z / (len(x) - 1) + 0.1 * np.cov(x, rowvar=False)


@program(draw(increasing(4), signed(4), signed(6, 2)))
def weighted_polynomial_fit(x, y, extra):
    basis = np.vander(x, 3)
    w = np.diag(1.0 / (1.0 + x**2))
    fit = np.linalg.solve(basis.T @ w @ basis, basis.T @ w @ y)
    return np.sum((y - basis @ fit) ** 2) + extra.var()


@program(draw(signed(6, 3, dtype=np.float32), fixed([0, 1, 1, 0, 1, 1]), array(3, dtype=np.float32)))
def logistic_regression_by_newton(x, y, w):
    for _ in range(2):
        p = 1.0 / (1.0 + np.exp(-np.dot(x, w)))
        gradient = (p - y).astype(x.dtype) @ x + w
        curvature = (x * (p * (1.0 - p)).astype(x.dtype).reshape(-1, 1)).T @ x + np.eye(3).astype(x.dtype)
        w = w - np.linalg.solve(curvature, gradient)
    return w

"""Likelihoods, filters, networks and finance."""

import math

import numpy as np

from .registry import program
from .samples import array, draw, fixed, scalar, signed


@program(draw(array(3), array(3, 3), array(3, 4), fixed([0, 3, 1, 2, 2])), tags=["compiled"])
def hmm_forward(start, transition, emission, observed):
    n = start.shape[0]
    alpha = np.empty(n)
    work = np.empty(n)
    for i in range(n):
        alpha[i] = start[i] * emission[i, observed[0]]
    log_likelihood = 0.0
    for t in range(1, observed.shape[0]):
        total = 0.0
        for j in range(n):
            s = 0.0
            for i in range(n):
                s += alpha[i] * transition[i, j]
            work[j] = s * emission[j, observed[t]]
            total += work[j]
        for j in range(n):
            alpha[j] = work[j] / total
        log_likelihood += math.log(total)
    return log_likelihood


@program(draw(signed(8), scalar(0.5, 0.9), array(2)))
def kalman_scalar(observed, a, noise):
    x, p = 0.0, 1.0
    log_likelihood = 0.0
    for t in range(observed.shape[0]):
        x = a * x
        p = a * p * a + noise[0]
        s = p + noise[1]
        innovation = observed[t] - x
        k = p / s
        x += k * innovation
        p *= 1.0 - k
        log_likelihood -= 0.5 * (math.log(s) + innovation * innovation / s)
    return log_likelihood


@program(draw(signed(5), array(2, 2, high=0.9), scalar(), scalar()))
def kalman_2d(observed, a, q, r):
    x = np.zeros(2)
    p = np.zeros((2, 2))
    p[0, 0] = p[1, 1] = 1.0
    xn = np.zeros(2)
    pn = np.zeros((2, 2))
    misfit = 0.0
    for t in range(observed.shape[0]):
        for i in range(2):
            xn[i] = a[i, 0] * x[0] + a[i, 1] * x[1]
            for j in range(2):
                pn[i, j] = q if i == j else 0.0
                for k in range(2):
                    for m in range(2):
                        pn[i, j] += a[i, k] * p[k, m] * a[j, m]
        s = pn[0, 0] + r
        e = observed[t] - xn[0]
        misfit += e * e / s + math.log(s)
        for i in range(2):
            gain = pn[i, 0] / s
            x[i] = xn[i] + gain * e
            for j in range(2):
                p[i, j] = pn[i, j] - gain * pn[0, j]
    return misfit


@program(draw(signed(5), signed(4), scalar(0.5, 1.0)), tags=["compiled"])
def soft_dtw(x, y, gamma):
    n, m = x.shape[0], y.shape[0]
    r = np.full((n + 1, m + 1), 1e6)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d = (x[i - 1] - y[j - 1]) ** 2
            low = min(r[i - 1, j - 1], r[i - 1, j], r[i, j - 1])
            z = math.exp((low - r[i - 1, j - 1]) / gamma)
            z += math.exp((low - r[i - 1, j]) / gamma)
            z += math.exp((low - r[i, j - 1]) / gamma)
            r[i, j] = d + low - gamma * math.log(z)
    return r[n, m]


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@program(draw(signed(4, 2), signed(12, 5), signed(12)), tags=["compiled"])
def lstm(inputs, weights, bias):
    hidden = 3
    h = np.zeros(hidden)
    c = np.zeros(hidden)
    gates = np.empty(4 * hidden)
    for t in range(inputs.shape[0]):
        for g in range(4 * hidden):
            s = bias[g]
            for j in range(2):
                s += weights[g, j] * inputs[t, j]
            for j in range(hidden):
                s += weights[g, 2 + j] * h[j]
            gates[g] = s
        for j in range(hidden):
            update = math.tanh(gates[3 * hidden + j])
            c[j] = sigmoid(gates[j]) * c[j] + sigmoid(gates[hidden + j]) * update
            h[j] = sigmoid(gates[2 * hidden + j]) * math.tanh(c[j])
    s = 0.0
    for j in range(hidden):
        s += h[j] * h[j]
    return s


@program(draw(signed(5, 3), fixed([0, 1, 1, 0, 1]), signed(4, 3), signed(4), signed(4)))
def two_layer_network(x, labels, w1, b1, w2):
    loss = 0.0
    hidden = np.empty(w1.shape[0])
    for n in range(x.shape[0]):
        z = 0.0
        for i in range(w1.shape[0]):
            s = b1[i]
            for j in range(x.shape[1]):
                s += w1[i, j] * x[n, j]
            hidden[i] = math.tanh(s)
            z += w2[i] * hidden[i]
        p = sigmoid(z)
        loss -= math.log(p) if labels[n] == 1 else math.log(1.0 - p)
    return loss / x.shape[0]


@program(draw(signed(6, 2), fixed([1.0, -1.0, 1.0, 1.0, -1.0, -1.0]), signed(2), scalar(0.1, 0.5)))
def logistic_regression(x, y, w, penalty):
    loss = 0.0
    for i in range(x.shape[0]):
        margin = 0.0
        for j in range(x.shape[1]):
            margin += x[i, j] * w[j]
        loss += math.log1p(math.exp(-y[i] * margin))
    for j in range(w.shape[0]):
        loss += 0.5 * penalty * w[j] ** 2
    return loss


@program(draw(signed(5, 2), signed(3), signed(3, 2), signed(3, 2)))
def gaussian_mixture(x, logits, means, log_scales):
    n, d = x.shape
    k = logits.shape[0]
    terms = np.empty(k)
    total = 0.0
    for i in range(n):
        biggest = -1e300
        for c in range(k):
            s = logits[c]
            for j in range(d):
                z = (x[i, j] - means[c, j]) * math.exp(-log_scales[c, j])
                s -= 0.5 * z * z + log_scales[c, j]
            terms[c] = s
            biggest = max(biggest, s)
        z = 0.0
        for c in range(k):
            z += math.exp(terms[c] - biggest)
        total += biggest + math.log(z)
    return total


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@program(draw(array(4, low=0.8, high=1.2), array(4, low=0.8, high=1.2), scalar(0.2, 0.5), 0.03, 1.5))
def black_scholes(spot, strike, volatility, rate, maturity):
    value = np.empty_like(spot)
    for i in range(spot.shape[0]):
        sd = volatility * math.sqrt(maturity)
        d1 = (math.log(spot[i] / strike[i]) + (rate + 0.5 * volatility**2) * maturity) / sd
        value[i] = spot[i] * normal_cdf(d1) - strike[i] * math.exp(-rate * maturity) * normal_cdf(d1 - sd)
    return value


@program(draw(signed(6, 4), scalar(0.9, 1.1), scalar(0.2, 0.4)))
def monte_carlo_asian_option(normals, spot, volatility):
    payoff = 0.0
    dt = 0.25
    for path in range(normals.shape[0]):
        s = spot
        mean = 0.0
        for t in range(normals.shape[1]):
            s *= math.exp(-0.5 * volatility**2 * dt + volatility * math.sqrt(dt) * normals[path, t])
            mean += s / normals.shape[1]
        if mean > 0.9:
            payoff += mean - 0.9
    return payoff / normals.shape[0]


@program(draw(scalar(0.9, 1.1), scalar(0.95, 1.05), scalar(0.2, 0.4), 6))
def binomial_american_put(spot, strike, volatility, n):
    up = math.exp(volatility * math.sqrt(1.0 / n))
    p = (math.exp(0.03 / n) - 1.0 / up) / (up - 1.0 / up)
    value = np.empty(n + 1)
    for i in range(n + 1):
        value[i] = max(strike - spot * up ** (2 * i - n), 0.0)
    for t in range(n - 1, -1, -1):
        for i in range(t + 1):
            keep = math.exp(-0.03 / n) * (p * value[i + 1] + (1.0 - p) * value[i])
            value[i] = max(keep, strike - spot * up ** (2 * i - t))
    return value[0]


@program(draw(signed(9), array(2, low=0.1, high=0.4), scalar()))
def ar2_likelihood(x, phi, sigma):
    s = 0.0
    for t in range(2, x.shape[0]):
        e = x[t] - phi[0] * x[t - 1] - phi[1] * x[t - 2]
        s -= 0.5 * (e / sigma) ** 2 + math.log(sigma)
    return s


@program(draw(signed(9), array(3, low=0.1, high=0.4)))
def garch(returns, theta):
    variance = theta[0] / (1.0 - theta[1] - theta[2])
    s = 0.0
    for r in returns:
        s += math.log(variance) + r * r / variance
        variance = theta[0] + theta[1] * r * r + theta[2] * variance
    return 0.5 * s


@program(draw(signed(6)))
def log_sum_exp(x):
    biggest = x[0]
    for i in range(1, x.shape[0]):
        biggest = max(biggest, x[i])
    s = 0.0
    for i in range(x.shape[0]):
        s += math.exp(x[i] - biggest)
    return biggest + math.log(s)


@program(draw(signed(3, 4)))
def softmax_rows_in_place(a):
    for i in range(a.shape[0]):
        row = a[i]
        s = 0.0
        for j in range(row.shape[0]):
            row[j] = math.exp(row[j])
            s += row[j]
        for j in range(row.shape[0]):
            row[j] /= s
    return a


@program(draw(signed(7)))
def streaming_variance(x):
    mean = 0.0
    m2 = 0.0
    n = 0
    for v in x:
        n += 1
        delta = v - mean
        mean += delta / n
        m2 += delta * (v - mean)
    return mean, m2 / (n - 1)


@program(draw(signed(6, 2), signed(2, 2)))
def k_means_cost(points, centres):
    cost = 0.0
    for i in range(points.shape[0]):
        best = 1e300
        for k in range(centres.shape[0]):
            d = 0.0
            for j in range(points.shape[1]):
                d += (points[i, j] - centres[k, j]) ** 2
            if d < best:
                best = d
        cost += best
    return cost


@program(draw(signed(4, 3), signed(3), 0.1, 3))
def unrolled_gradient_descent(x, target, rate, steps):
    w = np.zeros(x.shape[1])
    for t in range(steps):
        for i in range(x.shape[0]):
            prediction = 0.0
            for j in range(x.shape[1]):
                prediction += w[j] * x[i, j]
            error = prediction - target[i % 3]
            for j in range(x.shape[1]):
                w[j] -= rate * error * x[i, j]
    return w


@program(draw(signed(8), array(3)))
def adam_steps(gradient, start):
    m = np.zeros(3)
    v = np.zeros(3)
    for t in range(1, 5):
        for i in range(3):
            g = gradient[(t + i) % 8] * start[i]
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.99 * v[i] + 0.01 * g * g
            start[i] -= 0.1 * (m[i] / (1.0 - 0.9**t)) / (math.sqrt(v[i] / (1.0 - 0.99**t)) + 1e-8)
    return start


@program(draw(array(4), array(4)))
def log_gamma_likelihood(x, shape):
    s = 0.0
    for i in range(x.shape[0]):
        s += (shape[i] - 1.0) * math.log(x[i]) - x[i] - math.lgamma(shape[i])
    return s


@program(draw(signed(5, 3), fixed([0, 2, 1, 1, 0])))
def crf_log_partition(unary, tags):
    n, k = unary.shape
    alpha = unary[0].copy()
    new = np.empty(k)
    for t in range(1, n):
        for j in range(k):
            s = 0.0
            for i in range(k):
                s += math.exp(alpha[i] + 0.1 * (i - j))
            new[j] = math.log(s) + unary[t, j]
        alpha, new = new, alpha
    z = 0.0
    for j in range(k):
        z += math.exp(alpha[j])
    score = 0.0
    for t in range(n):
        score += unary[t, tags[t]]
    return math.log(z) - score

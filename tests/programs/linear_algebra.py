"""Linear algebra and numerical methods by hand."""

import math

import numpy as np

from .registry import program
from .samples import array, dominant, draw, fixed, increasing, scalar, signed


@program(draw(array(5), array(5), array(5), array(5)), tags=["compiled"])
def thomas(lower, diagonal, upper, rhs):
    """Solve a tridiagonal system, overwriting two of the arguments."""
    n = rhs.shape[0]
    diagonal[0] += 3.0
    for i in range(1, n):
        diagonal[i] += 3.0
        w = lower[i] / diagonal[i - 1]
        diagonal[i] -= w * upper[i - 1]
        rhs[i] -= w * rhs[i - 1]
    rhs[n - 1] /= diagonal[n - 1]
    for i in range(n - 2, -1, -1):
        rhs[i] = (rhs[i] - upper[i] * rhs[i + 1]) / diagonal[i]
    return rhs


@program(draw(dominant(4)))
def cholesky(a):
    n = a.shape[0]
    factor = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= factor[i, k] * factor[j, k]
            if i == j:
                factor[i, i] = math.sqrt(s)
            else:
                factor[i, j] = s / factor[j, j]
    return factor


@program(draw(dominant(4)))
def cholesky_in_place_log_determinant(a):
    n = a.shape[0]
    for j in range(n):
        for k in range(j):
            for i in range(j, n):
                a[i, j] -= a[i, k] * a[j, k]
        a[j, j] = math.sqrt(a[j, j])
        for i in range(j + 1, n):
            a[i, j] /= a[j, j]
    s = 0.0
    for i in range(n):
        s += 2.0 * math.log(a[i, i])
    return s


@program(draw(dominant(4), array(4)))
def lu_solve(a, b):
    n = a.shape[0]
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    for i in range(n):
        for j in range(i):
            b[i] -= a[i, j] * b[j]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            b[i] -= a[i, j] * b[j]
        b[i] /= a[i, i]
    return b


@program(draw(fixed([[0.2, 1.0, 0.4], [2.0, 0.3, 0.9], [0.8, 1.7, 1.1]]), array(3)))
def gauss_with_pivoting(a, b):
    n = b.shape[0]
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[p, k]):
                p = i
        if p != k:
            for j in range(n):
                a[k, j], a[p, j] = a[p, j], a[k, j]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            w = a[i, k] / a[k, k]
            for j in range(k, n):
                a[i, j] -= w * a[k, j]
            b[i] -= w * b[k]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        s = b[i]
        for j in range(i + 1, n):
            s -= a[i, j] * x[j]
        x[i] = s / a[i, i]
    return x


@program(draw(signed(4, 3)))
def gram_schmidt(a):
    rows, columns = a.shape
    for j in range(columns):
        v = a[:, j]
        for k in range(j):
            u = a[:, k]
            s = 0.0
            for i in range(rows):
                s += u[i] * v[i]
            for i in range(rows):
                v[i] -= s * u[i]
        norm = 0.0
        for i in range(rows):
            norm += v[i] * v[i]
        norm = math.sqrt(norm)
        for i in range(rows):
            v[i] /= norm
    return a


@program(draw(array(3, 4), array(4, 2)))
def matrix_product(a, b):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return c


@program(draw(array(2, 2, high=0.8), 3))
def matrix_power(a, n):
    p = np.eye(2)
    q = np.zeros((2, 2))
    for t in range(n):
        for i in range(2):
            for j in range(2):
                q[i, j] = 0.0
                for k in range(2):
                    q[i, j] += p[i, k] * a[k, j]
        p, q = q, p
    return p


@program(draw(dominant(3), array(3)))
def power_iteration(a, v):
    eigenvalue = 0.0
    w = np.zeros(3)
    for t in range(8):
        norm = 0.0
        for i in range(3):
            w[i] = 0.0
            for j in range(3):
                w[i] += a[i, j] * v[j]
            norm += w[i] * w[i]
        eigenvalue = math.sqrt(norm)
        for i in range(3):
            v[i] = w[i] / eigenvalue
    return eigenvalue, v


@program(draw(dominant(4), array(4)))
def conjugate_gradients(a, b):
    n = b.shape[0]
    x = np.zeros(n)
    r = b.copy()
    p = b.copy()
    ap = np.empty(n)
    rs = 0.0
    for i in range(n):
        rs += r[i] * r[i]
    for t in range(3):
        pap = 0.0
        for i in range(n):
            ap[i] = 0.0
            for j in range(n):
                ap[i] += a[i, j] * p[j]
            pap += p[i] * ap[i]
        alpha = rs / pap
        rs_new = 0.0
        for i in range(n):
            x[i] += alpha * p[i]
            r[i] -= alpha * ap[i]
            rs_new += r[i] * r[i]
        for i in range(n):
            p[i] = r[i] + rs_new / rs * p[i]
        rs = rs_new
    return x


@program(draw(fixed([0, 2, 3, 3, 6]), fixed([0, 2, 1, 0, 1, 2]), array(6), array(3)), tags=["compiled"])
def sparse_matrix_vector(starts, columns, values, x):
    y = np.zeros(starts.shape[0] - 1)
    for i in range(y.shape[0]):
        for k in range(starts[i], starts[i + 1]):
            y[i] += values[k] * x[columns[k]]
    return y


@program(draw(signed(5), scalar()))
def horner(c, x):
    y = 0.0
    for k in range(c.shape[0] - 1, -1, -1):
        y = y * x + c[k]
    return y


@program(draw(signed(6), scalar(-0.8, 0.8)))
def clenshaw(c, x):
    b1, b2 = 0.0, 0.0
    for k in range(c.shape[0] - 1, 0, -1):
        b1, b2 = c[k] + 2.0 * x * b1 - b2, b1
    return c[0] + x * b1 - b2


@program(draw(scalar(0.4, 0.8), scalar(1.2, 1.9), 12))
def trapezoid(a, b, n):
    h = (b - a) / n
    s = 0.5 * (math.exp(-a * a) + math.exp(-b * b))
    for i in range(1, n):
        x = a + i * h
        s += math.exp(-x * x)
    return s * h


@program(draw(increasing(6), signed(6), scalar(1.0, 1.1)))
def linear_interpolation(xs, ys, x):
    k = 0
    while k < xs.shape[0] - 2 and xs[k + 1] < x:
        k += 1
    t = (x - xs[k]) / (xs[k + 1] - xs[k])
    return ys[k] * (1.0 - t) + ys[k + 1] * t


@program(draw(increasing(6), signed(6), scalar(1.0, 1.3)))
def hermite_spline_by_bisection(xs, ys, x):
    low, high = 0, xs.shape[0] - 1
    while high - low > 1:
        middle = (low + high) // 2
        if xs[middle] > x:
            high = middle
        else:
            low = middle
    h = xs[high] - xs[low]
    t = (x - xs[low]) / h
    m0 = (ys[high] - ys[low - 1]) / (xs[high] - xs[low - 1]) if low > 0 else 0.0
    m1 = (ys[high] - ys[low]) / h
    a = (1.0 + 2.0 * t) * (1.0 - t) ** 2 * ys[low] + t * (1.0 - t) ** 2 * h * m0
    return a + t * t * (3.0 - 2.0 * t) * ys[high] + t * t * (t - 1.0) * h * m1


@program(draw(signed(6, 6), signed(3, 3)))
def convolution_2d(image, kernel):
    n, m = kernel.shape
    out = np.zeros((image.shape[0] - n + 1, image.shape[1] - m + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            s = 0.0
            for k in range(n):
                for p in range(m):
                    s += image[i + k, j + p] * kernel[k, p]
            out[i, j] = math.tanh(s)
    return out


@program(draw(signed(6)))
def discrete_fourier_power(x):
    n = x.shape[0]
    power = np.empty(n)
    for k in range(n):
        re, im = 0.0, 0.0
        for t in range(n):
            angle = 2.0 * math.pi * k * t / n
            re += x[t] * math.cos(angle)
            im -= x[t] * math.sin(angle)
        power[k] = re * re + im * im
    return power


@program(draw(fixed([3.0, 0.9, 0.5, 0.2, 0.1]), 4))
def levinson(r, order):
    a = np.zeros(order + 1)
    work = np.zeros(order + 1)
    a[0] = 1.0
    error = r[0]
    for m in range(1, order + 1):
        k = r[m]
        for i in range(1, m):
            k += a[i] * r[m - i]
        k = -k / error
        for i in range(1, m):
            work[i] = a[i] + k * a[m - i]
        for i in range(1, m):
            a[i] = work[i]
        a[m] = k
        error *= 1.0 - k * k
    return a, error


@program(draw(array(4), array(4)))
def finite_element_assembly(lengths, stiffness):
    n = lengths.shape[0] + 1
    matrix = np.zeros((n, n))
    for e in range(lengths.shape[0]):
        k = stiffness[e] / lengths[e]
        for i in range(2):
            for j in range(2):
                matrix[e + i, e + j] += k if i == j else -k
    energy = 0.0
    for i in range(n):
        for j in range(n):
            energy += matrix[i, j] * math.sin(i + 1.0) * math.cos(j * matrix[i, i])
    return energy


@program(draw(increasing(5), signed(5), scalar()))
def lagrange_interpolation(xs, ys, x):
    s = 0.0
    for i in range(xs.shape[0]):
        w = ys[i]
        for j in range(xs.shape[0]):
            if j != i:
                w *= (x - xs[j]) / (xs[i] - xs[j])
        s += w
    return s


@program(draw(signed(5), scalar(0.1, 0.9)))
def de_casteljau(control, t):
    n = control.shape[0]
    for k in range(1, n):
        for i in range(n - k):
            control[i] = (1.0 - t) * control[i] + t * control[i + 1]
    return control[0]


@program(draw(increasing(4), signed(4)))
def divided_differences(xs, c):
    n = xs.shape[0]
    for k in range(1, n):
        for i in range(n - 1, k - 1, -1):
            c[i] = (c[i] - c[i - 1]) / (xs[i] - xs[i - k])
    return c


@program(draw(scalar(), scalar(1.2, 2.0)))
def romberg(a, b):
    table = np.zeros((5, 5))
    for i in range(5):
        n = 1 << i
        h = (b - a) / n
        s = 0.5 * (math.sin(a * a) + math.sin(b * b))
        for k in range(1, n):
            x = a + k * h
            s += math.sin(x * x)
        table[i, 0] = s * h
        for j in range(1, i + 1):
            table[i, j] = table[i, j - 1] + (table[i, j - 1] - table[i - 1, j - 1]) / (4.0**j - 1.0)
    return table[4, 4]

"""While loops, with exits."""

import math

from .registry import program
from .samples import array, draw, scalar


@program(draw(scalar(4.0, 9.0)), tags=["compiled"])
def halve_until_small(x):
    n = 0
    while x > 1.0:
        x = x * 0.5 * math.cos(0.1 * x)
        n += 1
    return x * n


@program(draw(scalar(2.0, 5.0)))
def newton_square_root(a):
    x = a
    while abs(x * x - a) > 1e-13 * a:
        x = 0.5 * (x + a / x)
    return x


@program(draw(scalar(), 5))
def counted_while(x, n):
    i = 0
    y = 1.0
    while i < n:
        y = y * x + i
        i += 1
    return y


@program(draw(scalar()))
def while_that_never_runs(x):
    y = x
    while y > 100.0:
        y = y * 0.0
    return y * y


@program(draw(array(9)))
def while_with_break_and_continue(a):
    i = 0
    s = 1.0
    while True:
        i += 1
        if i >= a.shape[0]:
            break
        if i % 3 == 0:
            continue
        s = s * a[i] + 0.2
    return s


@program(draw(array(6)))
def while_else(a):
    s = 1.0
    k = 0
    while k < a.shape[0]:
        s = s * a[k] + a[k]
        k += 1
    else:
        s = s * s
    while k > 0:
        k -= 1
        if k == 2:
            s += a[k]
            break
    else:
        s = 0.0
    return s


@program(draw(array(9), scalar()))
def while_with_two_conditions(a, x):
    i = 0
    s = x
    while i < a.shape[0] and s < 4.0:
        s += a[i] * a[i]
        i += 1
    return s * x


@program(draw(scalar(0.5, 0.9)))
def return_from_while(x):
    y = x
    while True:
        y = y * 1.3 + 0.1 * x
        if y > 5.0:
            return y * x
        y = y + 0.1


@program(draw(scalar(), scalar(2.0, 4.0)))
def nested_whiles(x, limit):
    s = x
    i = 0
    while i < 3:
        t = s
        while t < limit:
            t = t * 1.5 + 0.1
        s = s * 0.5 + t * x
        i += 1
    return s


@program(draw(scalar(0.3, 0.8)))
def kepler_by_newton(eccentricity):
    anomaly = 1.2
    e = anomaly
    for step in range(50):
        delta = (e - eccentricity * math.sin(e) - anomaly) / (1.0 - eccentricity * math.cos(e))
        e -= delta
        if abs(delta) < 1e-14:
            break
    return e


@program(draw(scalar(0.5, 1.5)))
def series_until_converged(x):
    term = 1.0
    total = 1.0
    k = 1
    while abs(term) > 1e-17:
        term *= x / k
        total += term
        k += 1
    return total


@program(draw(scalar(1.0, 2.0), scalar(0.3, 0.9)))
def arithmetic_geometric_mean(a, b):
    while abs(a - b) > 1e-15 * a:
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return a


@program(draw(array(10)))
def two_pointers(a):
    left = 0
    right = a.shape[0] - 1
    s = 1.0
    while left < right:
        s += a[left] * a[right] * s
        left += 1
        if left % 2 == 0:
            right -= 2
    return s


@program(draw(array(5, 5)))
def for_in_while_in_for(a):
    s = 0.0
    for i in range(a.shape[0]):
        j = i
        while j >= 0:
            for k in range(j, i + 1):
                s += a[i, j] * a[j, k]
            j -= 2
    return s

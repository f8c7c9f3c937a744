"""Branches, conditional expressions and guards."""

import math

import numpy as np

from .registry import program
from .samples import array, draw, fixed, scalar, signed


@program(draw(scalar(), scalar()))
def if_else(x, y):
    if x > 0.2:
        z = x * y
    else:
        z = x - y
    return z * z


@program(draw(array(6)))
def branches_on_one_condition(x):
    """Later ones read what earlier ones define."""
    s = 0.0
    for i in range(x.shape[0]):
        c = x[i] > 1.0
        u = 1.0
        if c:
            u = x[i] * x[i]
        v = 1.0
        if c:
            v = u
        z = x[i]
        if c:
            z = v * v * z
        s += z * u + v
    return s


@program(draw(scalar(), scalar()))
def if_without_else(x, y):
    z = x * y
    if y < 10.0:
        z = z * z + x
    if y > 10.0:
        z = z * 100.0
    return z


@program(draw(signed(12)), tags=["compiled"])
def elif_chain(a):
    s = 0.0
    for i in range(a.shape[0]):
        if a[i] < -1.0:
            s += a[i] * a[i]
        elif a[i] < 0.0:
            s += math.sin(a[i])
        elif a[i] < 1.0:
            s -= a[i] ** 3
        else:
            s *= a[i]
    return s


@program(draw(scalar(), scalar(), True))
def nested_branches(x, y, flag):
    z = 1.0
    if x > 0.0:
        if flag:
            z = x * y
            if y > 100.0:
                z = 0.0
        else:
            z = y
    else:
        z = x
    return z + x


@program(draw(signed(9), signed(9)))
def branch_stores(a, b):
    out = np.zeros(a.shape[0])
    for i in range(a.shape[0]):
        if a[i] > b[i]:
            out[i] = a[i] * b[i]
        else:
            out[i] = a[i] + b[i]
            if b[i] > 0.0:
                out[i] *= out[i]
    return out


@program(draw(fixed([0.0, 0.7, 0.0, 2.3])), smooth=False)
def guarded_square_root(a):
    s = 0.0
    for v in a:
        if v > 0.0:
            s += math.sqrt(v)
    return s


@program(draw(fixed([0.0, 0.7, 0.0, 2.3])), smooth=False)
def guarded_conditional_expression(a):
    s = 0.0
    for i in range(len(a)):
        s += a[i] * math.log(a[i]) if a[i] > 0.0 else 0.0
        s += 1.0 / a[i] if a[i] != 0.0 else a[i]
    return s


@program(draw(fixed([0.0, 0.5]), fixed([0.0, 1.5])), smooth=False)
def guarded_norm(x, y):
    s = 0.0
    for i in range(x.shape[0]):
        r2 = x[i] * x[i] + y[i] * y[i]
        r = math.sqrt(r2) if r2 > 0.0 else 0.0
        s += r * 3.0
    return s


@program(draw(fixed([0.0, 1.2, -0.8])), smooth=False)
def guarded_by_early_value(a):
    s = 0.0
    for v in a:
        safe = v if v > 0.0 else 1.0
        s += math.log(safe) + v**2
    return s


@program(draw(1.5, 1.5), smooth=False)
def ties(x, y):
    return max(x, y) * 2.0 + min(x, y) * 3.0 + abs(x - y)


@program(draw(signed(8)))
def relu_by_branch(a):
    s = 0.0
    for i in range(a.size):
        s += a[i] if a[i] > 0.0 else 0.01 * a[i]
    return s


@program(draw(fixed([-1.2, -0.7, -0.2, 0.3, 0.8, 1.4]), -0.5, 0.6))
def clip_by_branches(a, low, high):
    s = 0.0
    for v in a:
        if v < low:
            v = low
        elif v > high:
            v = high
        s += v * v
    return s


@program(draw(scalar(), scalar(), scalar()))
def maximum_of_several(x, y, z):
    return max(x, 2.0 * y, z * z) + min(x * y, z) * abs(x - 5.0)


@program(draw(array(7)))
def running_maximum(a):
    best = a[0]
    for i in range(1, a.shape[0]):
        if a[i] > best:
            best = a[i]
    return best * best


@program(draw(array(7)))
def argmax_by_hand(a):
    k = 0
    for i in range(a.shape[0]):
        if a[i] > a[k]:
            k = i
    return a[k] * a[k - 1]


@program(draw(scalar(2.0, 3.0)))
def early_returns(x):
    if x < 0.0:
        return -x
    y = x * x
    if y < 1.0:
        return y
    if y > 100.0:
        return math.sqrt(y)
    return math.log(y) * x


@program(draw(scalar(), scalar()))
def early_return_of_tuples(x, y):
    if x > 5.0:
        return x, y
    return y * x, x


@program(draw(signed(5), array(5)))
def branch_on_another_array(mask, a):
    s = 1.0
    for i in range(a.shape[0]):
        if mask[i] > 0.0:
            s *= a[i]
    return s


@program(draw(scalar(), scalar()))
def nested_conditional_expressions(x, y):
    return (x if x > y else y * y) if x * y > 0.1 else (x - y if x > 0.0 else 1.0)


@program(draw(array(6), 2))
def branch_on_integer(a, mode):
    s = 0.0
    for i in range(a.shape[0]):
        if mode == 0:
            s += a[i]
        elif mode == 1:
            s += a[i] * a[i]
        elif i % mode == 0:
            s += math.exp(a[i])
        else:
            continue
    return s


@program(draw(signed(8)))
def branch_condition_overwritten(a):
    flag = a[0] > 0.0
    s = 0.0
    for i in range(a.shape[0]):
        if flag:
            s += a[i] * a[i]
        else:
            s += math.sin(a[i])
        flag = a[i] > 0.0
    return s


@program(draw(scalar(), scalar()))
def both_branches_leave_value_alone(x, y):
    z = x * y
    if x > 100.0:
        w = z
    else:
        w = y
    return z + w


@program(draw(array(5), array(5), False))
def array_chosen_by_expression(a, b, flag):
    c = a if flag else b
    s = 0.0
    for i in range(c.shape[0]):
        s += c[i] * a[i]
    return s


@program(draw(scalar(-0.9, -0.3)))
def huber(x):
    r = abs(x)
    return 0.5 * x * x if r <= 1.0 else r - 0.5

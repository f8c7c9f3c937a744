"""One construct of the language a program."""

import math

import numpy as np

from .registry import program
from .samples import array, draw, scalar, signed


@program(draw(scalar(), scalar()))
def augmented_assignments(x, y):
    z = x
    z += y
    z *= x
    z -= y * y
    z /= x + 2.0
    z **= 2
    w = z
    z %= 3.0
    w += z
    z //= 10.0
    n = 7
    n //= 2
    n <<= 2
    n >>= 1
    n |= 8
    n &= 12
    n ^= 5
    n %= 9
    return x * n + w * y + z


@program(draw(array(3), scalar()))
def augmented_elements(a, x):
    a[0] += x
    a[1] -= a[0] * x
    a[2] *= a[1]
    a[0] /= a[2] + 9.0
    a[1] **= 2
    return a


@program(draw(scalar(), scalar(), scalar()))
def tuple_packing(x, y, z):
    pair = x * y, z
    (a, b), c = pair, x
    a, b = b, a
    triple = (a, *pair) if x > 100.0 else (a, b, c)
    u, (v, w) = triple[0], (triple[1], triple[2])
    return u * v + w * pair[1] + len(triple)


@program(draw(scalar(), scalar()))
def rotating_swaps(x, y):
    a, b, c = x, y, x * y
    for i in range(4):
        a, b, c = b, c, a * 0.5
        b, a = a, b
    return a + b * c


@program(draw(scalar(), scalar()))
def multiple_targets(x, y):
    a = b = x * y
    a += 1.0
    c = d = a * b
    return c * d + b


@program(draw(scalar(), scalar(), 3))
def chained_comparisons(x, y, n):
    s = x
    if 0.0 < x < 5.0 > y:
        s *= y
    if 0 <= n < 3 or x == y:
        s = 0.0
    if 1 < n <= 3 != 4:
        s += x
    return s


@program(draw(array(4), scalar()))
def short_circuit(a, x):
    n = a.shape[0]
    s = 0.0
    i = 0
    while i < n and a[i] > 0.0:
        if not (i == 2 or a[i] > 100.0):
            s += a[i] * x
        if i > 0 and math.log(a[i - 1]) < 50.0 and not s < 0.0:
            s *= a[i - 1]
        i += 1
    return s


@program(draw(scalar(), True, False))
def boolean_values(x, p, q):
    either = p or q
    both = p and q
    large = x > 0.1
    if either and not both and large:
        return x * x
    return x


@program(draw(scalar(), scalar()))
def boolean_operators_on_numbers(x, y):
    a = x > 0.1
    b = y > 100.0
    return x * (a and y > 0.1) + y * (b or a) + x * y * (not b) * int(a)


@program(draw(array(5)))
def type_changing_name(a):
    s = 0
    for v in a:
        s += v * v
    t = 1
    t = t * 0.5
    t = t + s
    u = 2
    if s > 0.0:
        u = s
    return t * s * u


@program(draw(scalar(), scalar()))
def name_changes_meaning(x, y):
    v = 3
    w = x * v
    v = x * y
    w = w * v
    v = w > 0.0
    if v:
        w *= 2.0
    return w


@program(draw(scalar(), 2))
def first_assigned_in_branch(x, n):
    if n > 1:
        y = x * x
        z = y + 1.0
    else:
        y = x
        z = x * y
    if n == 2:
        w = z * y
    return w + y


@program(draw(array(4)))
def first_assigned_in_loop(a):
    for i in range(a.shape[0]):
        t = a[i] * a[i]
        if i == 0:
            best = t
        elif t > best:
            best = t
    return best * t


@program(draw(scalar(), 3))
def inactive_statements(x, n):
    """A docstring is no statement."""
    assert n > 0
    assert x > -100.0, "x must be large"
    pass
    label = f"n = {n}"
    print("inactive:", n, label)
    y = x * x
    "a lone string"
    for i in range(n):
        pass
    return y * len(label)


@program(draw(scalar(), 6, 3))
def bit_operators(x, n, k):
    bits = (n & k) | (n ^ k) << 1
    return x * bits + x * x * (~n >> 1)


@program(draw(scalar(), scalar()))
def unary_operators(x, y):
    return +x * -y - -x + (+(-x)) * y


@program(draw(array(5)))
def membership(a):
    s = 0.0
    for i in range(a.shape[0]):
        if i in (1, 3):
            s += a[i] * a[i]
        if i not in (0, 1):
            s *= a[i]
    return s


@program(draw(scalar(), scalar()))
def annotated_assignments(x: float, y: float) -> float:
    z: float = x * y
    n: int = 3
    w: float
    w = z * n
    return w * z


@program(draw(scalar(), scalar()))
def lists_of_scalars(x, y):
    values = [x, x * y, 2.0]
    values.append(y)
    values[0] = values[1] * values[3]
    s = 0.0
    for v in values:
        s += v * v
    return s + len(values) * values[-1]


@program(draw(array(4)))
def list_grown_in_loop(a):
    seen = [1.0]
    for i in range(a.shape[0]):
        seen.append(seen[i] * a[i] + 0.1)
    return seen[4] * seen[2]


@program(draw(scalar(), scalar()))
def array_of_list(x, y):
    a = np.array([x, y, x * y, 1.0])
    m = np.array([[x, 0.0], [y, x]])
    return a[0] * a[2] + m[1, 0] * m[1, 1] * a[3] + m[0, 1]


@program(draw(scalar(), scalar(), -3))
def raises_when_wrong(x, y, n):
    if n > 0:
        raise ValueError("n must be negative")
    return x * y


@program(draw(scalar(), None))
def argument_is_none(x, limit):
    y = x * x
    if limit is not None:
        y = min(y, limit)
    return y


@program(draw(scalar()))
def constants_of_every_kind(x):
    return x * True + x * 1_000 + x * 0x10 + x * 1e-3 + x * math.pi + np.pi * x + x * math.tau


@program(draw(scalar(), 2))
def condition_is_an_integer(x, n):
    s = x
    if n:
        s *= x
    while n:
        s *= 2.0 * x
        n -= 1
    return s


@program(draw(scalar(), scalar()))
def nested_tuples(x, y):
    t = ((x, y), (x * y, (y, 2.0)))
    (a, b), (c, (d, e)) = t
    return a * t[1][0] + b * c * t[1][1][1] + d * e


@program(draw(array(3), array(3)))
def constant_tuple_of_arrays(a, b):
    pair = (a, b)
    s = 0.0
    for i in range(3):
        s += pair[0][i] * pair[1][i - 1]
    pair[0][0] = s
    return s * a[0]


@program(draw(signed(4)))
def swaps_of_nested_targets(a):
    first, second = a[0], a[1]
    first, (second, third) = second, (first, a[2])
    return first * second * third


@program(draw(scalar(), scalar()), numba_ok=False)
def walrus(x, y):
    if (z := x * y) > 0.01:
        return z * z
    return z


@program(draw(scalar(), "sin"))
def match_by_strings(x, kind):
    if kind == "sin":
        y = math.sin(x)
    elif kind == "cos":
        y = math.cos(x)
    else:
        raise ValueError("unknown kind")
    return y * y

"""Every refusal that a user can meet, with its whole message in `tests/golden/test_messages/<group>.txt`.

`BODIES` are functions of `x` (a float), `a` (a vector), `m` (a 2x3 matrix), `n` (an int) and `k` (an integer vector),
refused when they are differentiated; `CALLS` are calls of the public functions. A test checks that no `Problem` is
raised in the package by a line that no case reaches.
"""

import ast
import re
import sys
import tempfile
import textwrap
from collections import namedtuple
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from numba import cuda
from numpy.lib.stride_tricks import as_strided

import srcgrad as sg
from srcgrad import testing
from srcgrad.backend import device, threads
from srcgrad.errors import InternalError, Problem
from srcgrad.transform.lower import library

from . import refused_kernels
from .refused_loops import REFUSED

PACKAGE = Path(sg.__file__).parent
Pair = namedtuple("Pair", "u v")
FIELD = np.array([1.0, 2.0])
WAVES = np.array([1.0 + 2.0j])
CUBE = np.ones((2, 2, 2))


def no_source():
    namespace = {}
    exec("def hidden(x):\n    return x * x\n", namespace)
    return namespace["hidden"]


def helper(u):
    return u * u


def helper_with_keywords(u, **others):
    return u


def empty_cell():
    def f(x):
        return later(x)

    if f is None:
        later = helper
    return f


SCOPE = {
    "Pair": Pair,
    "FIELD": FIELD,
    "WAVES": WAVES,
    "PAIRS": np.vectorize(lambda u: (u, u)),
    "CUBE": CUBE,
    "Homeless": type("Homeless", (Exception,), {"__module__": "__main__"}),
    "helper": helper,
    "helper_with_keywords": helper_with_keywords,
    "hidden": no_source(),
    "sg": sg,
}

BODIES = {
    "syntax": {
        "list comprehension": "return [v * x for v in a][0]",
        "set comprehension": "return len({v for v in a}) * x",
        "dict comprehension": "d = {v: x for v in a}\nreturn x",
        "generator expression": "return sum(v * x for v in a)",
        "dict": "d = {'x': x}\nreturn d['x']",
        "set": "return x * len({1, 2})",
        "try": "try:\n    return x\nexcept ValueError:\n    return 0.0",
        "with": "with np.errstate(all='ignore'):\n    return x / n",
        "async function": "async def g():\n    return x\nreturn x",
        "async function around more": "async def g():\n    async with a:\n        await x\nreturn x",
        "yield": "yield x",
        "yield from": "yield from a",
        "class": "class C:\n    pass\nreturn x",
        "import": "import math\nreturn math.sin(x)",
        "from import": "from math import sin\nreturn sin(x)",
        "global": "global FIELD\nFIELD = x\nreturn x",
        "nonlocal": "s = x\ndef g():\n    nonlocal s\n    s = 1.0\ng()\nreturn s",
        "del": "s = x\ndel s\nreturn x",
        "match": "match n:\n    case 3:\n        return x\nreturn x * x",
        "complex constant": "return x * (1.0 + 2.0j)",
        "bytes": "s = b'text'\nreturn x",
        "starred target": "u, *v = (x, x, x)\nreturn u",
    },
    "names": {
        "may have no value": "if x > 0.0:\n    s = s + x\nreturn x",
        "two types": "if n > 2:\n    s = x\nelse:\n    s = a\nreturn s * x",
        "two types around a loop": "s = x\nfor i in range(n):\n    s = (s, x)\nreturn s",
        "not defined": "return x * misspelt",
        "no such attribute": "return np.sine(x)",
        "complex global": "return x * WAVES[0]",
        "attribute of a tuple": "p = Pair(x, x)\nreturn p.w",
        "attribute of a function": "g = lambda u: u\nreturn g.name * x",
        "writing an attribute": "a.scale = x\nreturn x",
        "updating an attribute": "p = Pair(x, x)\np.u += 1.0\nreturn x",
        "writing a global array": "FIELD[0] = x\nreturn FIELD[0]",
        "writing a global array by an operator": "FIELD[:] *= x\nreturn FIELD[0]",
    },
    "iteration": {
        "over a number": "for v in x:\n    x = v\nreturn x",
        "range of a float": "for i in range(x):\n    x = x * x\nreturn x",
        "range with step 0": "for i in range(0, n, 0):\n    x = x * x\nreturn x",
        "enumerate of ndindex": "for i, v in enumerate(np.ndindex(2, 3)):\n    x = x * x\nreturn x",
        "ndindex of an array": "for i in np.ndindex(a):\n    x = x * x\nreturn x",
        "leaving ndindex early": "for i in np.ndindex(2, 3):\n    x = x * x\n    if x > 5.0:\n        break\nreturn x",
        "unpacking too many": "u, v = (x, x, x)\nreturn u",
        "unpacking a number": "u, v = x\nreturn u",
        "unpacking into a tuple": "u = (*x, 1.0)\nreturn u[0]",
        "unpacking into arguments": "return helper(*x)",
        "zip strict": "for u, v in zip(a, a, strict=True):\n    x = x * u\nreturn x",
        "tuple of an array": "return tuple(a)[0] * x",
        "list of an array": "return list(a)[0] * x",
        "range of four": "for i in range(1, 2, 3, 4):\n    x = x * x\nreturn x",
        "enumerate from a float": "for i, v in enumerate(a, x):\n    x = x * v\nreturn x",
    },
    "checkpointed": {
        "no range": "for v in sg.checkpointed(a):\n    x = x * v\nreturn x",
        "enumerated": "for k, t in enumerate(sg.checkpointed(range(n))):\n    x = x * a[t]\nreturn x",
        "snapshots no constant": "for t in sg.checkpointed(range(n), n):\n    x = x * a[t]\nreturn x",
        "no snapshots": "for t in sg.checkpointed(range(n), snapshots=0):\n    x = x * a[t]\nreturn x",
        "left early": "for t in sg.checkpointed(range(n)):\n    x = x * x\n    if x > 3.0:\n        break\nreturn x",
        "draws": "for t in sg.checkpointed(range(n)):\n    x = x * np.random.normal(x)\nreturn x",
        "no value before": "for t in sg.checkpointed(range(n)):\n    b = a * x\nreturn np.sum(b)",
        "new and written": "b = a * x\nc = a * x\nfor t in sg.checkpointed(range(n)):\n    b[0] = 2.0 * c[1]\n"
        "    c = b\n    b = b * x\nreturn np.sum(b)",
        "new and written later": "b = a * x\nfor t in sg.checkpointed(range(n)):\n    b = b * x\n"
        "b[0] = 3.0\nreturn np.sum(b)",
        "one of several": "for r in range(n):\n    b = a * x\n    if r > 0:\n        a = b\n"
        "    for t in sg.checkpointed(range(n)):\n        a[t] = a[t] * x\nreturn np.sum(a)",
    },
    "builtins": {
        "sum of a number": "return sum(x)",
        "len of a number": "return len(x) * x",
        "max of strings": "return max('a', 'b') * x",
        "round of an array": "return round(a)[0] * x",
        "round to text": "return round(x, 'two')",
        "float of a tuple": "return float((x, x))",
        "keyword": "return abs(x) * len(obj=a)",
        "isinstance": "return x if isinstance(x, float) else 2.0 * x",
        "print of a tuple": "print((x, x))\nreturn x",
        "f-string of a tuple": "print(f'{(x, x)}')\nreturn x",
        "format specifier": "print(f'{x:.3f}')\nreturn x",
        "where with one alternative": "return np.where(a > 0.0, a)[0] * x",
        "draw with keywords": "return x * np.random.normal(loc=0.0)",
        "draw of an unusual size": "return x * np.random.normal(0.0, 1.0, size=a)[0]",
        "draw with too many parameters": "return x * np.random.gamma(1.0, 2.0, 3, 4)",
        "draw with too few parameters": "return x * np.random.gamma()",
        "draw of text": "return x * np.random.normal('text')",
        "seed that is a float": "np.random.seed(x)\nreturn x",
        "no seed": "np.random.seed()\nreturn x",
        "sum of the rows of a matrix": "return sum(m)[0] * x",
        "sum from text": "return sum((), 'text') * x",
        "an int rounded to tens": "return round(n, -1) * x",
        "clip with one bound": "return np.clip(x, 0.0)",
        "print of a function": "print(helper)\nreturn x",
        "min of one number": "return min(x)",
        "float of text": "return float('text') * x",
        "float of an array": "return float(a) * x",
        "exponent that is a float": "return math.ldexp(x, x)",
        "length of a formatted float": "return len(f'{x}') * x",
        "heaviside of text": "return np.heaviside('text', 0.5) * x",
        "raise without an exception": "if x > 9.0:\n    raise\nreturn x",
        "raise with a cause": "if x > 9.0:\n    raise ValueError('big') from None\nreturn x",
        "raise with keywords": "if x > 9.0:\n    raise ImportError(name='f')\nreturn x",
        "raise of text": "if x > 9.0:\n    raise 'big'\nreturn x",
        "raise of an exception without a home": "if x > 9.0:\n    raise Homeless('big')\nreturn x",
    },
    "operators": {
        "sum of a number and text": "return x + 'text'",
        "minus of text": "return -'text' * x",
        "bits of a float": "return x & 1",
        "bits of a float array": "return (a | 1)[0] * x",
        "complement of a float": "return ~x",
        "negative power of ints": "return (np.arange(3) ** -1)[0] * x",
        "tuple times a float": "return ((x,) * 2.0)[0]",
        "tuple and list": "return ((x,) + [x])[0]",
        "array times text": "return (a * 'text')[0] * x",
        "product of a number and a matrix": "return (x @ m)[0]",
        "minus of bools": "return ((a > 0.0) - (a > 1.0))[0] * x",
        "matrix product of bools": "return ((m > 0.0) @ (m.T > 0.0))[0, 0] * x",
        "a float added to ints in place": "k += x\nreturn k[0] * x",
        "adding a tuple to an element": "a[0] += (x, x)\nreturn a[0]",
        "truth of an array": "if a:\n    x = x * x\nreturn x",
        "truth of text in a ufunc": "return x * np.logical_and('text', n > 2)",
        "or of numbers": "c = n or 5\nreturn x * c",
        "and that ends in a number": "c = x > 0.0 and n\nreturn x * c",
        "is": "return x if x is n else x * x",
        "order of tuples": "return x if (x, x) < (1.0, 2.0) else x * x",
        "in an array": "return x if 2.0 in a else x * x",
        "number in text": "return x if 2 in 'text' else x * x",
        "array and None": "return x if a == None else x * x",
        "array in a tuple": "return x if a in (a, x) else x * x",
    },
    "calls": {
        "of a number": "return x(1.0)",
        "no rule": "return np.linalg.eig(m)[0][0] * x",
        "no rule in a module": "return sg.testing.check_grads(x)",
        "no rule for a method": "return np.random.default_rng(3).normal() * x",
        "no rule for a draw": "return np.random.choice(a) * x",
        "object that is not called": "return np(x)",
        "keyword of a ufunc": "return np.sin(x, where=True)",
        "output of a ufunc": "return np.sin(a, out=x)[0]",
        "too many arguments of a ufunc": "return np.sin(x, x)",
        "too few arguments of a ufunc": "return np.hypot(x)",
        "function of math of an array": "return math.sin(a)",
        "greatest common divisor of floats": "return math.gcd(x, n) * x",
        "too many arguments of a builtin": "return len(a, a) * x",
        "too few arguments of a builtin": "return divmod(x)[0]",
        "optional arguments of a builtin": "return math.log(x, 2, 3)",
        "one argument twice": "return np.full(3, shape=3)[0] * x",
        "too few of any number of arguments": "return np.where()",
        "no arguments": "return a.flatten('C')[0] * x",
        "axis of a library function": "return np.unique(m, axis=0)[0, 0] * x",
        "output of a library function": "return np.sum(a, out=a) * x",
        "library function of text": "return np.sum('text') * x",
        "rows of a matrix to be joined": "return np.concatenate(m)[0] * x",
        "argument of a conversion": "return float(x, 2)",
        "ufunc of text": "return np.sin('text') * x",
        "two-argument ufunc of an array and text": "return np.maximum(a, 'text')[0] * x",
        "namedtuple": "return Pair(x)[0]",
        "recursion": "def g(j):\n    return x * g(j - 1) if j > 0 else 1.0\nreturn g(n)",
        "too many arguments": "return helper(x, x)",
        "unexpected argument": "return helper(x, w=x)",
        "missing argument": "return helper()",
        "helper without source": "return x * hidden(x)",
        "gradient of a number": "return sg.grad(x)(x)",
        "keywords unpacked": "return helper(**Pair(x, x))",
        "helper that takes keywords": "return helper_with_keywords(x)",
        "gradient with respect to nothing": "return sg.grad(helper, argnums=3)(x)",
        "gradient of nothing": "return sg.grad()(x)",
        "gradient at two points": "return sg.grad(helper)(x, x)",
        "gradient of an array": "return sg.grad(helper)(a)[0]",
        "function of the standard library": "return x * random.gauss(0.0, 1.0)",
        "function of the standard library in C": "return x * random.random()",
        "method that does not exist": "return a.nonsense() * x",
        "method without a derivative": "return a.tobytes()[0] * x",
        "method of a number": "return x.hex()",
        "misspelt attribute of a number": "return x.reel",
        "attribute of a number": "return x.shape",
        "method of a tuple": "return (x, x).index(x)",
        "append of an array in a loop": "s = []\nfor i in range(n):\n    s.append(a)\nreturn s[0][0] * x",
        "list of ints that a loop changes": "s = [0]\nfor i in range(n):\n    s.append(x)\nreturn s[0] * x",
        "list extended in place": "s = [x]\ns += [x]\nreturn s[0]",
        "append of nothing": "s = []\ns.append()\nreturn x",
        "gradient of a range": "return sg.grad(helper)(range(3))",
        "append to an array": "a.append(x)\nreturn x",
        "list that grows passed on": "s = []\nfor i in range(n):\n    s.append(x)\nreturn helper(s)",
        "append to an element": "s = ([x], x)\ns[0].append(x)\nreturn s[0][0]",
    },
    "arrays": {
        "dtype that is none": "return np.zeros(3, dtype=x)[0] * x",
        "dtype that does not exist": "return np.zeros(3, 'text')[0] * x",
        "complex dtype": "return np.zeros(3, complex)[0] * x",
        "fill with an array": "a.fill(m)\nreturn a[0] * x",
        "item of two indices": "return a.item(0, 1) * x",
        "reshape to floats": "return a.reshape(x)[0]",
        "reshape to two unknown lengths": "return a.reshape(-1, -1)[0, 0] * x",
        "copy in an order that does not exist": "return a.copy('text')[0] * x",
        "reshape to nothing": "return np.reshape(a) * x",
        "where of text": "return np.where(a > 1.0, a, 'text')[0] * x",
        "keyword of zeros": "return np.zeros(3, order='F')[0] * x",
        "shape of floats": "return np.zeros(x)[0] * x",
        "zeros like a number": "return np.zeros_like(x) * x",
        "full of an array": "return np.full(3, a)[0] * x",
        "full like a number": "return np.full_like(x, 1.0) * x",
        "array of text": "return np.array('text') * x",
        "arange of an array": "return np.arange(a)[0] * x",
        "linspace to an array": "return np.linspace(0.0, a, 3)[0] * x",
        "eye of an array": "return np.eye(a)[0, 0] * x",
        "reshape of a number": "return np.reshape(x, 1)[0]",
        "array of mixed items": "return np.array([x, 'text'])[0] * x",
        "ragged rows": "return np.array([[x], [x, x]])[0, 0]",
        "text into an array": "a[:] = 'text'\nreturn a[0]",
        "matrix into a vector": "a[:] = m\nreturn a[0]",
        "result type of text": "return np.zeros(3, np.result_type(x, 'text'))[0] * x",
        "flat": "return a.flat[0] * x",
        "parts of several ranks": "return np.array([x, a])[0] * x",
        "writing what a reshape may have copied": "b = m.T.reshape(6)\nb[0] = x\nreturn m[0, 0]",
        "writing what is broadcast": "b = np.broadcast_to(a, (2, 3))\na[0] = x\nreturn b[0, 0]",
        "writing a matrix below its diagonal": "d = np.diagonal(m)\nm[0, 0] = x\nreturn d[0]",
        "writing what is reshaped to rank 0": "b = a[:1]\nc = b.reshape(())\na[0] = x\nreturn c * x",
        "reshape in a loop that writes": (
            "s = 0.0\nfor i in range(n):\n    m[0, 0] = x\n    s += m.T.reshape(6)[0]\nreturn s"
        ),
        "view of another dtype": "return a.view(np.int64)[0] * x",
    },
    "subscripts": {
        "of a number": "return x[0]",
        "writing to a number": "x[0] = 1.0\nreturn x",
        "updating a number": "x[0] += 1.0\nreturn x",
        "a tuple into an element": "a[0] = (x, x)\nreturn a[0]",
        "too many": "return a[0, 0] * x",
        "a float": "return a[x]",
        "an array of floats": "return a[a][0] * x",
        "a list of floats": "return a[[x, x]][0]",
        "a matrix into chosen elements": "a[k] = m\nreturn a[0]",
        "a matrix into masked elements": "a[a > 1.0] = m\nreturn a[0]",
        "a number unpacked": "return m[(*x, 0)]",
        "a slice made of a string": "return a[slice('text')][0]",
        "a bool": "return a[x > 0.0]",
        "a slice of floats": "return a[x:][0]",
        "a tuple by a run-time slice": "return (x, x)[n:][0]",
        "writing a list at a run-time index": "s = [x, x]\ns[n] = x\nreturn s[0]",
        "a tuple out of range": "return (x, x)[5]",
        "a tuple of one out of range": "return (x,)[1]",
        "a list out of range": "s = [x]\nreturn s[1]",
        "a tuple at a float": "return (x, x)[x]",
        "text at a run-time index": "return x if 'text'[n] == 't' else 0.0",
        "a mixed tuple by a run-time index": "return (x, 'text')[n] * x",
    },
    "numpy": {
        "an axis that does not exist": "return np.sum(m, axis=2)[0] * x",
        "an axis twice": "return np.sum(m, axis=(0, 0)) * x",
        "norm of rank 3": "return np.linalg.norm(CUBE, 2) * x",
        "norm of no order": "return np.linalg.norm(m, 'odd') * x",
        "joined arrays that do not fit": "return np.concatenate((m, CUBE))[0, 0] * x",
        "arrays of several ranks stacked": "return np.stack((a, m))[0, 0] * x",
        "product of several shapes": "return np.vdot(a, m) * x",
        "maximum of some without a start": "return np.max(a, where=a > 1.0) * x",
        "trace of a vector": "return np.trace(a) * x",
        "convolution of no mode": "return np.convolve(a, a, 'odd')[0] * x",
        "padding of no mode": "return np.pad(a, 1, 'odd')[0] * x",
        "differences of negative order": "return np.diff(a, -1)[0] * x",
        "labels that are no text": "return np.einsum(n, a, a) * x",
        "labels that do not fit": "return np.einsum('ij,j', a, a)[0] * x",
        "transposed along one axis twice": "return m.transpose(0, 0)[0, 0] * x",
        "transposed along an axis that does not exist": "return m.transpose(0, 5)[0, 0] * x",
        "an axis known at run time only": "return np.swapaxes(m, n, 0)[0, 0] * x",
        "fewer places than axes": "return np.moveaxis(CUBE, (0, 1), 0)[0, 0, 0] * x",
        "broadcast to fewer axes": "return np.broadcast_to(m, 3)[0] * x",
        "diagonal of a vector": "return np.diagonal(a)[0] * x",
        "squeeze of lengths known at run time only": "return np.squeeze(np.zeros((n, 3)))[0, 0] * x",
        "a number of parts known at run time only": "return np.split(a, n)[0][0] * x",
        "a vector split by rows": "return np.vsplit(a, 3)[0][0] * x",
        "a diagonal that is no integer": "return np.diagonal(np.outer(a, a), x).sum() * x",
        "a sum along an axis known at run time only": "return np.sum(np.outer(a, a), axis=n)[0] * x",
        "at on a number": "return np.add.at(x, 0, 1.0)",
        "at with a string": "return np.add.at(a, 0, 'text')",
        "a diagonal known at run time only": "return np.eye(3, k=n)[0, 0] * x",
        "a vector turned": "return np.rot90(a)[0] * x",
        "a function of elements that gives two": "return PAIRS(a)[0][0] * x",
        "mesh of a matrix": "return np.ix_(m)[0][0, 0] * x",
        "order along an axis known at run time only": "return np.argsort(m, axis=n)[0, 0] * x",
    },
    "linear_algebra": {
        "inverse of a vector": "return np.linalg.inv(a)[0] * x",
        "eigenvalues of a stack": "return np.linalg.eigh(CUBE)[0][0, 0] * x",
        "dot of rank 3": "return np.dot(CUBE, CUBE)[0, 0, 0, 0] * x",
        "complete qr": "return np.linalg.qr(m, 'complete')[0][0, 0] * x",
        "upper triangle": "return np.linalg.eigh(m.T @ m, 'U')[0][0] * x",
        "complete singular vectors": "return np.linalg.svd(m)[0][0, 0] * x",
        "power known at run time only": "return np.linalg.matrix_power(m.T @ m, n)[0, 0] * x",
        "product of the rows of a matrix": "return np.linalg.multi_dot(m)[0] * x",
    },
    "results": {
        "function": "return lambda u: u * x",
        "of different kinds": "if n > 2:\n    return x\nreturn a",
    },
}


def arguments():
    return 1.3, np.array([0.5, 1.5, 2.5]), np.arange(6.0).reshape(2, 3), 3, np.array([0, 1])


def python(function):
    return sg.differentiable(function, target="python")


def message(call):
    """The text of the error, with the names of made-up files replaced."""
    with pytest.raises(sg.SrcgradError) as info:
        call()
    assert not isinstance(info.value, InternalError), info.value
    text = re.sub(r"<test \d+>", "model.py", str(info.value))
    text = re.sub(r"/\S+/", "", text)
    text = re.sub(r'(File "test_messages.py", line) \d+', r"\1 N", text)  # so that this file can grow
    return f"{type(info.value).__name__}: {text}\n"


def refusal(body, define):
    text = "def f(x, a, m, n, k):\n" + textwrap.indent(body, "    ") + "\n"
    f = define(text, "f", **SCOPE)
    return message(lambda: python(f).grad(*arguments()))


def joined(messages):
    return "\n".join(f"## {name}\n{text}" for name, text in messages.items())


@pytest.mark.parametrize("group", BODIES)
def test_refused_functions(group, define, golden):
    golden(group, joined({name: refusal(body, define) for name, body in BODIES[group].items()}))


# -- calls of the public functions ---------------------------------------------------------------------------------


def double(x):
    return x * 2.0


def filler(out, x):
    out[0] = x


def with_options(x, scale=2.0, kind="plain"):
    return scale * x


def overwrites(a, b):
    a[0] = b[0]
    return a[0]


def rows(x):
    return x, x


def count(x):
    return 3


def squares(a):
    out = np.empty_like(a)
    for i in range(a.shape[0]):
        out[i] = a[i] * a[i]
    return out


def total_of_pair(p, a):
    return p[0] * p[1][0] + a[0]


def once(x):
    return x


def twice(x):
    return x, x


def give_one(residuals, ct):
    return (ct,)


def give_first(residuals, ct):
    return (ct[0],)


def give_two(residuals, ct):
    return ct, ct


def give_two_thirds(x, ct):
    return (2.0 * x * ct / 3.0,)


def give_array(residuals, ct):
    return (np.ones(2),)


def custom(fwd=None, bwd=None):
    """A function that calls a `custom_vjp` of this forward and backward function."""

    @sg.custom_vjp
    def square(x):
        return x * x

    if fwd is not None:
        square.defvjp(fwd, bwd)

    def f(x):
        return square(x)

    return python(f)


@sg.custom_vjp
def product(p):
    return p[0] * p[1]


@sg.custom_vjp
def first(a):
    return a[0]


def first_forward(a):
    return a[0], a


def first_backward(a, ct):
    return (ct * a,)


product.defvjp(twice, give_first)
first.defvjp(first_forward, first_backward)


@sg.custom_vjp
def reads_field(x):
    return x * FIELD[0]


reads_field.defvjp(lambda x: (x * FIELD[0], x), lambda x, ct: (ct * FIELD[0],))


def custom_in_time(x):
    for _ in sg.checkpointed(range(3)):
        x = reads_field(x)
    return x


def custom_with_keyword(x):
    return product(p=x)


def custom_of_pair(x):
    return product((x, x))[0]


def custom_overwritten(a):
    y = first(a)
    a[0] = y
    return a[0]


def newton(a):
    x = a
    while abs(x * x - a) > 1e-9:
        x = 0.5 * (x + a / x)
    return x


def swaps(u, n):
    v = u.copy()
    for _ in range(n):
        for i in range(1, u.shape[0]):
            v[i] = u[i] * u[i - 1]
        u, v = v, u
    return u[1]


def overlapping():
    a = np.ones(4)
    return overwrites, a[:3], a[1:]


def jvp_of(function, primals, tangents):
    return lambda: sg.jvp(python(function), primals, tangents)


def pullback_of(function, primals, cotangent):
    return lambda: sg.vjp(python(function), *primals)[1](cotangent)


def edited():
    """A function whose file was changed after it was loaded."""
    path = Path(tempfile.mkdtemp()) / "edited.py"
    path.write_text("def edited(x):\n    return x * x\n")
    namespace = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    path.write_text("def edited(x):\n    return x * x * x\n")
    return namespace["edited"]


def gradient_of_swaps(u):
    return sg.grad(swaps)(u, 3)[0]


def swaps_sometimes(u, n):
    v = u * 2.0
    for i in range(n):
        u[0] = v[0] * v[0]
        if i % 2 == 0:
            u, v = v, u
    return u[0] * v[0]


def gradient_of_some_swaps(u):
    return sg.grad(swaps_sometimes)(u, 3)[0]


def ranks_differ(a, n):
    u = a.reshape(1, 3)
    for i in range(n):
        v = a if n > 5 else np.zeros(3)
        w = u if n > 5 else np.zeros((1, 3))
        v[0] = a[i]
        w[0, 0] = v[0] * v[0]
    return w[0, 0]


def draws_wrongly(x):
    y = x * x
    return y * np.random.normal(x > 1.0)


def reshapes_one_of_several(a, n):
    u = a.copy()
    for _ in range(n):
        u, a = a, u
    w = a.reshape(3, 1)
    a[0] -= w[1, 0]
    v = u[::1]
    for k in range(n):
        u[0] -= v[k]
        v = np.zeros(3)
    return a[0]


def in_parallel(function):
    return sg.differentiable(parallel=True, target="python")(function)


def without_scipy():
    """Linear algebra, where SciPy is not installed."""
    with mock.patch.object(library, "_has_scipy", return_value=False):
        python(inverse).grad(np.eye(2))


def inverse(a):
    return np.linalg.inv(a)[0, 0]


def after_a_fork():
    """Parallel code in a child of a process that has used OpenMP."""
    with mock.patch.object(threads._Layer, "name", "omp"), mock.patch.object(threads._Layer, "forked", new=True):
        threads.on_threads(double)(1.0)


def kernel_of_squares(x, y):
    i = cuda.grid(1)
    if i < x.shape[0]:
        y[i] = x[i] * x[i]


def writes_nothing(x, y):
    x[cuda.threadIdx.x] + y[0]


def uses_indices(x):
    return x[cuda.threadIdx.x]


def waits(x):
    synchronise()
    return x[0]


def synchronise():
    cuda.syncthreads()


def square_kernel():
    return sg.cuda.kernel(kernel_of_squares, target="python")


def kernel_vjp(function, grid, block):
    return sg.cuda.vjp(sg.cuda.kernel(function, target="python")[grid, block], np.ones(16), np.zeros(16))


def without_numba_cuda():
    with mock.patch.dict(sys.modules, {"numba.cuda": None}):
        sg.cuda.kernel(kernel_of_squares)[1, 8](np.ones(3), np.ones(3))


def without_a_device():
    with (
        mock.patch.object(device.config, "ENABLE_CUDASIM", new=0),
        mock.patch.object(cuda, "is_available", return_value=False),
    ):
        sg.cuda.kernel(kernel_of_squares)[1, 8](np.ones(3), np.ones(3))


CALLS = {
    "prange": {
        **{f.__name__: lambda f=f: sg.grad(in_parallel(f))(np.array([0.5, 0.7, 0.2])) for f in REFUSED},
        "after a fork": after_a_fork,
    },
    "kernels": {
        f.__name__: lambda f=f: kernel_vjp(f, 2, 8) for f in (*refused_kernels.RACING, *refused_kernels.REFUSED)
    },
    "launches": {
        "outside of a kernel": lambda: python(uses_indices).grad(np.ones(3)),
        "called outside of a kernel": lambda: python(waits).grad(np.ones(3)),
        "target": lambda: sg.cuda.kernel(kernel_of_squares, target="gpu"),
        "no kernel": lambda: sg.cuda.kernel(3.0),
        "no launch": lambda: sg.cuda.kernel(kernel_of_squares)(np.ones(3)),
        "no grid": lambda: sg.cuda.kernel(kernel_of_squares)[3],
        "grid": lambda: kernel_vjp(kernel_of_squares, 0, 8),
        "block": lambda: kernel_vjp(kernel_of_squares, 1, (32, 32, 2)),
        "arguments": lambda: sg.cuda.vjp(square_kernel()[1, 8], np.ones(3)),
        "arguments of the adjoint": lambda: square_kernel().vjp[1, 8](np.ones(3), np.ones(3)),
        "adjoint of an int": lambda: square_kernel().vjp[1, 8](np.arange(3), np.ones(3), np.ones(3), None),
        "shape of an adjoint": lambda: square_kernel().vjp[1, 8](np.ones(3), np.ones(3), np.ones(3), np.ones(2)),
        "cotangents": lambda: sg.cuda.vjp(square_kernel()[1, 8], np.ones(3), np.ones(3))[1](np.ones(3)),
        "nothing written": lambda: kernel_vjp(writes_nothing, 1, 8),
        "shape of a cotangent": lambda: sg.cuda.vjp(sg.cuda.kernel(kernel_of_squares)[1, 8], np.ones(3), np.ones(3))[1](
            (np.ones(2),)
        ),
        "kind of source": lambda: square_kernel().source("hessian", 1, 8, np.ones(3), np.ones(3)),
    },
    "gpu": {
        "no numba-cuda": without_numba_cuda,
        "no device": without_a_device,
        "array on a GPU": lambda: sg.differentiable(double)(cuda.to_device(np.ones(3))),
    },
    "options": {
        "target": lambda: sg.differentiable(double, target="tpu"),
        "error model": lambda: sg.differentiable(double, error_model="c"),
        "errors on threads": lambda: sg.differentiable(double, parallel=True, error_model="python"),
        "bounds on threads": lambda: sg.differentiable(double, parallel=True, boundscheck=True),
        "no function": lambda: sg.grad(np.sin),
        "kind of source": lambda: python(double).source("hessian", 1.0),
    },
    "argnums": {
        "no such name": lambda: sg.grad(python(with_options), argnums="k")(1.0),
        "no such number": lambda: sg.grad(python(with_options), argnums=3)(1.0),
        "no index": lambda: sg.grad(python(with_options), argnums=1.5)(1.0),
        "twice": lambda: sg.grad(python(with_options), argnums=(0, "x"))(1.0),
        "text": lambda: sg.grad(python(with_options), argnums="kind")(1.0),
        "int": lambda: sg.grad(python(double))(1),
        "array of ints": lambda: sg.grad(python(squares))(np.arange(3)),
        "tuple without floats": lambda: sg.grad(python(total_of_pair))((1, (2, 3)), np.ones(2)),
        "None": lambda: sg.grad(python(with_options), argnums=1)(1.0, None),
        "jacobian": lambda: sg.jacfwd(python(double), argnums=2)(1.0),
        "jacobian of an int": lambda: sg.jacrev(python(double))(1),
    },
    "argument_types": {
        "float16": lambda: python(double)(np.float16(1.0)),
        "complex": lambda: python(double)(1.0 + 2.0j),
        "list": lambda: python(double)([1.0, 2.0]),
        "complex array": lambda: python(double)(np.array([1.0j])),
        "byte order": lambda: python(double)(np.array([1.0], dtype=">f8")),
        "not hashable": lambda: python(double)(bytearray(2)),
        "a matrix": lambda: sg.grad(python(double))(np.ones((1, 1)).view(np.matrix)),
        "a masked array": lambda: sg.grad(python(double))(np.ma.masked_array([1.0, 2.0], [True, False])),
        "overlap": lambda: sg.grad(python(overwrites))(*overlapping()[1:]),
        "overlap with itself": lambda: sg.grad(python(overwrites))(as_strided(np.ones(1), (3,), (0,)), np.ones(3)),
    },
    "grad": {
        "of an array": lambda: sg.grad(python(squares))(np.ones(3)),
        "of a tuple": lambda: sg.grad(python(rows))(1.0),
        "of an int": lambda: sg.grad(python(count))(1.0),
        "of nothing": lambda: sg.grad(python(filler), argnums=1)(np.ones(2), 1.0),
        "has_aux without a pair": lambda: sg.grad(python(double), has_aux=True)(1.0),
        "vjp of nothing": lambda: sg.vjp(python(filler), np.ones(2), 1.0),
        "hvp without a tangent": lambda: sg.hvp(python(double), (1.0,), (None,)),
    },
    "tangents": {
        "too few": jvp_of(double, (1.0,), ()),
        "of an int": jvp_of(with_options, (1.0, 2, "plain"), (1.0, 1.0, None)),
        "missing": jvp_of(with_options, (1.0, 2.0, "plain"), (1.0, None, None)),
        "shape": jvp_of(squares, (np.ones(3),), (np.ones(2),)),
        "rank": jvp_of(squares, (np.ones(3),), (1.0,)),
        "text": jvp_of(double, (1.0,), ("text",)),
        "an array for a number": jvp_of(double, (1.0,), (np.ones(2),)),
        "structure": jvp_of(total_of_pair, ((1.0, (2.0, 3.0)), np.ones(2)), ((1.0, 2.0), np.ones(2))),
        "cotangent of another shape": pullback_of(squares, (np.ones(3),), np.ones(2)),
        "cotangent of another structure": pullback_of(rows, (1.0,), 1.0),
    },
    "custom_vjp": {
        "no backward function": lambda: custom().grad(1.0),
        "keyword": lambda: python(custom_with_keyword).grad(1.0),
        "no residuals": lambda: custom(once, give_one).grad(1.0),
        "number of cotangents": lambda: custom(twice, give_two).grad(1.0),
        "structure": lambda: python(custom_of_pair).grad(1.0),
        "type": lambda: custom(twice, give_array).grad(1.0),
        "forward mode": lambda: custom(twice, give_one).jvp((1.0,), (1.0,)),
        "in a checkpointed loop": lambda: python(custom_in_time).grad(1.0),
        "residual overwritten": lambda: python(custom_overwritten).grad(np.ones(2)),
    },
    "higher_order": {
        "growing tape": lambda: sg.grad(sg.grad(python(newton)))(2.0),
        "swapped buffers": lambda: sg.grad(python(gradient_of_swaps))(np.ones(3)),
        "numbered buffers": lambda: sg.grad(python(gradient_of_some_swaps))(np.ones(3)),
        "reshaped buffers": lambda: python(reshapes_one_of_several).grad(np.ones(3), 2),
        "arrays of two ranks": lambda: python(ranks_differ).grad(np.ones(3), 2),
    },
    "sources": {
        "no source": lambda: python(no_source()).grad(1.0),
        "edited": lambda: python(edited()).grad(1.0),
        "empty cell": lambda: python(empty_cell()).grad(1.0),
    },
    "installation": {
        "no SciPy": without_scipy,
    },
    "checks": {
        "order": lambda: testing.check_grads(double, (1.0,), order=0),
        "mode": lambda: testing.check_grads(double, (1.0,), modes=("sideways",)),
        "no float": lambda: testing.check_grads(double, (1,)),
        "law": lambda: testing.check_grads(custom(twice, give_two_thirds), (1.0,), modes=("rev",)),
    },
}


@pytest.mark.parametrize("group", CALLS)
def test_refused_calls(group, golden):
    golden(group, joined({name: message(call) for name, call in CALLS[group].items()}))


# What Python refuses too, however it is used: each is an error at its line, and none is a bare IndexError.
MISFITS = [
    "len()", "sum()", "round()", "divmod(x)", "enumerate()", "reversed()", "range()", "range(1, 2, 3, 4)",
    "float(x, 2)", "float('text')", "int('text')", "float(a)", "math.log()", "math.log(x, 2, 3)", "math.ldexp(x)",
    "math.modf()", "math.modf('text')", "np.arange()", "np.eye()", "np.array()", "np.ravel()", "np.empty_like()",
    "np.reshape(a)", "np.zeros(3, dtype='text')", "np.logical_and(x)", "a.fill()", "a.astype()", "a.astype('text')",
    "a.reshape(x)", "a.reshape(-1, -1)", "a.shape[x]", "x.shape", "x.nonsense", "~x", "(x,) * 2.0", "(x,) + [x]",
    "np.random.seed(a)", "np.random.rand(x)", "sg.grad(helper)()", "sg.grad(helper)(x, x)", "np.sum(a, axis=x)",
    "np.sum(a, axis='text')", "np.cumsum(a, axis=x)", "np.max(a, axis=2)", "np.linalg.norm(x, 1)", "np.trace(a)",
    "np.diag(a, x)", "np.tile(a, x)", "np.split(a, x)", "np.stack(x)", "np.stack((a, x))", "np.add.at(x, 0, 1.0)",
    "a[slice(x)]", "np.linalg.inv(a)", "np.einsum('ij', a)", "np.vdot(a, x)",
    "np.bincount(a)", "np.convolve(a, a, 'text')",
]  # fmt: skip


@pytest.mark.parametrize("expression", MISFITS)
def test_misfit_is_refused(expression, define):
    f = define(f"def f(x, a):\n    y = {expression}\n    return x * x\n", "f", sg=sg, helper=helper)
    with pytest.raises((TypeError, ValueError, AttributeError)):
        f(1.3, np.ones(3))
    with pytest.raises(sg.UnsupportedError) as info:
        python(f).grad(1.3, np.ones(3))
    assert [p.at.line for p in info.value.problems] == [2]


@pytest.mark.parametrize("target", ["cpu", "python"])
def test_item_of_a_longer_array_raises_when_it_runs(target, define):
    f = sg.differentiable(define("def f(a):\n    return a.item() * a.item()\n", "f"), target=target)
    assert f.grad(np.array([3.0])) == [6.0]
    with pytest.raises(ValueError, match="can only convert an array of size 1"):
        f.grad(np.ones(2))


def test_what_numba_cannot_compile_is_reported_at_the_users_line():
    """The words are Numba's own, and so in no golden file."""
    text = message(lambda: sg.differentiable(draws_wrongly)(1.0))
    assert "    return y * np.random.normal(x > 1.0)\n" in text
    assert "Numba cannot compile this" in text
    assert "\nhint: " in text


# -- what messages have in common ----------------------------------------------------------------------------------


def test_all_problems_of_a_function_come_in_one_error(define, golden):
    helper = define("def g(u):\n    return {u: 1}\n", "g")
    body = "s = [v for v in a]\nt = lambda u: {u}\ndel s\nreturn x"
    later = (
        "s = a.odd()\nfor i in range(n):\n    t = np.sine(x)\n    s = s * t\nu = misspelt\nv = g(x)\nreturn s + u + v"
    )
    texts = {}
    for name, text in {"of syntax": body, "of later stages": later}.items():
        f = define("def f(x, a, n):\n" + textwrap.indent(text, "    ") + "\n", "f", g=helper)
        texts[name] = message(lambda f=f: python(f).grad(1.3, np.ones(3), 3))
    golden("several", joined(texts))


@pytest.mark.parametrize(
    "body",
    [
        "return x * ⟦misspelt⟧ * x",
        "return ⟦np.sine⟧(x)",
        "s = ⟦{v: x for v in a}⟧\nreturn x",
        "if x > 0.0:\n        return ⟦x + 'text'⟧  # more\nreturn x",
        "é = x; return é * ⟦misspelt⟧",
        "s = 'größer'; t = ⟦misspelt⟧\nreturn x",
        "return (x *\n        ⟦misspelt⟧)",
        "return x * ⟦max('a',⟧\n        'b')",
        "if x > 0.0:\n\ts = ⟦misspelt⟧\nreturn x",
        "return a[⟦x > 0.0⟧]",
        "for v in ⟦x⟧:\n    pass\nreturn x",
    ],
)
def test_caret_stands_under_the_construct(body, define):
    """`⟦ ⟧` marks what is underlined; of something that runs over several lines, the part on its first."""
    marked = "def f(x, a):\n" + textwrap.indent(body, "    ") + "\n"
    f = define(marked.replace("⟦", "").replace("⟧", ""), "f")
    with pytest.raises(sg.UnsupportedError) as info:
        python(f).grad(1.0, np.ones(3))
    number, line = next((k, t) for k, t in enumerate(marked.splitlines(), start=1) if "⟦" in t)
    expected = line[line.index("⟦") + 1 : line.index("⟧")]
    head, text, carets, *_ = str(info.value).strip("\n").splitlines()
    column = line.index("⟦") + 1
    assert head.endswith(f"line {number}, column {column}")
    assert text[carets.index("^") : carets.rindex("^") + 1] == expected


def test_every_problem_has_a_hint(define):
    calls = [*(lambda b=b: refusal(b, define) for g in BODIES.values() for b in g.values())]
    calls += [lambda c=c: message(c) for group in CALLS.values() for c in group.values()]
    without = [text for text in (call() for call in calls) if text.count("\nhint: ") == 0]
    assert not without, "\n".join(without)


# Raised only by a later version of Python, or after a mistake in an earlier stage.
UNREACHABLE = {
    "statements are not differentiable",
    "expressions are not differentiable",
    "this cannot be assigned to",
    "expected numbers, but got",
    "types of this loop's variables do not settle",
    "cannot be told apart",
    "needs a growing tape",
    "grows in a loop, so it cannot be passed on",
}


def test_every_problem_in_the_package_has_a_case(define, monkeypatch):
    reached = set()
    original = Problem.__init__

    def noted(self, *args, **kwargs):
        frame = sys._getframe(1)
        while frame.f_code.co_name == "problem" or frame.f_code.co_filename.startswith("<"):
            frame = frame.f_back
        reached.add((frame.f_code.co_filename, frame.f_lineno))
        original(self, *args, **kwargs)

    monkeypatch.setattr(Problem, "__init__", noted)
    message(lambda: sg.differentiable(draws_wrongly)(1.0))
    for body in (body for group in BODIES.values() for body in group.values()):
        refusal(body, define)
    for call in (call for group in CALLS.values() for call in group.values()):
        message(call)
    missing = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path, node, text in problems_in_source()
        if not any(str(path) == name and node.lineno <= line <= node.end_lineno for name, line in reached)
        if not any(words in text for words in UNREACHABLE)
    ]
    assert not missing, "\n".join(missing)


def problems_in_source():
    """Every statement that makes a `Problem`: file, node, and its text with the message in it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("Problem", "problem"):
                around = "\n".join(lines[max(0, node.lineno - 4) : node.end_lineno])
                if "Problem(p)" not in around and "Problem(message, self.at(node), hint)" not in around:
                    yield path, node, around

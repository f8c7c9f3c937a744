"""Each function of docs/coverage.md on arrays: both modes and the primal, in both precisions, whatever the layout.

An example is the body of a function; the names in it are its arguments, drawn by `SAMPLES`.
"""

import ast
import inspect
import zlib

import numba
import numpy as np
import pytest
from scipy import special

import srcgrad as sg
from srcgrad.numpy_lib.special import MAPPED
from srcgrad.rules import PRIMITIVES, RULES
from srcgrad.rules.routines import ROUTINES
from srcgrad.rules.special import SCIPY
from srcgrad.transform.lower import methods

from . import coverage, laws
from .strategies import laid_out
from .test_numpy_definitions import PROMOTES_BY_VALUE
from .trees import copy_tree, is_active, leaves, random_like


def apart(*shape, low=0.25, high=0.85):
    """Entries that keep their order when they are moved a little."""
    return lambda rng: rng.permutation(np.linspace(low, high, int(np.prod(shape)))).reshape(shape)


def signed(*shape):
    return lambda rng: apart(*shape, low=0.3, high=1.46)(rng) * rng.choice([-1.0, 1.0], shape)


def definite(rng):
    half = rng.standard_normal((3, 3))
    return half @ half.T + np.diag([1.0, 2.0, 3.0])


SAMPLES = {
    "a": signed(3, 4),
    "b": apart(3, 4),
    "t": signed(2, 3, 4),
    "v": apart(4, low=0.28, high=0.91),
    "w": signed(4),
    "r": signed(5),
    "s": lambda rng: rng.standard_normal((3, 3)) + np.diag([3.0, -4.0, 5.0]),
    "p": definite,
    "q": signed(5, 3),
    "grid": lambda rng: np.array([0.05, 0.31, 0.62, 0.95]),
    "x": lambda rng: 0.7,
    "k": lambda rng: np.array([2, 0, 1, 2]),
    "mask": lambda rng: np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]], bool),
}

HOLES = "y = a.copy(); y[~mask] = np.nan; return "
EXAMPLES = [
    # reductions
    "np.sum(a)", "np.sum(a, axis=1)", "np.sum(t, axis=(0, 2))", "np.sum(a, 0, keepdims=True)", "np.sum(a, where=mask)",
    "np.mean(a)", "np.mean(t, axis=1)", "np.mean(a, 0, where=mask)", "np.prod(a)", "np.prod(a, axis=0, keepdims=True)",
    "np.var(a)", "np.var(a, axis=1, ddof=1)", "np.std(a)", "np.std(t, axis=(0, 1), keepdims=True)", "np.max(a)",
    "np.max(t, axis=(0, 2))", "np.max(a, 1, initial=0.5, where=mask)", "np.min(a, 1, keepdims=True)", "np.amax(a)",
    "np.amin(a, axis=0)", "np.ptp(a)", "np.ptp(t, axis=1)", "a[np.argmax(a, axis=0), [0, 1, 2, 3]]",
    "np.argmin(a) * a", "np.any(a > 1.0) * x", "np.all(b > 0.0, axis=0) * v", "np.count_nonzero(a > 0.5, axis=0) * v",
    *(HOLES + f"np.nan{f}(y, axis=1)" for f in ("sum", "prod", "mean", "var", "std", "max", "min")),
    HOLES + "np.nanstd(y)", HOLES + "np.nanmean(y)", HOLES + "np.nan_to_num(y, nan=2.0)", "np.average(a)",
    "np.average(a, 1, v)", "np.average(a, weights=b, axis=0)", "np.median(a)", "np.median(t, axis=(0, 1))",
    "np.quantile(v, 0.3)", "np.quantile(a, [0.25, 0.6], axis=1)", "np.percentile(a, 35.0, 0, keepdims=True)",
    "np.linalg.norm(a)", "np.linalg.norm(w, 1)", "np.linalg.norm(w, 3)", "np.linalg.norm(a, axis=1)",
    "np.linalg.norm(a, 'fro')", "np.linalg.norm(a, np.inf)", "np.linalg.norm(a, 1, keepdims=True)",
    "np.linalg.norm(w, -np.inf)", "np.linalg.norm(t, axis=(0, 2))",
    # running sums, differences, integrals
    "np.cumsum(a)", "np.cumsum(a, axis=1)", "np.cumprod(w)", "np.cumprod(a, 0)", "np.diff(a)", "np.diff(t, 2, axis=1)",
    "np.ediff1d(a)", "np.gradient(w)", "np.gradient(w, x)", "np.gradient(w, grid)", "np.gradient(a, axis=0)",
    "tuple(np.gradient(a))", "np.trapezoid(w)", "np.trapezoid(a, grid)", "np.trapezoid(a, dx=0.5, axis=0)",
    # joining
    "np.concatenate((a, b), axis=1)", "np.concatenate([v, a], None)", "np.stack((v, w), 1)", "np.hstack((v, w))",
    "np.hstack((a, b))", "np.vstack((v, a))", "np.column_stack((v, w))", "np.dstack((a, b))", "np.append(a, x)",
    "np.append(a, b, axis=0)", "tuple(np.meshgrid(v, w))", "tuple(np.meshgrid(v, w, indexing='ij'))",
    # moved, repeated, surrounded
    "np.roll(a, 1)", "np.roll(a, -1, axis=0)", "np.roll(a, (1, 2), (0, 1))", "np.repeat(a, 2)", "np.repeat(w, k)",
    "np.repeat(a, 2, axis=1)", "np.tile(w, 2)", "np.tile(a, (2, 1))", "np.rot90(a)", "np.rot90(t, 2)",
    "np.rot90(a, -1)", "np.pad(a, 1)", "np.pad(w, (1, 2), 'edge')", "np.pad(a, ((1, 0), (0, 2)), 'wrap')",
    "np.pad(w, 2, 'reflect')", "np.pad(w, 3, mode='symmetric')", "np.pad(w, 1, constant_values=x)",
    # matrices
    "np.trace(a)", "np.trace(s, 1)", "np.diag(w)", "np.diag(s, -1)", "np.diagflat(a, 1)", "np.tril(a)",
    "np.triu(t, 1)", "np.tri(3, 4) * a", "s[np.tril_indices(3)]", "a[np.triu_indices(3, 0, 4)]", "np.vander(w)",
    "np.vander(w, 3, True)", "np.fill_diagonal(a, x); return a", "np.fill_diagonal(s, w[:3]); return s",
    "np.copyto(a, w); return a",
    # products
    "np.vdot(a, b)", "np.inner(a, w)", "np.inner(v, w)", "np.outer(a, w)", "np.kron(a, s)", "np.cross(s, q[:3])",
    "np.tensordot(t, b)", "np.tensordot(t, a.T, 1)", "np.tensordot(t, t, ((0, 2), (0, 2)))",
    "np.einsum('ij,j->i', a, v)", "np.einsum('ij,ij', a, b)", "np.einsum('ii->i', s)", "np.einsum('ijk,lk', t, a)",
    "np.matmul(a, b.T)", "a @ w", "v @ w", "w @ b.T", "t @ a.T", "t @ w", "v @ t[0].T", "np.dot(a, w)", "np.dot(v, w)",
    "np.dot(x, a)", "np.linalg.multi_dot((a.T, b, w))", "np.convolve(v, w)", "np.convolve(r, w[:3], 'same')",
    "np.convolve(r, w[:2], mode='valid')", "np.correlate(r, w[:3])", "np.correlate(v, w, 'full')", "np.polyval(w, a)",
    "np.polyval(w, x)", "np.polyder(w)", "np.polyder(r, 2)",
    # linear algebra
    "np.linalg.solve(s, w[:3])", "np.linalg.solve(s, a)", "np.linalg.solve(np.stack((s, p)), np.stack((p, s)))",
    "np.linalg.inv(s)", "np.linalg.inv(np.stack((s, p)))", "np.linalg.cholesky(p)",
    "np.linalg.cholesky(np.stack((p, p)))", "np.linalg.det(s)", "np.linalg.det(np.stack((s, p)))",
    "np.linalg.slogdet(s)", "np.linalg.eigh(p)", "np.linalg.eigvalsh(p)", "np.linalg.qr(q)", "np.linalg.qr(s)",
    "np.linalg.svd(q, full_matrices=False)", "np.linalg.svd(a, full_matrices=False)", "np.linalg.svd(s)",
    "np.linalg.svd(q, compute_uv=False)", "np.linalg.svdvals(a)", "np.linalg.pinv(q)", "np.linalg.pinv(a)",
    "np.linalg.matrix_power(s, 3)", "np.linalg.matrix_power(s, -2)", "np.linalg.lstsq(q, r, rcond=None)[:2]",
    "np.linalg.lstsq(a, q[:3], None)[0]",
    # sorted, searched, counted
    "np.sort(a)", "np.sort(a, axis=0)", "np.sort(t, None)", "np.partition(w, 2)", "w[np.argsort(w)]",
    "np.take_along_axis(a, np.argsort(a, axis=0), axis=0)", "np.unique(w)", "np.searchsorted(grid, b) * a",
    "np.digitize(b, grid) * a", "np.interp(b, grid, w)", "np.interp(x, grid, w)",
    "np.interp(w, grid, v, x, right=0.0)", "np.take(a, k)", "np.take(a, k, axis=1)", "np.take(w, 2)",
    "a[np.nonzero(a > 0.5)]", "np.ravel(a)[np.flatnonzero(mask)]", "np.extract(mask, a)",
    "np.compress([True, False, True, True], w)", "np.cov(a)", "np.cov(v, w)", "np.cov(a, None, False, True)",
    "np.corrcoef(a)", "np.corrcoef(v, w, True)", "np.bincount(k, weights=v)", "np.bincount(k, w, minlength=6)",
    "np.histogram(v, 3, (0.0, 1.0), weights=w)", "np.histogram(v, grid, density=True, weights=v)[0]",
    "np.isclose(a, b, 0.5) * a", "np.allclose(a, a) * x", "np.array_equal(a, a) * x", "np.where(a > 0.5, a, x)",
    "a[np.where(mask)]", "np.clip(a, 0.3, 0.9)", "np.clip(a, None, x)", "np.round(a, 1) + a", "np.around(a) + a",
    "np.heaviside(a, x) + a", "np.ldexp(x, 3)", "np.logical_and(mask, b > 0.5) * a",
    "np.logical_or(mask, b > 0.5) * a", "np.logical_xor(mask, b > 0.5) * a",
    # made
    "y = np.empty(3); y[:] = x; return y", "y = np.empty_like(a); y[...] = w; return y", "np.zeros((2, 2)) + x",
    "np.zeros_like(a) + x", "np.ones(3) * x", "np.ones_like(a) * w", "np.full((2, 3), x)", "np.full_like(a, x)",
    "y = np.ndarray(3); y[:] = x; return y", "np.array([v, w])", "np.array([x, x * x])", "np.copy(a)",
    "np.asarray(a) * x", "np.asarray([x, x * x])", "np.ascontiguousarray(a.T) * x", "np.arange(4) * w",
    "np.arange(0.0, 1.0, 0.3) * w", "np.linspace(0.5, x, 5)", "np.eye(3) * s", "np.eye(3, 4) * a",
    "np.identity(3) * x", "np.zeros(2, np.result_type(a, w)) + x", "np.finfo(a.dtype).eps + a",
    "np.full(np.iinfo(np.int8).max, x)", "np.full(np.shape(a), x)", "np.full(np.size(a), x)", "np.full(np.ndim(a), x)",
    "y = np.zeros_like(a); for i in np.ndindex(a.shape): y[i] = a[i] * b[i]; return y",
    # shapes
    "np.reshape(a, (2, -1))", "np.ravel(a)", "np.transpose(a)", "np.transpose(t, (1, 2, 0))", "np.swapaxes(t, 0, 2)",
    "np.moveaxis(t, 0, -1)", "np.expand_dims(w, 0) * b", "np.squeeze(w[None, :])", "np.squeeze(a[:, :1], axis=1)",
    "np.flip(a)", "np.flip(a, 0)", "np.flipud(a)", "np.fliplr(a)", "np.atleast_1d(x)", "np.atleast_2d(w)",
    "np.atleast_3d(a)", "np.broadcast_to(w, (3, 4))", "tuple(np.broadcast_arrays(a, w))", "np.diagonal(s)",
    "np.diagonal(a, 1)", "tuple(np.split(w, 2))", "tuple(np.split(a, [1, 3], axis=1))", "tuple(np.array_split(w, 3))",
    "tuple(np.hsplit(a, 2))", "tuple(np.vsplit(a, [1]))", "a[np.ix_([0, 2], [1, 3])]",
    # methods of elementwise functions
    "np.add.reduce(a)", "np.multiply.reduce(a, 1)", "np.maximum.reduce(a, None)",
    "np.minimum.reduce(a, keepdims=True)", "np.add.accumulate(a)", "np.multiply.accumulate(a, 1)",
    "np.maximum.accumulate(w)", "np.minimum.accumulate(a, 1)", "np.logaddexp.reduce(a, axis=1)",
    "np.subtract.outer(v, w)", "np.multiply.outer(a, w)", "np.divide.outer(w, b)", "np.add.at(w, k, v); return w",
    "np.multiply.at(w, k, v); return w", "np.subtract.at(a, [0, 2], w); return a",
    # methods and attributes of arrays
    "a.sum(axis=0)", "a.prod()", "a.mean(1)", "a.var()", "a.std(ddof=1)", "a.max(axis=1)", "a.min()", "a.argmax() * x",
    "a.argmin(axis=0) * w", "(a > 0.0).all() * x", "(a > 0.0).any(axis=0) * w", "a.dot(w)", "a.cumsum()",
    "a.cumprod(axis=1)", "s.trace()", "a.take(k)", "w.repeat(2)", "a.clip(0.3, 0.8)", "a.round(1) + a",
    "w[w.argsort()]", "grid.searchsorted(v) * v", "a[(a > 0.5).nonzero()]", "w.compress(w > 0.5)", "s.diagonal()",
    "t.swapaxes(0, 1)", "w[None].squeeze()", "a.copy()", "a.flatten()", "a.ravel()", "a.reshape(2, 6)",
    "a.reshape((-1, 2))", "y = a.copy(); y.fill(x); return y * a", "t.transpose(2, 0, 1)", "a.transpose()",
    "a.astype(np.float64)", "a.item(1, 2) * x", "a.view() * x", "y = a.copy(); y.sort(axis=0); return y", "a.T * x",
    "a.real * x", "np.full(a.shape, x)", "np.full(a.ndim, x)", "np.full(a.size, x)", "np.zeros(2, a.dtype) + x",
    # indices, read
    "a[1, 2] * a[-1, -1]", "a[1:, ::2]", "a[::-1, 1:-1]", "a[1]", "a[:, 2]", "t[..., 0]", "t[1, ..., ::2]",
    "w[None, :] * a", "w[:, np.newaxis] * w", "w[k]", "a[1, k]", "a[[0, 1, 2, 1], k]", "a[:, k]", "t[:, [0, 2]]",
    "t[1, :, k]", "a[a > 0.5]", "a[mask, ]", "a[mask[:, 0]]", "a[mask[:, 1], 2]", "a[::-1][[0, -1]]",
    # and written
    "a[0] = w; return a", "a[1:] = a[:-1]; return a", "a[:, 1:] += a[:, :-1] * w[1:]; return a",
    "a[k[:2]] = w; return a", "w[k] = v; return w", "w[k] += v; return w", "w[k] *= x; return w",
    "a[mask] = x; return a", "a[a > 0.5] *= x; return a", "a[mask] = a[mask] * 2.0; return a", "a[::2] -= w; return a",
    "a[..., 0] = x; return a", "a *= b; return a", "a -= w; return a",
    "a[0], a[1] = a[1].copy(), a[0].copy(); return a",
    # scipy.special
    "special.logsumexp(a)", "special.logsumexp(a, axis=1, keepdims=True)", "special.logsumexp(a, 0, b)",
    "special.softmax(a)", "special.softmax(a, axis=1)", "special.log_softmax(a, axis=0)", "special.polygamma(1, b)",
    *(f"special.{f}(b)" for f in MAPPED if f not in ("beta", "betaln", "rel_entr")),
    *(f"special.{f}(b, v)" for f in ("beta", "betaln", "rel_entr")),
]  # fmt: skip


def elementwise_examples():
    """Elementwise functions on matrices: by the table of rules, those of two arguments with a vector that stretches."""
    special_domain = {"np.arccosh": "1.0 + b", "special.i0": "a", "special.j1": "a"}
    named = {f"np.{f.__name__}": op for f, op in PRIMITIVES.items() if isinstance(f, np.ufunc)}
    named |= {f"special.{name}": op for name, op in SCIPY.items() if name != "polygamma"}
    for name, op in named.items():
        first = special_domain.get(name, "b")
        if op in ("&", "|", "^"):
            yield f"{name}(mask, b > 0.5) * a"
        elif op == "~":
            yield f"{name}(mask) * a"
        elif op in ("<<", ">>", "math.gcd"):
            yield f"{name}(k, 3) * w"
        else:
            call = f"{name}({first})" if RULES[op].arity == 1 else f"{name}({first}, v)"
            yield call if RULES[op].partials is not None else f"{call} * a"


EXAMPLES += elementwise_examples()
if not hasattr(np, "trapezoid"):
    EXAMPLES = [e.replace("np.trapezoid", "np.trapz") for e in EXAMPLES]
if not hasattr(np.linalg, "svdvals"):
    EXAMPLES = [e for e in EXAMPLES if "np.linalg.svdvals" not in e]


def text_of(example):
    """An example as a function."""
    *statements, last = example.split("; ")
    lines = [*statements, last if last.startswith("return ") else f"return {last}"]
    return f"def f({', '.join(names_in(example))}):\n" + "".join(f"    {line}\n" for line in lines)


def names_in(example):
    """The arguments of an example, in the order of `SAMPLES`."""
    lines = example.replace("return ", "").split("; ")
    used = {n.id for line in lines for n in ast.walk(ast.parse(line)) if isinstance(n, ast.Name)}
    return [name for name in SAMPLES if name in used]


def arguments(example, dtype="float64", layouts=("C",)):
    """The arguments of an example, in a precision, in layouts that take turns."""
    rng = np.random.default_rng(zlib.crc32(example.encode()))
    out = []
    for k, name in enumerate(names_in(example)):
        value = SAMPLES[name](rng)
        if isinstance(value, float):
            out.append(np.float32(value) if dtype == "float32" else value)
        else:
            value = value.astype(dtype) if value.dtype == np.float64 else value
            out.append(laid_out(value, layouts[k % len(layouts)]))
    return tuple(out)


CASES = (
    ("float64", ("C",)),
    ("float64", ("reversed", "strided", "F")),
    ("float32", ("strided", "F", "reversed")),
)
# Results that are of another type than NumPy's: as in Numba, or narrower.
OTHER_TYPES = ("np.linspace(0.5, x, 5)", "np.polyder(w)", "np.polyder(r, 2)")


def dtypes(tree):
    return [np.asarray(leaf).dtype for leaf in leaves(tree) if is_active(leaf)]


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.filterwarnings("ignore")  # of NaN, which some of the functions leave out
def test_example(example, define, rng):
    """In both precisions, contiguous and not; float32 gives what is float32 in NumPy, and float32 gradients."""
    f = sg.differentiable(define(text_of(example), "f", special=special), target="python")
    for dtype, layouts in CASES:
        args = arguments(example, dtype, layouts)
        laws.check_primal_kept(f, args)
        laws.check_adjoint_identity(f, args, rng)
        laws.check_tangent_against_differences(f, args, rng)
    y, pullback = sg.vjp(f, *copy_tree(args))
    assert dtypes(pullback(random_like(rng, y))) == dtypes(args)
    if not PROMOTES_BY_VALUE and example not in OTHER_TYPES:
        assert dtypes(y) == dtypes(f.py_func(*copy_tree(args)))


@pytest.mark.compiled_all
@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.filterwarnings("ignore")
def test_example_compiled(example, define, rng):
    function = define(text_of(example), "f", special=special)
    args = arguments(example, *CASES[1])
    laws.check_backends_agree(sg.differentiable(function, target="python"), sg.differentiable(function), args, rng)


def smooth_step(u, width):
    return u / width if u < width else np.tanh(u)


@pytest.mark.parametrize("make", [np.vectorize, numba.vectorize])
def test_function_made_of_one_on_numbers(make, define, rng):
    f = define("def f(a, v):\n    return step(a * v, 0.3) + step(v, v)\n", "f", step=make(smooth_step))
    f = sg.differentiable(f, target="python")
    args = arguments("a + v")
    laws.check_primal_kept(f, args)
    laws.check_adjoint_identity(f, args, rng)
    laws.check_tangent_against_differences(f, args, rng)


MISFITS = [
    "np.sum(a, where=mask[:2])", "np.mean(w, where=mask)", "np.max(a, 1, initial=0.0, where=mask[:, :2])",
    "np.concatenate((a, q))", "np.stack((v, r))", "np.dot(a, v[:3])", "a @ r", "a + q", "np.cross(v, w)",
    "np.fliplr(w)", "np.vsplit(w, 2)", "np.split(w, 3)", "np.split(w, -1)", "np.pad(w, -1, 'edge')",
    "np.fill_diagonal(w, x)", "np.compress(mask, w)", "np.interp(x, v, r)", "np.linalg.solve(s, r)",
    "np.linalg.inv(a)", "np.reshape(a, (5, -1))", "w[mask]", "a[r > 0.0]", "a[mask] = w; return a",
    "a[0] = r; return a", "np.broadcast_to(a, (3, 5))", "np.squeeze(a, axis=0)", "np.trapezoid(w, r)",
    "np.histogram(v, 3, weights=r)", "np.digitize(v, w)",
]  # fmt: skip


@pytest.mark.parametrize("example", [e for e in MISFITS if hasattr(np, "trapezoid") or "trapezoid" not in e])
def test_what_does_not_fit_raises_as_in_numpy(example, define):
    f = sg.differentiable(define(text_of(example), "f"), target="python")
    with pytest.raises((ValueError, TypeError, IndexError)):
        f.py_func(*arguments(example))
    with pytest.raises((ValueError, TypeError, IndexError, sg.UnsupportedError)):
        f(*arguments(example))


# -- linear algebra near singular matrices -------------------------------------------------------------------------

N = 4
TURNS = [np.linalg.qr(np.random.default_rng(k).standard_normal((N, N)))[0] for k in range(4)]
VALUES = np.logspace(0.0, -6.0, N)
ILL = TURNS[0] * VALUES @ TURNS[1].T  # condition 1e6
INVERSE = TURNS[1] / VALUES @ TURNS[0].T
ILL_SYMMETRIC = TURNS[0] * VALUES @ TURNS[0].T
DIRECTION = TURNS[2]
SYMMETRIC_DIRECTION = TURNS[2] + TURNS[2].T
RIGHT = np.arange(1.0, N + 1.0)
SIGN = np.linalg.det(TURNS[0]) * np.linalg.det(TURNS[1])

# Programs of an ill-conditioned matrix, and their derivatives in one direction from its known factors.
ILL_CONDITIONED = {
    "np.linalg.inv(c)": -INVERSE @ DIRECTION @ INVERSE,
    "np.linalg.pinv(c)": -INVERSE @ DIRECTION @ INVERSE,
    "np.linalg.solve(c, np.array([1.0, 2.0, 3.0, 4.0]))": -INVERSE @ (DIRECTION @ (INVERSE @ RIGHT)),
    "np.linalg.lstsq(c, np.array([1.0, 2.0, 3.0, 4.0]), None)[0]": -INVERSE @ (DIRECTION @ (INVERSE @ RIGHT)),
    "np.linalg.det(c)": SIGN * np.prod(VALUES) * np.trace(INVERSE @ DIRECTION),
    "np.linalg.slogdet(c)[1]": np.trace(INVERSE @ DIRECTION),
    "np.linalg.svd(c, compute_uv=False)": np.diag(TURNS[0].T @ DIRECTION @ TURNS[1]),
    "np.linalg.svd(c)[1]": np.diag(TURNS[0].T @ DIRECTION @ TURNS[1]),
}


def of_matrix(expression, define):
    return sg.differentiable(define(f"def f(c):\n    return {expression}\n", "f"), target="python")


def check_modes_agree(f, c, direction, tangent, rtol):
    """The pullback is the transpose of the tangent, to a tolerance of the size of what is added up."""
    y, pullback = sg.vjp(f, c)
    seed = random_like(np.random.default_rng(7), y)
    forward = laws.products(seed, tangent)
    reverse = laws.products(pullback(seed), (direction,))
    assert abs(forward.sum() - reverse.sum()) <= rtol * (np.abs(forward).sum() + np.abs(reverse).sum())


@pytest.mark.parametrize("expression", ILL_CONDITIONED)
def test_ill_conditioned(expression, define):
    f, expected = of_matrix(expression, define), ILL_CONDITIONED[expression]
    tangent = sg.jvp(f, (ILL,), (DIRECTION,))[1]
    # Errors of the inverse are amplified twice, those of other results once; small singular values have absolute ones.
    assert np.max(np.abs(tangent - expected)) <= 1e-8 * np.max(np.abs(expected))
    check_modes_agree(f, ILL, DIRECTION, tangent, 1e-8)


def test_ill_conditioned_and_symmetric(define):
    f = of_matrix("np.linalg.eigvalsh(c)", define)
    tangent = sg.jvp(f, (ILL_SYMMETRIC,), (SYMMETRIC_DIRECTION,))[1]
    expected = np.diag(TURNS[0].T @ SYMMETRIC_DIRECTION @ TURNS[0])[::-1]
    np.testing.assert_allclose(tangent, expected, rtol=1e-8, atol=1e-8)
    check_modes_agree(f, ILL_SYMMETRIC, SYMMETRIC_DIRECTION, tangent, 1e-9)

    g = of_matrix("np.linalg.cholesky(c)", define)
    l, dl = sg.jvp(g, (ILL_SYMMETRIC,), (SYMMETRIC_DIRECTION,))
    np.testing.assert_allclose(l @ dl.T + dl @ l.T, SYMMETRIC_DIRECTION, atol=1e-6)
    check_modes_agree(g, ILL_SYMMETRIC, SYMMETRIC_DIRECTION, dl, 1e-8)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_determinant_of_a_singular_matrix(rank, define):
    """Its gradient are the cofactors: of rank 1 for one dimension missing, 0 for more."""
    c = TURNS[0][:3, :rank] @ TURNS[1][:rank, :3]
    minors = np.array([[np.delete(np.delete(c, i, 0), j, 1) for j in range(3)] for i in range(3)])
    cofactors = np.linalg.det(minors) * np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, 1.0]])
    f = of_matrix("np.linalg.det(c)", define)
    np.testing.assert_allclose(f.grad(c), cofactors, atol=1e-14)
    assert sg.jvp(f, (c,), (np.eye(3),))[1] == pytest.approx(np.trace(cofactors), abs=1e-14)


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_second_derivative_of_a_determinant(rank, define):
    c = TURNS[0][:3, :rank] @ TURNS[1][:rank, :3]
    f = of_matrix("np.linalg.det(c)", define)
    d = DIRECTION[:3, :3]
    expected = (f.grad(c + 1e-5 * d) - f.grad(c - 1e-5 * d)) / 2e-5
    np.testing.assert_allclose(sg.hvp(f, (c,), (d,)), expected, atol=1e-8)


@pytest.mark.parametrize("expression", ["np.sum(np.linalg.eigvalsh(c) ** 2)", "np.sum(np.linalg.svd(c)[1] ** 2)"])
def test_second_derivatives_at_equal_values_are_not_guessed(expression, define):
    f = of_matrix(expression, define)
    np.testing.assert_allclose(f.grad(np.eye(2)), 2.0 * np.eye(2), atol=1e-14)
    assert np.isnan(sg.hvp(f, (np.eye(2),), (np.array([[0.0, 1.0], [1.0, 0.0]]),))).any()


def test_vectors_of_equal_values_have_no_derivative(define):
    """The exponential of a symmetric matrix has one, but not by its eigenvectors."""
    f = of_matrix("(np.linalg.eigh(c)[1] * np.exp(np.linalg.eigh(c)[0]) @ np.linalg.eigh(c)[1].T)[1, 0]", define)
    assert np.isnan(f.grad(np.eye(2))[1, 0])


# Programs that do not depend on which vectors belong to equal values, and their gradients at 2 Q, Q orthogonal.
EQUAL_VALUES = {
    "np.sum(np.linalg.svd(c, compute_uv=False))": lambda c: c / 2.0,
    "np.sum(np.linalg.svd(c)[1] ** 2)": lambda c: 2.0 * c,
    "np.sum(np.linalg.eigvalsh(c.T @ c))": lambda c: 2.0 * c,
    "np.sum(np.linalg.eigh(c.T @ c)[0] ** 2)": lambda c: 16.0 * c,
    "np.linalg.slogdet(c)[1]": lambda c: c / 4.0,
}


@pytest.mark.parametrize("expression", EQUAL_VALUES)
def test_equal_singular_values(expression, define):
    c = 2.0 * TURNS[3]
    f = of_matrix(expression, define)
    np.testing.assert_allclose(f.grad(c), EQUAL_VALUES[expression](c), atol=1e-13)
    assert sg.jvp(f, (c,), (DIRECTION,))[1] == pytest.approx(np.sum(f.grad(c) * DIRECTION), rel=1e-12)


@pytest.mark.parametrize("expression", ["np.linalg.pinv(c)", "np.linalg.lstsq(c, np.array([1.0, 2.0, 3.0]), None)[0]"])
def test_pseudo_inverse_of_constant_rank(expression, define):
    """Of a matrix of rank 1, in directions that keep the rank."""
    u, v = np.array([1.0, 2.0, -1.0]), np.array([0.5, -1.0])

    def function(u, v):
        return f.py_func(u[:, None] * v)

    f = of_matrix(expression, define)
    du, dv = np.array([0.3, -0.2, 0.5]), np.array([1.0, 0.4])
    direction = u[:, None] * dv + du[:, None] * v
    tangent = sg.jvp(f, (u[:, None] * v,), (direction,))[1]
    np.testing.assert_allclose(tangent, laws.differences(function, (u, v), (du, dv)), atol=1e-8)
    check_modes_agree(f, u[:, None] * v, direction, tangent, 1e-10)


def test_decomposition_of_a_wide_matrix_has_no_derivative(define):
    f = of_matrix("np.linalg.qr(c)[1]", define)
    assert f(np.ones((2, 3))).shape == (2, 3)
    for call in (lambda: sg.vjp(f, np.ones((2, 3)))[1](np.ones((2, 3))), lambda: sg.jacfwd(f)(np.ones((2, 3)))):
        with pytest.raises((ValueError, sg.UnsupportedError), match="at least as many rows as columns"):
            call()


# -- nothing is left out -------------------------------------------------------------------------------------------


OLD_NAMES = {"np.trapz"} if hasattr(np, "trapezoid") else set()  # deprecated: a call of it warns


def is_shown(entry):
    names = [n.removeprefix("scipy.") for n in entry.names]
    return any(f"{name}(" in example for name in names for example in EXAMPLES) or bool(OLD_NAMES & set(names))


def test_every_function_has_an_example():
    prefixes = ("np.", "scipy.special.")
    entries = [e for e in coverage.entries() if e.names[0].startswith(prefixes) and "random" not in e.names[0]]
    assert len(entries) > 200
    assert not [e.names[0] for e in entries if not is_shown(e)]


def test_every_method_has_an_example():
    names = {*methods.FUNCTIONS, *methods._METHODS, *coverage.ATTRIBUTES} - {"ptp"}  # which NumPy 2 no longer has
    assert not [n for n in names if not any(f".{n}" in e.replace(f"np.{n}", "") for e in EXAMPLES)]


def test_every_routine_has_an_example():
    names = [name if name.startswith("np.") else f"np.linalg.{name}" for name in ROUTINES]
    assert not [n for n in names if hasattr(np.linalg, n.split(".")[-1]) and not any(f"{n}(" in e for e in EXAMPLES)]


newest_numpy = pytest.mark.skipif(
    not np.__version__.startswith(f"{coverage.NUMPY}."),
    reason=f"the names on the page are those of NumPy {coverage.NUMPY}",
)
OF_KEYWORDS = ("np.pad", "np.arange", "np.iinfo", "np.ndarray")  # whose signature says nothing of these names


@newest_numpy
def test_parameters_have_the_names_of_numpy():
    """What can be passed by name has the name that it has in NumPy, so that users' calls fit."""
    wrong = []
    for entry in coverage.entries():
        try:
            theirs = inspect.signature(entry.target).parameters
        except (TypeError, ValueError):  # it has none
            continue
        named = entry.names[0].startswith("np.") and not isinstance(entry.target, np.ufunc)
        if named and entry.names[0] not in OF_KEYWORDS and not {"args", "kwargs"} & set(theirs):
            wrong += [(entry.names[0], name) for name in entry.by_name if name not in theirs]
    assert not wrong


@newest_numpy
def test_page_is_up_to_date(request):
    """Compared under the version of NumPy whose names it has."""
    if request.config.getoption("--update-golden"):
        coverage.PAGE.write_text(coverage.page(), encoding="utf-8")
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page(), "run python -m tests.coverage --update"


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_extrema_of_two_treat_nan_as_numpy_does(target):
    def f(x, y):
        both = np.maximum(x, y), np.minimum(x, y), np.fmax(x, y), np.fmin(x, y), np.clip(x, 0.0, 1.5)
        return *both, np.maximum(x[0], y[0]), np.fmax(x[0], y[0])

    x, y = np.array([1.0, np.nan, 2.0]), np.array([np.nan, 1.0, 3.0])
    for found, expected in zip(sg.differentiable(f, target=target)(x, y), f(x, y), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("target", ["python", "cpu"])
def test_only_the_number_gets_a_derivative_beside_nan(target):
    def larger(x, y):
        return np.fmax(x, y)

    x, y = np.array([1.0, np.nan, 2.0]), np.array([np.nan, 1.0, 3.0])
    _, pullback = sg.vjp(sg.differentiable(larger, target=target), x, y)
    np.testing.assert_array_equal(pullback(np.ones(3)), ([1.0, 0.0, 0.0], [0.0, 1.0, 1.0]))

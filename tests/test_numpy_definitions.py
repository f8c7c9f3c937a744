"""Each definition of a NumPy function, run as plain Python, against NumPy."""

import inspect
import itertools

import numpy as np
import pytest

from srcgrad.numpy_lib import LIBRARY

RNG = np.random.default_rng(5)
NAN, INF = np.nan, np.inf
V = RNG.standard_normal(7)
W = RNG.standard_normal(7)
S = RNG.standard_normal(4)
M = RNG.standard_normal((3, 4))
N = RNG.standard_normal((3, 4))
T = RNG.standard_normal((2, 3, 4))
SQUARE = RNG.standard_normal((3, 3))
F32 = M.astype(np.float32)
INTS = RNG.integers(-4, 5, (3, 4))
INT32 = INTS.astype(np.int32)
BOOLS = M > 0.0
TURNED = RNG.standard_normal((4, 3)).T
STRIDED = RNG.standard_normal((6, 8))[::2, ::-2]
NANS = np.where(RNG.random((3, 4)) < 0.3, NAN, M)
HOLES = np.array([[NAN, 1.0, NAN], [NAN, NAN, NAN], [2.0, NAN, -1.0]])
ZEROS = np.where(BOOLS, M, 0.0)
EMPTY = np.empty((0, 3))
GRID = np.array([-1.0, 0.0, 0.5, 2.0, 3.5])
TIES = np.array([2.0, 1.0, 2.0, 0.0, 1.0, 2.0])
WITH_NAN = np.array([1.0, NAN, 0.5, NAN, 0.5])
KINDS = (M, F32, INTS, INT32, BOOLS, TURNED, STRIDED, NANS)
SIDES = ("left", "right")
SCANS = (np.cumsum, np.cumprod)
TRAPEZOID = getattr(np, "trapezoid", None) or getattr(np, "trapz", None)
PROMOTES_BY_VALUE = np.__version__.startswith("1.")  # then plain Python does not show the types of compiled code
AXES = {1: (None, 0, -1), 2: (None, 0, 1, -1, (0, 1)), 3: (None, 0, 1, 2, -2, (0, 2), (2, 1), (0, 1))}


def cases(function, *argument_lists, **keywords):
    """A case for each combination of arguments and of keywords, given as lists of choices."""
    for args in itertools.product(*argument_lists):
        for values in itertools.product(*keywords.values()):
            yield function, args, dict(zip(keywords, values, strict=True))


def along_axes(function, arrays, keepdims=(False, True), **keywords):
    """A case for each array, each of its axes, and each setting of the keywords."""
    for a in arrays:
        yield from cases(function, [a], axis=AXES[a.ndim], keepdims=keepdims, **keywords)


def calls(function, *argument_lists):
    """A case for each tuple of arguments."""
    for args in argument_lists:
        yield function, args, {}


CASES = [
    # reductions
    *(c for f in (np.sum, np.prod, np.mean) for c in along_axes(f, [V, T, EMPTY, *KINDS])),
    *(c for f in (np.sum, np.prod, np.mean, np.cumsum) for c in cases(f, [F32, INTS], [0, None], [np.float64])),
    *(c for f in (np.var, np.std) for c in along_axes(f, [V, T, F32, INTS, NANS], ddof=[0, 1])),
    *cases(np.var, [V[:1], V[:0]], ddof=[0, 1, 2]),
    *(c for f in (np.max, np.min, np.amax, np.amin) for c in along_axes(f, [V, T, *KINDS])),
    *(c for f in (np.max, np.argmin) for c in cases(f, [TIES, WITH_NAN, -WITH_NAN, np.array([NAN])])),
    *cases(np.max, [EMPTY], [1]),
    *(
        c
        for f in (np.sum, np.mean)
        for c in cases(f, [M, F32, INTS, T[0]], axis=[None, 0, 1], keepdims=[False, True], where=[BOOLS, BOOLS[:1]])
    ),
    *(
        c
        for f in (np.max, np.min)
        for c in cases(f, [M, NANS, INTS, EMPTY], axis=[None, 0], keepdims=[False, True], initial=[-5, 0, 9])
    ),
    *cases(np.max, [M, NANS, INTS], axis=[None, 0, 1], initial=[-9], where=[BOOLS, BOOLS[:1], ~BOOLS[1]]),
    *along_axes(np.ptp, [V, T, F32, INTS, NANS]),
    *(c for f in (np.argmax, np.argmin) for a in (V, T, *KINDS) for c in cases(f, [a], [None, *range(a.ndim)])),
    *cases(np.argmax, [M], [None, 0], keepdims=[True]),
    *(c for f in (np.any, np.all, np.count_nonzero) for c in along_axes(f, [V, T, ZEROS, EMPTY, *KINDS])),
    *(c for f in (np.nansum, np.nanprod, np.nanmean) for c in along_axes(f, [V, T, HOLES, *KINDS])),
    *(c for f in (np.nanvar, np.nanstd) for c in along_axes(f, [V, HOLES, F32, INTS], ddof=[0, 1, 2])),
    *(c for f in (np.nanmax, np.nanmin) for c in along_axes(f, [V, T, HOLES, F32, INTS, NANS])),
    *cases(np.trace, [M, F32, INTS, BOOLS, M.T], [0, 1, -1, 5]),
    *(c for f in (np.add, np.multiply, np.maximum, np.minimum) for c in cases(f.reduce, [M, NANS, INTS], [0, 1, None])),
    *(c for f in (np.add, np.multiply, np.maximum, np.minimum) for c in cases(f.accumulate, [M, NANS, INTS], [0, 1])),
    *cases(np.logaddexp.reduce, [M, F32, NANS, np.array([[-INF], [-INF]])], [0, 1, None], keepdims=[False, True]),
    # norms
    *cases(np.linalg.norm, [V, M, T, F32, INTS, STRIDED, NANS, EMPTY]),
    *cases(np.linalg.norm, [V, V.astype(np.float32), INTS[0], ZEROS[0]], [None, 1, 2, INF, -INF, 0, 3, 2.5, -1.5]),
    *cases(np.linalg.norm, [M, F32, INTS], ["fro", 1, -1, INF, -INF], keepdims=[False, True]),
    *cases(np.linalg.norm, [M, F32], [None, 1, 2, INF, 3], [0, 1, -1], [False, True]),
    *cases(np.linalg.norm, [T], [None, "fro", 1, INF], [(0, 1), (2, 1), (-1, 0)], [False, True]),
    # running sums, differences, integrals
    *(c for f in SCANS for a in (V, T, EMPTY, *KINDS) for c in cases(f, [a], [None, *range(-1, a.ndim)])),
    *cases(np.diff, [V, M, INTS, BOOLS, T, V[:1]], [0, 1, 2], [-1, 0]),
    *cases(np.ediff1d, [V, M, INTS]),
    *cases(np.gradient, [V, F32[0], INTS[0]], [1.0, 0.5, 2]),
    *calls(np.gradient, [V], [M], [T], [M, 0.5], [M, 0.5, 2.0], [GRID, GRID**2], [M, GRID[:3], GRID[1:]]),
    *cases(np.gradient, [M, T], [0.5], axis=[0, -1, (0, 1), (1, 0)]),
    *cases(TRAPEZOID, [V, M, F32, INTS], dx=[1.0, 0.5], axis=[-1, 0]),
    *calls(TRAPEZOID, [V, W], [M, GRID[1:]], [M, GRID[:3], 1.0, 0], [M, N], [F32, F32]),
    # products
    *calls(np.vdot, [V, W], [M, N], [F32, F32], [INTS, F32], [INTS, INTS]),
    *calls(np.inner, [V, W], [M, S], [M, N], [T, M], [INTS, F32]),
    *calls(np.outer, [V, S], [M, S], [INTS[0], F32[0]], [V, 2.0]),
    *calls(np.kron, [V, S], [M, SQUARE], [M, S], [S, M], [T, M], [INTS, F32]),
    *calls(np.cross, [V[:3], W[:3]], [SQUARE, SQUARE.T], [SQUARE, V[:3]], [V[:3], SQUARE], [T[:, :, :3], SQUARE]),
    *calls(np.tensordot, [M, N], [M, N.T, 1], [T, M], [T, T, 3], [T, M, ([1, 2], [0, 1])], [T, M, ((2, 1), (1, 0))]),
    *calls(np.tensordot, [V, S, 0], [T, SQUARE, (1, 0)], [T, T, ((0, -1), (0, -1))], [INTS, F32.T, 1]),
    *(
        c
        for f in (np.convolve, np.correlate)
        for c in cases(f, [V, S, V[:1], V[:2], V[:3]], [V, S, V[:1], V[:2]], mode=["full", "same", "valid"])
    ),
    *calls(np.convolve, [INTS[0], INTS[1]], [F32[0], INTS[0]], [F32[0], F32[1]]),
    *cases(np.polyval, [V, F32[0], INTS[0]], [2.0, V, M, F32, INTS]),
    *cases(np.polyder, [V, INTS[0], V[:1]], [1, 2]),
    # joining
    *calls(np.concatenate, [(V, S)], [(M, N, M), 1], [(M, T[0]), -2], [(M, V), None], [(T, T), 2], [(INTS, F32)]),
    *calls(np.concatenate, [([1.0], V, (2, 3))], [(EMPTY, M[:, 1:])], [[V]]),
    *cases(np.stack, [(V, W), (M, N, INTS), (F32, F32), (2.0, 3.0)], [0, -1]),
    *calls(np.stack, [(M, N), 1], [(T,), 2]),
    *(
        c
        for f in (np.hstack, np.vstack, np.column_stack, np.dstack)
        for c in calls(f, [(V, W)], [(M, N)], [(INTS, F32, M)])
    ),
    *calls(np.hstack, [(1.0, V, 2)], [(T, T)]),
    *calls(np.vstack, [(S, M)], [(T, T)], [(1.0, 2.0)]),
    *calls(np.column_stack, [(V[:3], M)]),
    *calls(np.dstack, [(T, T)], [(1.0, 2.0)]),
    *calls(np.append, [V, 2.0], [F32, 2], [M, N], [M, N, 1], [V, [1, 2]], [INTS, INTS, 0]),
    *calls(np.meshgrid, [V], [V, S], [V, INTS[0], S], [V, S, F32[0], W]),
    *cases(np.meshgrid, [V], [S], indexing=["xy", "ij"]),
    # moved, repeated, surrounded
    *cases(np.roll, [V, M, INTS, TURNED, EMPTY], [0, 1, -2, 9]),
    *cases(np.roll, [M, T], [1, -5], axis=[0, 1, -1]),
    *calls(np.roll, [M, (1, 2), (0, 1)], [T, 1, (0, 2)], [V[:0], 2]),
    *cases(np.repeat, [V, M, INTS], [0, 1, 3], axis=[None, 0, -1]),
    *calls(np.repeat, [S, [1, 0, 2, 3]], [M, [2, 0, 1], 0], [M, np.array([1, 2, 0, 1]), 1], [2.0, 3]),
    *cases(np.tile, [V, M, INTS, 2.0], [3, (2,), (2, 3), (2, 1, 3), 0]),
    *(
        c
        for mode in ("constant", "edge", "wrap", "reflect", "symmetric")
        for c in cases(np.pad, [V, M, T, INTS, V[:1]], [2, (1, 2), (3,), ((2, 0),)], [mode])
        if c[1][0].shape != (1,) or mode != "reflect"
    ),
    *cases(np.pad, [M, F32], [((1, 2), (0, 1))], constant_values=[0, 1.5]),
    *cases(np.pad, [V], [20], ["wrap", "reflect", "symmetric"]),
    # matrices
    *cases(np.diag, [V, M, M.T, INTS, F32], [0, 1, -2, 6]),
    *cases(np.diagflat, [V, M, INTS], [0, 1, -2]),
    *(c for f in (np.tril, np.triu) for c in cases(f, [M, T, INTS, F32], [0, 1, -1, 7, -7])),
    *calls(np.tri, [3], [3, 4], [4, 3, -1], [3, None, 1], [3, 3, 0, np.int64]),
    *(c for f in (np.tril_indices, np.triu_indices) for c in cases(f, [0, 3], [0, 1, -2], [None, 2, 5])),
    *cases(np.vander, [S, F32[0], INTS[0]], [None, 2, 5], [False, True]),
    # sorting
    *cases(np.sort, [V, TIES, WITH_NAN, M, INTS, F32, STRIDED, T, V[:0]], [-1, 0, None]),
    *cases(np.argsort, [V, TIES, WITH_NAN, M, INTS, F32, BOOLS, T], [-1, 0, None], kind=["stable"]),
    *cases(np.unique, [V, TIES, WITH_NAN, INTS, BOOLS, M, V[:0]]),
    *along_axes(np.median, [V, S, T, F32, INTS, NANS]),
    *cases(np.quantile, [V, S, M, INTS, NANS], [0.0, 0.3, 1.0, GRID[1:3]], [None, 0], keepdims=[False, True]),
    *cases(np.percentile, [V, M, INTS], [0, 35, 99.5, [10, 50.0]], [None, -1]),
    *calls(np.quantile, [T, 0.4, (0, 2)], [T, [0.4], (0, 1)], [V[:1], 0.3]),
    # searching
    *cases(np.searchsorted, [GRID, np.sort(TIES), np.array([0, 2, 2, 5]), V[:0]], [1.0, 2, NAN, TIES, M, INTS], SIDES),
    *cases(np.searchsorted, [np.sort(WITH_NAN)], [0.5, NAN, WITH_NAN], SIDES),
    *cases(np.digitize, [0.5, V, M, GRID, INTS], [GRID, GRID[::-1], GRID[:1]], [False, True]),
    *cases(np.interp, [-2.0, 0.2, 3.5, 4, NAN, 3 * V, M, F32, GRID], [GRID], [V[:5], INTS.ravel()[:5]]),
    *cases(np.interp, [3 * V], [GRID], [V[:5]], left=[None, -7.0], right=[None, 7]),
    *calls(np.interp, [V, V[:1], W[:1]]),
    *cases(np.take, [V, M, INTS], [1, -2, [0, 2, 0], np.array([[0, 1], [2, -1]])], [None, 0, -1]),
    *calls(np.take, [T, [1, 1], 1], [T, 0, 1]),
    *calls(np.take_along_axis, [V, np.argsort(V), 0], [M, np.argsort(M), -1], [T, T.argmax(1)[:, None, :], 1]),
    *cases(np.nonzero, [V, ZEROS, BOOLS, INTS, T]),
    *cases(np.flatnonzero, [ZEROS[0], ZEROS, INTS, BOOLS]),
    *calls(np.extract, [BOOLS, M], [V > 0, V], [INTS, INTS]),
    *calls(np.compress, [V > 0, V], [[1, 0, 1], V], [BOOLS[0], INTS[0]]),
    # samples
    *along_axes(np.average, [V, M, INTS, F32]),
    *calls(np.average, [V, 0, np.abs(W)], [M, None, N**2], [M, 1, N**2], [M, 0, [1, 2, 3]], [T, 1, [1.0, 2.0, 3.0]]),
    *cases(np.average, [INTS, F32], [-1], [np.array([1, 2, 3, 4])], keepdims=[False, True]),
    *cases(np.cov, [V, M, F32, INTS], rowvar=[True, False], bias=[False, True]),
    *calls(np.cov, [V, W], [M, N], [M, S], [M, N, False], [M, None, True, False, 0], [V, W, True, False, 2]),
    *cases(np.corrcoef, [V, M, F32], rowvar=[True, False]),
    *calls(np.corrcoef, [V, W], [M, S]),
    *cases(np.bincount, [np.array([1, 0, 3, 1]), np.array([], int)], minlength=[0, 2, 9]),
    *calls(np.bincount, [[1, 0, 3, 1], S], [[1, 1], [2, 3], 5]),
    *calls(np.histogram, [V]),
    *cases(np.histogram, [V, M, INTS, F32, V[:0], np.ones(3)], [1, 4, 10, GRID]),
    *cases(np.histogram, [V, GRID, TIES], [3, 5], [(-1.0, 2.0), (0, 0), None], density=[False, True]),
    *cases(np.histogram, [V, TIES[:0]], [5, GRID], weights=[None]),
    *cases(np.histogram, [V], [5, GRID], weights=[W, np.arange(7)], density=[False, True]),
    # comparisons
    *cases(np.isclose, [V, 1.0, WITH_NAN, [INF, 1.0]], [1.0 + 1e-7, INF], equal_nan=[False, True]),
    *(c for f in (np.isclose, np.allclose) for c in calls(f, [M, M + 1e-7], [M, S], [M, M[:, :1]], [NANS, NANS])),
    *calls(np.allclose, [V, V, 0.0, 0.0], [INTS, INTS], [V, V + 1e-3, 1e-2, 1e-2], [1.0, 1.0]),
    *calls(np.allclose, [NANS, NANS, 0, 0, True]),
    *calls(np.array_equal, [V, V], [V, W], [V, S], [V, M], [INTS, INTS * 1.0], [WITH_NAN, WITH_NAN], [V[:0], V[:0]]),
    *cases(np.nan_to_num, [np.array([NAN, INF, -INF, 1.5]), NANS, INTS, INF, np.float32([-INF, NAN, 2])]),
    *cases(np.nan_to_num, [np.array([NAN, INF, -INF, 1.5])], nan=[2.0], posinf=[None, 5.0], neginf=[None, -5]),
]  # fmt: skip
# What raises a ValueError, in NumPy and here.
REFUSED = [
    *calls(np.max, [EMPTY], [EMPTY, 0], [V, 1], [V[:0]]),
    *cases(np.max, [M], where=[BOOLS]),
    *calls(np.sum, [V, 1], [M, -3], [M, (0, 0)], [M, (1, -1)]),
    *calls(np.argmax, [EMPTY], [EMPTY, 0]),
    *calls(np.vdot, [V, S]),
    *calls(np.inner, [V, S]),
    *calls(np.cross, [S, S], [SQUARE, M[:, :3].T[:2]]),
    *calls(np.tensordot, [M, N.T], [M, N, 1]),
    *calls(np.concatenate, [(M, T)], [(M, M.T)], [(M, M), 2]),
    *calls(np.stack, [(V, S)], [(V, V), 2]),
    *calls(np.vstack, [(V, S)]),
    *calls(np.append, [M, V, 0]),
    *calls(np.gradient, [V[:1]], [V, S]),
    *calls(np.convolve, [V, V[:0]], [V[:0], V], [V, V, "all"]),
    *calls(np.repeat, [V, [1, 2, 3]]),
    *calls(np.interp, [V, V[:0], V[:0]], [V, V, S]),
    *calls(np.searchsorted, [V, 0.5, "middle"]),
    *calls(np.digitize, [V, TIES]),
    *calls(np.bincount, [[1, -1]], [[1, 2], [1.0]]),
    *calls(np.histogram, [V, 0], [V, 3, (1.0, 0.0)], [NANS], [V, 3, None, None, S]),
    *calls(np.quantile, [V, 1.5], [V, [0.5, -0.1]]),
    *calls(np.isclose, [V, S]),
    *calls(np.compress, [np.ones(9), V]),
    *calls(np.linalg.norm, [T, 2], [V, "fro"], [M, 3]),
    *calls(np.diff, [V, -1]),
    *calls(np.cov, [V, W[:3]]),
    *calls(np.copyto, [V.copy(), S], [M.copy(), V]),
]
# What changes its first argument.
IN_PLACE = [
    *cases(np.fill_diagonal, [M, M.T, SQUARE, INTS], [2, 0.5, [1, 2, 3], [4.0, 5.0]]),
    *cases(np.copyto, [M, F32], [1, N, S, M[:, :1], INTS.astype(np.float32)]),
]
TESTED = list(dict.fromkeys(f for f, _, _ in CASES + IN_PLACE))


def run(function, args, kwargs):
    """The definition of `function` on arguments as the compiler passes them."""
    definition = LIBRARY[function]
    bound = inspect.signature(definition.function).bind(*args, **kwargs)
    for name, value in bound.arguments.items():
        if name in definition.arrays and value is not None:
            bound.arguments[name] = np.asarray(value)
        elif name in definition.sequences:
            bound.arguments[name] = tuple(np.asarray(a) for a in value)
    return definition.function(*bound.args, **bound.kwargs)


def parts(result):
    """The arrays of a result."""
    return [np.asarray(r) for r in result] if isinstance(result, tuple | list) else [np.asarray(result)]


def agree(found, expected):
    """Whether results have the same types, shapes and values."""
    found, expected = parts(found), parts(expected)
    if [a.shape for a in found] != [a.shape for a in expected]:
        return False
    if [a.dtype for a in found] != [a.dtype for a in expected] and not PROMOTES_BY_VALUE:
        return False
    exact = 1e-6 if any(a.dtype == np.float32 for a in found + expected) else 1e-13
    pairs = zip(found, expected, strict=True)
    return all(np.allclose(a, b, rtol=10 * exact, atol=exact, equal_nan=True) for a, b in pairs)


@pytest.mark.parametrize("function", TESTED, ids=lambda f: getattr(f, "__name__", str(f)))
@pytest.mark.filterwarnings("ignore")
def test_definition(function):
    wrong = []
    for f, args, kwargs in CASES:
        if f is function or f == function:
            expected, found = f(*args, **kwargs), run(f, args, kwargs)
            if not agree(found, expected):
                wrong.append((args, kwargs, found, expected))
    for f, (changed, *args), _ in IN_PLACE:
        if f is function:
            expected, found = changed.copy(), changed.copy()
            f(expected, *args)
            run(f, (found, *args), {})
            if not agree(found, expected):
                wrong.append((changed, args, found, expected))
    assert not wrong


@pytest.mark.parametrize(("function", "args", "kwargs"), REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_refused(function, args, kwargs):
    with pytest.raises((ValueError, TypeError, IndexError)):
        function(*args, **kwargs)
    with pytest.raises(ValueError):
        run(function, args, kwargs)


@pytest.mark.parametrize(
    "a", [M.T, M, SQUARE, np.outer(S, W[:3]), np.float32(M.T)], ids=["tall", "wide", "square", "singular", "single"]
)
def test_least_squares(a):
    """The rank is of another integer type in NumPy."""
    for b in (S, S[:, None] * W[:2]):
        right = b[: a.shape[0]].astype(a.dtype)
        found, expected = run(np.linalg.lstsq, (a, right), {}), np.linalg.lstsq(a, right, None)
        assert found[2] == expected[2]
        assert agree((*found[:2], found[3]), (*expected[:2], expected[3]))


def test_partition():
    assert run(np.partition, (V, 2), {}).tolist() == np.sort(V).tolist()


def test_all_are_tested():
    assert set(LIBRARY) - {np.partition, np.linalg.lstsq} <= set(TESTED)

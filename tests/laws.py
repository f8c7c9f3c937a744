"""What must hold of every program, in every mode and on every back end.

Each law takes `f`, the result of `srcgrad.differentiable`, and arguments, and uses the public API alone. None of
them needs a derivative worked out by hand. All of them leave `args` as they were, also where `f` overwrites them.
"""

import numpy as np

import srcgrad as sg

from .trees import (
    copy_tree,
    has_active_leaf,
    is_active,
    leaves,
    map_active,
    map_leaves,
    products,
    random_like,
    scribble,
    shift,
    snapshot,
)

ROUNDING = 1e-10
SINGLE_ROUNDING = 1e-3


def check_primal_kept(f, args):
    """f(args) is what Python computes, as a result and in the arrays that it writes; so is the value of vjp and jvp.

    Blind spots: says nothing of derivatives; what Python and the program get wrong together goes unseen; dtypes are
    not compared, as Numba's float32 rules are not NumPy's.
    """
    expected_args, own_args = copy_tree(args), copy_tree(args)
    expected = f.py_func(*expected_args)
    rtol = _rounding(args, expected)

    assert_close(f(*own_args), expected, rtol, "the primal")
    assert_close(own_args, expected_args, rtol, "the arrays that the primal writes")

    tangents = map_active(lambda leaf: leaf * 0, args)
    assert_close(sg.vjp(f, *copy_tree(args))[0], expected, rtol, "the value of vjp")
    assert_close(sg.jvp(f, copy_tree(args), tangents)[0], expected, rtol, "the value of jvp")


def check_adjoint_identity(f, args, rng):
    """<ybar, J xdot> = <J^T ybar, xdot>: reverse and forward mode are transposes of each other.

    Exact but for rounding: no step size, no smoothness needed. Also: tangents have the structure, shape and dtype of
    the result, cotangents those of the arguments. Blind spots: both modes may share a wrong rule or a wrong
    activity, which the differences find; one random pair sees an error in J unless it is orthogonal to both.
    """
    tangents = random_like(rng, args)
    y, dy = sg.jvp(f, copy_tree(args), tangents)
    assert_like(dy, y, "a tangent")

    seed = random_like(rng, y)
    _, pullback = sg.vjp(f, *copy_tree(args))
    cotangents = pullback(seed)
    assert_like(cotangents, args, "a cotangent")

    forward, reverse = products(seed, dy), products(cotangents, tangents)
    scale = np.abs(forward).sum() + np.abs(reverse).sum()
    difference = abs(forward.sum() - reverse.sum())
    assert difference <= _rounding(args, y) * scale, (
        f"<ybar, J xdot> = {forward.sum()!r}, <J^T ybar, xdot> = {reverse.sum()!r}, difference {difference:.3e}"
    )


def check_tangent_against_differences(f, args, rng, rtol=1e-6):
    """J xdot is the limit of (f(x + h xdot) - f(x - h xdot)) / 2h, f run as plain Python in double precision.

    Pins forward mode to the primal, and with the adjoint identity reverse mode too. Blind spots: one random
    direction; kinks within h; errors below `rtol` of the largest entry of a result; float32 programs are compared
    with their double precision selves only.
    """
    tangents = random_like(rng, args)
    y, dy = sg.jvp(f, copy_tree(args), tangents)
    expected = differences(f.py_func, args, tangents)
    if is_single(args, y):
        rtol = SINGLE_ROUNDING

    for tangent, quotient, value in zip(leaves(dy), leaves(expected), leaves(y), strict=True):
        if tangent is None:
            continue
        scale = np.max(np.abs(quotient), initial=0.0) + 1e-2 * np.max(np.abs(value), initial=0.0)
        error = np.max(np.abs(np.subtract(tangent, quotient)), initial=0.0)
        assert error <= rtol * scale, f"tangent {tangent!r}, differences {quotient!r}, largest error {error:.3e}"


def differences(function, args, tangents, step=4e-4):
    """Central differences of `function` in one direction, Richardson-extrapolated: the error is of fourth order."""
    wide, narrow = (_central_difference(function, args, tangents, h) for h in (step, step / 2))
    return map_leaves(lambda w, n: None if w is None else (4.0 * n - w) / 3.0, wide, narrow)


def _central_difference(function, args, tangents, step):
    above = function(*shift(args, tangents, step))
    below = function(*shift(args, tangents, -step))
    return map_active(lambda a, b: (np.float64(a) - np.float64(b)) / (2.0 * step), above, below)


def check_joint_equals_split(f, args):
    """`grad` and `value_and_grad`, one function with both sweeps, give what the pullback gives for seed 1.

    Says nothing where the result is no float scalar. Blind spot: both come from one reverse sweep.
    """
    active = active_arguments(args)
    y, pullback = sg.vjp(f, *copy_tree(args))
    if not active or isinstance(y, np.ndarray) or not is_active(y):
        return
    cotangents = pullback(type(y)(1.0))
    split = tuple(cotangents[i] for i in active)

    value, joint = sg.value_and_grad(f, argnums=active)(*copy_tree(args))
    gradient = sg.grad(f, argnums=active)(*copy_tree(args))

    rtol = _rounding(args, y)
    assert_close(value, y, rtol, "the value of value_and_grad")
    assert_close(joint, split, rtol, "the gradient of value_and_grad")
    assert_close(gradient, split, rtol, "the gradient")


def check_pullback_twice(f, args, rng):
    """A pullback gives the same to the bit when called again, whatever the caller did to every array it can see.

    Blind spots: one thread; an error that both calls make.
    """
    own_args = copy_tree(args)
    y, pullback = sg.vjp(f, *own_args)
    seed = random_like(rng, y)
    scribble(own_args)
    scribble(y)

    first = pullback(seed)
    before = snapshot(first)
    scribble(first)
    again = snapshot(pullback(seed))

    assert again == before, "the second call of the pullback gives something else"
    untouched = sg.vjp(f, *copy_tree(args))[1](seed)
    assert before == snapshot(untouched), "the pullback reads arrays that the caller has changed"


def check_purity(f, args, rng):
    """vjp, its pullback, jvp and value_and_grad leave arguments, tangents and cotangents as they were, to the bit.

    Blind spots: arrays that f captures; a change undone before the return.
    """
    own_args = copy_tree(args)
    before = snapshot(own_args)

    y, pullback = sg.vjp(f, *own_args)
    assert snapshot(own_args) == before, "vjp changes the arguments"

    seed = random_like(rng, y)
    seed_before = snapshot(seed)
    pullback(seed)
    assert snapshot(own_args) == before, "the pullback changes the arguments"
    assert snapshot(seed) == seed_before, "the pullback changes the cotangent"

    tangents = random_like(rng, own_args)
    tangents_before = snapshot(tangents)
    sg.jvp(f, own_args, tangents)
    assert snapshot(own_args) == before, "jvp changes the arguments"
    assert snapshot(tangents) == tangents_before, "jvp changes the tangents"

    active = active_arguments(args)
    if active and not isinstance(y, np.ndarray) and is_active(y):
        sg.value_and_grad(f, argnums=active)(*own_args)
        assert snapshot(own_args) == before, "value_and_grad changes the arguments"


def check_backends_agree(reference, compiled, args, rng):
    """Value, tangent and cotangent are the same on two back ends, but for rounding.

    Blind spot: everything before the printed text is shared.
    """
    tangents = random_like(rng, args)
    y, dy = sg.jvp(reference, copy_tree(args), tangents)
    seed = random_like(rng, y)
    cotangents = sg.vjp(reference, *copy_tree(args))[1](seed)

    rtol = _rounding(args, y)
    compiled_y, compiled_dy = sg.jvp(compiled, copy_tree(args), tangents)
    compiled_cotangents = sg.vjp(compiled, *copy_tree(args))[1](seed)
    assert_close(compiled_y, y, rtol, "the value")
    assert_close(compiled_dy, dy, rtol, "the tangent")
    assert_close(compiled_cotangents, cotangents, rtol, "the cotangent")


def check_deterministic_source(function, args, **options):
    """The generated text depends on the function and the argument types alone.

    Blind spots: what differs only between processes, such as the order of a set of strings; a cache that answers
    the second question with the first answer.
    """
    assert sources(function, args, **options) == sources(function, args, **options)


def sources(function, args, **options) -> list[str]:
    """The generated adjoint and tangent, of a wrapper made anew; none where no argument has a derivative."""
    active = active_arguments(args)
    if not active:
        return []
    f = sg.differentiable(function, **options)
    return [f.source(kind, *copy_tree(args), argnums=active) for kind in ("adjoint", "tangent")]


def active_arguments(args) -> tuple[int, ...]:
    """The positions of the arguments that have a derivative."""
    return tuple(i for i, arg in enumerate(args) if has_active_leaf(arg))


def assert_like(derivatives, values, what):
    """Each derivative has the shape and dtype of its value, and is `None` where there is no derivative."""

    def check(value, derivative):
        if not is_active(value):
            assert derivative is None, f"{what} of {value!r} is {derivative!r}, expected None"
            return
        assert is_active(derivative), f"{what} of {value!r} is {derivative!r}"
        assert np.shape(derivative) == np.shape(value), f"{what}: {np.shape(derivative)} for {np.shape(value)}"
        if isinstance(value, np.ndarray):
            assert derivative.dtype == value.dtype, f"{what}: {derivative.dtype} for {value.dtype}"

    map_leaves(check, values, derivatives)


def assert_close(actual, expected, rtol, what):
    """Two trees agree, floats to `rtol` of the largest entry of their leaf, all else exactly."""

    def check(want, got):
        if want is None or isinstance(want, str):
            assert got == want, f"{what}: {got!r}, expected {want!r}"
            return
        assert np.shape(got) == np.shape(want), f"{what}: shape {np.shape(got)}, expected {np.shape(want)}"
        scale = np.max(np.abs(want), initial=0.0)
        error = np.max(np.abs(np.subtract(got, want, dtype=np.float64)), initial=0.0)
        limit = rtol * scale if is_active(want) else 0.0
        assert error <= limit, f"{what}: {got!r}, expected {want!r}, largest error {error:.3e}"

    map_leaves(check, expected, actual)


def is_single(*trees) -> bool:
    """Whether anything in the trees is in single precision."""
    return any(getattr(leaf, "dtype", None) == np.float32 for leaf in leaves(trees))


def _rounding(*trees) -> float:
    return SINGLE_ROUNDING if is_single(*trees) else ROUNDING

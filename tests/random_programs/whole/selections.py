"""Writes to the elements that a mask or an index array selects."""

from __future__ import annotations

from tests.random_programs.expressions import constant
from tests.random_programs.scope import Scope, Var

from .binding import update
from .elementwise import comparison
from .forms import array_statement, draw, exact, named, operand, pick, scalar, squashed, tensors
from .shapes import Shape
from .views import gathered, indices


def mask_of(scope: Scope, shape: Shape) -> str | None:
    """A mask of exactly this shape."""
    names = scope.names("mask", test=lambda v: v.shape == shape)
    if names and scope.chance(0.5):
        return scope.rng.choice(names)
    arrays = tensors(scope, lambda v: v.shape == shape)
    if not arrays:
        return None
    first = comparison(scope, named(scope, scope.rng.choice(arrays)))
    kind = scope.rng.choice(["one", "one", "one", "and", "not", "two"])
    if kind == "and":
        second = comparison(scope, exact(scope, scope.rng.choice(arrays), 1))
        return f"({first.text}) {scope.rng.choice(['&', '|'])} ({second.text})"
    if kind == "two":
        return comparison(scope, exact(scope, scope.rng.choice(arrays), 1), scalar(scope)).text
    return f"~({first.text})" if kind == "not" else first.text


@array_statement("mask bind", 0.6)
def mask_bind(scope: Scope) -> bool:
    """`m = a > 0.3`."""
    names = tensors(scope, lambda v: len(v.shape) > 0)
    if not names:
        return False
    shape = scope.env[pick(scope, names)].shape
    text, name = mask_of(scope, shape), scope.new("m")
    scope.emit(f"{name} = {text}")
    scope.env[name] = Var("mask", shape)
    return True


@array_statement("mask write", 1.8)
def mask_write(scope: Scope) -> bool:
    """`a[a > c] = s`, `a[m] *= 2.0`, `a[m] = b[m]`, and whole rows, `A[m] += row`."""
    names = tensors(scope)
    if not names:
        return False
    name, rng = pick(scope, names), scope.rng
    shape = scope.env[name].shape
    rows = len(shape) > 1 and scope.chance(0.3)
    mask = mask_of(scope, shape[:1]) if rows else mask_of(scope, shape)
    if mask is None:
        return False
    target, same = f"{name}[{mask}]", f"{rng.choice(tensors(scope, lambda v: v.shape == shape))}[{mask}]"
    value = squashed(scope, draw(scope, shape[1:] if rows else (), 1)).text
    scope.wrote = True
    scope.emit(rng.choice([
        f"{target} = {value}", f"{target} += {operand(value)}", f"{target} *= {constant(scope)}",
        f"{target} = {constant(scope)}", f"{target} -= 0.5 * {operand(value)}", f"{target} = 0.5 * {same}",
        f"{target} += {same} * {operand(squashed(scope, scalar(scope)).text)}",
        f"{target} = np.sin({target} + {value})",
    ]))  # fmt: skip
    return True


@array_statement("scatter", 2.0)
def scatter(scope: Scope) -> bool:
    """`a[idx] = e`, `a[idx] += e`, `A[:, idx] *= e`: where indices repeat, the last one counts."""
    names = tensors(scope, lambda v: len(v.shape) > 0)
    if not names:
        return False
    name = pick(scope, names)
    found = gathered(scope, name)
    if found is None:
        return False
    update(scope, f"{name}[{found[0]}]", found[1])
    return True


@array_statement("index array", 0.5)
def index_array(scope: Scope) -> bool:
    """`idx = np.array([2, 0, -1, 0])`."""
    names = tensors(scope, lambda v: len(v.shape) > 0)
    length = scope.rng.choice(scope.env[pick(scope, names)].shape) if names else None
    found = indices(scope, length) if isinstance(length, int) else None
    if found is None or not found[0].startswith("np."):
        return False
    name = scope.new("idx")
    scope.emit(f"{name} = {found[0]}")
    scope.env[name] = Var("ints", (found[1],), lo=-length, hi=length - 1)
    return True

"""Sums, means, products and extrema over axes; cumulative sums; matrix products; positions of extrema."""

from __future__ import annotations

from tests.random_programs.expressions import EXTRA, index, length_text, wrapped
from tests.random_programs.scope import Scope, Var

from .elementwise import condition
from .forms import Part, array_statement, bind, combine, draw, exact, form, operand, pick, source, squashed, tensors
from .shapes import Shape, axis_choices, broadcast, fits, size, without

REDUCTIONS = {"sum": 4.0, "mean": 2.0, "prod": 1.0, "max": 1.0, "min": 1.0, "var": 1.0, "std": 1.2}


@form("reduction", 2.0)
def reduction(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.sum(a, axis=...)` and its kin, also as methods."""
    part, rng = source(scope, depth - 1), scope.rng
    if part is None:
        return None
    name = rng.choices(list(REDUCTIONS), list(REDUCTIONS.values()))[0]
    if name == "prod" and (size(part.shape) or 9) > 4:
        part = squashed(scope, part)
    choices = [
        (text, axes, keep)
        for text, axes in axis_choices(part.shape)
        for keep in (False, True)
        if fits(without(part.shape, axes, keep=keep), within)
    ]
    if name == "std":  # its derivative is infinite where all elements are equal
        last = part.shape[-1]
        choices = [choice for choice in choices if len(part.shape) - 1 in choice[1]]
        if not isinstance(last, int) or last < 2:
            return None
        part = combine(f"{operand(part.text)} + np.linspace(0.3, 1.7, {last})", part)
    if name in ("max", "min"):
        scope.mark("kink")
    if not choices:
        return None
    text, axes, keep = rng.choice([c for c in choices if c[0] or scope.chance(0.4)] or choices)
    shape = without(part.shape, axes, keep=keep)
    return Part(reduced_text(scope, name, part.text, text, keep=keep), shape, part.contiguous, part.single)


def reduced_text(scope: Scope, name: str, text: str, axis: str, *, keep: bool) -> str:
    """The call of a reduction, as a function or as a method."""
    options = [f"axis={axis}" if keep or scope.chance(0.75) else axis] if axis else []
    options += ["keepdims=True"] if keep else []
    if scope.chance(0.3):
        return f"{operand(text)}.{name}({', '.join(options)})"
    return f"np.{name}({', '.join([text, *options])})"


@form("cumulative", 0.6)
def cumulative(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.cumsum` along an axis, or over all elements."""
    part, rng = source(scope, depth - 1), scope.rng
    if part is None:
        return None
    rank = len(part.shape)
    if size(part.shape) is not None and (rank == 1 or scope.chance(0.2)):
        text = rng.choice([f"np.cumsum({part.text})", f"{operand(part.text)}.cumsum()"])
        return combine(text, part, shape=(size(part.shape),))
    axis = rng.randrange(-rank, rank)
    text = rng.choice([f"np.cumsum({part.text}, axis={axis})", f"{operand(part.text)}.cumsum(axis={axis})"])
    return combine(text, part)


# -- products ----------------------------------------------------------------------------------
def factors(scope: Scope) -> list[Part]:
    """Vectors and matrices as they can stand in a product."""
    parts = []
    for name in tensors(scope):
        var = scope.env[name]
        single = var.kind == "single"
        if len(var.shape) in (1, 2):
            parts.append(Part(name, var.shape, var.contiguous, single))
        if len(var.shape) == 2:
            parts.append(Part(f"{name}.T", var.shape[::-1], False, single))
        if len(var.shape) > 1:
            row = index(scope, var.shape[0], length_text(scope, name))
            parts.append(Part(f"{name}[{row}]", var.shape[1:], False, single))
    return [part for part in parts if len(part.shape) < 3]


def product_shape(a: Shape, b: Shape) -> Shape | None:
    """The shape of `a @ b`."""
    return (*a[:-1], *b[:-2], *b[-1:] * (len(b) > 1)) if a[-1] == b[max(len(b) - 2, 0)] else None


@form("product", 1.5)
def product(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`a @ b` and `np.dot(a, b)` of vectors and matrices, some of them transposed."""
    parts = factors(scope)
    pairs = [(a, b) for a in parts for b in parts if fits(product_shape(a.shape, b.shape), within)]
    if not pairs:
        return None
    matrices = [(a, b) for a, b in pairs if len(a.shape) + len(b.shape) > 2]
    a, b = scope.rng.choice(matrices if matrices and scope.chance(0.7) else pairs)
    shape = product_shape(a.shape, b.shape)
    if depth > 1 and scope.chance(0.4):
        sign, other = scope.rng.choice("+-*"), draw(scope, a.shape, depth - 2)
        a = combine(f"({a.text} {sign} {operand(other.text)})", a, other)
    return combine(scope.rng.choice([f"{a.text} @ {b.text}", f"{a.text} @ {b.text}", f"np.dot({a.text}, {b.text})",
                                     f"{operand(a.text)}.dot({b.text})"]), a, b, shape=shape)  # fmt: skip


@form("outer", 0.7)
def outer(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.outer(a, b)` of two vectors."""
    a, b = (source(scope, depth - 1, lambda shape: len(shape) == 1) for _ in range(2))
    return a and b and combine(f"np.outer({a.text}, {b.text})", a, b, shape=(*a.shape, *b.shape))


# -- statements --------------------------------------------------------------------------------
@form("masked sum", 0.6)
def masked_sum(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.sum(a[a > c])`: the number of elements depends on the data."""
    names = tensors(scope)
    name = pick(scope, names) if names else ""
    test = condition(scope, scope.env[name].shape, 0) if names else None
    if test is None or test.shape != scope.env[name].shape:
        return None
    scope.mark("mask read")
    selected = f"{name}[{test.text}]"
    square = f"np.sum({selected} ** 2)"
    return Part(scope.rng.choice([f"np.sum({selected})", f"{selected}.sum()", square]), (),
                single=scope.env[name].kind == "single")  # fmt: skip


def total(scope: Scope, depth: int) -> str | None:
    """A number computed from whole arrays: a form of scalar expressions."""
    makers = [reduction, reduction, product, masked_sum]
    part = scope.rng.choice(makers)(scope, (), max(depth, 1))
    if part is None or len(part.text) > 100:
        return None
    scope.mark("reduction in a scalar expression")
    return part.text if scope.chance(0.7) else f"0.5 * {wrapped(part.text)}"


EXTRA["whole array"] = total


@array_statement("reduction", 2.5)
def reduce(scope: Scope) -> bool:
    """A name for what a reduction gives: a number or an array."""
    makers = [reduction, reduction, reduction, reduction, cumulative, product, product, outer, masked_sum]
    part = scope.rng.choice(makers)(scope, None, scope.rng.randint(1, 3))
    if part is None or not fits(part.shape, None):
        return False
    bind(scope, squashed(scope, part) if scope.chance(0.4) else part)
    return True


@array_statement("argmax", 0.8)
def position(scope: Scope) -> bool:
    """`k = np.argmax(a)`, then an element; or the positions along an axis, an index array."""
    rng = scope.rng
    name = rng.choice(["argmax", "argmax", "argmin"])
    names = tensors(scope, lambda v: len(v.shape) in (1, 2))
    if not names:
        return False
    base = pick(scope, names)
    shape = scope.env[base].shape
    text = base if scope.chance(0.5) else exact(scope, base, 1).text
    call = f"np.{name}({text})" if scope.chance(0.6) else f"{operand(text)}.{name}()"
    if len(shape) == 2:
        axis, k = rng.randrange(2), scope.new("idx")
        length = shape[axis]
        if not isinstance(length, int):
            return False
        scope.emit(f"{k} = {call[:-1]}{'' if call.endswith('()') else ', '}axis={rng.choice([axis, axis - 2])})")
        scope.env[k] = Var("ints", (shape[1 - axis],), lo=0, hi=length - 1)
        target = f"{base}[{k}, np.arange({shape[1]})]" if axis == 0 else f"{base}[np.arange({shape[0]}), {k}]"
        if isinstance(shape[1 - axis], int) and scope.chance(0.6):
            bind(scope, Part(target, (shape[1 - axis],), True, scope.env[base].kind == "single"))
        return True
    k, length = scope.new("k"), shape[0]
    scope.emit(f"{k} = {call}")
    at = length - 1 if isinstance(length, int) else None
    scope.env[k] = Var("int", lo=0, hi=at, dims=frozenset([length]) if at is None else frozenset())
    twins = [n for n in tensors(scope) if scope.env[n].shape[:1] == (length,)]
    other = rng.choice([base, rng.choice(twins)])
    if scope.chance(0.7):
        rest = scope.env[other].shape[1:]
        bind(scope, Part(f"{other}[{k}]", broadcast(rest), False, scope.env[other].kind == "single"))
    return True

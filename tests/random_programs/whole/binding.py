"""Names bound to expressions over whole arrays, for the first time or again; arrays changed in place."""

from __future__ import annotations

from tests.random_programs.expressions import constant
from tests.random_programs.scope import Scope, Var

from .elementwise import condition
from .forms import array_statement, bind, draw, moderate, operand, pick, scalar, squashed, tensors
from .shapes import Shape, known
from .views import subscript


def some_shape(scope: Scope) -> Shape | None:
    """The shape of one of the arrays, or None."""
    names = tensors(scope)
    return scope.env[pick(scope, names)].shape if names and scope.chance(0.7) else None


@array_statement("array bind", 5.0)
def bind_new(scope: Scope) -> bool:
    """`v = expression`, one to four operations deep."""
    part = moderate(scope, some_shape(scope), scope.rng.choice([1, 2, 2, 3, 3, 4]))
    bind(scope, part)
    return True


@array_statement("array made", 0.7)
def made(scope: Scope) -> bool:
    """A new array, in single precision now and then."""
    shape, rng = some_shape(scope), scope.rng
    if shape is None or not known(shape):
        shape = tuple(rng.randint(1, 4) for _ in range(rng.randint(1, 3)))
    size = str(shape) if len(shape) > 1 else str(shape[0])
    name, value = scope.new("v"), scalar(scope).text
    texts = [f"np.zeros({size})", f"np.ones({size})", f"np.full({size}, {value})"]
    text, kind = rng.choice(texts), "array"
    if scope.names("single") and "full" in text:
        kind = "single"
    if scope.chance(0.08):
        kind, text = "single", rng.choice([f"np.zeros({size}, dtype=np.float32)", f"np.ones({size}, np.float32)"])
    scope.emit(f"{name} = {text}")
    scope.env[name] = Var(kind, shape)
    return True


@array_statement("array rebind", 2.5)
def rebind(scope: Scope) -> bool:
    """`a = a * 0.9 + e`, and outside loops `a = e` of whatever shape."""
    names = scope.rebindable("array", test=lambda v: not v.frozen)
    if not names:
        return False
    name = pick(scope, names)
    if scope.depth == 0 and scope.chance(0.15):
        part = moderate(scope, some_shape(scope), 2)
        if part.shape and not part.single:
            scope.mark("rebound with another shape")
            bind(scope, part, name)
            return True
    step(scope, name, scope.rng.randint(1, 3))
    return True


def step(scope: Scope, name: str, depth: int, source: str | None = None) -> None:
    """`name = ...`, an array of the shape that it has, computed from it, or from `source`."""
    old = source or name
    var, rng = scope.env[name], scope.rng
    part = squashed(scope, draw(scope, var.shape, depth))
    if part.single:
        part = scalar(scope)
    e, factor = operand(part.text), rng.choice(["0.5", "0.9", "-0.7"])
    texts = [f"{old} * {factor} + {e}", f"{old} + 0.2 * {e}", f"{old} * {e}", f"np.tanh({old} + {part.text})",
             f"{e} - {factor} * {old}", f"np.maximum({old}, {part.text})", f"{old} - 0.3 * {e}"]  # fmt: skip
    test = condition(scope, var.shape, 0)
    texts.append(f"np.where({test.text}, {old}, {part.text})")
    text = rng.choice(texts)
    whole = var.contiguous and not (part.contiguous and scope.env[old].contiguous and test.contiguous)
    scope.emit(f"{name} = ({text}).copy()" if whole else f"{name} = {text}")


@array_statement("array in place", 2.5)
def in_place(scope: Scope) -> bool:
    """`a += e`, `a[:] = e`, `np`-free ways to change a whole array."""
    names = tensors(scope)
    if not names:
        return False
    name = pick(scope, names)
    whole = scope.rng.choice([":", "..."])
    bound = name in scope.protected  # an augmented assignment would bind it again
    target = f"{name}[{whole}]" if bound or scope.chance(0.3) else name
    update(scope, target, scope.env[name].shape, plain=target != name)
    return True


def update(scope: Scope, target: str, shape: Shape, *, plain: bool = True) -> None:
    """Write an expression that fits into `shape` to an array or a part of one."""
    rng, part = scope.rng, moderate(scope, shape, scope.rng.randint(0, 3))
    scope.wrote = True
    small = operand((part if scope.work == 1 and scope.chance(0.4) else squashed(scope, part)).text)
    texts = [f"{target} += {small}", f"{target} -= {small}", f"{target} += 0.3 * {small}",
             f"{target} *= {operand(squashed(scope, part).text)}", f"{target} *= {rng.choice(['0.5', '-0.8', '0.9'])}",
             f"{target} /= 1.5 + {operand(part.text)} ** 2"]  # fmt: skip
    if scope.work == 1:
        texts.append(f"{target} **= 2")
    if plain:
        texts = texts[:-1] + [f"{target} = {part.text}"] * 5
    scope.emit(rng.choice(texts))


@array_statement("slice write", 3.0)
def slice_write(scope: Scope) -> bool:
    """`a[1:-1] = e`, `a[::2] += e`, `A[:, 1] -= e`, `a[..., 0] = e`."""
    names = tensors(scope, lambda v: len(v.shape) > 0)
    if not names:
        return False
    name = pick(scope, names)
    text, shape = subscript(scope, name, target=True)
    update(scope, f"{name}[{text}]", shape)
    return True


SHIFTS = ((":-1", "1:"), ("1:", ":-1"), (":", "::-1"), ("::2", "-{half}:"), ("1:-1", "2:"), ("1:-1", ":-2"))


@array_statement("overlapping write", 1.5)
def overlapping(scope: Scope) -> bool:
    """`a[1:] = a[:-1] * 2`, `a[1:-1] = a[2:] - a[:-2]`, `A += A.T`: one memory on both sides."""
    rng = scope.rng
    places = [
        (name, axis, length)
        for name in tensors(scope)
        for axis, length in enumerate(scope.env[name].shape)
        if isinstance(length, int) and length > 1
    ]
    if not places:
        return False
    name, axis, length = rng.choice(places)
    shape = scope.env[name].shape
    square = len(shape) == 2 and shape[0] == shape[1]
    before = ":, " * axis if scope.chance(0.7) or axis != len(shape) - 1 else "..., " * (axis > 0)
    shifts = SHIFTS if length > 2 else SHIFTS[:4]
    target, read = (f"{name}[{before}{s}]".replace("{half}", str(-(-length // 2))) for s in rng.choice(shifts))
    if square and scope.chance(0.3):
        target, read = f"{name}[:]", f"{name}.T"
    if target.endswith("[:]") and scope.chance(0.5) and name not in scope.protected:
        target = name
    scope.wrote = True
    c = constant(scope)
    if target.endswith("1:-1]") and scope.chance(0.6):
        other = f"{name}[{before}{':-2' if read.endswith('2:]') else '2:'}]"
        scope.emit(f"{target} {rng.choice(['=', '=', '+='])} {rng.choice(['', '0.5 * '])}({read} - {other})")
        return True
    texts = [f"{target} += {c} * {read}", f"{target} += {read}", f"{target} -= 0.5 * {read}", f"{target} *= {read}"]
    texts = texts[:3] if scope.work > 1 else texts
    if target != name:
        texts += [f"{target} = {read}", f"{target} = {read} * 0.7", f"{target} = np.tanh({read} + {c})",
                  f"{target} = 0.5 * {target} + 0.5 * {read}"]  # fmt: skip
    scope.emit(rng.choice(texts))
    return True

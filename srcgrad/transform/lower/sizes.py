"""What is known about the sizes of axes while lowering: which are equal, which are 1.

A size is an integer atom. Sizes are compared by what they compute from the shapes of the arguments, so `x[1:]` and
`x[:-1]` are known to be equally long. Where two sizes come from different arguments, the shapes that the version is
made for decide, and that they did is a *fact* that later calls are checked against (the guards of PyTorch's Dynamo:
Ansel et al., PyTorch 2, ASPLOS 2024, section 3.3). So whether an axis of length 1 stretches is known in compiled code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.ir.nodes import Assign, Atom, Const, Effect, If, Var, integer
from srcgrad.ir.types import Array
from srcgrad.transform.lower.scope import Scope
from srcgrad.transform.lower.values import is_array

Key = Any  # an int, ("axis", array, axis), ("sum", constant, terms), or (op, *keys)

_EVALUATED: dict[str, Callable[..., int]] = {
    "max": max, "min": min, "//": lambda a, b: a // b, "%": lambda a, b: a % b, "*": lambda a, b: a * b,
    "where": lambda c, a, b: a if c else b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


# -- sizes ---------------------------------------------------------------------------------------------------------


def shape_of(scope: Scope, array: Any) -> tuple[Atom, ...]:
    """The shape of an array or array expression, as atoms that are in reach here; equal sizes are one atom."""
    if not is_array(array):
        return array.shape
    return tuple(_canonical(scope, n) for n in own_shape(scope, array))


def own_shape(scope: Scope, array: Var) -> tuple[Atom, ...]:
    """The shape of an array by itself, whatever the sizes of others are."""
    context = scope.context
    known = context.shapes.get(array)
    if known is not None:
        reached = tuple(in_reach(scope, n) for n in known)
        if None not in reached:
            return reached  # type: ignore[return-value]
    sizes = scope.build.shapes(array)
    context.shapes.setdefault(array, sizes)
    return sizes


def _canonical(scope: Scope, n: Atom) -> Atom:
    """The first size met that is equal for the arguments that the version is made for, and computed in the same way."""
    key = key_of(scope, n)
    if isinstance(key, int) or _evaluate(scope, key) in (None, 1):
        return n
    first = in_reach(scope, scope.context.canonical.setdefault(_valued(scope, key), n))
    return first if first is not None and same(scope, n, first) else n


def _valued(scope: Scope, key: Key) -> Key:
    """A key with the sizes of the arguments in place of their names."""
    if isinstance(key, int):
        return key
    if key[0] == "axis":
        return ("axis", _evaluate(scope, key))
    if key[0] == "sum":
        return ("sum", key[1], frozenset((_valued(scope, k), n) for k, n in key[2]))
    return (key[0], *(_valued(scope, k) for k in key[1:]))


def in_reach(scope: Scope, atom: Atom) -> Atom | None:
    """`atom`, computed again where the block that defines it has been left; None if that cannot be done."""
    build = scope.build
    if not isinstance(atom, Var) or build.is_in_reach(atom):
        return atom
    stmt = build.definitions.get(atom)
    if stmt is None or (stmt.op != "shape" and stmt.op not in _EVALUATED and stmt.op not in "+-"):
        return None
    args = [a if stmt.op == "shape" else in_reach(scope, a) for a in stmt.args]
    if stmt.op == "shape":
        array, axis = args
        assert isinstance(array, Var)
        assert isinstance(axis, Const)
        return build.shape(array, axis.value) if build.is_in_reach(array) else None
    return None if None in args else build.index(stmt.op, *args)  # type: ignore[arg-type]


def size(scope: Scope, array: Any) -> Atom:
    """The number of elements."""
    return product(scope, shape_of(scope, array))


def product(scope: Scope, sizes: tuple[Atom, ...]) -> Atom:
    total: Atom = integer(1)
    for n in sizes:
        total = n if total == integer(1) else scope.build.index("*", total, n)
    return total


# -- keys: what a size computes ------------------------------------------------------------------------------------


def key_of(scope: Scope, atom: Atom) -> Key:
    """What a size computes, in a form in which equal sizes are equal."""
    if isinstance(atom, Const):
        return int(atom.value)
    stmt = scope.build.definitions.get(atom) if isinstance(atom, Var) else None
    if stmt is None:
        return ("value", atom)
    match stmt:
        case Assign(op="shape", args=(Var() as array, Const(value=axis))):
            known = scope.context.shapes.get(array)
            if known is not None and known[axis] is not atom:
                return key_of(scope, known[axis])
            return ("axis", array, axis)
        case Assign(op="+", args=(a, b)):
            return _sum(key_of(scope, a), key_of(scope, b), 1)
        case Assign(op="-", args=(a, b)):
            return _sum(key_of(scope, a), key_of(scope, b), -1)
        case Assign(op=op, args=args) if op in _EVALUATED:
            keys = [key_of(scope, a) for a in args]
            if all(isinstance(k, int) for k in keys) and not (op in ("//", "%") and keys[1] == 0):
                return int(_EVALUATED[op](*keys))
            return (op, *keys)
        case _:
            return ("value", atom)


def _sum(a: Key, b: Key, sign: int) -> Key:
    """A linear form: a constant and terms with coefficients."""
    (c, terms), (d, others) = _linear(a), _linear(b)
    merged = dict(terms)
    for k, n in others:
        merged[k] = merged.get(k, 0) + sign * n
    left = frozenset((k, n) for k, n in merged.items() if n)
    total = c + sign * d
    if not left:
        return total
    if total == 0 and len(left) == 1 and next(iter(left))[1] == 1:
        return next(iter(left))[0]
    return ("sum", total, left)


def _linear(key: Key) -> tuple[int, frozenset]:
    if isinstance(key, int):
        return key, frozenset()
    if key[0] == "sum":
        return key[1], key[2]
    return 0, frozenset({(key, 1)})


# -- facts ---------------------------------------------------------------------------------------------------------


def _evaluate(scope: Scope, key: Key) -> int | None:
    """The value of a size for the arguments that the version is made for, where only they decide it."""
    if isinstance(key, int):
        return key
    head, *rest = key
    if head == "value":
        return None
    if head == "axis":
        array, axis = rest
        known = scope.context.hints.get(array)
        return None if known is None else known[1][axis]
    if head == "sum":
        total, terms = rest
        values = [(_evaluate(scope, k), n) for k, n in terms]
        return None if any(v is None for v, _ in values) else total + sum(v * n for v, n in values)  # type: ignore[operator]
    found = [_evaluate(scope, k) for k in rest]
    if None in found or (head in ("//", "%") and found[1] == 0):
        return None
    return int(_EVALUATED[head](*found))


def _text(scope: Scope, key: Key) -> str:
    """A size as a Python expression over `p`, the list of arguments."""
    if isinstance(key, int):
        return str(key)
    head, *rest = key
    if head == "axis":
        array, axis = rest
        return f"p[{scope.context.hints[array][0]}].shape[{axis}]"
    if head == "sum":
        total, terms = rest
        texts = sorted(f"{n} * {_text(scope, k)}" if n != 1 else _text(scope, k) for k, n in terms)
        return f"({' + '.join([*texts, str(total)] if total else texts)})"
    texts = [_text(scope, k) for k in rest]
    if head in ("max", "min"):
        return f"{head}({', '.join(texts)})"
    if head == "where":
        return f"({texts[1]} if {texts[0]} else {texts[2]})"
    return f"({texts[0]} {head} {texts[1]})"


def same(scope: Scope, a: Atom, b: Atom) -> bool:
    """Whether two sizes are known to be equal."""
    if a is b:
        return True
    one, other = key_of(scope, a), key_of(scope, b)
    if one == other:
        return True
    x, y = _evaluate(scope, one), _evaluate(scope, other)
    if x is None or x != y:
        return False
    scope.context.facts.add(" == ".join(sorted((_text(scope, one), _text(scope, other)))))
    return True


def is_one(scope: Scope, a: Atom) -> bool:
    """Whether a size is known to be 1."""
    key = key_of(scope, a)
    if _evaluate(scope, key) != 1:
        return False
    if key != 1:
        scope.context.facts.add(f"{_text(scope, key)} == 1")
    return True


def is_not_one(scope: Scope, a: Atom) -> bool:
    """Whether a size is known not to be 1."""
    key = key_of(scope, a)
    value = _evaluate(scope, key)
    if value is None or value == 1:
        return False
    if not isinstance(key, int):
        scope.context.facts.add(f"{_text(scope, key)} != 1")
    return True


# -- broadcasting --------------------------------------------------------------------------------------------------


def broadcast(scope: Scope, shapes: list[tuple[Atom, ...]]) -> tuple[Atom, ...]:
    """The shape of an elementwise result; an axis of length 1 stretches, other misfits raise when the code runs."""
    out: list[Atom] = []
    ndim = max((len(s) for s in shapes), default=0)
    for axis in range(ndim):
        sizes = [s[axis - ndim + len(s)] for s in shapes if axis - ndim + len(s) >= 0]
        n = sizes[0]
        for other in sizes[1:]:
            n = _joined(scope, n, other)
        out.append(n)
    return tuple(out)


def _joined(scope: Scope, a: Atom, b: Atom) -> Atom:
    op = scope.build.index
    if same(scope, a, b) or is_one(scope, b):
        return a
    if is_one(scope, a):
        return b
    fits = op("==", a, b)
    if is_not_one(scope, a):
        out = a
    elif is_not_one(scope, b):
        fits, out = op("|", fits, op("==", a, integer(1))), b
        expect(scope, fits)
        return out
    else:
        fits = op("|", fits, op("==", a, integer(1)))
        out = op("where", op("==", a, integer(1)), b, a)
    if not is_not_one(scope, b):
        fits = op("|", fits, op("==", b, integer(1)))
    expect(scope, fits)
    return out


def expect(scope: Scope, fits: Atom, text: str = "operands could not be broadcast together") -> None:
    if scope.context.trusted:
        return
    error = Effect(f"raise ValueError({text!r})", (), loc=scope.build.loc)
    scope.build.emit(If(scope.build.index("not", fits), (error,), (), loc=scope.build.loc))


def fit_into(scope: Scope, sizes: tuple[Atom, ...], shape: tuple[Atom, ...]) -> None:
    """Raise when the code runs where an operand does not stretch to `shape`."""
    for n, wanted in zip(sizes, shape[len(shape) - len(sizes) :], strict=True):
        if not (same(scope, n, wanted) or is_one(scope, n)):
            fits = scope.build.index("==", n, wanted)
            if not is_not_one(scope, n):
                fits = scope.build.index("|", fits, scope.build.index("==", n, integer(1)))
            expect(scope, fits)


def follow(scope: Scope, sizes: tuple[Atom, ...], shape: tuple[Atom, ...]) -> Callable[[tuple[Atom, ...]], tuple]:
    """How an index of the result addresses an operand of these sizes, which fits."""
    op = scope.build.index
    steps: list[Atom | None] = []
    for n, wanted in zip(sizes, shape[len(shape) - len(sizes) :], strict=True):
        if same(scope, n, wanted):
            steps.append(integer(1))
        elif is_one(scope, n):
            steps.append(integer(0))
        elif is_not_one(scope, n):
            steps.append(integer(1))
        else:
            steps.append(op("where", op("==", n, integer(1)), integer(0), integer(1)))

    def at(index: tuple[Atom, ...]) -> tuple[Atom, ...]:
        own = index[len(index) - len(steps) :]
        return tuple(_stepped(scope, i, s) for i, s in zip(own, steps, strict=True))

    return at


def _stepped(scope: Scope, index: Atom, step: Any) -> Atom:
    if isinstance(step, Const):
        return index if step.value else integer(0)
    return scope.build.index("*", index, step)


def is_stretched(scope: Scope, sizes: tuple[Atom, ...], shape: tuple[Atom, ...]) -> bool:
    """Whether an operand is known to be read more than once in each of some axes."""
    if len(sizes) < len(shape):
        return any(not is_one(scope, n) for n in shape[: len(shape) - len(sizes)])
    return any(is_one(scope, n) and not is_one(scope, m) for n, m in zip(sizes, shape, strict=True))


def remember(scope: Scope, array: Var, shape: tuple[Atom, ...]) -> None:
    """Note the shape of a new array."""
    assert isinstance(array.type, Array)
    scope.context.shapes[array] = shape

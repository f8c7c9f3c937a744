"""Parts of arrays: slices, rows, columns, new axes, transposes; and gathers by index arrays."""

from __future__ import annotations

from tests.random_programs.arrays import slice_of
from tests.random_programs.expressions import index, length_text
from tests.random_programs.scope import Length, Scope

from .forms import Part, combine, form, named, operand, pick, source, tensors
from .shapes import Shape, broadcast, fits


def subscript(scope: Scope, name: str, *, target: bool = False) -> tuple[str, Shape] | None:
    """A basic subscript of an array and the shape that it selects; None where that is no array."""
    rng, texts, shape = scope.rng, [], []
    for axis, length in enumerate(scope.env[name].shape):
        kind = rng.choices(["all", "slice", "index"], [3.0, 2.5, 1.5])[0]
        if kind == "all":
            texts.append(":")
            shape.append(length)
        elif kind == "slice":
            text, selected = slice_of(scope, length)
            if selected is None or (selected == 0 and not target):
                text, selected = ":", length
            texts.append(text)
            shape.append(selected)
        else:
            texts.append(index(scope, length, length_text(scope, name, axis)))
    if not target:
        for _ in range(rng.choice([0, 0, 0, 1, 1, 2])):
            if len(shape) < 3:
                at = rng.randint(0, len(texts))  # the number of ":" and slices before it
                shape.insert(sum(":" in t or "new" in t or t == "None" for t in texts[:at]), 1)
                texts.insert(at, rng.choice(["np.newaxis", "None"]))
    if not shape and not target:
        return None
    return ", ".join(shortened(scope, texts, dots=bool(shape) or target)), tuple(shape)


def shortened(scope: Scope, texts: list[str], *, dots: bool) -> list[str]:
    """The subscript as it is, without trailing colons, or with an ellipsis for leading ones."""
    if len(texts) > 1 and texts[-1] == ":" and scope.chance(0.5):
        while len(texts) > 1 and texts[-1] == ":":
            texts = texts[:-1]
        return texts
    if dots and len(texts) > 1 and texts[0] == ":" and scope.chance(0.3):
        while len(texts) > 1 and texts[0] == ":":
            texts = texts[1:]
        return ["...", *texts]
    return texts


@form("view", 2.0)
def view(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`a[1:]`, `A[i]`, `A[:, np.newaxis, 0]`, `a[::-1]`."""
    names = [n for n in tensors(scope) if scope.env[n].shape]
    for _ in range(6 if names else 0):
        name = pick(scope, names)
        found = subscript(scope, name)
        if found is not None and fits(found[1], within):
            return Part(f"{name}[{found[0]}]", found[1], False, named(scope, name).single)
    return None


@form("transpose", 3.0)
def transpose(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """Axes in another order."""
    part, rng = source(scope, depth - 1, lambda shape: len(shape) > 1), scope.rng
    if part is None:
        return None
    rank = len(part.shape)
    if scope.chance(0.5) or rank == 2:
        text = rng.choice([f"{operand(part.text)}.T", f"{operand(part.text)}.T", f"np.transpose({part.text})",
                           f"{operand(part.text)}.transpose()"])  # fmt: skip
        order = tuple(reversed(range(rank)))
    else:
        order = tuple(rng.sample(range(rank), rank))
        text = rng.choice([f"np.transpose({part.text}, {order})", f"{operand(part.text)}.transpose{order}"])
    if scope.chance(0.3):
        first, second = rng.sample(range(rank), 2)
        swap = {first: second, second: first}
        order = tuple(swap.get(axis, axis) for axis in range(rank))
        second = rng.choice([second, second - rank])
        text = rng.choice([f"np.swapaxes({part.text}, {first}, {second})",
                           f"{operand(part.text)}.swapaxes({first}, {second})"])  # fmt: skip
    return Part(text, tuple(part.shape[axis] for axis in order), False, part.single)


# -- index arrays ------------------------------------------------------------------------------
def indices(scope: Scope, length: Length) -> tuple[str, int] | None:
    """An array of ints that are valid for an axis of this length (a name or a literal) and its own length."""
    if not isinstance(length, int) or length == 0:
        return None
    names = scope.names("ints", test=lambda v: v.hi < length and v.lo >= -length and isinstance(v.shape[0], int))
    if names and scope.chance(0.65):
        name = scope.rng.choice(names)
        return name, scope.env[name].shape[0]
    numbers = [scope.rng.randrange(-length if scope.chance(0.3) else 0, length) for _ in range(scope.rng.randint(1, 4))]
    return f"np.array({numbers})", len(numbers)


def gathered(scope: Scope, name: str) -> tuple[str, Shape] | None:
    """A subscript with an index array in it, and the shape that it selects."""
    shape, rng = scope.env[name].shape, scope.rng
    axis = rng.randrange(len(shape))
    found = indices(scope, shape[axis])
    if found is None:
        return None
    text, count = found
    scope.mark("indexed by an array")
    if len(shape) == 1:
        return text, (count,)
    if len(shape) == 2 and scope.chance(0.2):
        other = indices(scope, shape[1 - axis])
        if other is not None and (other[1] == count or 1 in (other[1], count)):
            pair = (text, other[0]) if axis == 0 else (other[0], text)
            return f"{pair[0]}, {pair[1]}", broadcast((count,), (other[1],))
    if len(shape) == 2 and scope.chance(0.15):
        at = index(scope, shape[1 - axis], length_text(scope, name, 1 - axis))
        return (f"{text}, {at}" if axis == 0 else f"{at}, {text}"), (count,)
    texts = [":"] * axis + [text] + [":"] * (len(shape) - axis - 1)
    if axis == len(shape) - 1 and axis > 0 and scope.chance(0.3):
        texts = ["...", text]
    while texts[-1] == ":" and scope.chance(0.6):
        texts.pop()
    return ", ".join(texts), (*shape[:axis], count, *shape[axis + 1 :])


@form("gather", 1.2)
def gather(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`a[idx]`, `A[:, idx]`, `A[rows, columns]`."""
    names = [n for n in tensors(scope) if scope.env[n].shape]
    for _ in range(4 if names else 0):
        name = pick(scope, names)
        found = gathered(scope, name)
        if found is not None and fits(found[1], within):
            return combine(f"{name}[{found[0]}]", Part("", (), False), named(scope, name), shape=found[1])
    return None

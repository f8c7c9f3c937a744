"""Functions that join arrays or give them another shape or order."""

from __future__ import annotations

from tests.random_programs.expressions import constant
from tests.random_programs.scope import Length, Scope

from .forms import (
    Part,
    array_statement,
    bind,
    combine,
    draw,
    exact,
    form,
    leaf,
    named,
    operand,
    source,
    squashed,
    tensors,
)
from .shapes import Shape, fits, known, size, with_length


def matching(scope: Scope, part: Part, axis: int) -> Part:
    """An array that can be joined to this one along an axis."""
    rng, shape = scope.rng, part.shape
    options = [f"{operand(part.text)} * {constant(scope)}"] if len(part.text) < 30 else []
    found = [combine(text, part) for text in options]
    for name in tensors(scope, lambda v: len(v.shape) == len(shape)):
        if with_length(scope.env[name].shape, axis, 0) == with_length(shape, axis, 0):
            found += [named(scope, name)] * 3
            found.append(Part(f"{name}[::-1]", scope.env[name].shape, False, named(scope, name).single))
            found.append(exact(scope, name, 1))
    if known(shape):
        one = with_length(shape, axis, 1)
        text = f"np.array([{constant(scope)}])" if len(one) == 1 else f"np.full({one}, {leaf(scope, ()).text})"
        found.append(Part(text, one))
    return rng.choice(found) if found else part


@form("concatenate", 2.5)
def concatenate(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.concatenate`, `np.hstack`, `np.vstack` of two or three arrays."""
    first, rng = source(scope, depth - 1), scope.rng
    if first is None:
        return None
    rank = len(first.shape)
    axis = rng.randrange(rank)
    parts = [first] + [matching(scope, first, axis) for _ in range(rng.choice([1, 1, 2]))]
    rng.shuffle(parts)
    lengths = [part.shape[axis] for part in parts]
    if not known(tuple(lengths)):
        return None
    texts, shape = ", ".join(p.text for p in parts), with_length(first.shape, axis, sum(lengths))
    calls = [f"np.concatenate(({texts}), axis={rng.choice([axis, axis - rank])})"]
    calls += [f"np.concatenate(({texts}))", f"np.concatenate([{texts}])"] * (axis == 0)
    if axis == (1 if rank > 1 else 0):
        calls.append(f"np.hstack(({texts}))")
    if axis == 0 and rank > 1:
        calls.append(f"np.vstack(({texts}))")
    return combine(rng.choice(calls), *parts, shape=shape)


@form("stack", 1.5)
def stack(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.stack` of arrays of one shape along a new axis."""
    first, rng = source(scope, depth - 1, lambda shape: len(shape) < 3), scope.rng
    if first is None:
        return None
    names = tensors(scope, lambda v: v.shape == first.shape)
    parts = [first]
    for _ in range(rng.choice([1, 1, 2])):
        other = exact(scope, rng.choice(names), depth - 1) if names else combine(f"-{operand(first.text)}", first)
        parts.append(other)
    rank, texts = len(first.shape), ", ".join(p.text for p in parts)
    axis = rng.randint(0, rank)
    calls = [f"np.stack(({texts}), axis={rng.choice([axis, axis - rank - 1])})"]
    calls += [f"np.stack(({texts}))", f"np.stack([{texts}])"] * (axis == 0)
    calls += [f"np.vstack(({texts}))"] * (axis == 0 and rank == 1)
    return combine(rng.choice(calls), *parts, shape=(*first.shape[:axis], len(parts), *first.shape[axis:]))


@form("same shape", 1.0)
def same_shape(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.roll`, `np.flip`: the elements in another order."""
    part, rng = source(scope, depth - 1), scope.rng
    if part is None:
        return None
    rank = len(part.shape)
    axis, by = rng.randrange(-rank, rank), rng.choice([1, -1, 1, 2, -2, 0, 5])
    calls = [f"np.roll({part.text}, {by}, axis={axis})", f"np.flip({part.text}, axis={axis})"]
    calls += [f"np.roll({part.text}, {by})", f"np.flip({part.text})"] * (2 if rank == 1 else 1)
    text = rng.choice(calls)
    return Part(text, part.shape, "roll" in text and part.contiguous, part.single)


@form("diff", 0.9)
def diff(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """Differences of neighbours."""
    part = source(scope, depth - 1, lambda shape: any(isinstance(n, int) and n > 1 for n in shape))
    if part is None:
        return None
    rank = len(part.shape)
    axis = scope.rng.choice([n for n, length in enumerate(part.shape) if isinstance(length, int) and length > 1])
    shape = with_length(part.shape, axis, part.shape[axis] - 1)
    if axis == rank - 1 and scope.chance(0.6):
        return combine(f"np.diff({part.text})", part, shape=shape)
    return combine(f"np.diff({part.text}, axis={scope.rng.choice([axis, axis - rank])})", part, shape=shape)


@form("repeat", 1.0)
def repeat(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`np.repeat`, `np.tile`."""
    part, rng = source(scope, depth - 1, known), scope.rng
    if part is None:
        return None
    rank, n = len(part.shape), rng.choice([1, 2, 2, 3])
    axis = rng.randrange(rank)
    tiled: list[Length] = [n * length if k == rank - 1 else length for k, length in enumerate(part.shape)]
    options = [
        (f"np.repeat({part.text}, {n}, axis={rng.choice([axis, axis - rank])})",
         with_length(part.shape, axis, n * part.shape[axis])),
        (f"np.repeat({part.text}, {n})", (n * size(part.shape),)),
        (f"np.tile({part.text}, {n})", tuple(tiled)),
        (f"np.tile({part.text}, (2, {n}))", (2, n * part.shape[0]) if rank == 1 else
         (*part.shape[:-2], 2 * part.shape[-2], n * part.shape[-1])),
    ]  # fmt: skip
    text, shape = rng.choice(options)
    return combine(text, part, shape=shape)


@form("reshape", 1.0)
def reshape(scope: Scope, within: Shape | None, depth: int) -> Part | None:
    """`reshape`, `ravel`, `flatten`, `np.expand_dims`, `np.squeeze`."""
    part, rng = source(scope, depth - 1, known), scope.rng
    if part is None or not part.contiguous:
        return None
    shape, count, rank = part.shape, size(part.shape), len(part.shape)
    text = operand(part.text)
    axis = rng.randint(0, rank)
    options = [
        (f"{text}.reshape(-1)", (count,)), (f"np.ravel({part.text})", (count,)), (f"{text}.ravel()", (count,)),
        (f"{text}.flatten()", (count,)), (f"np.reshape({part.text}, {shape[::-1]})", shape[::-1]),
        (f"np.expand_dims({part.text}, {rng.choice([axis, axis - rank - 1])})", (*shape[:axis], 1, *shape[axis:])),
    ]  # fmt: skip
    rows = rng.choice([r for r in range(1, count + 1) if count % r == 0] or [1])
    if count:
        options += [(f"{text}.reshape({rows}, -1)", (rows, count // rows)),
                    (f"{text}.reshape(({rows}, {count // rows}))", (rows, count // rows))]  # fmt: skip
    if 1 in shape and rank > 1:
        at = shape.index(1)
        options += [(f"np.squeeze({part.text}, axis={at})", shape[:at] + shape[at + 1 :])] * 2
    if within and known(within) and size(within) == count:
        options += [(f"{text}.reshape({within})", within)] * 4
    options = [option for option in options if fits(option[1], within)]
    text, shape = rng.choice(options) if options else ("", ())
    return combine(text, part, shape=shape) if options else None


@array_statement("shape function", 2.4)
def shape_function(scope: Scope) -> bool:
    """A name for an array of another shape, or with its elements in another order."""
    makers = [concatenate, concatenate, stack, same_shape, same_shape, diff, repeat, reshape]
    part = scope.rng.choice(makers)(scope, None, scope.rng.randint(1, 2))
    if part is None or not part.shape or not fits(part.shape, None):
        return False
    if scope.chance(0.3):
        other = draw(scope, part.shape, 1)
        part = combine(f"{operand(part.text)} * {operand(squashed(scope, other).text)}", part, other)
    bind(scope, part)
    return True

"""Two names of one memory: one of them written, the other read, with expressions before and after."""

from __future__ import annotations

from dataclasses import replace

from tests.random_programs.scope import Scope, Var

from .binding import update
from .forms import Part, array_statement, bind, combine, draw, exact, named, operand, pick, squashed, tensors
from .shapes import known, size
from .views import subscript


def another_name(scope: Scope, base: str) -> tuple[str, Var]:
    """An expression that is a view of all or of a part of `base`."""
    var, rng = scope.env[base], scope.rng
    shape, options = var.shape, [(base, var)]
    turned = replace(var, contiguous=False)
    options += [(f"{base}[:]", turned), (f"{base}[...]", turned)]
    for _ in range(3):
        found = subscript(scope, base)
        if found is not None:
            options.append((f"{base}[{found[0]}]", replace(var, shape=found[1], contiguous=False)))
    options += [(f"{base}[::-1]", turned)]
    if len(shape) > 1:
        options += [(f"{base}.T", replace(turned, shape=shape[::-1]))] * 3
        options += [(f"np.swapaxes({base}, 0, 1)", replace(turned, shape=(shape[1], shape[0], *shape[2:])))]
    count = size(shape)
    if var.contiguous and count:
        rows = rng.choice([r for r in range(1, count + 1) if count % r == 0])
        flat = replace(var, shape=(count,))
        options += [(f"{base}.reshape({rows}, {count // rows})", replace(var, shape=(rows, count // rows))),
                    (f"{base}.reshape(-1)", flat), (f"{base}.ravel()", flat), (f"np.ravel({base})", flat),
                    (f"np.reshape({base}, {shape[::-1]})", replace(var, shape=shape[::-1]))] * 2  # fmt: skip
    return rng.choice(options)


@array_statement("array alias", 2.5)
def alias(scope: Scope) -> bool:
    """`b = a[1:]` (or `a.T`, or a reshape of a new array), a read, `a` or `b` written, a read."""
    names = tensors(scope, lambda v: len(v.shape) > 0)
    if not names:
        return False
    base = pick(scope, names)
    if scope.chance(0.5):
        name = scope.new("v")
        part = exact(scope, base, 1)
        if scope.chance(0.6) and known(part.shape):
            part = Part(f"{base}.copy()", part.shape, True, part.single)
        base = bind(scope, part, name)
    text, var = another_name(scope, base)
    name = scope.new("w")
    scope.emit(f"{name} = {text}")
    scope.env[name] = var
    read, written = scope.rng.choice([(base, name), (name, base)])
    if scope.chance(0.5):
        bind(scope, exact(scope, read, 1))
    for _ in range(scope.rng.choice([1, 1, 2])):
        change(scope, written)
        read, written = scope.rng.choice([(read, written), (read, written), (written, read)])
    if scope.chance(0.6):
        bind(scope, squashed(scope, exact(scope, read, 2)))
    return True


def change(scope: Scope, name: str) -> None:
    """Write to an array, or to a part of it."""
    shape = scope.env[name].shape
    if scope.chance(0.4) and name not in scope.protected:
        update(scope, name, shape, plain=False)
    elif scope.chance(0.5):
        text, part = subscript(scope, name, target=True)
        update(scope, f"{name}[{text}]", part)
    else:
        update(scope, f"{name}[:]", shape)


@array_statement("expression of views", 0.6)
def views(scope: Scope) -> bool:
    """A value computed from a view, the array then written, and the value used: it must not change."""
    names = tensors(scope, lambda v: len(v.shape) > 0)
    if not names:
        return False
    base = pick(scope, names)
    first = bind(scope, exact(scope, base, 2))
    change(scope, base)
    other = draw(scope, scope.env[first].shape, 1)
    both = named(scope, first), named(scope, base), other
    bind(scope, squashed(scope, combine(f"{first} * {base} - {operand(other.text)}", *both)))
    return True

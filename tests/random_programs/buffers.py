"""Idioms in which names change the buffer they stand for, inside loops."""

from __future__ import annotations

from dataclasses import replace

from .arrays import fill_loop
from .expressions import atom, condition, constant, element, length_text, value
from .scope import Loop, Scope, Var, statement, write_statements


def same_shape(scope: Scope, name: str) -> list[str]:
    """Contiguous rank-1 arrays of the shape of `name`, other than `name`."""
    shape = scope.env[name].shape
    return [n for n in scope.arrays(1) if n != name and scope.env[n].shape == shape and scope.env[n].contiguous]


def extra(scope: Scope) -> None:
    """Perhaps another statement, between the steps of an idiom."""
    if scope.budget > 0 and scope.chance(0.35):
        write_statements(scope, 1, 1)


def start_loop(scope: Scope) -> tuple[str, str, Var]:
    """The name, the header and the range of a short counting loop."""
    t, count = scope.loop_name(), scope.rng.randint(1, 4)
    return t, f"for {t} in range({count}):", Var("int", lo=0, hi=count - 1)


@statement("double buffer", 1.6)
def double_buffer(scope: Scope) -> bool:
    """Two or three buffers, filled from each other and swapped by name."""
    rng = scope.rng
    bases = scope.rebindable("array", test=lambda v: len(v.shape) == 1 and not v.frozen)
    if not bases or scope.work > 12:
        return False
    base = rng.choice(bases)
    u = base if scope.env[base].contiguous and scope.chance(0.4) else scope.new("u")
    if u != base:
        scope.emit(f"{u} = {rng.choice([f'{base}.copy()', f'np.copy({base})'])}")
        scope.env[u] = replace(scope.env[base], contiguous=scope.env[base].contiguous)
    names, var = [u], scope.env[u]
    inside = scope.chance(0.3)
    for _ in range(rng.choice([1, 1, 1, 2])):
        others = [n for n in same_shape(scope, u) if n not in names and n in bases]
        if others and scope.chance(0.4):
            names.append(rng.choice(others))
        else:
            names.append(scope.new("v"))
            if not inside:
                scope.emit(f"{names[-1]} = {rng.choice([f'np.zeros_like({u})', f'{u}.copy()', f'np.ones_like({u})'])}")
                scope.env[names[-1]] = replace(var, contiguous=False)
    names = [n for n in names if inside or n in scope.env]
    t, header, counter = start_loop(scope)
    scope.protected.add(t)
    with scope.block(header, {t: counter}, counter.hi + 1):
        scope.loops.append(Loop(True))
        for name in names[1:]:
            if inside or scope.chance(0.15):
                scope.emit(f"{name} = {rng.choice([f'np.empty({length_text(scope, u)})', f'np.zeros_like({u})'])}")
                scope.env[name] = replace(var, contiguous=False)
                inside = True
        fill_loop(scope, names[1], u, var.shape[0])
        extra(scope)
        if inside and len(names) == 3:
            fill_loop(scope, names[2], names[1], var.shape[0])
        targets, sources = list(names), names[1:] + names[:1]
        if scope.chance(0.2):
            sources[-1] = sources[0]
            scope.mark("u, v = v, v")
        if scope.chance(0.2):
            sources[-1] = f"{sources[-1]}.copy()"
        if scope.chance(0.2):
            order = rng.sample(range(len(targets)), len(targets))
            targets, sources = [targets[n] for n in order], [sources[n] for n in order]
        if scope.chance(0.15):
            with scope.block(f"if {condition(scope)}:"):
                scope.emit(f"{', '.join(targets)} = {', '.join(sources)}")
        elif len(names) == 2 and scope.chance(0.2):
            scope.emit(f"{names[0]} = {names[1]}")
        else:
            scope.emit(f"{', '.join(targets)} = {', '.join(sources)}")
        extra(scope)
        scope.loops.pop()
    scope.protected.discard(t)
    scope.env[names[0]] = replace(var, contiguous=False)
    scope.wrote = True
    return True


@statement("replaced buffer", 1.2)
def replaced(scope: Scope) -> bool:
    """A buffer allocated, filled and taken over in every iteration, or in some of them."""
    rng = scope.rng
    bases = scope.arrays(1)
    if not bases or scope.work > 12:
        return False
    base, u, new = rng.choice(bases), scope.new("u"), scope.new("new")
    scope.emit(f"{u} = {rng.choice([base, f'{base}.copy()', f'{base}[:]'])}")
    scope.env[u] = replace(scope.env[base], contiguous=False)
    t, header, counter = start_loop(scope)
    scope.protected.add(t)
    with scope.block(header, {t: counter}, counter.hi + 1):
        scope.loops.append(Loop(True))
        scope.emit(f"{new} = np.{rng.choice([f'empty({length_text(scope, u)})', f'zeros_like({u})'])}")
        fill_loop(scope, new, u, scope.env[u].shape[0])
        scope.env[new] = scope.env[u]
        extra(scope)
        if scope.chance(0.3):
            with scope.block(f"if {condition(scope)}:"):
                scope.emit(f"{u} = {new}")
        else:
            scope.emit(f"{u} = {new}")
        extra(scope)
        scope.loops.pop()
    scope.protected.discard(t)
    scope.wrote = True
    return True


@statement("changing shape", 0.8)
def changing_shape(scope: Scope) -> bool:
    """An array that grows or shrinks from one iteration to the next."""
    rng = scope.rng
    bases = scope.arrays(1)
    if not bases or scope.work > 12:
        return False
    base, u, s = rng.choice(bases), scope.new("q"), scope.new("s")
    scope.emit(f"{u} = {rng.choice([base, f'{base}.copy()'])}")
    scope.emit(f"{s} = {value(scope, 1)}")
    scope.env[s] = Var("float")
    kind = rng.choice(["view", "copy", "grow", "empty"])
    t, header, counter = start_loop(scope)
    scope.protected.add(t)
    with scope.block(header, {t: counter}, counter.hi + 1):
        if kind in ("view", "copy"):
            with scope.block(f"if len({u}) > 1:"):
                part = rng.choice([f"{u}[1:]", f"{u}[:-1]", f"{u}[::2]", f"{u}[::-1]"])
                scope.emit(f"{u} = {part}" + (".copy()" if kind == "copy" else ""))
        else:
            extra_elements = 1 if kind == "grow" else rng.randint(0, 1)
            new, i = scope.new("new"), scope.loop_name()
            scope.emit(f"{new} = np.{'zeros' if kind == 'grow' else 'empty'}(len({u}) + {extra_elements})")
            with scope.block(f"for {i} in range(len({u})):", {}, 5):
                scope.emit(f"{new}[{i}] = math.sin({u}[{i}] * {atom(scope)} + {u}[{i} - 1])")
            if extra_elements:
                scope.emit(f"{new}[-1] = {value(scope, 1)}")
            scope.emit(f"{u} = {new}")
        scope.emit(f"{u}[{rng.choice(['0', '-1', f'{t} % len({u})'])}] *= {constant(scope)}")
        scope.emit(f"{s} = 0.5 * {s} + math.tanh({u}[0] * {u}[-1] + {value(scope, 1)})")
        extra(scope)
    scope.protected.discard(t)
    scope.wrote = True
    return True


@statement("partial fill", 0.5)
def partial_fill(scope: Scope) -> bool:
    """`np.empty` filled in part; only that part is read."""
    length, used = scope.rng.randint(2, 5), scope.rng.randint(1, 2)
    name, s = scope.new("e"), scope.new("s")
    scope.emit(f"{name} = np.empty({length})")
    for n in range(used):
        scope.emit(f"{name}[{n}] = {value(scope, 2, f'{name}[{n - 1}]' if n else None)}")
    scope.emit(f"{s} = {name}[0] * {name}[{used - 1}]")
    scope.env[s] = Var("float")
    return True


@statement("state", 1.2)
def state(scope: Scope) -> bool:
    """A working array, whose elements a nest of loops sets, perhaps on a condition, reads and changes."""
    rng = scope.rng
    if scope.work > 12:
        return False
    w, s, k, length = scope.new("w"), scope.new("s"), scope.loop_name(), rng.randint(1, 4)
    scope.emit(f"{w} = np.{rng.choice(['zeros', 'ones'])}({length})")
    scope.emit(f"{s} = {value(scope, 1)}")
    scope.env[s] = Var("float")
    t, header, counter = start_loop(scope)
    own = f"{w}[{k}]"
    scope.protected |= {t, k}
    with scope.block(header, {t: counter}, counter.hi + 1):
        with scope.block(f"for {k} in range({length}):", {k: Var("int", lo=0, hi=length - 1)}, length):
            kind = rng.choice(["always", "branch", "branch", "both", "loop", "first"])
            if kind in ("branch", "both", "first"):
                with scope.block(f"if {f'{t} == 0' if kind == 'first' else condition(scope)}:"):
                    scope.emit(f"{own} = {value(scope, 1)}")
                if kind == "both":
                    with scope.block("else:"):
                        scope.emit(f"{own} = {value(scope, 1)}")
            elif kind == "loop":
                with scope.block(f"for _ in range({rng.choice([t, k, f'{t} - 1'])}):", {}, 4):
                    scope.emit(f"{own} = {value(scope, 1)}")
            else:
                scope.emit(f"{own} = {value(scope, 1)}")
            extra(scope)
            scope.emit(f"{s} += {value(scope, 1, own)}")
            if scope.chance(0.6):
                scope.emit(f"{own} = {value(scope, 1, rng.choice([own, f'{w}[{k} - 1]']))}")
        extra(scope)
    scope.protected -= {t, k}
    return True


@statement("recurrence", 1.5)
def recurrence(scope: Scope) -> bool:
    """`a[i] = f(a[i], a[i - 1])` along an array, from 0 (which wraps around) or backwards."""
    arrays = scope.arrays(1)
    if not arrays or scope.work > 30:
        return False
    a, i = scope.rng.choice(arrays), scope.loop_name()
    length = scope.env[a].shape[0]
    header = scope.rng.choice(
        [f"range({length_text(scope, a)})", f"range(len({a}) - 1, -1, -1)", f"range(1, len({a}))"]
    )
    var = Var("int", lo=0, hi=length - 1) if isinstance(length, int) else Var("int", hi=None, dims=frozenset([length]))
    scope.protected.add(i)
    with scope.block(f"for {i} in {header}:", {i: var}, 5):
        read = scope.rng.choice([f"{a}[{i}] * {a}[{i} - 1]", f"{a}[{i} - 1]", f"{a}[{i}]", element(scope, a)])
        target = scope.rng.choice([f"{a}[{i}]", f"{a}[{i}]", f"{a}[{i} - 1]", f"{a}[0]"])
        scope.emit(f"{target} = {value(scope, 1, f'({read})')}")
        extra(scope)
    scope.protected.discard(i)
    scope.env.pop(i, None)
    scope.wrote = True
    return True


@statement("stencil", 0.8)
def stencil(scope: Scope) -> bool:
    """A sweep over a matrix that reads and writes neighbours, wrap-around included."""
    arrays = scope.arrays(2)
    if not arrays or scope.work > 8 or "i" in scope.env or "j" in scope.env:
        return False
    rng, a, b = scope.rng, scope.rng.choice(arrays), scope.rng.choice(arrays)
    ranges = ["{n}", "1, {n}", "{n} - 1, -1, -1"]
    loops = [f"for {k} in range({rng.choice(ranges).format(n=f'{a}.shape[{n}]')}):" for n, k in enumerate("ij")]
    rows, columns = scope.env[a].shape
    declare = [
        Var("int", lo=0, hi=n - 1) if isinstance(n, int) else Var("int", hi=None, dims=frozenset([n]))
        for n in (rows, columns)
    ]
    if scope.chance(0.3):
        loops.reverse()
    scope.protected |= {"i", "j"}
    with scope.block(loops[0], {}, 4), scope.block(loops[1], {"i": declare[0], "j": declare[1]}, 4):
        near = [f"{a}[i, j]", f"{a}[i - 1, j]", f"{a}[i, j - 1]", f"{a}[i - 1, j - 1]", element(scope, b)]
        target, read, other = rng.choice([near[0], near[0], near[1], near[2]]), rng.choice(near), rng.choice(near)
        scope.emit(f"{target} = {value(scope, 1, f'({read} * {other})')}")
        extra(scope)
    scope.protected -= {"i", "j"}
    for name in "ij":
        scope.env.pop(name, None)
    scope.wrote = True
    return True

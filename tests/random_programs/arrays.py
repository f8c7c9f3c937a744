"""Statements that create, alias, view and write arrays."""

from __future__ import annotations

from dataclasses import replace

from .expressions import atom, condition, constant, element, float_expression, index, length_text, value
from .scalars import augmented
from .scope import Length, Scope, Var, statement


@statement("element store", 5.0)
def store(scope: Scope) -> bool:
    """`a[i] = value`, often a recurrence on the same array."""
    arrays = scope.arrays()
    if not arrays:
        return False
    array = scope.rng.choice(arrays)
    keep = element(scope, array) if scope.chance(0.6) else None
    target = element(scope, array)
    scope.emit(f"{target} = {value(scope, 2, scope.rng.choice([keep, target]) if keep else None)}")
    scope.wrote = True
    return True


@statement("element augmented", 3.0)
def augment(scope: Scope) -> bool:
    """`a[i] += value` and its kin."""
    arrays = scope.arrays()
    if not arrays:
        return False
    scope.emit(augmented(scope, element(scope, scope.rng.choice(arrays))))
    scope.wrote = True
    return True


# -- slices ------------------------------------------------------------------------------------
def slice_of(scope: Scope, length: Length) -> tuple[str, Length | None]:
    """A slice and the length it selects (None: not known)."""
    if not isinstance(length, int):
        return scope.rng.choice([(":", length), ("::-1", length)])
    rng = scope.rng
    for _ in range(10):
        start = rng.choice(["", "", "1", "0", str(rng.randint(-length, length))])
        stop = rng.choice(["", "", "-1", str(rng.randint(-length, length + 1))])
        step = rng.choice(["", "", "", "1", "2", "-1", "-2"])
        selected = len(range(length)[slice(*(int(t) if t else None for t in (start, stop, step)))])
        if selected > 0 or scope.chance(0.1):
            return f"{start}:{stop}" + (f":{step}" if step else ""), selected
    return ":", length


@statement("slice fill", 1.0)
def slice_fill(scope: Scope) -> bool:
    """`a[1:] = scalar`."""
    arrays = scope.arrays()
    if not arrays:
        return False
    array = scope.rng.choice(arrays)
    shape = scope.env[array].shape
    first, _ = slice_of(scope, shape[0])
    if len(shape) == 2:
        row, column = index(scope, shape[0], length_text(scope, array)), slice_of(scope, shape[1])[0]
        first = scope.rng.choice([first, f"{row}, {column}", row, f"{first}, {column}"])
    scope.emit(f"{array}[{first}] = {value(scope, 1) if scope.chance(0.8) else constant(scope)}")
    scope.wrote = True
    return True


def lines_of(scope: Scope, array: str) -> list[tuple[str, Length]]:
    """Some 1-D parts of an array: text and length, empty ones left out."""
    shape, parts = scope.env[array].shape, []
    if len(shape) == 1:
        for _ in range(3):
            text, length = slice_of(scope, shape[0])
            if length:
                parts.append((f"{array}[{text}]", length))
        return parts
    row = index(scope, shape[0], length_text(scope, array))
    column = index(scope, shape[1], length_text(scope, array, 1))
    parts += [(f"{array}[{row}]", shape[1]), (f"{array}[{row}, :]", shape[1]), (f"{array}[:, {column}]", shape[0])]
    for axis, before, after in ((1, f"{row}, ", ""), (0, "", f", {column}")):
        text, length = slice_of(scope, shape[axis])
        if length:
            parts.append((f"{array}[{before}{text}{after}]", length))
    return parts


@statement("slice copy", 1.2)
def slice_copy(scope: Scope) -> bool:
    """`a[1:] = b[:-1]`, rows, columns; source and target may overlap."""
    arrays = scope.arrays()
    parts = [part for array in arrays for part in lines_of(scope, array)]
    pairs = [(s, t) for s, n in parts for t, m in parts if n == m and s != t]
    if not pairs:
        return False
    target, source = scope.rng.choice(pairs)
    scope.emit(f"{target} = {source}")
    if target.split("[")[0] == source.split("[")[0]:
        scope.mark("overlapping slice copy")
    scope.wrote = True
    return True


# -- views and aliases -------------------------------------------------------------------------
@statement("view", 2.5)
def view(scope: Scope) -> bool:
    """A new name for a part of an array, at once read or written through."""
    arrays = scope.arrays()
    if not arrays:
        return False
    base = scope.rng.choice(arrays)
    var, options = scope.env[base], []
    for text, length in lines_of(scope, base):
        options.append((text, Var("array", (length,), contiguous=False)))
    if len(var.shape) == 2:
        rows, columns = var.shape
        options += [(f"{base}.T", Var("array", (columns, rows), contiguous=False))] * 2
        (a, m), (b, n) = slice_of(scope, rows), slice_of(scope, columns)
        if m and n:
            options.append((f"{base}[{a}, {b}]", Var("array", (m, n), contiguous=False)))
        if m:
            options.append((f"{base}[{a}]", Var("array", (m, columns), contiguous=False)))
        if var.contiguous and isinstance(rows, int) and isinstance(columns, int):
            whole = Var("array", (rows * columns,))
            options += [(f"{base}.ravel()", whole), (f"{base}.reshape({rows * columns})", whole),
                        (f"{base}.reshape({columns}, {rows})", Var("array", (columns, rows))),
                        (f"{base}.reshape(({rows * columns},))", whole)]  # fmt: skip
    elif var.contiguous and isinstance(var.shape[0], int):
        length = var.shape[0]
        rows = scope.rng.choice([r for r in range(1, length + 1) if length % r == 0])
        options += [(f"{base}.reshape({rows}, {length // rows})", Var("array", (rows, length // rows)))] * 2
    if not options:
        return False
    text, new = scope.rng.choice(options)
    name = scope.new("w")
    scope.emit(f"{name} = {text}")
    scope.env[name] = new
    touch(scope, name, base)
    return True


def touch(scope: Scope, name: str, base: str) -> None:
    """Write through one of two names of a memory and read through the other, sometimes."""
    for _ in range(scope.rng.choice([0, 1, 1, 2])):
        target, source = scope.rng.choice([(name, base), (base, name)])
        scope.wrote = True
        if scope.chance(0.5):
            scope.emit(f"{element(scope, target)} = {value(scope, 1, element(scope, source))}")
        else:
            scope.emit(augmented(scope, element(scope, target)))


@statement("alias", 1.0)
def alias(scope: Scope) -> bool:
    """`b = a`."""
    arrays = scope.arrays()
    if not arrays:
        return False
    base, name = scope.rng.choice(arrays), scope.new("b")
    scope.emit(f"{name} = {base}")
    scope.env[name] = scope.env[base]
    touch(scope, name, base)
    return True


def twins(scope: Scope, name: str) -> list[str]:
    """The arrays that `name` may be rebound to (with `name` itself)."""
    var = scope.env[name]
    return [
        other for other in scope.arrays()
        if scope.env[other].shape == var.shape and (scope.env[other].contiguous or not var.contiguous)
    ]  # fmt: skip


@statement("rebind", 1.2)
def rebind(scope: Scope) -> bool:
    """An old name bound to another array of the same shape, or to a copy."""
    known = scope.rebindable("array", test=lambda v: not v.frozen)
    if not known:
        return False
    name = scope.rng.choice(known)
    others = [n for n in twins(scope, name) if n != name]
    other = scope.rng.choice(others or [name])
    kind = scope.rng.choice(["copy", "alias", "alias", "zeros", "swap", "swap", "swap", "double"])
    swappable = other in known and scope.env[other].contiguous == scope.env[name].contiguous
    if kind == "alias" and other != name:
        scope.emit(f"{name} = {other}")
    elif kind == "swap" and other != name and swappable:
        scope.mark("name swap")
        scope.emit(f"{name}, {other} = {other}, {name}{scope.rng.choice(['', '', '', '.copy()'])}")
    elif kind == "double" and other != name and swappable:
        scope.mark("u, v = v, v")
        scope.emit(f"{name}, {other} = {other}, {other}")
    elif kind == "zeros":
        scope.emit(f"{name} = np.zeros_like({other})")
        scope.emit(f"{element(scope, name)} = {value(scope, 1)}")
    else:
        scope.emit(f"{name} = {other}.copy()")
    return True


@statement("select buffer", 1.0)
def select(scope: Scope) -> bool:
    """`w = a if c else b`, as an expression or as a statement."""
    arrays = scope.arrays()
    if not arrays:
        return False
    a = scope.rng.choice(arrays)
    choices = [n for n in arrays if scope.env[n].shape == scope.env[a].shape]
    b = scope.rng.choice(choices)
    if a == b:
        return False
    same = scope.env[a].contiguous and scope.env[b].contiguous
    name, test = scope.new("w"), condition(scope)
    if scope.chance(0.5):
        scope.emit(f"{name} = {a} if {test} else {b}")
    elif scope.chance(0.5):
        scope.emit(f"{name} = {a}")
        with scope.block(f"if {test}:"):
            scope.emit(f"{name} = {b}")
    else:
        for header, text in ((f"if {test}:", a), ("else:", scope.rng.choice([b, f"{b}.copy()"]))):
            with scope.block(header):
                scope.emit(f"{name} = {text}")
    scope.env[name] = replace(scope.env[a], contiguous=same)
    touch(scope, name, scope.rng.choice([a, b]))
    return True


# -- new arrays --------------------------------------------------------------------------------
@statement("new array", 2.0)
def new_array(scope: Scope) -> bool:
    """An array made here; what `np.empty` gives is filled at once."""
    rng, arrays = scope.rng, scope.arrays()
    name = scope.new("u")
    base = rng.choice(arrays) if arrays else None
    kind = rng.choice(["like", "copy", "empty", "zeros", "list", "empty", "matrix"])
    if base is None or kind in ("list", "zeros"):
        length = rng.randint(1, 4)
        atoms = ", ".join(atom(scope) for _ in range(length))
        texts = [
            f"np.array([{atoms}])",
            f"np.zeros({length})",
            f"np.full({length}, {atom(scope)})",
            f"np.ones({length})",
            f"np.linspace(0.0, 1.0, {length})",
        ]
        scope.emit(f"{name} = {rng.choice(texts)}")
        scope.env[name] = Var("array", (length,))
        return True
    var = scope.env[base]
    if kind == "matrix":
        shape = (rng.randint(1, 3), rng.randint(1, 3))
        scope.emit(f"{name} = np.{rng.choice(['zeros', 'ones'])}({shape})")
        scope.env[name] = Var("array", shape)
    elif kind == "like":
        fill = f"np.full_like({base}, {atom(scope)})"
        scope.emit(f"{name} = {rng.choice([f'np.zeros_like({base})', f'np.ones_like({base})', fill])}")
        scope.env[name] = replace(var, contiguous=False)
    elif kind == "copy" or len(var.shape) == 2:
        texts = [f"{base}.copy()", f"np.copy({base})"]
        if len(var.shape) == 1:
            texts += [f"{base}[::-1].copy()"]
        scope.emit(f"{name} = {rng.choice(texts)}")
        scope.env[name] = replace(var)
    else:
        filled(scope, name, base)
    return True


def filled(scope: Scope, name: str, base: str) -> None:
    """`name = np.empty(...)` of the length of `base`, filled by a loop or by a slice store."""
    length = scope.env[base].shape[0]
    scope.emit(f"{name} = {scope.rng.choice([f'np.empty({length_text(scope, base)})', f'np.empty_like({base})'])}")
    scope.mark("np.empty filled")
    if scope.chance(0.25) or scope.work > 30:
        scope.emit(f"{name}[:] = {scope.rng.choice([base, float_expression(scope, 1)])}")
    else:
        fill_loop(scope, name, base, length)
    scope.env[name] = Var("array", (length,))


def fill_loop(scope: Scope, name: str, base: str, length: Length) -> None:
    """A loop that gives every element of `name` a value, computed from neighbours in `base`."""
    i = scope.loop_name()
    var = Var("int", lo=0, hi=length - 1) if isinstance(length, int) else Var("int", hi=None, dims=frozenset([length]))
    scope.protected.add(i)
    with scope.block(f"for {i} in range({length_text(scope, base)}):", {i: var}, 5):
        keep = scope.rng.choice([f"{base}[{i}]", f"{base}[{i} - 1]", None])
        scope.emit(f"{name}[{i}] = {value(scope, 2, keep)}")
    scope.protected.discard(i)
    scope.env.pop(i, None)


@statement("chained arrays", 0.3)
def chained(scope: Scope) -> bool:
    """`a = b = np.zeros(n)`: two names of one new array."""
    a, b, n = scope.new("u"), scope.new("u"), scope.rng.randint(1, 4)
    scope.emit(f"{a} = {b} = np.{scope.rng.choice(['zeros', 'ones'])}({n})")
    scope.env[a] = scope.env[b] = Var("array", (n,))
    touch(scope, a, b)
    return True

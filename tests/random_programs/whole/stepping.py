"""Loops and branches over whole arrays: time steps, swapped buffers, rows, sums over iterations."""

from __future__ import annotations

from dataclasses import replace

from tests.random_programs.expressions import condition, index, length_text
from tests.random_programs.loops import int_range
from tests.random_programs.scope import Loop, Scope, Var, write_statements

from .binding import step, update
from .forms import Part, array_statement, bind, draw, exact, moderate, named, operand, pick, squashed, tensors
from .shapes import Shape, known


def inside(scope: Scope, probability: float = 0.4) -> None:
    """Perhaps another statement of any kind."""
    if scope.budget > 0 and scope.chance(probability):
        write_statements(scope, 1, 1)


def copy_of(scope: Scope, name: str) -> str:
    """A new name for a copy of an array; in double precision."""
    base, new = named(scope, name), scope.new("v")
    text = scope.rng.choice([f"{name}.copy()", f"{name} * 1.0", f"np.zeros_like({name})", f"np.cos({name})"])
    scope.emit(f"{new} = {text}")
    scope.env[new] = Var("array", base.shape, contiguous=base.contiguous)
    return new


def bases(scope: Scope) -> list[str]:
    """Arrays that may be bound again, in double precision."""
    return scope.rebindable("array", test=lambda v: not v.frozen and len(v.shape) > 0)


def counting(scope: Scope) -> tuple[str, str, Var]:
    """The name, the header and the range of a short loop."""
    t, count = scope.loop_name(), scope.rng.randint(1, 4)
    return t, f"for {t} in range({count}):", int_range(0, count - 1)


@array_statement("step loop", 1.2)
def step_loop(scope: Scope) -> bool:
    """`x = x + h * f(x)` in a loop, perhaps with one array that another one follows."""
    names = bases(scope)
    if not names or scope.work > 12 or scope.depth >= scope.max_depth:
        return False
    x = pick(scope, names)
    others = [n for n in names if n != x and scope.env[n].shape == scope.env[x].shape]
    t, header, counter = counting(scope)
    scope.protected.add(t)
    with scope.block(header, {t: counter}, counter.hi + 1):
        scope.loops.append(Loop(can_continue=True))
        if others and scope.chance(0.5):
            step(scope, scope.rng.choice(others), 1, x)
        inside(scope)
        step(scope, x, scope.rng.randint(1, 2))
        inside(scope, 0.2)
        scope.loops.pop()
    scope.protected.discard(t)
    scope.env.pop(t, None)
    return True


@array_statement("swap loop", 1.2)
def swap_loop(scope: Scope) -> bool:
    """Two arrays, one filled from the other as a whole, and the names swapped."""
    names, rng = bases(scope), scope.rng
    if not names or scope.work > 12 or scope.depth >= scope.max_depth:
        return False
    base = pick(scope, names)
    u = base if not scope.env[base].contiguous and scope.chance(0.3) else copy_of(scope, base)
    v = copy_of(scope, u)
    scope.env[u] = scope.env[v] = replace(scope.env[u], contiguous=False)
    t, header, counter = counting(scope)
    scope.protected |= {t, u, v}
    shape = scope.env[u].shape
    with scope.block(header, {t: counter}, counter.hi + 1):
        scope.loops.append(Loop(can_continue=False))
        part = squashed(scope, exact(scope, u, 2))
        e = part.text
        forms = [f"{v}[:] = {e}", f"{v}[...] = {e}", f"{v}[:] = 0.5 * {u} + 0.4 * {operand(e)}"]
        scope.emit(rng.choice(forms + [f"{v} = {e}"] * (not part.single)))
        if scope.chance(0.4):
            update(scope, f"{v}[{rng.choice(['0', '-1', '1:', ':-1', '::2', '...'])}]", shape[1:])
        inside(scope, 0.3)
        scope.emit(f"{u}, {v} = {v}, {u}")
        scope.loops.pop()
    scope.protected -= {t, u, v}
    scope.env.pop(t, None)
    scope.wrote = True
    return True


@array_statement("row loop", 1.0)
def row_loop(scope: Scope) -> bool:
    """`for i in range(len(A)): A[i] = f(A[i - 1], b)`, or a sum of rows."""
    names = tensors(scope, lambda v: len(v.shape) > 1)
    if not names or scope.work > 12 or scope.depth >= scope.max_depth:
        return False
    a, rng = pick(scope, names), scope.rng
    shape = scope.env[a].shape
    rows: Shape = shape[1:]
    i, n = scope.loop_name(), shape[0]
    var = int_range(0, n - 1) if isinstance(n, int) else Var("int", hi=None, dims=frozenset([n]))
    scope.protected.add(i)
    header = rng.choice([f"range({length_text(scope, a)})", f"range(1, len({a}))", f"range(len({a}) - 1, -1, -1)"])
    with scope.block(f"for {i} in {header}:", {i: var}, 4):
        read = Part(f"{a}[{rng.choice([f'{i} - 1', i, index(scope, n, f'len({a})')])}]", rows)
        e = squashed(scope, draw(scope, rows, 2)).text
        scope.emit(rng.choice([f"{a}[{i}] = 0.5 * {read.text} + {operand(e)}",
                               f"{a}[{i}] += {read.text} * {operand(e)}",
                               f"{a}[{i}, ...] = np.tanh({read.text}) * {operand(e)}",
                               f"{a}[{i}] = {e}", f"{a}[{i}] -= np.mean({read.text}) * {operand(e)}"]))  # fmt: skip
        inside(scope, 0.3)
    scope.protected.discard(i)
    scope.env.pop(i, None)
    scope.wrote = True
    return True


@array_statement("collect loop", 1.2)
def collect_loop(scope: Scope) -> bool:
    """`out[t] = x; x = f(x)`, or `total += f(x)`, over a few iterations."""
    names, rng = bases(scope), scope.rng
    names = [n for n in names if known(scope.env[n].shape) and len(scope.env[n].shape) < 3]
    if not names or scope.work > 12 or scope.depth >= scope.max_depth:
        return False
    x = pick(scope, names)
    shape = scope.env[x].shape
    t, header, counter = counting(scope)
    count, out = counter.hi + 1, scope.new("v")
    keep = scope.chance(0.5)
    whole = (count, *shape) if keep else shape
    made = rng.choice(["empty", "zeros"]) if keep else "zeros"
    scope.emit(f"{out} = np.{made}({whole})" if len(whole) > 1 else f"{out} = np.{made}({whole[0]})")
    scope.protected |= {t, out}
    with scope.block(header, {t: counter}, count):
        scope.loops.append(Loop(can_continue=False))
        e = squashed(scope, exact(scope, x, 2))
        if keep:
            scope.emit(f"{out}[{t}] = {rng.choice([x, e.text])}")
        else:
            scope.emit(f"{out} += {e.text}" if e.single or scope.chance(0.6) else f"{out} = {out} + {operand(e.text)}")
        if made == "zeros":  # a jump would leave elements of `np.empty` unwritten
            inside(scope, 0.3)
        step(scope, x, 1)
        scope.loops.pop()
    scope.protected -= {t, out}
    scope.env.pop(t, None)
    scope.env[out] = Var("array", whole, contiguous=keep)
    return True


@array_statement("array branch", 1.0)
def branch(scope: Scope) -> bool:
    """A name bound in both arms of an `if`, or an array changed in one of them."""
    names = bases(scope)
    if not names or scope.depth > scope.max_depth:
        return False
    base, rng = pick(scope, names), scope.rng
    test = condition(scope)
    if scope.chance(0.4):
        with scope.block(f"if {test}:"):
            step(scope, base, 2)
        if scope.chance(0.5):
            with scope.block("else:"):
                update(scope, f"{base}[:]", scope.env[base].shape)
        return True
    name = scope.new("v")
    arms = [f"if {test}:", "else:"] if scope.chance(0.8) else [f"if {test}:", f"elif {condition(scope)}:", "else:"]
    for header in arms:
        with scope.block(header):
            inside(scope, 0.2)
            part = exact(scope, base, 2)
            own = f"{base}.copy()" if part.single else part.text
            scope.emit(f"{name} = {rng.choice([own, own, base, f'{base}[::-1]'])}")
    scope.env[name] = Var("array", scope.env[base].shape, contiguous=False)
    if scope.chance(0.5):
        bind(scope, moderate(scope, scope.env[name].shape, 2))
    return True

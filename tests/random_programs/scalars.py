"""Statements that bind and change scalars."""

from __future__ import annotations

import ast
import textwrap
from collections import Counter

from .expressions import bounded, call, condition, constant, element, float_expression, int_value, value
from .scope import Scope, Var, statement

FLOAT = Var("float")


@statement("scalar assignment", 4.0)
def assign(scope: Scope) -> bool:
    """`x = value`, to a new name or an old one."""
    known = scope.rebindable("float")
    if known and scope.chance(0.6):
        name = scope.rng.choice(known)
        scope.emit(f"{name} = {value(scope, 3, name if scope.chance(0.5) else None)}")
    else:
        text = value(scope, 3)
        name = scope.new("x")
        scope.emit(f"{name} = {text}")
        scope.env[name] = FLOAT
    return True


@statement("scalar augmented", 2.5)
def augment(scope: Scope) -> bool:
    """`x += ...` and its kin."""
    known = scope.rebindable("float")
    if not known:
        return False
    scope.emit(augmented(scope, scope.rng.choice(known)))
    return True


def augmented(scope: Scope, target: str) -> str:
    """An augmented assignment to a name or an element."""
    text, rng = float_expression(scope, 2), scope.rng
    return rng.choice([
        f"{target} += 0.4 * {bounded(scope, text)}",
        f"{target} += 0.4 * {bounded(scope, text)}",
        f"{target} -= 0.3 * {bounded(scope, text)}",
        f"{target} *= {bounded(scope, text)}",
        f"{target} *= 0.5 + 0.4 * math.sin({text})",
        f"{target} /= 1.5 + ({text}) ** 2",
        f"{target} **= 2" if scope.work == 1 else f"{target} *= 0.5",
    ])  # fmt: skip


@statement("tuple assignment", 1.0)
def tuple_assign(scope: Scope) -> bool:
    """Swaps of scalars, simultaneous updates, swaps of elements."""
    rng, known, arrays = scope.rng, scope.rebindable("float"), scope.arrays()
    kind = rng.choice(["pair", "pair", "elements", "mixed", "nested"])
    if kind == "elements" and arrays:
        array = rng.choice(arrays)
        a, b = element(scope, array), element(scope, rng.choice([array, rng.choice(arrays)]))
        scope.emit(f"{a}, {b} = {b}, {rng.choice([a, a, f'0.5 * {a}'])}")
        scope.wrote = True
        return True
    if len(known) < 2:
        return False
    x, y = rng.sample(known, 2)
    if kind == "mixed" and arrays:
        a = element(scope, rng.choice(arrays))
        scope.emit(f"{x}, {a} = {a}, {x}")
        scope.wrote = True
    elif kind == "nested":
        scope.emit(f"({x}, {y}), {x} = ({y}, {value(scope, 1)}), {value(scope, 1, x)}")
    else:
        scope.emit(f"{x}, {y} = {rng.choice([y, value(scope, 1, y)])}, {rng.choice([x, value(scope, 2, x)])}")
    return True


@statement("chain assignment", 0.4)
def chain_assign(scope: Scope) -> bool:
    """`x = y = value`, also into an element."""
    known = scope.rebindable("float")
    if not known:
        return False
    text, x = value(scope, 2), scope.rng.choice(known)
    if scope.arrays() and scope.chance(0.5):
        scope.emit(f"{element(scope, scope.rng.choice(scope.arrays()))} = {x} = {text}")
        scope.wrote = True
    else:
        scope.emit(f"{x} = {scope.rng.choice(known)} = {text}")
    return True


@statement("int assignment", 0.8)
def int_assign(scope: Scope) -> bool:
    """An int computed from ints, lengths, index arrays or a rounded float."""
    text, lo, hi = int_value(scope)
    name = scope.new("n")
    scope.emit(f"{name} = {text}")
    scope.env[name] = Var("int", lo=lo, hi=hi)
    return True


@statement("type change", 0.6)
def type_change(scope: Scope) -> bool:
    """A name that holds an int first and a float later."""
    name, rng = scope.new("t"), scope.rng
    form = rng.choice(["line", "branch", "meaning"])
    if form == "line" or scope.depth > 0:
        scope.emit(f"{name} = {rng.choice(['0', '1', '2'])}")
        scope.emit(rng.choice([f"{name} = {value(scope, 2, name)}", f"{name} += {value(scope, 2)}"]))
    elif form == "branch":
        test = condition(scope)
        number, other = rng.choice(["0", "1", "-1"]), value(scope, 2)
        if scope.chance(0.5):
            number, other = other, number
        for header, text in ((f"if {test}:", number), ("else:", other)):
            with scope.block(header):
                scope.emit(f"{name} = {text}")
    else:
        scope.emit(f"{name} = np.full(2, {float_expression(scope, 1)})")
        scope.emit(f"{name} = 0.5 * {name}[0] * {name}[-1]")
    scope.env[name] = FLOAT
    return True


@statement("accumulate from int", 0.6)
def int_start(scope: Scope) -> bool:
    """`s = 0`, then floats added in a loop."""
    arrays = scope.arrays(1)
    if not arrays or scope.work > 30:
        return False
    name, array, i = scope.new("s"), scope.rng.choice(arrays), scope.loop_name()
    scope.emit(f"{name} = 0")
    scope.env[name] = FLOAT
    with scope.block(f"for {i} in range({scope.rng.choice(['', '1, '])}len({array})):", {}, 5):
        scope.emit(
            f"{name} += {constant(scope)} * {array}[{i}] * {scope.rng.choice(['1.0', array + '[' + i + ' - 1]'])}"
        )
    if i in scope.env:  # a loop variable of an earlier loop; its range may have changed
        del scope.env[i]
    return True


@statement("closure", 0.6)
def closure(scope: Scope) -> bool:
    """A lambda or an inner function that captures names of this function."""
    if scope.depth > 0 or len(scope.closures) >= 2:
        return False
    name, outer = scope.new("g"), dict(scope.env)
    scope.env = {k: v for k, v in outer.items() if v.kind != "int" or k in scope.protected}
    scope.env["z"] = FLOAT
    text = value(scope, 2, "z")
    rest = value(scope, 1)
    scope.env = outer
    captured = {n for n in outer if n in _words(text + " " + rest)}
    if any(count > 1 for name, count in bindings(scope).items() if name in captured):
        return False  # Numba captures names with one definition only
    if scope.chance(0.6):
        scope.emit(f"{name} = lambda z: {text}")
    else:
        with scope.block(f"def {name}(z):"):
            with scope.block(f"if z > {constant(scope)}1:"):
                scope.emit(f"return {rest}")
            scope.emit(f"return {text}")
    scope.protected |= captured
    scope.closures.append(name)
    result = scope.new("x")  # Numba refuses a closure that captures an array and is never called
    scope.emit(f"{result} = {name}({float_expression(scope, 1)})")
    scope.env[result] = FLOAT
    return True


def bindings(scope: Scope) -> Counter:
    """How often each name of the function written so far is bound."""
    tree = ast.parse(textwrap.dedent("\n".join(scope.lines)))
    stores = Counter(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return stores + Counter(scope.arguments)


def _words(text: str) -> set[str]:
    """The identifiers in a text."""
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())


@statement("tuple value", 0.4)
def tuple_value(scope: Scope) -> bool:
    """A tuple kept in a name, read by position or unpacked later."""
    name, x = scope.new("p"), scope.new("x")
    scope.emit(f"{name} = ({value(scope, 1)}, {value(scope, 2)})")
    if scope.chance(0.5):
        scope.emit(f"{x} = {name}[0] * {name}[-1]")
    else:
        y = scope.new("x")
        scope.emit(f"{x}, {y} = {name}")
        scope.env[y] = FLOAT
    scope.env[x] = FLOAT
    return True


@statement("several results", 0.8)
def several_results(scope: Scope) -> bool:
    """A helper call as a statement: no result, one, or several, unpacked."""
    options = [h for h in scope.helpers if h.results != ("float",)]
    if not options or scope.work > 30:
        return False
    helper = scope.rng.choice(options)
    text = call(scope, helper)
    if text is None:
        return False
    if not helper.results:
        scope.mark("helper fills argument")
        scope.emit(text)
        return True
    argument = text[len(helper.name) + 1 :].split(",")[0].rstrip(")").split("[")[0]
    names = []
    for kind in helper.results:
        known = scope.rebindable("float") if kind == "float" else []
        known = [n for n in known if n not in names]
        names.append(
            scope.rng.choice(known) if known and scope.chance(0.5) else scope.new("x" if kind == "float" else "r")
        )
    scope.emit(f"{', '.join(names)} = {text}")
    for name, kind in zip(names, helper.results, strict=True):
        if kind == "array":
            last = scope.env[argument].shape[-1]
            scope.env[name] = Var("array", (last,), contiguous=False)
        else:
            scope.env[name] = FLOAT
    return True


@statement("branch-assigned", 0.8)
def branch_assigned(scope: Scope) -> bool:
    """A name first bound in the arms of an `if`."""
    name = scope.new("x")
    arms = [f"if {condition(scope)}:", "else:"]
    if scope.chance(0.4):
        arms.insert(1, f"elif {condition(scope)}:")
    for header in arms:
        with scope.block(header):
            scope.emit(f"{name} = {value(scope, 2)}")
    scope.env[name] = FLOAT
    return True

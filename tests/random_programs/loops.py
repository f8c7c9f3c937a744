"""Control flow: loops of every kind, branches, jumps."""

from __future__ import annotations

from collections.abc import Callable

from .expressions import condition, float_expression, index, int_value, length_text, value
from .scalars import FLOAT, augmented
from .scope import Loop, Scope, Var, statement, write_statements

RESULTS: dict[str, Callable[[Scope, int], str]] = {}  # other files add: the text of an array of some rank


def int_range(lo: int, hi: int | None, dims: frozenset[str] = frozenset()) -> Var:
    """An int known to lie in lo..hi."""
    return Var("int", lo=lo, hi=hi if hi is None else max(lo, hi), dims=dims)


def random_range(scope: Scope) -> tuple[str, Var, int, int]:
    """`range(...)`, the variable it gives, and the least and the largest number of iterations."""
    rng, arrays = scope.rng, scope.arrays()
    kind = rng.choices(["array", "constant", "triangular", "value"], [4.0 * bool(arrays), 1.5, 2.0, 1.5])[0]
    inner = scope.names("int", test=lambda v: v.lo >= 0 and (v.dims or (v.hi is not None and v.hi < 5)))
    if kind == "triangular" and inner:
        name = rng.choice(inner)
        var = scope.env[name]
        scope.mark("triangular")
        form = rng.choice([f"range({name})", f"range({name} + 1)", f"range({name}, -1, -1)"])
        least = 0 if form == f"range({name})" else 1
        if least == 0 and var.hi is not None:
            return form, int_range(0, var.hi - 1, var.dims), 0, max(var.hi, 1)
        return form, int_range(0, var.hi, var.dims), least, 5 if var.hi is None else var.hi + 1
    if kind == "array" and arrays:
        array = rng.choice(arrays)
        axis = rng.randrange(len(scope.env[array].shape))
        length, n = scope.env[array].shape[axis], length_text(scope, array, axis)
        known = isinstance(length, int)
        var = int_range(0, length - 1) if known else int_range(0, None, frozenset([length]))
        most = length if known else 5
        form = rng.choice(["{n}", "{n}", "{n}", "0, {n}", "1, {n}", "{n} - 1, -1, -1", "{n} - 1, 0, -1", "0, {n}, 2",
                           "-1, {n} - 1"])  # fmt: skip
        if form.startswith("-1"):
            var = int_range(-1, length - 2) if known else int_range(-1, None, frozenset([length]))
        least = most if form in ("{n}", "0, {n}", "{n} - 1, -1, -1", "-1, {n} - 1") and known else int("1," not in form)
        return f"range({form.format(n=n)})", var, 0 if "0, -1" in form else least, most
    if kind == "value":
        text, lo, hi = int_value(scope)
        if hi <= 5:
            return f"range({text})", int_range(0, hi - 1), max(0, lo), max(1, hi)
    start, stop, step = rng.randint(-2, 4), rng.randint(-1, 5), rng.choice([1, 1, 2, -1, -1, -2])
    values = list(range(start, stop, step)) or [0]
    return f"range({start}, {stop}, {step})", int_range(min(values), max(values)), len(range(start, stop, step)), 6


@statement("for range", 5.0)
def for_range(scope: Scope) -> bool:
    """`for i in range(...)`, perhaps reversed."""
    if scope.depth >= scope.max_depth or scope.work > 40:
        return False
    text, var, least, most = random_range(scope)
    if scope.chance(0.12):
        text = f"reversed({text})"
        scope.mark("reversed")
    name = scope.loop_name()
    write_loop(scope, f"for {name} in {text}:", {name: var}, least, most)
    return True


def write_loop(scope: Scope, header: str, declare: dict[str, Var], least: int, most: int) -> None:
    """A `for` loop with a random body, perhaps an `else`, and its names used after it."""
    fixed = [n for n in declare if n not in scope.protected]
    scope.protected |= set(fixed)
    scope.loops.append(Loop(can_continue=True))
    jumps = len(scope.lines)
    with scope.block(header, declare, most) as inner:
        write_statements(scope, 1, 3)
        if scope.depth > 1 and scope.chance(0.1) and (names := [n for n in declare if declare[n].kind == "int"]):
            scope.mark("loop variable assigned")
            scope.emit(f"{names[0]} = {names[0]} + 1")
            inner["assigned"] = FLOAT
    scope.loops.pop()
    scope.protected -= set(fixed)
    jumps = any(line.strip() in ("break", "continue") for line in scope.lines[jumps:])
    if scope.chance(0.15):
        scope.mark("loop else")
        with scope.block("else:"):
            write_statements(scope, 1, 2)
    for name in declare:
        scope.env.pop(name, None)
    if least > 0 and not jumps and "assigned" not in inner:
        kept = {n: v for n, v in inner.items() if n not in scope.env and v.kind in ("float", "int")}
        if kept and scope.chance(0.5):
            scope.mark("bound in a loop, used after it")
            scope.env.update(kept)


@statement("for array", 1.5)
def for_array(scope: Scope) -> bool:
    """A loop over an array, a tuple, `enumerate` or `zip`; the body may write the array."""
    arrays, rng = scope.arrays(), scope.rng
    if not arrays or scope.depth >= scope.max_depth or scope.work > 40:
        return False
    a = rng.choice(arrays)
    var = scope.env[a]
    length, item = var.shape[0], scope.new("y" if len(var.shape) == 1 else "row")
    item_var = FLOAT if len(var.shape) == 1 else Var("array", var.shape[1:], contiguous=False)
    most, least = (length, length) if isinstance(length, int) else (5, 1)
    i = scope.loop_name()
    counter = int_range(0, length - 1) if isinstance(length, int) else int_range(0, None, frozenset([length]))
    kind = rng.choice(["plain", "plain", "enumerate", "enumerate", "zip", "reversed", "floats", "arrays", "zip range"])
    scope.mark(f"for {kind}")
    if kind == "plain":
        write_loop(scope, f"for {item} in {a}:", {item: item_var}, least, most)
    elif kind == "reversed":
        write_loop(scope, f"for {item} in {a}[::-1]:", {item: item_var}, least, most)
    elif kind == "enumerate":
        write_loop(scope, f"for {i}, {item} in enumerate({a}):", {i: counter, item: item_var}, least, most)
    elif kind in ("zip", "zip range"):
        others = [n for n in arrays if len(scope.env[n].shape) == 1]
        if not others:
            others = arrays
        b, second = rng.choice(others), scope.new("y")
        other = scope.env[b]
        second_var = FLOAT if len(other.shape) == 1 else Var("array", other.shape[1:], contiguous=False)
        if kind == "zip":
            header = f"for {item}, {second} in zip({a}, {b}):"
            write_loop(scope, header, {item: item_var, second: second_var}, 1, most)
        else:
            header = f"for {i}, ({item}, {second}) in enumerate(zip({a}, {b})):"
            write_loop(scope, header, {i: counter, item: item_var, second: second_var}, 1, most)
    elif kind == "floats":
        c = scope.new("c")
        write_loop(scope, f"for {c} in ({value(scope, 1)}, 0.3, {float_expression(scope, 1)}):", {c: FLOAT}, 3, 3)
    else:
        twins = [n for n in arrays if scope.env[n] == var]
        r = scope.new("r")
        header = f"for {r} in ({a}, {rng.choice(twins)}):"
        write_loop(scope, header, {r: Var("array", var.shape, contiguous=False)}, 2, 2)
    return True


@statement("while", 2.0)
def while_loop(scope: Scope) -> bool:
    """A `while` loop with a counter, or one that halves a float."""
    if scope.depth >= scope.max_depth or scope.work > 40:
        return False
    rng, k, bound = scope.rng, scope.new("k"), scope.rng.randint(1, 4)
    kind = rng.choice(["first", "last", "forever", "halve", "down"])
    if kind == "halve":
        return halving(scope)
    scope.mark(f"while {kind}")
    start, tail = "0", []
    test, inside = f"{k} < {bound}", int_range(1, bound)
    if kind == "last":
        inside, tail = int_range(0, bound - 1), [f"{k} += 1"]
    elif kind == "down":
        start, test, inside, tail = str(bound), f"{k} > 0", int_range(1, bound), [f"{k} -= 1"]
    scope.emit(f"{k} = {start}")
    scope.protected.add(k)
    if kind != "forever" and scope.chance(0.4):
        scope.env[k] = int_range(0, bound)
        test += f" and ({condition(scope)})"
    scope.loops.append(Loop(can_continue=not tail))
    with scope.block("while True:" if kind == "forever" else f"while {test}:", {k: inside}, bound):
        if kind == "forever":
            scope.emit(f"{k} += 1")
            more = f" or {condition(scope, 0, rare=True)}" if scope.chance(0.4) else ""
            with scope.block(f"if {k} > {bound}{more}:"):
                scope.emit("break")
        elif kind == "first":
            scope.emit(f"{k} += 1")
        write_statements(scope, 1, 3)
        for line in tail:
            scope.emit(line)
    scope.loops.pop()
    scope.protected.discard(k)
    if kind != "forever" and scope.chance(0.15):
        scope.mark("loop else")
        with scope.block("else:"):
            write_statements(scope, 1, 1)
    scope.env[k] = int_range(0, bound + 1)
    return True


def halving(scope: Scope) -> bool:
    """`while e > 0.2: e *= ...`: a trip count that depends on the data."""
    e = scope.new("x")
    scope.emit(f"{e} = 1.0 + abs({float_expression(scope, 1)})")
    scope.env[e] = FLOAT
    scope.protected.add(e)
    scope.loops.append(Loop(can_continue=False))
    with scope.block(f"while {e} > {scope.rng.uniform(0.2, 0.6):.4f}:", {}, 5):
        write_statements(scope, 1, 2)
        scope.emit(f"{e} *= 0.5 + 0.2 * math.sin({float_expression(scope, 1)})")
    scope.loops.pop()
    scope.protected.discard(e)
    return True


@statement("if", 4.0)
def branch(scope: Scope) -> bool:
    """`if`/`elif`/`else`."""
    if scope.depth >= scope.max_depth + 1:
        return False
    headers = [f"if {condition(scope)}:"]
    while len(headers) < 3 and scope.chance(0.2):
        headers.append(f"elif {condition(scope)}:")
    if scope.chance(0.6):
        headers.append("else:")
    ends = []
    for header in headers:
        with scope.block(header) as inner:
            write_statements(scope, 1, 2)
        ends.append(inner)
    return True


@statement("jump", 1.5)
def jump(scope: Scope) -> bool:
    """A `break`, `continue` or early `return` under a condition."""
    rng = scope.rng
    kinds = ["break"] * 2 * bool(scope.loops) + ["return"] * (scope.depth > 0)
    if scope.loops and scope.loops[-1].can_continue:
        kinds += ["continue"] * 2
    if not kinds:
        return False
    kind = rng.choice(kinds)
    result = result_text(scope) if kind == "return" else ""
    if result is None:
        return False
    with scope.block(f"if {condition(scope, 0, rare=kind == 'return' or scope.chance(0.5))}:"):
        if scope.budget > 0 and scope.chance(0.4):
            known, arrays = scope.rebindable("float"), scope.arrays(1)
            if arrays and scope.chance(0.5):
                a = rng.choice(arrays)
                at = index(scope, scope.env[a].shape[0], f"len({a})")
                scope.emit(augmented(scope, f"{a}[{at}]"))
                scope.wrote = True
            elif known:
                scope.emit(augmented(scope, rng.choice(known)))
        scope.emit(f"return {result}".rstrip() if kind == "return" else kind)
    scope.mark(kind)
    return True


def result_text(scope: Scope, kinds: tuple[str, ...] | None = None) -> str | None:
    """The expression of a `return`, of the kinds that this function gives; None where no array fits."""
    parts = []
    for kind in scope.results if kinds is None else kinds:
        if kind == "float":
            parts.append(value(scope, 2))
            continue
        rank = {"array": 1, "matrix": 2, "tensor": 3, "single": 0}[kind]
        if scope.whole and (scope.depth > 0 or rank in (0, 3) or not scope.arrays(rank)):
            parts.append(RESULTS["whole array"](scope, rank))
            continue
        options = scope.arrays(rank)
        if not options:
            return None
        name = scope.rng.choice(options)
        parts.append(name if scope.env[name].contiguous else f"{name}.copy()")
    return ", ".join(parts)


@statement("changing bound", 0.5)
def changing_bound(scope: Scope) -> bool:
    """A loop whose bound is changed in its body (`range` has been evaluated by then)."""
    if scope.depth >= scope.max_depth or scope.work > 20:
        return False
    m, i, n = scope.new("m"), scope.loop_name(), scope.rng.randint(1, 4)
    scope.emit(f"{m} = {n}")
    scope.env[m] = int_range(n - 4 * n, n + 8)
    scope.protected |= {i, m}
    scope.loops.append(Loop(can_continue=True))
    with scope.block(f"for {i} in range({m}):", {i: int_range(0, n - 1)}, n):
        scope.emit(f"{m} {scope.rng.choice(['-= 1', '+= 2', '-= 2', '= 1'])}")
        write_statements(scope, 1, 2)
    scope.loops.pop()
    scope.protected -= {i, m}
    scope.env.pop(i, None)
    return True

"""Random expressions: smooth bounded floats, indices that are in bounds, conditions away from ties."""

from __future__ import annotations

import re
from collections.abc import Callable

from .scope import Helper, Length, Scope

# forms that other files add: called with a depth; None where nothing fits
EXTRA: dict[str, Callable[[Scope, int], str | None]] = {}
SIMPLE = re.compile(r"[\w.]+(\[[^\[\]]*\])*")


def constant(scope: Scope) -> str:
    """A float literal, seldom a round one."""
    if scope.chance(0.15):
        return scope.rng.choice(["0.5", "1.0", "2.0", "-1.0", "0.25"])
    return f"{scope.rng.uniform(-1.5, 1.5):.3f}"


def wrapped(text: str) -> str:
    """Parentheses, where a unary minus or an operator may need them."""
    return text if SIMPLE.fullmatch(text) else f"({text})"


# -- indices -----------------------------------------------------------------------------------
def length_text(scope: Scope, array: str, axis: int = 0) -> str:
    """The length of an axis, spelled in one of several ways."""
    length = scope.env[array].shape[axis]
    spellings = [f"{array}.shape[{axis}]", f"{array}.shape[{axis}]"]
    if axis == 0:
        spellings.append(f"len({array})")
    if len(scope.env[array].shape) == 1:
        spellings.append(f"{array}.size")
    if isinstance(length, int):
        spellings += scope.names("int", test=lambda v: v.lo == v.hi == length)
    return scope.rng.choice(spellings)


def index(scope: Scope, length: Length, length_spelling: str, nested: bool = True) -> str:
    """An int expression that is a valid index, perhaps a negative one, for an axis of this length."""
    options: list[tuple[float, str]] = []
    rng = scope.rng
    if isinstance(length, int):
        options += [(0.7, str(rng.randrange(length))), (0.7, str(-1 - rng.randrange(length)))]
    else:
        options += [(0.7, "0"), (0.7, "-1")]
    for name in scope.names("int"):
        var = scope.env[name]
        if isinstance(length, int):
            fits = var.hi is not None and var.lo >= -length and var.hi < length
            before = var.hi is not None and var.lo - 1 >= -length and var.hi - 1 < length
            after = var.hi is not None and var.lo + 1 >= -length and var.hi + 1 < length
        else:
            fits, after = length in var.dims, False
            before = fits and var.lo >= 0
        if fits:
            options.append((4.0, name))
        if before:
            options.append((2.0, f"{name} - 1"))
        if after:
            options.append((1.0, f"{name} + 1"))
        if fits and var.lo >= 0:
            options += [(0.6, f"{length_spelling} - 1 - {name}"), (0.4, f"-{name} - 1")]
        factor = rng.choice(["", "", "2 * ", "3 * "])
        options.append((0.8, f"({factor}{name} + {rng.randint(0, 3)}) % {length_spelling}"))
    if nested:
        for name in scope.names("ints", test=lambda v: isinstance(length, int) and v.hi < length and v.lo >= -length):
            at = index(scope, scope.env[name].shape[0], f"len({name})", nested=False)
            options.append((3.0, f"{name}[{at}]"))
    weights, texts = zip(*options, strict=True)
    return rng.choices(texts, weights)[0]


def element(scope: Scope, array: str) -> str:
    """An element of this array."""
    shape = scope.env[array].shape
    at = [index(scope, length, length_text(scope, array, axis)) for axis, length in enumerate(shape)]
    if len(at) == 2 and scope.chance(0.15):
        return f"{array}[{at[0]}][{at[1]}]"
    return f"{array}[{', '.join(at)}]"


def int_value(scope: Scope) -> tuple[str, int, int]:
    """A small int expression with its range."""
    rng, options = scope.rng, []
    for name in scope.names("int", test=lambda v: v.hi is not None):
        var = scope.env[name]
        lo, hi = var.lo, var.hi
        options += [(name, lo, hi), (f"{name} + 1", lo + 1, hi + 1), (f"min({name}, 2)", min(lo, 2), min(hi, 2))]
        options += [(f"{name} // 2", lo // 2, hi // 2), (f"(3 * {name} + 1) % 4", 0, 3)]
    for name in scope.arrays():
        length = scope.env[name].shape[0]
        if isinstance(length, int):
            options.append((f"len({name})", length, length))
    for name in scope.names("ints"):
        var = scope.env[name]
        options.append((f"{name}[{index(scope, var.shape[0], f'len({name})', False)}]", var.lo, var.hi))
    number = rng.randint(0, 4)
    options.append((str(number), number, number))
    if scope.chance(0.3):
        options.append((f"int(2.3 * abs({atom(scope)})) % 4", 0, 3))
    return rng.choice(options)


# -- floats ------------------------------------------------------------------------------------
def atom(scope: Scope) -> str:
    """A variable, an element or a constant."""
    rng = scope.rng
    floats, arrays = scope.names("float"), scope.names("array")
    if len(floats) > 1 and scope.chance(0.8):
        floats = [name for name in floats if name != "K"]
    kind = rng.choices(["float", "element", "constant", "int"], [3.0 * bool(floats), 3.5 * bool(arrays), 0.7, 0.4])[0]
    if kind == "float":
        return rng.choice(floats)
    if kind == "element":
        return element(scope, rng.choice(arrays))
    ints = scope.names("int", test=lambda v: v.hi is not None and v.lo > -8 and v.hi < 8)
    if kind == "int" and ints:
        return f"{rng.choice(['0.1', '0.3'])} * {rng.choice(ints)}"
    return constant(scope)


def function_name(scope: Scope, name: str) -> str:
    """`math.name` or `np.name`."""
    return f"{scope.rng.choice(['math', 'np'])}.{name}"


def float_expression(scope: Scope, depth: int) -> str:
    """A smooth expression of moderate size, given moderate variables."""
    if depth <= 0 or scope.chance(0.2):
        return atom(scope)
    rng = scope.rng
    form = rng.choices(
        ["arithmetic", "divide", "bounded", "root", "power", "kink", "choice", "call", "whole array"],
        [5.0, 1.0, 3.0, 1.0, 1.0, 0.5 * scope.weights.get("kink", 1.0), 0.5, 1.2, 1.5 * scope.whole],
    )[0]
    a, b = float_expression(scope, depth - 1), float_expression(scope, depth - 2)
    if form == "arithmetic":
        operator = rng.choice(["+", "-", "*", "*"])
        return (
            f"{wrapped(a)} {operator} {wrapped(b)}" if scope.chance(0.8) else f"-{wrapped(a)} {operator} {wrapped(b)}"
        )
    if form == "divide":
        return rng.choice([f"{wrapped(a)} / (1.5 + {square(scope, b)})", f"{wrapped(a)} / (2.0 + math.cos({b}))"])
    if form == "bounded":
        return bounded(scope, a)
    if form == "root":
        name = function_name(scope, rng.choice(["sqrt", "log", "sqrt"]))
        return f"{name}(1.0 + {square(scope, a)})"
    if form == "power":
        return power(scope, a, b)
    if form == "kink":
        scope.mark("kink")
        return rng.choice([f"abs({a})", f"min({a}, {b})", f"max({a}, {b})", f"np.maximum({a}, {b})",
                           f"np.minimum({a}, {b})", f"np.abs({a})", f"max({a}, {b}, {constant(scope)})",
                           f"{wrapped(bounded(scope, a))} % 0.77", f"0.1 * ({wrapped(a)} // 0.61)"])  # fmt: skip
    if form == "choice":
        scope.mark("conditional expression")
        return f"({a} if {condition(scope)} else {b})"
    if form == "whole array":
        return EXTRA[form](scope, depth) or a
    return call_in_expression(scope, depth) or bounded(scope, a)


def square(scope: Scope, text: str) -> str:
    """The square of an expression."""
    return scope.rng.choice([f"{wrapped(text)} ** 2", f"{wrapped(text)} * {wrapped(text)}"])


def power(scope: Scope, a: str, b: str) -> str:
    """A power whose value and derivative are finite."""
    ints = scope.names("int", test=lambda v: v.hi is not None and v.lo >= 0 and v.hi <= 5)
    base = wrapped(bounded(scope, a))
    forms = [f"{base} ** {scope.rng.choice([2, 3, 3, 1, 0])}", f"(1.0 + {square(scope, a)}) ** {constant(scope)}",
             f"(1.2 + {square(scope, a)}) ** math.sin({b})", f"(1.5 + {square(scope, a)}) ** -2",
             f"pow({base}, 2)", f"{base} ** 2.0"]  # fmt: skip
    if ints:
        forms += [f"{base} ** {scope.rng.choice(ints)}"] * 2
    return scope.rng.choice(forms)


def bounded(scope: Scope, text: str) -> str:
    """The expression squashed to a magnitude of about 1."""
    rng = scope.rng
    name = rng.choice(["tanh", "sin", "cos", "tanh", "sin", "exp", "exp2", "atan", "hypot", "erf", "atan2"])
    if name == "exp":
        return f"{function_name(scope, 'exp')}(-{square(scope, text)})".replace("(--", "(-1.0 * -")
    if name == "exp2":
        return f"0.5 * {function_name(scope, 'exp')}({function_name(scope, 'sin')}({text}))"
    if name == "atan":
        return f"{rng.choice(['math.atan', 'np.arctan'])}({text})"
    if name == "atan2":
        return f"{rng.choice(['math.atan2', 'np.arctan2'])}({text}, 1.3)"
    if name == "hypot":
        return f"{wrapped(text)} / {function_name(scope, 'hypot')}({text}, 1.0)"
    return f"{'math.erf' if name == 'erf' else function_name(scope, name)}({text})"


def value(scope: Scope, depth: int = 2, keep: str | None = None) -> str:
    """An expression fit to be stored; `keep` is an expression that it should use, as a recurrence does."""
    text = float_expression(scope, depth)
    if keep is not None:
        factor = scope.rng.choice(["0.5", "0.7", "0.9", "-0.6"])
        forms = [f"{factor} * {keep} + 0.4 * {wrapped(bounded(scope, text))}", f"{keep} * {bounded(scope, text)}"]
        return scope.rng.choice(
            [*forms, bounded(scope, f"{keep} + {text}"), bounded(scope, f"{keep} * {wrapped(text)}")]
        )
    if scope.chance(0.12):
        return atom(scope)
    return bounded(scope, text) if scope.chance(0.7) else f"0.5 * {wrapped(text)}"


# -- calls -------------------------------------------------------------------------------------
def call_in_expression(scope: Scope, depth: int) -> str | None:
    """A call that gives a float, if something can be called."""
    options = [h for h in scope.helpers if h.results == ("float",) and (not h.writes or scope.chance(0.3))]
    names = [*scope.closures, *(h for h in options)]
    if not names or scope.work > 60:
        return None
    callee = scope.rng.choice(names)
    if isinstance(callee, str):
        scope.mark("closure call")
        return f"{callee}({float_expression(scope, depth - 1)})"
    if callee.parameters == ("float",) and scope.chance(0.3):
        scope.mark("function argument")
        return f"twice({callee.name}, {float_expression(scope, depth - 1)})"
    return call(scope, callee)


def call(scope: Scope, helper: Helper) -> str | None:
    """The text of a call; None where no arrays fit."""
    arguments, rng = [], scope.rng
    rank1, rank2 = scope.arrays(1), scope.arrays(2)
    if "matrix" in helper.parameters and not rank2:
        return None
    if "array" in helper.parameters:
        if not rank1:
            return None
        length = scope.env[rng.choice(rank1)].shape[0]
        same = [name for name in rank1 if scope.env[name].shape[0] == length]
        rows = [n for n in rank2 if scope.env[n].shape[1] == length]
    chosen: list[str] = []
    for kind in helper.parameters:
        if kind == "array":
            text = rng.choice(same)
            if chosen and scope.chance(0.3):
                text = chosen[0]
            elif rows and scope.chance(0.25):
                row = rng.choice(rows)
                text = f"{row}[{index(scope, scope.env[row].shape[0], length_text(scope, row))}]"
            if text in chosen:
                scope.mark("same array twice")
            chosen.append(text)
            arguments.append(text)
        elif kind == "matrix":
            arguments.append(rng.choice(rank2))
        elif kind == "int":
            arguments.append(str(rng.randint(0, 3)))
        else:
            arguments.append(float_expression(scope, 1))
    if helper.defaults and scope.chance(0.5):
        arguments = arguments[: -helper.defaults]
    if helper.writes:
        scope.wrote = True
    scope.mark("helper call")
    return f"{helper.name}({', '.join(arguments)})"


# -- conditions --------------------------------------------------------------------------------
def condition(scope: Scope, depth: int = 1, rare: bool = False) -> str:
    """A bool expression; data-dependent ones compare with a number that is unlikely to be hit."""
    rng = scope.rng
    if depth > 0 and scope.chance(0.25):
        a, b = condition(scope, depth - 1, rare), condition(scope, depth - 1)
        if rare:
            return f"{a} and {b}"
        return rng.choice([f"{a} and {b}", f"{a} or {b}", f"not ({a})", f"not {wrapped(a)} and {b}"])
    ints = scope.names("int")
    kind = rng.choices(
        ["float", "chain", "int", "bool"], [3.0, 0.5, 1.0 * bool(ints), 1.0 * bool(scope.names("bool"))]
    )[0]
    text = float_expression(scope, 1)
    if text.strip("-.0123456789()") == "":
        text = atom(scope)
    if kind == "chain":
        return f"{rng.uniform(-1.0, 0.0):.4f} < {wrapped(text)} < {rng.uniform(0.1, 1.0):.4f}"
    if kind == "int":
        name = rng.choice(ints)
        return rng.choice([f"{name} == {rng.randint(0, 3)}", f"{name} % 2 == {rng.randint(0, 1)}",
                           f"{name} > {rng.randint(0, 2)}", f"{name} != {rng.randint(0, 3)}"])  # fmt: skip
    if kind == "bool":
        return rng.choice(scope.names("bool"))
    if rare:
        return f"{wrapped(text)} > {rng.uniform(0.6, 1.2):.4f}"
    if scope.chance(0.2):
        return f"{wrapped(text)} < {wrapped(float_expression(scope, 1))}"
    return f"{wrapped(text)} {rng.choice(['<', '>', '<=', '>='])} {rng.uniform(-0.8, 0.8):.4f}"

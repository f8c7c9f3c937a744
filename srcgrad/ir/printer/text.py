"""The text of a function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from srcgrad.ir.location import NOWHERE, Location
from srcgrad.ir.nodes import Const, Function, Undef, Var, flatten
from srcgrad.ir.printer.names import assign_names, targets
from srcgrad.ir.printer.tree import Branch, Expr, Item, Line, Node, Repeat, build_tree, variables
from srcgrad.ir.types import Array, Scalar
from srcgrad.ir.walk import map_tree

# How tightly each operator binds, as in Python's grammar.
PRECEDENCE = {
    "if": 1, "or": 2, "and": 3, "not": 4, "<": 5, "<=": 5, ">": 5, ">=": 5, "==": 5, "!=": 5, "|": 6, "^": 7, "&": 8,
    "<<": 9, ">>": 9, "+": 10, "-": 10, "*": 11, "/": 11, "//": 11, "%": 11, "neg": 12, "pos": 12, "~": 12, "**": 13,
}  # fmt: skip
CALLS = {"abs": "abs", "min": "min", "max": "max", "round": "round"}
CALLED = {"np", "math", "range", "min", "max", "abs", "round", "int", "float", "bool", "print", "reserve", "polygamma"}


@dataclass(frozen=True)
class Printed:
    """A function as text.

    Attributes:
        name: the function's name in the text.
        text: a module that defines it, with the imports that it needs.
        helpers: the names of other functions in the text, which it calls.
        lines: for each line of the text (from 1), where in the user's source it comes from.
    """

    name: str
    text: str
    lines: tuple[Location, ...]
    helpers: tuple[str, ...] = ()


def print_function(function: Function) -> Printed:
    """`function` as Python text. The same function gives the same text.

    >>> from srcgrad.ir.nodes import Assign
    >>> from srcgrad.ir.types import FLOAT64
    >>> x, y = Var("x", FLOAT64), Var("", FLOAT64)
    >>> print(print_function(Function("f", (x,), (Assign(y, "*", (x, x)),), (y,), (("x", x),))).text)
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def f(x):
        return (x * x,)
    <BLANKLINE>
    """
    module = _Module()
    module.add(function, function.name)
    head = sorted(module.imports)
    lines = [(h, NOWHERE) for h in head]
    for written in module.functions:
        lines += [("", NOWHERE), ("", NOWHERE), *written]
    text = "\n".join(line for line, _ in lines) + "\n"
    helpers = tuple(n for n in module.names.values() if n != function.name)
    return Printed(function.name, text, tuple(loc for _, loc in lines), helpers)


class _Module:
    """The functions of a text, helpers before those that call them."""

    def __init__(self) -> None:
        self.names: dict[Function, str] = {}
        self.imports: set[str] = {"import numpy as np"}
        self.functions: list[list[tuple[str, Location]]] = []

    def add(self, function: Function, name: str) -> None:
        self.names[function] = name
        items, results = build_tree(function.body, tuple(flatten(function.results)))
        names = assign_names(items, results, function.params, parameter_names(function))
        writer = _Writer(names, self)
        writer.function(function, name, items, results)
        self.functions.append(writer.lines)

    def helper(self, function: Function) -> str:
        """The name of a helper, which is written if it is not yet."""
        if function not in self.names:
            name, k = function.name, 1
            while name in self.names.values():
                k += 1
                name = f"{function.name}_{k}"
            self.add(function, name)
        return self.names[function]


def parameter_name(name: str) -> str:
    """The user's name for a parameter, unless the text calls something of that name."""
    return f"{name}_" if name in CALLED else name


def parameter_names(function: Function) -> dict[Var, str]:
    """Names for the parameters: those of the signature, and for parts of tuples names that differ from them."""
    fixed = {tree: parameter_name(name) for name, tree in function.signature if isinstance(tree, Var)}
    taken = {parameter_name(name) for name, _ in function.signature}
    for param in function.params:
        if param not in fixed:
            name = param.hint
            while name in taken:
                name += "_"
            taken.add(name)
            fixed[param] = name
    return fixed


class _Writer:
    def __init__(self, names: dict[Var, str], module: _Module) -> None:
        self.names, self.module = names, module
        self.lines: list[tuple[str, Location]] = []
        self.depth = 0
        self.imports = module.imports

    def helper(self, function: Function) -> str:
        return self.module.helper(function)

    def write(self, text: str, loc: Location) -> None:
        self.lines.append(("    " * self.depth + text, loc))

    def function(self, function: Function, name: str, items: list[Item], results: list[Node]) -> None:
        parameters = [parameter_name(name) for name, _ in function.signature]
        self.write(f"def {name}({', '.join(parameters)}):", function.loc)
        self.depth += 1
        for parameter, tree in function.signature:
            if isinstance(tree, tuple):
                self.unpack(parameter_name(parameter), tree, function.loc)
        if items:
            self.items(items)
        values = list(results)
        tree = map_tree(lambda _: values.pop(0), function.results)
        text = self.result(tree)
        self.write(f"return {text[1:-1] if isinstance(tree, tuple) and len(tree) > 1 else text}", function.loc)

    def unpack(self, name: str, tree: tuple, loc: Location) -> None:
        for k, part in enumerate(tree):
            if isinstance(part, tuple):
                inner = f"{name}_{k}"
                self.write(f"{inner} = {name}[{k}]", loc)
                self.unpack(inner, part, loc)
            elif part is not None:
                self.write(f"{self.names[part]} = {name}[{k}]", loc)

    def result(self, tree: Any) -> str:
        if isinstance(tree, tuple):
            inner = ", ".join(self.result(t) for t in tree)
            return f"({inner},)" if len(tree) == 1 else f"({inner})"
        return "None" if tree is None else self.expr(tree)

    # -- statements ----------------------------------------------------------------------------------------------

    def items(self, items: list[Item]) -> None:
        if not items:
            self.write("pass", NOWHERE)
        for item in items:
            match item:
                case Line():
                    self.line(item)
                case Branch():
                    self.branch(item)
                case Repeat():
                    self.repeat(item)

    def line(self, item: Line) -> None:
        value = item.value
        if item.kind == "effect":
            assert isinstance(value, Expr)
            self.imports.update(value.detail)  # type: ignore[arg-type]
            self.write(str(item.detail).format(*(self.expr(a, 4) for a in value.args)), item.loc)
        elif item.kind == "call":
            assert isinstance(value, Expr)
            left = ", ".join(self.names[v] for v in targets(item))
            trailing = "," if len(targets(item)) == 1 else ""
            call = f"{self.helper(value.detail)}({', '.join(self.expr(a) for a in value.args)})"  # type: ignore[arg-type]
            self.write(f"{left}{trailing} = {call}" if left else call, item.loc)
        elif item.kind == "append":
            assert isinstance(value, Expr)
            self.write(f"{self.expr(value.args[0])}.append({self.expr(value.args[1])})", item.loc)
        elif item.kind == "increment":
            assert item.target is not None
            sign, shown = "+", value
            if isinstance(value, Expr) and value.op == "neg":
                sign, shown = "-", value.args[0]
            self.write(f"{self.expr(item.target)} {sign}= {self.expr(shown)}", item.loc)
        else:
            assert item.target is not None
            assert value is not None
            self.assign(item.target, value, item.loc)

    def assign(self, target: Var | Expr, value: Node, loc: Location) -> None:
        """`target = value`, or `target op= value` where the value starts with the target."""
        place = self.expr(target)
        if isinstance(value, Expr) and value.op in ("+", "-", "*", "/") and isinstance(target, Var):
            first, second = value.args
            if self.expr(first) == place and self.names.get(target) not in map(self.names.get, variables(second)):
                if value.op == "+" and isinstance(second, Expr) and second.op == "neg":
                    self.write(f"{place} -= {self.expr(second.args[0])}", loc)
                    return
                self.write(f"{place} {value.op}= {self.expr(second)}", loc)
                return
        text = self.expr(value)
        if text != place or isinstance(target, Expr):
            self.write(f"{place} = {text}", loc)

    def branch(self, item: Branch) -> None:
        then = (item.then, item.copies_then)
        orelse = (item.orelse, item.copies_else)
        cond = item.cond
        if not self.fills(*then):
            then, orelse = orelse, then
            cond = Expr("not", (cond,)) if not (isinstance(cond, Expr) and cond.op == "not") else cond.args[0]
            if not self.fills(*then):
                return
        self.write(f"if {self.expr(cond)}:", item.loc)
        self.nested(*then, item.loc)
        if self.fills(*orelse):
            self.write("else:", item.loc)
            self.nested(*orelse, item.loc)

    def fills(self, items: list[Item], copies: list[tuple[Var, Node]]) -> bool:
        return bool(items) or bool(self.needed(copies))

    def nested(self, items: list[Item], copies: list[tuple[Var, Node]], loc: Location) -> None:
        self.depth += 1
        if items:
            self.items(items)
        self.copies(copies, loc)
        self.depth -= 1

    def repeat(self, item: Repeat) -> None:
        self.copies(item.init, item.loc)
        if item.index is None:
            self.write(f"while {self.expr(item.bounds[0])}:", item.loc)
        else:
            self.write(f"for {self.names[item.index]} in {self.range(item.bounds)}:", item.loc)
        self.depth += 1
        if item.body or not (self.needed(item.copies) or item.exit is not None):
            self.items(item.body)
        self.copies(item.copies, item.loc)
        if item.exit is not None:
            self.write(f"if {self.expr(item.exit)}:", item.loc)
            self.write("    break", item.loc)
        self.depth -= 1

    def range(self, bounds: tuple[Node, ...]) -> str:
        start, stop, step = (self.expr(b) for b in bounds)
        if step != "1":
            return f"range({start}, {stop}, {step})"
        return f"range({stop})" if start == "0" else f"range({start}, {stop})"

    def needed(self, copies: list[tuple[Var, Node]]) -> list[tuple[Var, Node]]:
        """The copies that do something: their source has another name, and a value."""
        return [
            (v, n) for v, n in copies
            if not (isinstance(n, Undef) and n.silent) and not (isinstance(n, Var) and self.names[n] == self.names[v])
        ]  # fmt: skip

    def copies(self, copies: list[tuple[Var, Node]], loc: Location) -> None:
        """Copies that happen at once: in an order in which none overwrites what another reads, if there is one."""
        todo = self.needed(copies)
        while todo:
            read = [{self.names[v] for v in variables(n)} for _, n in todo]
            ready = [
                k for k, (v, _) in enumerate(todo)
                if not any(self.names[v] in r for j, r in enumerate(read) if j != k)
            ]  # fmt: skip
            if not ready:
                left = ", ".join(self.names[v] for v, _ in todo)
                self.write(f"{left} = {', '.join(self.expr(n) for _, n in todo)}", loc)
                return
            v, n = todo.pop(ready[0])
            self.assign(v, n, loc)

    # -- expressions ---------------------------------------------------------------------------------------------

    def expr(self, node: Node | None, outer: int = 0) -> str:
        """`node` as text, in parentheses where it binds less tightly than `outer`."""
        match node:
            case Var():
                return self.names[node]
            case Const():
                text = self.constant(node)
                return f"({text})" if outer > PRECEDENCE["neg"] and text.startswith("-") else text
            case Undef():
                return self.undefined(node)
            case Expr():
                text, binding = self.operation(node)
                return f"({text})" if binding < outer else text
            case _:
                raise AssertionError(f"unhandled expression {node!r}")

    def operation(self, node: Expr) -> tuple[str, int]:
        """The text of an operation, and how tightly it binds."""
        op, args = node.op, node.args
        tight = 20
        if op == "if":
            cond, then, orelse = args
            if isinstance(orelse, Const) and orelse.value is False:
                return f"{self.expr(cond, 3)} and {self.expr(then, 4)}", PRECEDENCE["and"]
            if isinstance(orelse, Const) and orelse.value is True and isinstance(cond, Expr) and cond.op == "not":
                return f"{self.expr(cond.args[0], 2)} or {self.expr(then, 3)}", PRECEDENCE["or"]
            return f"{self.expr(then, 2)} if {self.expr(cond, 2)} else {self.expr(orelse, 1)}", PRECEDENCE["if"]
        if op == "where":
            cond, then, orelse = args
            return f"{self.expr(then, 2)} if {self.expr(cond, 2)} else {self.expr(orelse, 1)}", PRECEDENCE["if"]
        if op in ("neg", "pos", "~", "not"):
            sign = {"neg": "-", "pos": "+", "~": "~", "not": "not "}[op]
            return f"{sign}{self.expr(args[0], PRECEDENCE[op] + (op == 'neg'))}", PRECEDENCE[op]
        if op in PRECEDENCE:
            return self.infix(op, args), PRECEDENCE[op]
        if op == "load":
            index = ", ".join(self.expr(a) for a in args[1:]) or "()"
            return f"{self.expr(args[0], tight)}[{index}]", tight
        if op == "shape":
            return f"{self.expr(args[0], tight)}.shape[{self.expr(args[1])}]", tight
        if op == "stop_gradient":
            return self.expr(args[0], tight), tight
        return self.call(node), tight

    def infix(self, op: str, args: tuple[Node, ...]) -> str:
        mine = PRECEDENCE[op]
        left, right = args
        if op == "+" and isinstance(right, Expr) and right.op == "neg":
            return f"{self.expr(left, mine)} - {self.expr(right.args[0], mine + 1)}"
        compares = mine == PRECEDENCE["<"]
        left_binding = mine + 1 if compares or op == "**" else mine
        right_binding = PRECEDENCE["neg"] if op == "**" else mine + 1
        return f"{self.expr(left, left_binding)} {op} {self.expr(right, right_binding)}".replace(" ** ", "**")

    def call(self, node: Expr) -> str:
        op, args = node.op, [self.expr(a) for a in node.args]
        match op:
            case "cast":
                assert isinstance(node.detail, Scalar)
                return f"{_cast(node.detail.dtype)}({args[0]})"
            case "alloc":
                return self.alloc(node)
            case "transpose":
                return f"{self.expr(node.args[0], 20)}.T"
            case "reshape":
                return f"{self.expr(node.args[0], 20)}.reshape(({', '.join(args[1:])},))"
            case "same":
                return args[0]
            case "strided":
                whole = ", ".join(["::1"] * node.args[0].type.ndim)  # type: ignore[union-attr]
                return f"{args[0]}[{whole}]"
            case "slice":
                return self.slice(node)
            case "newaxis":
                return "None"
            case "list":
                return f"[{', '.join(args)}]"
            case "reserve" | "polygamma":
                self.imports.add(f"from srcgrad.runtime import {op}")
                return f"{op}({', '.join(args)})"
        if op.startswith("text:"):
            return op[5:].format(*args)
        if op.startswith("math."):
            self.imports.add("import math")
        return f"{CALLS.get(op, op)}({', '.join(args)})"

    def slice(self, node: Expr) -> str:
        given = [self.expr(a) for a in node.args]
        parts = [given.pop(0) if present else "" for present in node.detail]  # type: ignore[attr-defined]
        return f"{parts[0]}:{parts[1]}" + (f":{parts[2]}" if parts[2] else "")

    def alloc(self, node: Expr) -> str:
        fill, like, to = node.detail  # type: ignore[misc]
        if like and fill in ("zeros", "empty", "ones"):
            return f"np.{fill}_like({self.expr(node.args[0])})"
        shape = ", ".join(self.expr(a) for a in node.args[int(like) :])
        shape = shape if to.ndim == 1 else f"({shape})"
        dtype = "" if to.dtype == "float64" else f", np.{'bool_' if to.dtype == 'bool' else to.dtype}"
        return f"np.{fill}({shape}{dtype})"

    def constant(self, node: Const) -> str:
        value = node.value
        dtype = node.type.dtype if isinstance(node.type, Scalar) else ""
        if isinstance(value, float) and not math.isfinite(value):
            text = "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
        else:
            text = repr(value)
        return f"np.{dtype}({text})" if dtype not in ("float64", "int64", "bool") else text

    def undefined(self, node: Undef) -> str:
        match node.type:
            case Array(dtype=dtype, ndim=ndim):
                return f"np.empty(({'0, ' * ndim}), np.{'bool_' if dtype == 'bool' else dtype})"
            case Scalar(dtype="float64"):
                return "np.nan"
            case Scalar(dtype="bool"):
                return "False"
            case Scalar(dtype=dtype):
                value = "np.nan" if dtype.startswith("float") else "0"
                return value if dtype == "int64" else f"np.{dtype}({value})"
            case _:
                raise AssertionError(f"unhandled type {node.type}")


def _cast(dtype: str) -> str:
    return {"float64": "float", "int64": "int", "bool": "bool"}.get(dtype, f"np.{dtype}")

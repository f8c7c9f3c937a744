"""The text of expressions."""

from __future__ import annotations

import math

from srcgrad.ir.nodes import Const, Undef, Var
from srcgrad.ir.printer.tree import Expr, Node
from srcgrad.ir.types import Array, Scalar

# How tightly each operator binds, as in Python's grammar.
PRECEDENCE = {
    "if": 1, "or": 2, "and": 3, "not": 4, "<": 5, "<=": 5, ">": 5, ">=": 5, "==": 5, "!=": 5, "|": 6, "^": 7, "&": 8,
    "<<": 9, ">>": 9, "+": 10, "-": 10, "*": 11, "/": 11, "//": 11, "%": 11, "neg": 12, "pos": 12, "~": 12, "**": 13,
}  # fmt: skip
CALLS = {"abs": "abs", "min": "min", "max": "max", "round": "round"}
CALLED = {
    "np", "math", "range", "min", "max", "abs", "round", "int", "float", "bool", "print", "reserve", "polygamma",
    "linalg", "special", "cuda", "device", "atomic",
}  # fmt: skip


class Spelling:
    """Spells expressions, given the names of vars; `imports` collects what they need."""

    names: dict[Var, str]
    imports: set[str]
    wraps = False  # whether an index that may be negative has been spelled
    loose = False  # whether a sum has been spelled whose terms may be added in any order
    arrays = "np"  # the module that makes arrays

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
            self.wraps = self.wraps or not node.detail
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
                of, to = node.detail  # type: ignore[misc]
                return f"{_cast(of.dtype, to.dtype)}({args[0]})"
            case "alloc":
                return self.alloc(node)
            case "transpose":
                order = f".transpose({', '.join(args[1:])})" if len(args) > 1 else ".T"
                return f"{self.expr(node.args[0], 20)}{order}"
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
            case "library":
                if node.detail == "np.dot" or self.arrays == "device":
                    return f"{self.arrays}.{node.detail.removeprefix('np.')}({', '.join(args)})"  # type: ignore[attr-defined]
                self.imports.add("from srcgrad.runtime import linalg")
                return f"linalg.{node.detail}({', '.join(args)})"
            case "list":
                return f"[{', '.join(args)}]"
            case "reserve" | "polygamma":
                self.imports.add(f"from srcgrad.runtime import {op}")
                return f"{op}({', '.join(args)})"
        if op.startswith("text:"):
            if op.startswith("text:device."):
                self.imports.add("from srcgrad.runtime import device")
            return op[5:].format(*args)
        if op.startswith("special."):
            self.imports.add("from srcgrad.runtime import special")
        if op.startswith("math."):
            self.imports.add("import math")
        return f"{CALLS.get(op, op)}({', '.join(args)})"

    def slice(self, node: Expr) -> str:
        given = [self.expr(a) for a in node.args]
        parts = [given.pop(0) if present else "" for present in node.detail]  # type: ignore[attr-defined]
        return f"{parts[0]}:{parts[1]}" + (f":{parts[2]}" if parts[2] else "")

    def alloc(self, node: Expr) -> str:
        fill, like, to, space, tape = node.detail  # type: ignore[misc]
        if self.arrays != "np":
            self.imports.add(f"from srcgrad.runtime import {self.arrays}")
        if like and fill in ("zeros", "empty", "ones"):
            return f"{self.arrays}.{fill}_like({self.expr(node.args[0])})"
        shape = ", ".join(self.expr(a) for a in node.args[int(like) :])
        shape = shape if to.ndim == 1 else f"({shape})"
        dtype = f"np.{'bool_' if to.dtype == 'bool' else to.dtype}"
        if space:
            return f"cuda.{space}.array({shape}, {dtype})"
        given = "" if to.dtype == "float64" else f", {dtype}"
        if tape and self.arrays == "device" and to.ndim > 1:  # neighbouring threads on neighbouring elements
            given += ', order="F"'
        return f"{self.arrays}.{fill}({shape}{given})"

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


def _cast(of: str, to: str) -> str:
    if to == "int64" and of.startswith("uint"):  # Numba's int() stays unsigned
        return "np.int64"
    return {"float64": "float", "int64": "int", "bool": "bool"}.get(to, f"np.{to}")

"""The text of a function."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any, NamedTuple

from srcgrad.ir.location import NOWHERE, Location
from srcgrad.ir.nodes import Call, For, Function, Stmt, Undef, Var, flatten
from srcgrad.ir.printed import Printed
from srcgrad.ir.printer.names import assign_names, targets
from srcgrad.ir.printer.spelling import CALLED, Spelling
from srcgrad.ir.printer.tree import Branch, Expr, Item, Line, Node, Repeat, build_tree, variables
from srcgrad.ir.types import Array
from srcgrad.ir.walk import map_tree, statements


class _Written(NamedTuple):
    """A line of text, where it comes from, and whether it is one of `Printed.direct` and `Printed.loose`."""

    text: str
    loc: Location = NOWHERE
    direct: bool = False
    loose: bool = False


def print_function(function: Function, direct: frozenset[Stmt] = frozenset(), *, device: bool = False) -> Printed:
    """`function` as Python text. The same function gives the same text.

    `direct` holds accesses to elements whose indices are never negative. `device` says that the function is one of the
    host's, and that its arrays are in the memory of a GPU.

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
    module = _Module(direct)
    module.add(function, function.name, "host" if device else "")
    lines = [_Written(h) for h in sorted(module.imports)]
    for written in module.functions:
        lines += [_Written(""), _Written(""), *written]
    text = "\n".join(line.text for line in lines) + "\n"
    helpers = tuple(n for n in module.names.values() if n != function.name)
    kernels, called = (tuple(module.names[f] for f, p in module.place.items() if p == k) for k in ("kernel", "thread"))
    numbered = list(enumerate(lines, 1))
    writes = {s.function: s.writes for f in module.names for s in statements(f.body) if isinstance(s, Call)}
    return Printed(
        function.name, text, tuple(line.loc for line in lines), helpers,
        frozenset(n for n, line in numbered if line.direct), frozenset(n for n, line in numbered if line.loose),
        {n: p.type.shape for p, n in parameter_names(function).items() if isinstance(p.type, Array) and p.type.shape},
        writes={module.names[f]: frozenset(parameter_names(f)[f.params[k]] for k in at) for f, at in writes.items()},
        kernels=kernels, called=called, chunks=frozenset(module.names[f] for f in _chunks(module.names)),
    )  # fmt: skip


def _chunks(functions: Iterable[Function]) -> Iterator[Function]:
    """What loops over threads call."""
    for function in functions:
        for loop in statements(function.body):
            if isinstance(loop, For) and loop.mode == "threads":
                yield from (s.function for s in statements(loop.body) if isinstance(s, Call))


class _Module:
    """The functions of a text, helpers before those that call them."""

    def __init__(self, direct: frozenset[Stmt]) -> None:
        self.direct = direct
        self.names: dict[Function, str] = {}
        self.place: dict[Function, str] = {}  # "host", "kernel", or "thread" for what kernels call
        self.imports: set[str] = {"import numpy as np"}
        self.functions: list[list[_Written]] = []
        self.taken: set[str] = set()  # names of values

    def add(self, function: Function, name: str, place: str) -> None:
        self.names[function], self.place[function] = name, place
        items, results = build_tree(function.body, tuple(flatten(function.results)), self.direct)
        names = assign_names(items, results, function.params, parameter_names(function))
        self.taken.update(names.values())
        writer = _Writer(names, self, place)
        writer.function(function, name, items, results)
        self.functions.append(writer.lines)

    def helper(self, function: Function, place: str) -> str:
        """The name of a helper, which is written if it is not yet."""
        if function not in self.names:
            name, k = function.name, 1
            while name in self.names.values() or name in self.taken:
                k += 1
                name = f"{function.name}_{k}"
            self.add(function, name, place)
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
            name = unused(param.hint, taken)
            taken.add(name)
            fixed[param] = name
    return fixed


def unused(hint: str, taken: Container[str]) -> str:
    """A name that is not taken: `hint`, `hint_`, `hint_2`, ... No two of them differ in underscores at the end only:
    Numba's parallel loops double underscores, and would take one for the other.
    """
    name, k = hint, 1
    while name in taken:
        name, k = f"{hint}_{k if k > 1 else ''}", k + 1
    return name


class _Writer(Spelling):
    def __init__(self, names: dict[Var, str], module: _Module, place: str) -> None:
        self.names, self.module, self.place = names, module, place
        if place == "host":
            self.arrays = "device"
        self.lines: list[_Written] = []
        self.depth = 0
        self.imports = module.imports

    def called(self, function: Function, grid: list[str], threads: tuple[int, ...]) -> str:
        """What stands before the arguments of a call: the name of a helper, of a kernel with its grid."""
        if threads:
            return f"{self.module.helper(function, 'kernel')}[({', '.join(grid)}), {threads}]"
        if grid:
            self.imports.add("from srcgrad.runtime import device")
            return f"{self.module.helper(function, 'kernel')}[device.grid({', '.join(grid)})]"
        return self.module.helper(function, "thread" if self.place == "kernel" else self.place)

    def adding(self, kind: str) -> str:
        """What adds to an element that others may add to at the same time."""
        if kind == "atomic" and not self.place:
            self.imports.add("from srcgrad.runtime import atomic")
            return "atomic.add"
        self.imports.add("from srcgrad.runtime import device" if kind == "warp" else "from numba import cuda")
        return "cuda.atomic.add" if kind == "atomic" else "device.add_together"

    def write(self, text: str, loc: Location) -> None:
        self.lines.append(_Written("    " * self.depth + text, loc, not self.wraps, self.loose))
        self.wraps = self.loose = False

    def function(self, function: Function, name: str, items: list[Item], results: list[Node]) -> None:
        parameters = [parameter_name(name) for name, _ in function.signature]
        self.write(f"def {name}({', '.join(parameters)}):", function.loc)
        self.depth += 1
        for parameter, tree in function.signature:
            if isinstance(tree, tuple):
                self.unpack(parameter_name(parameter), tree, function.loc)
        if self.place in ("kernel", "thread"):
            self.imports.add("from numba import cuda")
        if items:
            self.items(items)
        if self.place == "kernel":
            return
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
            function, count, threads = value.detail  # type: ignore[misc]
            args = [self.expr(a) for a in value.args]
            call = f"{self.called(function, args[count:], threads)}({', '.join(args[:count])})"
            self.write(f"{left}{trailing} = {call}" if left else call, item.loc)
        elif item.kind == "library":
            self.write(self.expr(value), item.loc)
        elif item.kind == "append":
            assert isinstance(value, Expr)
            self.write(f"{self.expr(value.args[0])}.append({self.expr(value.args[1])})", item.loc)
        elif item.kind in ("atomic", "warp"):
            assert isinstance(item.target, Expr)
            array, *index = (self.expr(a) for a in item.target.args)
            at = index[0] if len(index) == 1 else f"({', '.join(index)})"
            self.write(f"{self.adding(item.kind)}({array}, {at}, {self.expr(value)})", item.loc)
        elif item.kind == "increment":
            assert item.target is not None
            sign, shown = "+", value
            if isinstance(value, Expr) and value.op == "neg":
                sign, shown = "-", value.args[0]
            text = f"{self.expr(item.target)} {sign}= {self.expr(shown)}"
            self.loose = bool(item.detail)
            self.write(text, item.loc)
        else:
            assert item.target is not None
            assert value is not None
            self.assign(item.target, value, item.loc)

    def assign(self, target: Var | Expr, value: Node, loc: Location) -> None:
        """`target = value`, or `target op= value` where the value starts with the target."""
        place = self.expr(target)
        if isinstance(value, Expr) and value.op in ("+", "-", "*", "/") and isinstance(target, Var):
            first, second = value.args
            self.loose = value.detail == "loose"
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
            how = "p" if item.parallel else ""
            if item.parallel:
                self.imports.add("from numba import prange")
            self.write(f"for {self.names[item.index]} in {how}{self.range(item.bounds)}:", item.loc)
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

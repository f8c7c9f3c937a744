"""Drawings of the graph of operations in the DOT language: `make_dot`, with the colours of PyTorchViz."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from srcgrad.shim.graph import AccumulateGrad, Node, saved_values
from srcgrad.shim.tensor import Tensor

_STYLE = "align=left fontname=monospace fontsize=10 height=0.2 ranksep=0.1 shape=box style=filled"
_MISSING = "srcgrad.shim.drawing needs the executable `dot` of Graphviz to draw; `.source` and `.save` do without it"
LEAF, OUTPUT, BASE, SAVED = "lightblue", "darkolivegreen1", "darkolivegreen3", "orange"


class Dot:
    """A drawing.

    Attributes:
        body: the lines of the graph.
    """

    def __init__(self) -> None:
        self.body: list[str] = []
        self._count = 0

    def node(self, label: str, color: str = "") -> str:
        """A box; its name."""
        name = f"n{self._count}"
        self._count += 1
        text = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        self.body.append(f'\t{name} [label="{text}"{f" fillcolor={color}" if color else ""}]')
        return name

    def edge(self, tail: str, head: str, options: str = "") -> None:
        """An arrow."""
        self.body.append(f"\t{tail} -> {head}{f' [{options}]' if options else ''}")

    @property
    def source(self) -> str:
        """The text."""
        size = max(12.0, self._count * 0.15)
        head = ["digraph {", f'\tgraph [size="{size:g},{size:g}"]', f"\tnode [{_STYLE}]"]
        return "\n".join([*head, *self.body, "}", ""])

    def __str__(self) -> str:
        return self.source

    def save(self, filename: Any) -> str:
        """Write the text to a file; its name."""
        Path(filename).write_text(self.source, encoding="utf-8")
        return str(filename)

    def pipe(self, format: str = "svg") -> bytes:
        """The drawing in a format.

        Raises:
            RuntimeError: there is no `dot`, or it failed.
        """
        program = shutil.which("dot")
        if program is None:
            raise RuntimeError(_MISSING)
        done = subprocess.run([program, f"-T{format}"], input=self.source.encode(), capture_output=True, check=False)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"dot failed: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def render(self, filename: Any, format: str = "svg") -> str:
        """Draw to a file, whose name gets the format as its suffix; that name.

        Raises:
            RuntimeError: there is no `dot`, or it failed.
        """
        target = f"{filename}.{format}"
        Path(target).write_bytes(self.pipe(format))
        return target

    def _repr_svg_(self) -> str:
        return self.pipe("svg").decode()


def make_dot(var: Any, params: Any = None, show_attrs: bool = False, show_saved: bool = False) -> Dot:
    """The graph of the operations that some tensors come from.

    Args:
        var: a tensor or several.
        params: names for leaves: a dictionary, or pairs, of names and tensors.
        show_attrs: write what nodes saved into their boxes, unless it is a tensor.
        show_saved: draw the tensors that nodes saved.

    Returns:
        Boxes: nodes grey, leaves light blue, outputs green, saved tensors orange; arrows go the way of the values.
    """
    pairs: Iterable[tuple[str, Tensor]] = params.items() if isinstance(params, dict) else params or ()
    names = {id(t): n for n, t in pairs}
    dot, known = Dot(), {}
    for out in (var,) if isinstance(var, Tensor) else var:
        _draw(dot, out, names, known, show_attrs=show_attrs, show_saved=show_saved)
    return dot


def _title(tensor: Tensor, names: dict[int, str]) -> str:
    return f"{names.get(id(tensor), '')}\n {_shape(tensor)}"


def _shape(tensor: Tensor) -> str:
    return f"({', '.join(map(str, tensor._data.shape))})"


def _draw(
    dot: Dot, out: Tensor, names: dict[int, str], known: dict[Node, str], *, show_attrs: bool, show_saved: bool
) -> None:
    fn = out.grad_fn
    if fn is None:
        dot.node(_title(out, names), LEAF if out.requires_grad else OUTPUT)
        return
    target = dot.node(_title(out, names), OUTPUT)
    if out._base is not None:
        dot.edge(dot.node(_title(out._base, names), BASE), target, "style=dotted")
    todo: list[tuple[Node, str]] = [(fn, target)]
    while todo:  # no recursion: graphs are deep
        node, head = todo.pop()
        if node in known:
            dot.edge(known[node], head)
            continue
        known[node] = name = dot.node(_label(node, show_attrs=show_attrs))
        dot.edge(name, head)
        if isinstance(node, AccumulateGrad):
            dot.edge(dot.node(_title(node.variable, names), LEAF), name)
        elif show_saved and node.saved:
            for title, value in saved_values(node):
                if isinstance(value, Tensor):
                    own = title == "_saved_result"
                    name_of = f"{title.removeprefix('_saved_')} {names.get(id(value), '')}".rstrip()
                    box = dot.node(f"{name_of}\n {_shape(value)}", SAVED)
                    dot.edge(*((name, box) if own else (box, name)), "dir=none")
        todo += [(edge[0], name) for edge in reversed(node.edges) if edge is not None]


def _label(node: Node, *, show_attrs: bool) -> str:
    """The name of a node, with what it saved if asked for."""
    name = node.name().replace("torch::autograd::", "")
    if not show_attrs or isinstance(node, AccumulateGrad) or not node.saved:
        return name
    saved = saved_values(node)
    lines = [f"{n.removeprefix('_saved_')}: {'[saved tensor]' if isinstance(v, Tensor) else v}" for n, v in saved]
    return "\n".join([name, "-" * max(len(line) for line in (name, *lines)), *lines]) if lines else name

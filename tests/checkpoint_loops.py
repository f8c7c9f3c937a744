"""Programs with their loops over ranges written as checkpointed ones."""

import ast
import dataclasses
import random


class _Wrap(ast.NodeTransformer):
    def __init__(self, seed, chance):
        self.rng, self.chance, self.count = random.Random(seed), chance, 0  # noqa: S311

    def visit_For(self, node):
        self.generic_visit(node)
        iterable = node.iter
        if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name) and iterable.func.id == "range":
            if self.rng.random() < self.chance:
                self.count += 1
                snapshots = ast.Constant(self.rng.choice([None, None, 1, 2, 3]))
                node.iter = ast.Call(ast.Name("checkpointed"), [iterable, snapshots], [])
        return node


def with_checkpoints(program, seed, chance=0.7):
    """A random program with some of its loops checkpointed; None if it has none."""
    wrap = _Wrap(seed, chance)
    tree = wrap.visit(ast.parse(program.source))
    if not wrap.count:
        return None
    text = "from srcgrad import checkpointed\n\n" + ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return dataclasses.replace(program, source=text)

"""Nested tuples, lists and dictionaries of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """What is in a tree, from left to right."""
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves(part)]
    return [] if tree is None else [tree]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """A tree of the same form, of what a function gives for each leaf."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(function, part) for part in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(mapped(function, part) for part in tree)
    if isinstance(tree, dict):
        return type(tree)((key, mapped(function, part)) for key, part in tree.items())
    return None if tree is None else function(tree)


def filled(tree: Any, values: list[Any]) -> Any:
    """A tree of the same form, with other leaves."""
    rest: Iterator[Any] = iter(values)
    return mapped(lambda _: next(rest), tree)

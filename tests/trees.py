"""Nested tuples of scalars and arrays: arguments, results, and the tangents and cotangents of the same structure.

A leaf that has no derivative (an integer, a bool, a string, an array of those) has tangent and cotangent `None`.
"""

import numpy as np


def is_active(leaf) -> bool:
    """Whether a leaf has a derivative: a float or an array of floats."""
    if isinstance(leaf, np.ndarray):
        return np.issubdtype(leaf.dtype, np.floating)
    return isinstance(leaf, (float, np.floating))


def map_leaves(function, tree, *others):
    """Apply `function` to each leaf of `tree` and its counterparts; namedtuples stay what they are.

    >>> map_leaves(lambda x, y: x + y, (1, (2, 3)), (10, (20, 30)))
    (11, (22, 33))
    """
    if not isinstance(tree, tuple):
        return function(tree, *others)
    for other in others:
        assert isinstance(other, tuple), f"expected a tuple like {tree!r}, but got {other!r}"
        assert len(other) == len(tree), f"expected {len(tree)} entries, but got {len(other)}: {other!r}"
    mapped = [map_leaves(function, *items) for items in zip(tree, *others, strict=True)]
    return type(tree)(*mapped) if hasattr(tree, "_fields") else tuple(mapped)


def map_active(function, tree, *others):
    """`map_leaves` on the leaves that have a derivative, `None` at the others."""
    return map_leaves(lambda leaf, *rest: function(leaf, *rest) if is_active(leaf) else None, tree, *others)


def leaves(tree) -> list:
    """The leaves in order.

    >>> leaves((1, (2, None)))
    [1, 2, None]
    """
    if not isinstance(tree, tuple):
        return [tree]
    return [leaf for item in tree for leaf in leaves(item)]


def has_active_leaf(tree) -> bool:
    return any(is_active(leaf) for leaf in leaves(tree))


def copy_tree(tree):
    """A deep copy that keeps layout and the read-only flag, and an array that occurs twice one array."""
    copies: dict[int, np.ndarray] = {}

    def copy(leaf):
        if not isinstance(leaf, np.ndarray):
            return leaf
        if id(leaf) not in copies:
            copies[id(leaf)] = _copy_array(leaf)
        return copies[id(leaf)]

    return map_leaves(copy, tree)


def _copy_array(array):
    if array.flags.c_contiguous or array.flags.f_contiguous:
        copied = array.copy(order="K")
    else:
        # every other element of a buffer twice as long: strided like the original, whatever its strides
        copied = np.empty((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)[..., ::2]
        copied[...] = array
    copied.flags.writeable = array.flags.writeable
    return copied


def snapshot(tree) -> list:
    """What `tree` holds, to the bit."""
    return [leaf.tobytes() if isinstance(leaf, np.ndarray) else leaf for leaf in leaves(tree)]


def scribble(tree) -> None:
    """Overwrite every array that can be written; zero is a valid index, too."""
    for leaf in leaves(tree):
        if isinstance(leaf, np.ndarray) and leaf.flags.writeable:
            leaf[...] = 0


def random_like(rng, tree):
    """A random tangent or cotangent of `tree`."""

    def draw(leaf):
        if isinstance(leaf, np.ndarray):
            return rng.standard_normal(leaf.shape).astype(leaf.dtype)
        return type(leaf)(rng.standard_normal())

    return map_active(draw, tree)


def shift(tree, direction, step):
    """`tree + step * direction`, in double precision, in new arrays."""

    def moved(leaf, tangent):
        if not is_active(leaf):
            return leaf.copy() if isinstance(leaf, np.ndarray) else leaf
        if isinstance(leaf, np.ndarray):
            return leaf.astype(np.float64) + step * tangent.astype(np.float64)
        return float(leaf) + step * float(tangent)

    return map_leaves(moved, tree, direction)


def products(covector, vector) -> np.ndarray:
    """The products that add up to the inner product of two trees of one structure."""
    pairs = zip(leaves(covector), leaves(vector), strict=True)
    terms = [np.ravel(np.float64(a) * np.float64(b)) for a, b in pairs if a is not None and b is not None]
    return np.concatenate(terms) if terms else np.zeros(0)

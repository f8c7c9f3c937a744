"""From Python's syntax tree to typed SSA: names resolved, helpers inlined, tuples taken apart, types inferred.

Lowering runs the function on abstract values: a scalar or array is an IR atom, a tuple is a Python tuple of values, and
None, strings, functions and modules are themselves. So names are resolved, calls inlined and types known as each
statement is reached, and no later pass meets anything but scalars and array handles.
"""

from srcgrad.transform.lower.function import lower
from srcgrad.transform.lower.scope import Capture

__all__ = ["Capture", "lower"]

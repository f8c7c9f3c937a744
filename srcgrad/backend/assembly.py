"""What LLVM has made of a text: the machine code, read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numba

from srcgrad.backend.compile import Options, compile_text
from srcgrad.ir.printed import Printed

_CALL = re.compile(r"_ZGV[b-e]N(\d+)v+_(\w+)")  # the names of vector functions: instruction set, lanes, arguments, name


def vector_calls(printed: Printed, options: Options, args: Sequence[Any]) -> dict[str, int]:
    """The functions of libm whose vector versions the code calls that `printed` compiles to for these arguments.

    Returns:
        For each, how many values it takes at a time.
    """
    compiled = compile_text(printed, options.changed(cache=False), lambda: ())
    dispatcher: Any = compiled.quick
    dispatcher.compile(tuple(numba.typeof(a) for a in args))  # type: ignore[no-untyped-call]
    found: dict[str, int] = {}
    for text in dispatcher.inspect_asm().values():
        for lanes, name in _CALL.findall(text):
            found[name] = max(int(lanes), found.get(name, 0))
    return found

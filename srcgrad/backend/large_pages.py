"""Large arrays that compiled code makes on large pages, as NumPy's own are: a tape is filled once, page by page.

The first touch of a page of 4 KiB costs more than what is computed of its 512 numbers.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir

LARGE = 1 << 22  # bytes; NumPy's limit
_PAGE = 4096
_ADVICE = 14  # MADV_HUGEPAGE
_HAS_ADVICE = platform.system() == "Linux" and platform.machine() in ("x86_64", "aarch64")


def use_large_pages(builder: ir.IRBuilder, data: Any, count: Any, size: int) -> None:
    """Ask the system for large pages for an array of `count` elements of `size` bytes, if it is large; it may decline.

    Nothing is asked that changes what the memory holds.
    """
    if not _HAS_ADVICE:
        return
    word, pointer = count.type, ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.IntType(32), [pointer, word, ir.IntType(32)])
    advise = builder.module.globals.get("madvise") or ir.Function(builder.module, kind, "madvise")
    length = builder.mul(count, word(size))
    with builder.if_then(builder.icmp_unsigned(">=", length, word(LARGE)), likely=False):
        first = builder.ptrtoint(data, word)
        start = builder.and_(builder.add(first, word(_PAGE - 1)), word(-_PAGE))
        inside = builder.sub(length, builder.sub(start, first))
        builder.call(advise, [builder.inttoptr(start, pointer), inside, ir.IntType(32)(_ADVICE)])

"""`python -m benchmarks`: gradients; one of the names in `OTHERS` as the first argument: those."""

import importlib
import sys

OTHERS = ("overhead", "eager", "parallel", "cuda", "scaling", "leaks")
name, arguments = ("run", sys.argv[1:])
if arguments and arguments[0] in OTHERS:
    name, *arguments = arguments
raise SystemExit(importlib.import_module(f"benchmarks.{name}").main(arguments))

"""`python -m benchmarks`: gradients; `overhead`, `eager`, `scaling` and `leaks` as the first argument: those."""

import importlib
import sys

OTHERS = ("overhead", "eager", "scaling", "leaks")
name, arguments = ("run", sys.argv[1:])
if arguments and arguments[0] in OTHERS:
    name, *arguments = arguments
raise SystemExit(importlib.import_module(f"benchmarks.{name}").main(arguments))

"""Random programs: source text and arguments, deterministic in a seed.

`generate(seed)` returns a `Program` that plain Python runs without error, that reads nothing it has not
written, and that is smooth near its first sample of arguments. `check` (in `laws.py`) puts it through srcgrad.
"""

from .generator import generate
from .program import Parameter, Program

__all__ = ["Parameter", "Program", "generate"]

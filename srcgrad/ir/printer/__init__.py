"""IR to Python text: expressions folded, values given the user's names, SSA copies made only where they are needed."""

from srcgrad.ir.printed import Printed
from srcgrad.ir.printer.text import parameter_names, print_function

__all__ = ["Printed", "parameter_names", "print_function"]

"""Helpers that programs call from another module."""

import math

SCALE = 1.5


def scaled_sine(x):
    return SCALE * math.sin(x)


def twice(f, x):
    return f(f(x))

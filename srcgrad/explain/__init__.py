"""Explanations of derivatives: what is active, stored, recomputed or still there, and why."""

from srcgrad.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]

"""Spans of time in words."""

from __future__ import annotations


def in_words(seconds: float) -> str:
    """A span of time: `4.2 s`, `3 min 05 s`, `2 h 10 min`, `3 days`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes < 48 * 60 else f"{minutes // 1440} days"

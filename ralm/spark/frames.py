"""What Spark's frames lack."""

from __future__ import annotations

from collections.abc import Iterable

from pyspark.sql import DataFrame


def union(frames: Iterable[DataFrame], missing: bool = False) -> DataFrame:
    """All rows of the frames, in their order; columns are bound by name.

    Spark analyses the whole plan at each step, so that a chain of n frames costs n²; pairs of pairs cost n log n.

    Args:
        frames: one or more.
        missing: a frame may lack columns of others, which are null there.
    """
    parts = list(frames)
    if not parts:
        raise ValueError("no frame to unite")
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], strict=False)
        odd = parts[-1:] if len(parts) % 2 else []
        parts = [*(a.unionByName(b, allowMissingColumns=missing) for a, b in pairs), *odd]
    return parts[0]

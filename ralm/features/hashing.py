"""Decisions by hash: the same for a key whatever the partitioning, the run or the machine."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

_PARTS = 1_000_000
_MANTISSA = (1 << 53) - 1


def bucket(salt: str, seed: int, *keys: Column | str, buckets: int) -> Column:
    """A bucket in [0, buckets) for the keys."""
    return F.pmod(F.xxhash64(F.lit(f"{salt}/{seed}"), *keys), F.lit(buckets))


def chosen(salt: str, seed: int, share: float, *keys: Column | str) -> Column:
    """Whether the keys belong to the given share, a boolean."""
    return bucket(salt, seed, *keys, buckets=_PARTS) < F.lit(round(share * _PARTS))


def uniform(salt: str, seed: int, *keys: Column | str) -> Column:
    """A number uniform on [0, 1), 53 bits."""
    return F.xxhash64(F.lit(f"{salt}/{seed}"), *keys).bitwiseAND(F.lit(_MANTISSA)) / F.lit(float(1 << 53))

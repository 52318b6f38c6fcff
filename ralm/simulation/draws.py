"""Random draws as Spark SQL expressions: each is a hash of (keys, name, seed), whatever the partitioning."""

from __future__ import annotations

import math
import zlib

from pyspark.sql import Column
from pyspark.sql import functions as F

MANTISSA = 2.0**-53


def stream(name: str, seed: int) -> int:
    """The number that separates the draws called `name` from all other draws with the same keys and seed."""
    return (seed << 32) | zlib.crc32(name.encode())


def uniform(name: str, seed: int, *keys: Column) -> Column:
    """Uniform on [0, 1): the upper 53 bits of xxhash64 of the keys, which are taken as bigint."""
    hashed = F.xxhash64(F.lit(stream(name, seed)).cast("bigint"), *(key.cast("bigint") for key in keys))
    return F.shiftrightunsigned(hashed, 11).cast("double") * F.lit(MANTISSA)


def normal(name: str, seed: int, *keys: Column) -> Column:
    """Standard normal (Box and Muller, 1958)."""
    radius = F.sqrt(F.lit(-2.0) * F.log(F.lit(1.0) - uniform(name + ".radius", seed, *keys)))
    return radius * F.cos(F.lit(2 * math.pi) * uniform(name + ".angle", seed, *keys))


def integer(name: str, seed: int, size: int, *keys: Column) -> Column:
    """Uniform on 0 … size − 1."""
    return F.floor(uniform(name, seed, *keys) * F.lit(size))


def power_law_rank(draw: Column, size: Column, exponent: float) -> Column:
    """A rank 0 … size − 1 whose share falls as (rank + 1)^−exponent: inverse of the continuous distribution function.

    P(rank ≤ k) = ((k + 2)^(1−s) − 1) / ((size + 1)^(1−s) − 1), and log(k + 2) / log(size + 1) for s = 1.

    Args:
        draw: uniform on [0, 1).
        size: how many ranks there are, at least 1.
        exponent: s ≥ 0; 0 is uniform.
    """
    end = size.cast("double") + F.lit(1.0)
    if abs(exponent - 1) < 1e-9:
        place = F.pow(end, draw)
    else:
        power = 1.0 - exponent
        place = F.pow(F.lit(1.0) + draw * (F.pow(end, F.lit(power)) - F.lit(1.0)), F.lit(1.0 / power))
    return F.greatest(F.lit(0), F.least(F.floor(place) - 1, size.cast("bigint") - 1))

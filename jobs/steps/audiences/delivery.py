"""Which users of a ranking are delivered: an interval, without a hold-out arm, no audiences of too few people."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.errors import DataError
from ralm.features.hashing import uniform
from ralm.runs.step import RunningStep

# Items that a line names.
NAMED = 3


def in_interval(rows: DataFrame, between: tuple[float, float]) -> DataFrame:
    """The rows of `audiences` from one share of the ranking to another: (.01, .02) is the second percent."""
    low, high = between
    passed = 1 - F.col("percentile")  # (rank - 1) / n
    return rows.where((passed >= low - 1e-12) & (passed < high - 1e-12))


def held_out(share: float, seed: int, item: Column | str = "item_id") -> Column:
    """Whether a user (user_id) of an audience is in its hold-out arm: by hash, the same whenever it is made.

    Args:
        share: of the audience.
        seed: the project's.
        item: column of the audience's item id.
    """
    return uniform("hold-out", seed, item, "user_id") < F.lit(share)


def too_small(step: RunningStep, rows: DataFrame, items: Sequence[str], *, own_list: bool) -> list[str]:
    """The items that have fewer rows in `audiences` than `privacy.minimum`, which are not to be written.

    Args:
        step: says which items they are, and writes a check.
        rows: (item_id, …).
        items: all that were scored.
        own_list: the only item is a list, for which somebody waits.

    Raises:
        DataError: the audience of a list is too small.
    """
    minimum = step.context.config.privacy.minimum
    if not minimum:
        return []
    counts = {row["item_id"]: row["count"] for row in rows.groupBy("item_id").count().collect()}  # one per item
    small = [item for item in items if counts.get(item, 0) < minimum]
    if not small:
        return []
    if own_list:
        raise DataError(
            f"audience of {small[0]}: fewer than {minimum:,} users (privacy.minimum), nothing is written; raise "
            "scoring.audience, or exclude fewer"
        )
    named = ", ".join(small[:NAMED]) + (", …" if len(small) > NAMED else "")
    line = f"{len(small):,} items have audiences of fewer than {minimum:,} users, which are left out: {named}"
    step.say(f"{line} (privacy.minimum)")
    step.check("audience size", False, float(len(small)), line)
    return small

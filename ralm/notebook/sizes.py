"""How many users of an audience are asked for: by number, share, score, or a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ralm.errors import ConfigError

if TYPE_CHECKING:
    import datetime as dt

    from pyspark.sql import Column, DataFrame


def asked(top: int | None, share: float | None, threshold: float | None, between: tuple[float, float] | None) -> Column:
    """The rows of a ranked audience (rank, score, percentile) that are asked for; arguments of `Workspace.audience`."""
    from pyspark.sql import functions as F

    if top is not None:
        return F.col("rank") <= top
    if threshold is not None:
        return F.col("score") >= threshold
    low, high = (0.0, share) if share is not None else between or (0.0, 1.0)
    # The percentile of rank r is 1 - (r - 1) / n: the best share s has 1 - percentile < s.
    passed = 1 - F.col("percentile")
    return (passed >= low - 1e-12) & (passed < high - 1e-12)


def check_size(
    item: str,
    kept: int,
    candidates: int,
    top: int | None,
    share: float | None,
    between: tuple[float, float] | None,
) -> None:
    """Refuse to give fewer users than were asked for as if they were all.

    Args:
        item: for the error.
        kept: users in the audience.
        candidates: users whom the audience was chosen from.
        top: as in `Workspace.audience`.
        share: as there.
        between: as there.

    Raises:
        ConfigError: more users than the audience keeps, or no shares.
    """
    if top is not None and top > kept:
        raise ConfigError(f"audience of '{item}': {top:,} users asked for, it keeps {kept:,}: raise scoring.audience")
    low, high = between if between is not None else (0.0, 0.0 if share is None else share)
    if not 0 <= low <= high <= 1:
        raise ConfigError(f"audience of '{item}': shares go from 0 to 1, found {low:g} to {high:g}")
    if int(high * candidates) > kept:
        raise ConfigError(
            f"audience of '{item}': {high:.2%} of all users asked for, it keeps {kept / candidates:.2%}: "
            "raise scoring.audience"
        )


def candidates(item_seeds: DataFrame, as_of: dt.date, item: str, users: int, last: float) -> int:
    """Users whom an audience was chosen from: of n that were scored, an item's own seeds are left out.

    Args:
        item_seeds: the table.
        as_of: date of the audience.
        item: its id.
        users: in the audience.
        last: the lowest percentile in it.
    """
    from pyspark.sql import functions as F

    if users < 2 or last >= 1:
        return users
    scored = round((users - 1) / (1 - last))  # the percentile of the last is 1 - (users - 1) / n
    seeds = item_seeds.where((F.col("as_of") == F.lit(as_of)) & (F.col("item_id") == item))
    row = seeds.where("purpose = 'production'").agg(F.max("seed_count")).first()
    return max(users, scored - ((row and row[0]) or 0))


def reach(histogram: DataFrame) -> DataFrame:
    """(score, share of users with at least this score), falling scores, of one item's rows of `score_histograms`."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    every = Window.partitionBy("item_id")
    better = every.orderBy(F.desc("bin")).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    share = F.sum("count").over(better) / F.sum("count").over(every)
    return histogram.select(F.col("low").alias("score"), share.alias("share")).orderBy(F.desc("score"))

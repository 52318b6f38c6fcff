"""How many users of an audience are asked for: by number, share, score, or a slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ralm.errors import ConfigError

if TYPE_CHECKING:
    import datetime as dt

    from pyspark.sql import Column, DataFrame

# An audience whose best user is behind so large a share of all is an interval of the ranking: of a few better ones that
# it lacks, each may be in its hold-out arm.
BEGINS = 0.005
# What to do for more users than an audience keeps.
LARGER = "set scoring.audience higher in the configuration, then run `pipeline`, or `extend_audience` for a list"


class Extent(NamedTuple):
    """What an audience keeps: its users, the highest and the lowest percentile among them, and their date."""

    users: int
    first: float
    last: float
    as_of: dt.date


def extents(rows: DataFrame) -> dict[str, Extent]:
    """Of the rows of an item's audiences: system -> what its audience keeps; NULL percentiles are 1."""
    from pyspark.sql import functions as F

    def of(most: Column) -> Column:
        return F.coalesce(most, F.lit(1.0))

    kept = (F.count("*"), of(F.max("percentile")), of(F.min("percentile")), F.max("as_of"))
    return {row[0]: Extent(*row[1:]) for row in rows.groupBy("system").agg(*kept).collect()}


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
    kept: Extent,
    candidates: int,
    top: int | None,
    share: float | None,
    between: tuple[float, float] | None,
) -> None:
    """Refuse to give fewer users than were asked for as if they were all.

    Args:
        item: for the error.
        kept: what the audience keeps.
        candidates: users whom the audience was chosen from.
        top: as in `Workspace.audience`.
        share: as there.
        between: as there.

    Raises:
        ConfigError: more users than the audience keeps, better ones than it has, or no shares.
    """
    if top is not None and top > kept.users:
        raise ConfigError(f"audience of '{item}': {top:,} users asked for, it keeps {kept.users:,}: {LARGER}")
    low, high = between if between is not None else (0.0, 0.0 if share is None else share)
    if not 0 <= low <= high <= 1:
        raise ConfigError(f"audience of '{item}': shares go from 0 to 1, found {low:g} to {high:g}")
    begins = 1 - kept.first
    if begins > BEGINS and (share is not None or between is not None) and low < begins - 1e-9:
        raise ConfigError(
            f"audience of '{item}': it begins behind the best {begins:.2%} of all users, as `extend_audience "
            f"--between` made it: ask for top, or for between=({begins:.4g}, …)"
        )
    if int(high * candidates) > kept.users + round(begins * candidates):
        raise ConfigError(
            f"audience of '{item}': {high:.2%} of all users asked for, it keeps {kept.users / candidates:.2%}: {LARGER}"
        )


def check_minimum(item: str, users: DataFrame | int, minimum: int) -> None:
    """Refuse to show fewer users than may be shown.

    Args:
        item: for the error.
        users: rows, or how many there are.
        minimum: `privacy.minimum` of the release; 0: nothing is counted.

    Raises:
        ConfigError: they are fewer.
    """
    if not minimum:
        return
    found = users if isinstance(users, int) else users.limit(minimum).count()
    if found < minimum:
        raise ConfigError(f"audience of '{item}': fewer than {minimum:,} users (privacy.minimum of this release)")


def candidates(item_seeds: DataFrame, kept: Extent, item: str) -> int:
    """Users whom an audience was chosen from: of n that were scored, an item's own seeds are left out.

    Args:
        item_seeds: the table.
        kept: what the audience keeps.
        item: its id.
    """
    from pyspark.sql import functions as F

    if kept.users < 2 or kept.last >= kept.first:
        return kept.users
    scored = round((kept.users - 1) / (kept.first - kept.last))  # a percentile is 1 - (rank - 1) / n
    seeds = item_seeds.where((F.col("as_of") == F.lit(kept.as_of)) & (F.col("item_id") == item))
    row = seeds.where("purpose = 'production'").agg(F.max("seed_count")).first()
    return max(kept.users, scored - ((row and row[0]) or 0))


def reach(histogram: DataFrame) -> DataFrame:
    """(score, share of users with at least this score), falling scores, of one item's rows of `score_histograms`."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    every = Window.partitionBy("item_id")
    better = every.orderBy(F.desc("bin")).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    share = F.sum("count").over(better) / F.sum("count").over(every)
    return histogram.select(F.col("low").alias("score"), share.alias("share")).orderBy(F.desc("score"))

"""Whether the tables of users and items speak of those of the logs: `0012` in one and `12` in the other never meet."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.ingest.findings import Check
from ralm.ingest.items import seen_items
from ralm.ingest.mapping import Mapped
from ralm.ingest.source_counts import SourceCount
from ralm.spark.errors import user_errors
from ralm.spark.frames import union

# Of more ids, as many are looked at, by a hash of them.
LOOKED_AT = 20_000
# Less of the logs' ids in a table are a mistake rather than a table of few.
FEW = 0.05


def meetings(
    users: Mapped | None,
    items: Mapped | None,
    logs: Sequence[Mapped],
    item_domains: list[str],
    counts: Sequence[SourceCount],
) -> list[Check]:
    """A check per table of users and items, of how many ids of the logs are in it; and of the users of events.

    It passes unless they are less than a twentieth. Two columns of ids are read, and a sample of them by hash shuffled.

    Raises:
        DataError: a file that cannot be read.
    """
    good = [mapped.good for mapped in logs]
    acted = [mapped.good.select("user_id") for mapped in logs if mapped.source.startswith("events")]
    shown = [mapped.good.select("user_id") for mapped in logs if mapped.source.startswith("impressions")]
    found = []
    with user_errors("ingest"):
        if users is not None:
            seen = union([log.select("user_id") for log in good])
            found += _meeting(users.source, users.good, "user_id", seen, counts)
        if items is not None:
            found += _meeting(
                items.source, items.good, "item_id", seen_items(good, item_domains).select("item_id"), counts
            )
        if acted and shown:
            found += _meeting("events", union(acted), "user_id", union(shown), counts, "impressions")
    return found


def _meeting(
    source: str, table: DataFrame, column: str, seen: DataFrame, counts: Sequence[SourceCount], logs: str = "logs"
) -> list[Check]:
    distinct = max((count.ids[name].distinct for count in counts for name in count.ids), default=0)
    every = max(1, distinct // LOOKED_AT)

    def ids(rows: DataFrame, flag: str) -> DataFrame:
        chosen = rows.select(F.col(column).cast("string").alias("id"))
        return chosen.where(F.pmod(F.xxhash64("id"), F.lit(every)) == 0).distinct().withColumn(flag, F.lit(True))

    def one(is_: Column) -> Column:
        return F.min(F.when(is_, F.col("id")))

    logged, listed = F.col("logged").isNotNull(), F.col("listed").isNotNull()
    both = ids(seen, "logged").join(ids(table, "listed"), "id", "full_outer")
    row = both.agg(
        F.count_if(logged), F.count_if(logged & listed), one(logged & ~listed), one(listed & ~logged)
    ).first()
    assert row is not None
    total, met, unlisted, unlogged = row
    if not total or unlogged is None or met == total:
        return []
    what = f"{column.removesuffix('_id')}s of the {logs}{f' in a sample of one in {every:,}' if every > 1 else ''}"
    it, has = ("it", "has") if logs == "logs" else (f"the {source}", "have")
    detail = f"{met:,} of {total:,} {what} are in {it} (the {logs} have '{unlisted}', {it} {has} '{unlogged}')"
    passed = met >= FEW * total
    return [Check(f"met:{source}", passed, met / total, detail + ("" if passed else ": are ids written alike?"))]

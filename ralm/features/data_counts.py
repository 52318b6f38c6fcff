"""What settings follow from, counted in two passes over the events and one over the impressions."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config.counts import DataCounts, DomainCounts
from ralm.features.hashing import chosen

# Users whose events are counted one by one.
SAMPLED_USERS = 200_000


def count_data(
    users: DataFrame, events: DataFrame, impressions: DataFrame, domains: Sequence[str], seed: int
) -> DataCounts:
    """The counts of the tables; a row per domain comes to the driver.

    Args:
        users: one row per user.
        events: (user_id, domain, feature_id).
        impressions: (item_id, clicked).
        domains: those of the history fields; other events are not counted.
        seed: of the sample of users.
    """
    everybody = users.count()
    events = events.where(F.col("domain").isin(list(domains)))
    share = min(1.0, SAMPLED_USERS / max(1, everybody))
    sampled = events if share == 1.0 else events.where(chosen("measured user", seed, share, "user_id"))
    of_users = sampled.groupBy("user_id", "domain").agg(F.count("*").alias("entries"))
    usual = of_users.groupBy("domain").agg(F.percentile_approx("entries", [0.95, 0.999]).alias("entries"))
    entries = {row["domain"]: row["entries"] for row in usual.collect()}
    distinct = [F.approx_count_distinct(column).alias(column) for column in ("user_id", "feature_id")]
    rows = events.rollup("domain").agg(*distinct, F.grouping_id().alias("together")).collect()
    of_items = impressions.groupBy("item_id").agg(F.count("*").alias("shown"), F.count_if("clicked").alias("clicks"))
    shares = {"usual": 0.5, "least": 0.1}  # of all clicks: every item counts as often as it is clicked
    popularity = [F.percentile("clicks", share, F.col("clicks")).alias(name) for name, share in shares.items()]
    totals = of_items.agg(
        F.count("*").alias("items"), F.sum("shown").alias("shown"), F.sum("clicks").alias("clicks"), *popularity
    ).first()
    assert totals is not None
    return DataCounts(
        users=everybody,
        active=min(everybody, next((row["user_id"] for row in rows if row["together"]), 0)),
        items=totals["items"],
        impressions=totals["shown"] or 0,
        clicks=totals["clicks"] or 0,
        usual=int(totals["usual"] or 0),
        least=int(totals["least"] or 0),
        domains={
            row["domain"]: DomainCounts(row["user_id"], row["feature_id"], *entries.get(row["domain"], (0, 0)))
            for row in sorted(rows, key=lambda row: row["domain"] or "")
            if not row["together"]
        },
    )

"""The items table: the catalogue from its source, and all further items in the logs."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import ItemSource
from ralm.ingest.mapping import Mapped, Target
from ralm.ingest.quarantine import duplicates, keep_by, keep_first
from ralm.spark.frames import union

# What people know an item by.
NAMES = ("title", "url", "image")
_LISTED = ("item_id", "published_at", "categories", *NAMES, "seen_at")


def item_targets(source: ItemSource) -> list[Target]:
    """What to read from the items' source: the listed columns, and any other as a number."""
    targets = [Target("item_id", "id")]
    if "published_at" in source.columns:
        # Items are often announced before they are published: a date in the future is not an error.
        targets.append(Target("published_at", "time", False, future=False))
    if "categories" in source.columns:
        targets.append(Target("categories", "categories", False))
    targets += [Target(name, "label", False) for name in NAMES if name in source.columns]
    if "seen_at" in source.columns:
        targets.append(Target("seen_at", "time"))
    return targets + [Target(name, "number", False) for name in source.columns if name not in _LISTED]


def one_item(items: Mapped, source: ItemSource) -> tuple[DataFrame, DataFrame | None]:
    """One row per item and the duplicates as quarantine rows (none if `keep` says which row stays).

    Without `keep` it is the row published first; rows that are equal in this are ordered by a hash of their content.
    """
    if not source.key:
        return keep_by(items.good, "item_id", source.keep or "newest"), None
    best = [F.col("published_at").asc_nulls_last()] if "published_at" in items.frame.columns else []
    return keep_first(items, "item_id", best), duplicates([items], source.key, best)


def items_table(catalogue: DataFrame | None, seen: DataFrame) -> DataFrame:
    """item_id, published_at, categories, title, url, image and the numeric features.

    Args:
        catalogue: one row per item; None: only items seen in the logs.
        seen: item_id and time of every occurrence in the logs; the first time replaces a missing
            published_at, and an item missing from the catalogue gets a row.
    """
    first = seen.groupBy("item_id").agg(F.min("time").alias("first_seen"))
    items = first if catalogue is None else first.join(catalogue, "item_id", "full_outer")
    published = F.coalesce("published_at", "first_seen") if "published_at" in items.columns else F.col("first_seen")
    nothing = F.array().cast("array<string>")
    categories = F.coalesce("categories", nothing) if "categories" in items.columns else nothing
    names = [F.col(name) if name in items.columns else F.lit(None).cast("string").alias(name) for name in NAMES]
    numbers = [name for name in items.columns if name not in (*_LISTED, "first_seen")]
    return items.select("item_id", published.alias("published_at"), categories.alias("categories"), *names, *numbers)


def seen_items(logs: list[DataFrame], item_domains: list[str]) -> DataFrame:
    """item_id and time of every impression, and of every event of a domain whose features are items."""
    events = [log for log in logs if "feature_id" in log.columns]
    shown = [log.select("item_id", F.col("shown_at").alias("time")) for log in logs if "item_id" in log.columns]
    seen = [
        log.where(F.col("domain").isin(item_domains)).select(
            F.col("feature_id").alias("item_id"), F.col("event_time").alias("time")
        )
        for log in events
    ]
    return union([*seen, *shown])

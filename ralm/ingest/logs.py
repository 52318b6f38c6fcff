"""The two logs: what to read from their sources, and their tables' columns."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import EventSource, ImpressionSource
from ralm.ingest.mapping import Mapped, Target
from ralm.ingest.untimed import sentinel_time


def event_targets(source: EventSource, user_id_type: str) -> list[Target]:
    """user_id, feature_id, and domain and event_time if the source maps them."""
    targets = [Target("user_id", "id", type=user_id_type), Target("feature_id", "id")]
    optional = {"domain": Target("domain", "label"), "event_time": Target("event_time", "time")}
    return targets + [target for name, target in optional.items() if name in source.columns]


def impression_targets(source: ImpressionSource, user_id_type: str) -> list[Target]:
    """user_id, item_id, and shown_at and clicked if the source maps them."""
    targets = [Target("user_id", "id", type=user_id_type), Target("item_id", "id")]
    optional = {"shown_at": Target("shown_at", "time"), "clicked": Target("clicked", "flag")}
    return targets + [target for name, target in optional.items() if name in source.columns]


def complete_events(mapped: Mapped, source: EventSource, seed: int, *, by_hash: bool = False) -> Mapped:
    """Add the domain of the source and, to an untimed log or in place of its times (`by_hash`), the sentinel times."""
    added = {} if source.domain is None else {"domain": F.lit(source.domain)}
    if "event_time" not in source.columns or by_hash:
        added["event_time"] = sentinel_time(F.col("user_id"), F.col("feature_id"), seed)
    return mapped.with_columns(added)


def complete_impressions(mapped: Mapped, source: ImpressionSource, seed: int, *, by_hash: bool = False) -> Mapped:
    """Add `clicked` to a log of clicks and, to an untimed log or in place of its times (`by_hash`), sentinel times."""
    added = {} if "clicked" in source.columns else {"clicked": F.lit(True)}
    if "shown_at" not in source.columns or by_hash:
        added["shown_at"] = sentinel_time(F.col("user_id"), F.col("item_id"), seed)
    return mapped.with_columns(added)


def events_table(events: DataFrame) -> DataFrame:
    """user_id, domain, feature_id, event_time, event_date (UTC)."""
    return events.select("user_id", "domain", "feature_id", "event_time", F.to_date("event_time").alias("event_date"))


def impressions_table(impressions: DataFrame, domain: str | None = None) -> DataFrame:
    """user_id, item_id, shown_at, clicked, domain, shown_date (UTC).

    Args:
        domain: of all rows; None: each row has its own in `domain`.
    """
    return impressions.select(
        "user_id",
        "item_id",
        "shown_at",
        "clicked",
        (F.col("domain") if domain is None else F.lit(domain)).alias("domain"),
        F.to_date("shown_at").alias("shown_date"),
    )

"""The positives of the user model's training set."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from ralm.config import UserSamples
from ralm.features.hashing import uniform

# Positives beyond the training cap are never negatives of their user either, up to this multiple of the cap.
_KNOWN_PER_POSITIVE = 4


def events_between(events: DataFrame, domain: str, since: dt.date, until: dt.date) -> DataFrame:
    """The events of a behaviour domain in [since, until)."""
    moment = F.col("event_time")
    return events.where((F.col("domain") == domain) & (moment >= F.lit(since)) & (moment < F.lit(until)))


def user_positives(
    events: DataFrame,
    vocabulary: DataFrame,
    domain: str,
    since: dt.date,
    until: dt.date,
    config: UserSamples,
    seed: int,
) -> DataFrame:
    """What each user acted on in the label window.

    Args:
        events: (user_id, domain, feature_id, event_time), without held-out items.
        vocabulary: (field, feature_id, index); features outside it are not labels.
        domain: the label domain, a field of the vocabulary.
        since, until: the label window [A0, A1).
        config: caps.
        seed: which positives a capped user keeps.

    Returns:
        (user_id, positives, known): distinct item indices in an order by hash; `positives` the first
        `max_positives`, `known` four times as many, which negatives must avoid. The cap is applied before the shuffle.
    """
    labels = F.broadcast(vocabulary.where(F.col("field") == domain).select("feature_id", "index"))
    acted = (
        events_between(events, domain, since, until).join(labels, "feature_id").select("user_id", "index").distinct()
    )
    by_hash = Window.partitionBy("user_id").orderBy(uniform("positive", seed, "user_id", "index"), "index")
    kept = acted.withColumn("rank", F.row_number().over(by_hash)).where(
        F.col("rank") <= config.max_positives * _KNOWN_PER_POSITIVE
    )
    ordered = F.sort_array(F.collect_list(F.struct("rank", "index")))["index"]
    return (
        kept.groupBy("user_id")
        .agg(ordered.alias("known"))
        .select("user_id", F.slice("known", 1, config.max_positives).alias("positives"), "known")
    )

"""The training set of the user model: positives of a label window, each with log-uniform negatives.

One row carries a user's fields once, up to P positives and their negatives, as item indices of the label domain.
"""

from __future__ import annotations

import datetime as dt

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ralm.config import UserSamples
from ralm.features.hashing import chosen, uniform

# Positives beyond the training cap are still no negatives of their user, up to this multiple of the cap.
_KNOWN_PER_POSITIVE = 4


def log_uniform_rank(r: Column, items: int) -> Column:
    """Rank k in [0, items) with p(k) = [log(k+2) - log(k+1)] / log(D+1), D = items, for r uniform on [0, 1).

    The inverse of the distribution function: k = floor((D+1)^r) - 1, clamped to D - 1 (design, section 4).
    """
    return F.least(F.floor(F.pow(F.lit(float(items + 1)), r)) - 1, F.lit(items - 1)).cast("int")


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
        vocabulary: (field, feature_id, index); features outside it are no labels.
        domain: the label domain, a field of the vocabulary.
        since, until: the label window [A0, A1).
        config: caps.
        seed: which positives a capped user keeps.

    Returns:
        (user_id, positives, known): distinct item indices in an order by hash; `positives` the first
        `max_positives`, `known` four times as many, which no negative may hit. The cap is applied before the shuffle.
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


def negative_draw(
    positive: Column, draw: Column, known: Column, user: Column, items: int, redraws: int, seed: int
) -> Column:
    """One negative of a positive, an item index that is not among `known`.

    A draw that hits a known positive is redrawn up to `redraws` times; then the next free rank after the last draw is
    taken. Null only if every item is known.
    """

    def index(attempt: Column) -> Column:
        return log_uniform_rank(uniform("negative", seed, user, positive, draw, attempt), items) + 1

    def redrawn(first: Column) -> Column:
        tries = F.transform(F.sequence(F.lit(1), F.lit(redraws)), index)
        free = F.filter(tries, lambda candidate: ~F.array_contains(known, candidate))
        after = F.transform(F.sequence(F.lit(0), F.size(known)), lambda step: F.pmod(first + step, F.lit(items)) + 1)
        nearest = F.filter(after, lambda candidate: ~F.array_contains(known, candidate))
        return F.coalesce(F.get(free, F.lit(0)), F.get(nearest, F.lit(0)))

    # A one-element array binds the first draw, so that it is computed once.
    first = F.array(index(F.lit(0)))
    return F.get(
        F.transform(first, lambda k: F.when(F.array_contains(known, k), redrawn(k)).otherwise(k)), F.lit(0)
    ).cast("int")


def build_user_samples(
    user_fields: DataFrame, positives: DataFrame, items: int, config: UserSamples, seed: int
) -> DataFrame:
    """Rows of the training set.

    Args:
        user_fields: (user_id, the field columns) as of A0.
        positives: of `user_positives`.
        items: D, the size of the label domain's vocabulary.
        config: positives a row, negatives a positive, share of validation users.
        seed: of the draws.

    Returns:
        (user_key, validation, the field columns, positives array<int> of P, 0-padded, negatives array<int> of
        negatives·P, flat: those of positive j are at [negatives·j, negatives·(j+1)), 0 where there is none).
        Numeric columns only, as the loaders need them.
    """
    width, count = config.positives_per_row, config.negatives
    with_negatives = F.transform(
        F.col("positives"),
        lambda p: F.transform(
            F.sequence(F.lit(0), F.lit(count - 1)),
            lambda draw: negative_draw(p, draw, F.col("known"), F.col("user_id"), items, config.redraws, seed),
        ),
    )
    # Without room for a single negative there is nothing to learn from.
    labelled = positives.where(F.size("known") < items).withColumn("negatives", F.flatten(with_negatives))
    chunk = F.explode(F.sequence(F.lit(0), F.floor((F.size("positives") - 1) / width).cast("int"))).alias("chunk")
    fields = [column for column in user_fields.columns if column != "user_id"]
    chunks = labelled.select("user_id", "positives", "negatives", chunk)
    return chunks.join(user_fields, "user_id").select(
        F.xxhash64("user_id").alias("user_key"),
        chosen("validation user", seed, config.validation_share, "user_id").alias("validation"),
        *fields,
        _padded(F.slice("positives", F.col("chunk") * width + 1, width), width).alias("positives"),
        _padded(F.slice("negatives", F.col("chunk") * width * count + 1, width * count), width * count).alias(
            "negatives"
        ),
    )


def _padded(values: Column, width: int) -> Column:
    return F.concat(values, F.array_repeat(F.lit(0), F.lit(width) - F.size(values)))

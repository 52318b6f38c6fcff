"""What the systems are judged on: items of each protocol, their labelled pairs and candidates."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events
from jobs.steps.users.user_fields import weak_users
from ralm.errors import DataError
from ralm.features.hashing import chosen, uniform
from ralm.features.holdout import HeldOut, is_new_item
from ralm.features.seeds import clicks, unseen_pairs
from ralm.runs.step import RunningStep

NEW_ITEMS, LATER_CLICKS = "new_items", "later_clicks"


class TooFewItemsError(DataError):
    """No item can be judged."""


@dataclass(frozen=True)
class Judged:
    """The evaluation window [A2, A3).

    Attributes:
        shown: what users were shown in the window, persisted.
        items: protocol -> its items; an item belongs to only one protocol.
        pairs: (protocol, item_id, user_id, label 0/1, weak): labelled pairs, capped by hash.
        labels: (item_id, user_id, weak): held-out clickers.
        earlier: (item_id, user_id): all clickers before A2, seeds or not; they are not candidates.
        popularity: (item_id, clicks before A2).
        activity: (user_id, events before A2, without those on held-out items).
    """

    shown: DataFrame
    items: dict[str, list[str]]
    pairs: DataFrame
    labels: DataFrame
    earlier: DataFrame
    popularity: DataFrame
    activity: DataFrame

    @property
    def all_items(self) -> list[str]:
        """The items of all protocols."""
        return sorted(item for items in self.items.values() for item in items)


def judged(step: RunningStep) -> Judged:
    """Choose items and pairs.

    Raises:
        TooFewItemsError: no item has enough seeds and labels.
    """
    context, config = step.context, step.context.config
    dates, evaluation = context.dates, config.evaluation
    seeds = step.at("item_seeds", as_of=dates.a2, purpose="evaluate").where(
        F.col("seed_count") >= config.lookalike.min_seeds
    )
    pairs = unseen_pairs(step.read("impressions"), dates.a2, dates.a3).join(
        seeds.select("item_id"), "item_id", "left_semi"
    )
    pairs = pairs.withColumn("protocol", _protocol(evaluation.new_item_share, config.seed)).persist()
    items = _choose_items(pairs, evaluation.min_labels, evaluation.max_items, config.seed)
    if not any(items.values()):
        pairs.unpersist()
        raise TooFewItemsError(
            f"no item has lookalike.min_seeds = {config.lookalike.min_seeds} seeds before {dates.a2} and "
            f"evaluation.min_labels = {evaluation.min_labels} clickers and non-clickers in [{dates.a2}, {dates.a3})"
        )
    frame = context.spark.createDataFrame([(i,) for found in items.values() for i in found], "item_id string")
    kept = pairs.join(F.broadcast(frame), "item_id", "left_semi").join(weak_users(step, context.dates.a2), "user_id")
    share = min(1.0, evaluation.max_impressions / max(1, kept.count()))
    sampled = kept if share == 1 else kept.where(chosen("evaluated pair", config.seed, share, "user_id", "item_id"))
    activity = known_events(step).where(F.col("event_time") < F.lit(dates.a2)).groupBy("user_id").count()
    return Judged(
        shown=pairs,
        items=items,
        pairs=sampled.select("protocol", "item_id", "user_id", "label", "weak"),
        labels=kept.where("label = 1").select("item_id", "user_id", "weak"),
        earlier=clicks(step.read("impressions"), dates.a2)
        .join(F.broadcast(frame), "item_id", "left_semi")
        .select("item_id", "user_id")
        .distinct(),
        popularity=seeds.select("item_id", F.col("clickers").alias("clicks")),
        activity=activity.withColumnRenamed("count", "events"),
    )


def _protocol(share: HeldOut, seed: int) -> Column:
    return F.when(is_new_item("item_id", share, seed), NEW_ITEMS).otherwise(LATER_CLICKS)


def _choose_items(pairs: DataFrame, least: int, most: int, seed: int) -> dict[str, list[str]]:
    """At most `most` items per protocol, by hash, of those with enough clickers and non-clickers."""
    counted = pairs.groupBy("protocol", "item_id").agg(
        F.count_if(F.col("label") == 1).alias("clickers"), F.count_if(F.col("label") == 0).alias("others")
    )
    by_hash = Window.partitionBy("protocol").orderBy(uniform("evaluated item", seed, "item_id"), "item_id")
    kept = (
        counted.where((F.col("clickers") >= least) & (F.col("others") >= least))
        .withColumn("position", F.row_number().over(by_hash))
        .where(F.col("position") <= most)
        .collect()
    )
    return {name: [r["item_id"] for r in kept if r["protocol"] == name] for name in (NEW_ITEMS, LATER_CLICKS)}

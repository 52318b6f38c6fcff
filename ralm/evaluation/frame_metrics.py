"""Evaluation at scale, in Spark: small per-item rows from rankings and impressions as large as the users.

All of it is SQL expressions: no group is held in memory, however many users an item has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from ralm.evaluation.array_metrics import top_size
from ralm.evaluation.metric_names import recall_name, shown_name

PRECISION_CUTS = (10, 50)
RECALL_FRACTIONS = (0.01, 0.05)


@dataclass(frozen=True)
class RankMetric:
    """An item's held-out users among the best `depth`, divided by `best(held-out users)`: as many as can be there."""

    name: str
    depth: int
    best: Callable[[Column], Column]


def rank_metrics(
    users: int, precision_cuts: Sequence[int] = PRECISION_CUTS, fractions: Sequence[float] = RECALL_FRACTIONS
) -> list[RankMetric]:
    """What `ranking_metrics` computes; `metric_names` says what each one means."""
    precisions = [RankMetric(f"prec@{k}", k, partial(F.least, F.lit(k))) for k in precision_cuts]
    recalls = [
        RankMetric(recall_name(fraction), top_size(users, fraction), lambda held_out: held_out)
        for fraction in fractions
    ]
    return [*precisions, *recalls]


def ranking_depth(
    users: int, precision_cuts: Sequence[int] = PRECISION_CUTS, fractions: Sequence[float] = RECALL_FRACTIONS
) -> int:
    """How many users a ranking must hold for `ranking_metrics` to be exact.

    Args:
        users: candidates that are ranked.
        precision_cuts: the K of prec@K.
        fractions: the shares of recall@share.
    """
    return min(users, max(metric.depth for metric in rank_metrics(users, precision_cuts, fractions)))


def ranking_metrics(
    ranked: DataFrame,
    labels: DataFrame,
    users: int,
    precision_cuts: Sequence[int] = PRECISION_CUTS,
    fractions: Sequence[float] = RECALL_FRACTIONS,
) -> DataFrame:
    """prec@K (the paper's, section 4) and recall in the top share of the candidates, for each system and item.

    Scores are rounded to 1e-6 and ties broken by user_id; a NaN score ranks last. Items without held-out users are
    left out, and so are items that a system has not ranked at all.

    Args:
        ranked: system, item_id, user_id, score: at least the `ranking_depth(users)` best users of each item, one row
            per user; an item's seeds are not candidates and must be removed before.
        labels: item_id, user_id of the held-out users, and optionally `weak` boolean (the user lacks the strong
            domain), which adds the segments.
        users: candidates that were ranked.
        precision_cuts: the K of prec@K.
        fractions: the shares of recall@share.

    Returns:
        system, item_id, segment (all; weak and strong users, ranked among all), metric, value double,
        held_out bigint.
    """
    metrics = rank_metrics(users, precision_cuts, fractions)
    held_out = labels.select("item_id", "user_id", *_weak(labels)).distinct().withColumn("hit", F.lit(True))
    segments = _segments(labels)

    score = F.nanvl(F.round(F.col("score").cast("double"), 6), F.lit(float("-inf")))
    order = Window.partitionBy("system", "item_id").orderBy(score.desc(), F.col("user_id"))
    deepest = max(metric.depth for metric in metrics)
    head = ranked.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= deepest)
    hits = (
        head.join(held_out, ["item_id", "user_id"], "left")
        .groupBy("system", "item_id")
        .agg(
            *(
                F.count_if(F.col("hit") & (F.col("rank") <= metric.depth) & inside).alias(f"{segment} {metric.name}")
                for metric in metrics
                for segment, inside in segments.items()
            )
        )
    )
    sizes = held_out.groupBy("item_id").agg(*(F.count_if(inside).alias(name) for name, inside in segments.items()))
    rows = [
        F.struct(
            F.lit(segment).alias("segment"),
            F.lit(metric.name).alias("metric"),
            # 0 held out: dropped below
            (F.col(f"`{segment} {metric.name}`") / metric.best(F.greatest(F.lit(1), F.col(segment)))).alias("value"),
            F.col(segment).alias("held_out"),
        )
        for metric in metrics
        for segment in segments
    ]
    return (
        hits.join(sizes, "item_id")
        .select("system", "item_id", F.explode(F.array(*rows)).alias("row"))
        .select("system", "item_id", "row.*")
        .where(F.col("held_out") > 0)
    )


def impression_item_metrics(scored: DataFrame, min_labels: int = 1) -> DataFrame:
    """The AUC of each item over its labelled impressions, for each system; tied scores count half.

    Impressions are first summed into (score, clicks, non-clicks), with scores rounded to 1e-6, so that an item with a
    hundred million impressions becomes at most a few million rows before the shuffle.

    Args:
        scored: system, item_id, label (boolean or 0/1), score, and optionally `weak` boolean, which adds the
            segments. Rows without a score are not counted.
        min_labels: clickers, and non-clickers, that an item needs (in the segment); the others are left out.

    Returns:
        system, item_id, segment (all; weak and strong users), metric = item_auc, value double, positives bigint,
        negatives bigint.
    """
    areas = _areas(_by_segment(scored), ["system", "item_id", "segment"])
    return areas.where(F.least("positives", "negatives") >= max(1, min_labels)).select(
        "system", "item_id", "segment", F.lit("item_auc").alias("metric"), "value", "positives", "negatives"
    )


def pooled_auc(scored: DataFrame) -> DataFrame:
    """The AUC over all impressions of a system together.

    Args:
        scored: as in `impression_item_metrics`; item_id is not needed. One task takes all distinct rounded scores of
            a system: at most a few million for scores within ±2.

    Returns:
        system, segment, metric = auc, value double (NULL where a class is missing), positives, negatives bigint.
    """
    return _areas(_by_segment(scored), ["system", "segment"]).select(
        "system", "segment", F.lit("auc").alias("metric"), "value", "positives", "negatives"
    )


def shown_top_metrics(scored: DataFrame, share: float = 0.05) -> DataFrame:
    """Precision and recall in the best-scored `share` of the users whom an item was shown to, for each system and item.

    The top is the share of the item's rows, rounded down, at least one (MetaHeac, KDD 2021, `run.py` of the authors).
    Scores are rounded to 1e-6 and ties broken by user_id. Items without a clicker are left out.

    Args:
        scored: system, item_id, user_id, label (boolean or 0/1), score.
        share: of an item's rows.

    Returns:
        system, item_id, segment = all, metric = shown_prec@5% or shown_recall@5% (for a share of 0.05), value double.
    """
    item = Window.partitionBy("system", "item_id")
    score = F.nanvl(F.round(F.col("score").cast("double"), 6), F.lit(float("-inf")))
    placed = scored.select(
        "system",
        "item_id",
        F.col("label").cast("boolean").alias("clicked"),
        F.row_number().over(item.orderBy(score.desc(), "user_id")).alias("place"),
        F.greatest(F.lit(1), F.floor(F.round(F.count("*").over(item) * F.lit(share), 6))).alias("top"),
    )
    counted = placed.groupBy("system", "item_id").agg(
        F.count_if("clicked").alias("clickers"),
        F.count_if(F.col("clicked") & (F.col("place") <= F.col("top"))).alias("hits"),
        F.max("top").alias("top"),
    )
    rows = [
        F.struct(F.lit(name).alias("metric"), (F.col("hits") / F.col(of)).alias("value"))
        for name, of in ((shown_name("prec", share), "top"), (shown_name("recall", share), "clickers"))
    ]
    exploded = counted.where("clickers > 0").select("system", "item_id", F.explode(F.array(*rows)).alias("row"))
    return exploded.select("system", "item_id", F.lit("all").alias("segment"), "row.*")


def head_items(clicks: DataFrame, share: float = 0.1) -> DataFrame:
    """Which items are the head: the `share` with the most clicks (rounded to whole items, ties by item_id).

    Args:
        clicks: item_id, clicks; one row per item. One task takes all items, some 12 bytes each.
        share: of the items.

    Returns:
        item_id, head boolean.
    """
    everything = Window.partitionBy(F.lit(0))
    cut = F.greatest(F.lit(1), F.round(F.count("*").over(everything) * F.lit(share)))
    position = F.row_number().over(everything.orderBy(F.col("clicks").desc(), F.col("item_id")))
    return clicks.select("item_id", (position <= cut).alias("head"))


def _areas(scored: DataFrame, keys: list[str]) -> DataFrame:
    steps = (
        scored.where(F.col("score").isNotNull())
        .groupBy(*keys, F.round(F.col("score").cast("double"), 6).alias("score"))
        .agg(
            F.count_if(F.col("label").cast("boolean")).alias("positives"),
            F.count_if(~F.col("label").cast("boolean")).alias("negatives"),
        )
    )
    # Σ over positives of (negatives below + half of the tied ones) is the Mann–Whitney statistic
    below = F.sum("negatives").over(Window.partitionBy(*keys).orderBy("score")) - F.col("negatives") / 2
    totals = (
        steps.withColumn("won", F.col("positives") * below)
        .groupBy(*keys)
        .agg(F.sum("won").alias("won"), F.sum("positives").alias("positives"), F.sum("negatives").alias("negatives"))
    )
    pairs = F.col("positives").cast("double") * F.col("negatives")
    return totals.withColumn("value", F.try_divide("won", pairs))


def _weak(frame: DataFrame) -> list[str]:
    return ["weak"] if "weak" in frame.columns else []


def _segments(labels: DataFrame) -> dict[str, Column]:
    everyone = {"all": F.lit(True)}
    return everyone | ({"weak": F.col("weak"), "strong": ~F.col("weak")} if _weak(labels) else {})


def _by_segment(scored: DataFrame) -> DataFrame:
    names = [F.lit("all")]
    if _weak(scored):
        names.append(F.when(F.col("weak"), "weak").otherwise("strong"))
    return scored.withColumn("segment", F.explode(F.array(*names)))

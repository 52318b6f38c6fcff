"""Score all users against items by any system and write what comes of it (no job itself).

Written for one system and date: `audiences`, `thresholds`, `score_histograms`, `recommendations`; for somebody's own
list of seeds `audiences` alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.ranking import Ranking, Scored, rank_users
from ralm.config import Scoring
from ralm.evaluation.metrics import top_size
from ralm.runs import RunningStep
from ralm.scoring.thresholds import exposure_threshold, histogram, histogram_edges, quantiles

# Audiences of a user's own list of seeds lie in a partition of their own, which no nightly run replaces.
LIST_BUCKET = -1
ITEM_BUCKETS = range(2**31 - 1)


def write_audiences(
    step: RunningStep, system: str, scored: Scored, seeds: DataFrame | None, own_list: str | None = None
) -> None:
    """Rank all users for the items and replace what the tables hold of this system, or of this list.

    Args:
        step: its date is `as_of`; its counts get items, users, passes and audience rows.
        system: as in the column `system`.
        scored: users, items, scorer.
        seeds: (item_id, user_id) that are no candidates, of scored users only; None: everyone is.
        own_list: the one item's id where it is somebody's list of seeds: other audiences of the system stay.
    """
    scoring = step.context.config.scoring
    sample = scored.sample(max(scoring.sample, scoring.probe), step.context.config.seed)
    where: dict[str, Any] = {"as_of": step.as_of, "system": system}
    probe = sample[: scoring.probe]
    probed = [scores[np.isfinite(scores)] for scores in probe.T]  # -inf is no candidate
    cutoffs = [exposure_threshold(scores, scoring.probe_fraction) if len(scores) else np.inf for scores in probed]
    if own_list is None:
        _write_thresholds(step, system, scored.items, probed, cutoffs)
        _write_histograms(step, system, scored.items, sample)
    ranking = _rank(scored, scoring, sample, np.array(cutoffs), seeds)
    audiences = audience_rows(ranking, system, step.as_of, step.record.started_at, scored.users)
    part: dict[str, Any] = {"item_bucket": ITEM_BUCKETS}
    if own_list is not None:
        audiences = audiences.withColumn("item_bucket", F.lit(LIST_BUCKET))
        part = {"item_bucket": LIST_BUCKET, "item_id": own_list}
    step.replace("audiences", audiences, "audience rows", **where, **part)
    step.context.warehouse.create("recommendations")  # readers find the table also where none are asked for
    if scoring.recommendations and own_list is None:
        step.replace("recommendations", _recommendations(step, system, ranking, scored.items), **where)
    step.counts |= {"items": len(scored.items), "users": scored.users, "passes": ranking.passes}


def audience_rows(
    ranking: Ranking, system: str, as_of: dt.date | None, scored_at: dt.datetime, users: int
) -> DataFrame:
    """The rows of `audiences` of a ranking of so many users."""
    return ranking.best.select(
        F.lit(as_of).alias("as_of"),
        "item_id",
        "user_id",
        "score",
        (1 - (F.col("rank") - 1) / F.lit(users)).alias("percentile"),
        F.lit(system).alias("system"),
        F.lit(scored_at).alias("scored_at"),
        F.col("bucket").alias("item_bucket"),
    )


def _recommendations(step: RunningStep, system: str, ranking: Ranking, items: Sequence[str]) -> DataFrame:
    ids = F.array(*[F.lit(item) for item in items])
    return ranking.scored.where(F.size("top_items") > 0).select(
        F.lit(step.as_of).alias("as_of"),
        F.lit(system).alias("system"),
        "user_id",
        F.transform("top_items", lambda item: F.get(ids, item)).alias("item_ids"),
        F.col("top_scores").alias("scores"),
    )


def _write_thresholds(
    step: RunningStep, system: str, items: Sequence[str], probed: list[NDArray[np.float64]], cutoffs: list[float]
) -> None:
    """Items without any candidate in the probe have no row."""
    fraction = step.context.config.scoring.probe_fraction
    rows = [
        (step.as_of, system, item, cut, len(scores), fraction, quantiles(scores))
        for item, scores, cut in zip(items, probed, cutoffs, strict=True)
        if len(scores)
    ]
    schema = "as_of date, system string, item_id string, cutoff double, probe_size bigint, top_fraction double, "
    frame = step.context.spark.createDataFrame(rows, schema + "quantiles array<double>")
    step.replace("thresholds", frame.coalesce(1), as_of=step.as_of, system=system)


def _write_histograms(step: RunningStep, system: str, items: Sequence[str], sample: NDArray[np.float64]) -> None:
    finite = sample[np.isfinite(sample)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    low, high = float(np.floor(low * 10) / 10), float(np.ceil(high * 10) / 10)
    edges = histogram_edges(low, high if high > low else low + 0.1)
    filled = []
    for item, scores in zip(items, sample.T, strict=True):
        counts = histogram(scores[np.isfinite(scores)], edges)  # (bins,)
        filled += [
            (step.as_of, system, item, int(b), float(edges[b]), float(edges[b + 1]), int(counts[b]))
            for b in np.flatnonzero(counts)
        ]
    schema = "as_of date, system string, item_id string, bin int, low double, high double, count bigint"
    frame = step.context.spark.createDataFrame(filled, schema)
    step.replace("score_histograms", frame.coalesce(1), as_of=step.as_of, system=system)


def _rank(
    scored: Scored,
    scoring: Scoring,
    sample: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    seeds: DataFrame | None,
) -> Ranking:
    audience = scoring.audience
    counts: dict[str, int] = {}
    if seeds is not None:
        counts = {row["item_id"]: row["count"] for row in seeds.groupBy("item_id").count().collect()}
    candidates = {item: max(0, scored.users - counts.get(item, 0)) for item in scored.items}
    wanted = {
        item: min(audience.top_n, count) if audience.mode == "top_n" else top_size(count, audience.top_fraction)
        for item, count in candidates.items()
    }
    cuts = thresholds if audience.mode == "threshold" else None
    return rank_users(scored, sample, wanted, seeds, cuts, scoring.recommendations)

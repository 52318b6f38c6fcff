"""The report's example audiences."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Row
from pyspark.sql import functions as F

from jobs.steps.report.exposure import of_production
from ralm.report.data import AudienceExample
from ralm.runs.step import RunningStep

EXAMPLES = 3


def audience_examples(step: RunningStep) -> list[AudienceExample]:
    """A few items with their audiences: the scored items with the most seeds."""
    thresholds = of_production(step, "thresholds").select("item_id", "cutoff")
    seeds = step.at("item_seeds", as_of=step.context.dates.a3, purpose="production").select("item_id", "seed_count")
    chosen = (
        thresholds.join(seeds, "item_id")
        .join(step.read("items").select("item_id", "categories", "title", "url"), "item_id", "left")
        .orderBy(F.desc("seed_count"), "item_id")
        .limit(EXAMPLES)
        .collect()
    )
    ids = [row["item_id"] for row in chosen]
    audiences = of_production(step, "audiences").where(F.col("item_id").isin(ids))
    sizes = {row["item_id"]: row["count"] for row in audiences.groupBy("item_id").count().collect()}
    bins = of_production(step, "score_histograms").where(F.col("item_id").isin(ids)).orderBy("bin").collect()
    examples = []
    for row in chosen:
        top = audiences.where(F.col("item_id") == row["item_id"]).orderBy(F.desc("score"), "user_id")
        own = [b for b in bins if b["item_id"] == row["item_id"]]
        edges, counts = _filled(own)
        examples.append(
            AudienceExample(
                row["item_id"],
                row["categories"] or [],
                row["seed_count"],
                sizes.get(row["item_id"], 0),
                row["cutoff"],
                [(str(r["user_id"]), r["score"]) for r in top.limit(5).collect()],
                edges,
                counts,
                row["title"],
                row["url"],
            )
        )
    return examples


def _filled(bins: Sequence[Row]) -> tuple[list[float], list[float]]:
    """Edges and counts with the empty bins between the filled ones; a bin of several is spread over them."""
    if not bins:
        return [], []
    width = min(row["high"] - row["low"] for row in bins)
    spans = [max(1, round((row["high"] - row["low"]) / width)) for row in bins]
    first, last = bins[0]["bin"], bins[-1]["bin"] + spans[-1] - 1
    counts = [0.0] * (last - first + 1)
    for row, span in zip(bins, spans, strict=True):
        for place in range(span):
            counts[row["bin"] - first + place] = row["count"] / span
    return [bins[0]["low"] + width * i for i in range(len(counts) + 1)], counts

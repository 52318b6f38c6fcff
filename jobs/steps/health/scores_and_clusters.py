"""Whether scores tell users apart and clusters hold seeds: looked at before the release."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.health.findings import Finding, action, conclude
from ralm.runs.step import RunningStep


def flat_scores(thresholds: DataFrame) -> tuple[int, int]:
    """(items whose probed users all have the same score or one that is no number, items).

    Args:
        thresholds: rows of the table; their `quantiles` go from the lowest to the highest score of the probe.
    """
    low, high = F.get("quantiles", F.lit(0)), F.try_element_at("quantiles", F.lit(-1))
    finite = (low > float("-inf")) & (high < float("inf")) & (low < high)
    row = thresholds.agg(F.count_if(~F.coalesce(finite, F.lit(False))), F.count(F.lit(1))).first()
    assert row is not None
    return row[0], row[1]


def empty_clusters(clusters: DataFrame) -> float | None:
    """Share of empty clusters among items with at least as many seeds as clusters; None: there is no such item."""
    seeds = F.aggregate("sizes", F.lit(0), lambda total, size: total + size)
    empty = F.size(F.filter("sizes", lambda size: size == 0))
    row = clusters.where(seeds >= F.size("sizes")).agg(F.try_divide(F.sum(empty), F.sum(F.size("sizes")))).first()
    return None if row is None else row[0]


def check_audiences(step: RunningStep) -> None:
    """Scores that are all alike, and empty clusters."""
    settings, found = step.context.config.health, []
    if action(step, "scores") != "off":
        flat, items = flat_scores(step.read("thresholds").where(F.col("as_of") == F.lit(step.as_of)))
        share, most = flat / max(1, items), settings.scores_share
        text = f"of {items:,} items, the scores of {flat:,} do not tell users apart (limit {most:.0%})"
        found.append(Finding("scores", "", share, share <= most, text))
    clusters = step.read("seed_clusters").where(F.col("as_of") == F.lit(step.as_of))
    if action(step, "empty_clusters") != "off":
        share_empty = empty_clusters(clusters.where(F.col("purpose") == "production"))
        if share_empty is not None:
            most = settings.empty_clusters_share
            text = f"{share_empty:.1%} of the seed clusters are empty (limit {most:.0%})"
            found.append(Finding("empty_clusters", "", share_empty, share_empty <= most, text))
    conclude(step, found)

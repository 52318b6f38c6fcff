"""The report's exposure of items, and the shares of users that the thresholds let through."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.systems.production import production_system
from ralm.evaluation.diversity import gini, lorenz, tail_share
from ralm.evaluation.exposure import recommended_categories, recommended_exposure
from ralm.report.data import Exposure, RealisedShares
from ralm.runs.step import RunningStep
from ralm.scoring.realised import promised_shares


def of_production(step: RunningStep, table: str) -> DataFrame:
    """The rows of a table that the system of production made for its date."""
    name = production_system(step.context).name
    return step.read(table).where((F.col("as_of") == F.lit(step.context.dates.a3)) & (F.col("system") == name))


def _item_thresholds(step: RunningStep) -> DataFrame:
    """The thresholds of items alone: your own lists have theirs in the same table."""
    items = step.read("items").select("item_id")
    return of_production(step, "thresholds").join(items, "item_id", "left_semi")


def exposures(step: RunningStep, users: int) -> list[Exposure]:
    """How the log and the recommendations spread over the scored items."""
    items = step.read("items")
    recommendations = of_production(step, "recommendations")
    if recommendations.isEmpty():
        return []
    scored = _item_thresholds(step).select("item_id")
    shown = step.read("impressions").groupBy("item_id").count().withColumnRenamed("count", "exposure")
    logged = scored.join(shown, "item_id", "left").select(F.coalesce("exposure", F.lit(0)).alias("exposure"))
    recommended = recommended_exposure(recommendations, scored).select("exposure")
    share = min(1.0, 100_000 / max(1, users))
    varied = recommended_categories(recommendations, items, share).first()
    found = []
    for name, frame, distinct in (
        ("logged", logged, None),
        ("recommended", recommended, varied["distinct"] if varied else None),
    ):
        counts = np.array([row["exposure"] for row in frame.collect()], dtype=float)  # the scored items
        if counts.sum() > 0:
            curve = lorenz(counts)
            found.append(
                Exposure(name, list(curve.items), list(curve.exposure), gini(counts), tail_share(counts), distinct)
            )
    return found


def realised(step: RunningStep) -> RealisedShares | None:
    """What the thresholds of production let through; None if every user was probed."""
    found = _item_thresholds(step).where("realised IS NOT NULL").orderBy("item_id").collect()  # scored items
    if not found:
        return None
    asked = found[0]["top_fraction"]
    probe, users = (int(np.median([row[name] for row in found])) for name in ("probe_size", "realised_users"))
    shares, low, high = ([row[name] for row in found] for name in ("realised", "realised_low", "realised_high"))
    return RealisedShares(asked, probe, shares, low, high, promised_shares(asked, probe, users))

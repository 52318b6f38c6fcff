"""The table `recommendations`: each user's best items among the audiences."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.delivery import held_out
from jobs.steps.audiences.ranking import Ranking
from ralm.runs.step import RunningStep


def recommendation_rows(
    step: RunningStep, system: str, ranking: Ranking, items: Sequence[str], hold_out: float = 0.0
) -> DataFrame:
    """The rows of `recommendations` of a ranking that kept each user's best items.

    Args:
        step: its date is `as_of`.
        system: as in the column `system`.
        ranking: with `top_items` and `top_scores` per user.
        items: in the order of the scorer.
        hold_out: share of each item's users who are held out: the item is none of their recommendations.
    """
    ids = F.array(*[F.lit(item) for item in items])
    rows = ranking.recommended.select(
        F.lit(step.as_of).alias("as_of"),
        F.lit(system).alias("system"),
        "user_id",
        F.transform("top_items", lambda item: F.get(ids, item)).alias("item_ids"),
        F.col("top_scores").alias("scores"),
    )
    if not hold_out:
        return rows
    seed = step.context.config.seed
    best = F.filter(F.arrays_zip("item_ids", "scores"), lambda one: ~held_out(hold_out, seed, one["item_ids"]))
    kept = rows.withColumn("best", best).where(F.size("best") > 0)
    return kept.select("as_of", "system", "user_id", F.col("best.item_ids"), F.col("best.scores"))

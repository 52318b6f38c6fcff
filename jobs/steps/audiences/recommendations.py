"""The table `recommendations`: each user's best items among the audiences."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.ranking import Ranking
from ralm.runs.step import RunningStep


def recommendation_rows(step: RunningStep, system: str, ranking: Ranking, items: Sequence[str]) -> DataFrame:
    """The rows of `recommendations` of a ranking that kept each user's best items."""
    ids = F.array(*[F.lit(item) for item in items])
    return ranking.scored.where(F.size("top_items") > 0).select(
        F.lit(step.as_of).alias("as_of"),
        F.lit(system).alias("system"),
        "user_id",
        F.transform("top_items", lambda item: F.get(ids, item)).alias("item_ids"),
        F.col("top_scores").alias("scores"),
    )

"""The oracle: the probability that the built-in world's clicks are drawn from."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.config import Simulate
from ralm.simulation import truth


def _number(ids: str, frame: DataFrame) -> Column:
    if dict(frame.dtypes)[ids] == "string":
        return F.substring(ids, 2, 32).cast("bigint")
    return F.col(ids).cast("bigint")


def click_probability(pairs: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add `click_probability` (double) to pairs of users and items of the world of this configuration and seed.

    Args:
        pairs: has `user_id` and `item_id` as the world wrote them; any other columns stay.
    """
    numbered = pairs.withColumns({"number": _number("user_id", pairs), "item": _number("item_id", pairs)})
    latent = truth.with_item_truth(truth.with_user_truth(numbered, cfg, seed), cfg, seed)
    return latent.withColumn("click_probability", truth.click_probability()).select(*pairs.columns, "click_probability")

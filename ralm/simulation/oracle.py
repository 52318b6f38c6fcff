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


def user_truth(users: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add the latent values of users (`user_id` as the world wrote it): see `truth.with_user_truth`."""
    return truth.with_user_truth(users.withColumn("number", _number("user_id", users)), cfg, seed)


def item_truth(items: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add the latent values of items (`item_id` as the world wrote it): see `truth.with_item_truth`."""
    return truth.with_item_truth(items.withColumn("item", _number("item_id", items)), cfg, seed)


def click_probability(pairs: DataFrame, cfg: Simulate, seed: int) -> DataFrame:
    """Add `click_probability` (double) to pairs of users and items of the world of this configuration and seed.

    Args:
        pairs: has `user_id` and `item_id` as the world wrote them; any other columns stay.
    """
    latent = item_truth(user_truth(pairs, cfg, seed), cfg, seed)
    return latent.withColumn("click_probability", truth.click_probability()).select(*pairs.columns, "click_probability")

"""Items held out as new: they are removed from everything that is trained or counted."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.features.hashing import chosen


def is_new_item(item_id: Column | str, share: float, seed: int) -> Column:
    """Whether an item is held out, a boolean decided by its id."""
    return chosen("new item", seed, share, item_id)


def without_new_items(events: DataFrame, item_domains: Sequence[str], share: float, seed: int) -> DataFrame:
    """Events without those on held-out items, in the domains whose feature ids are item ids; there may be none."""
    if share == 0 or not item_domains:
        return events
    return events.where(~(F.col("domain").isin(list(item_domains)) & is_new_item("feature_id", share, seed)))

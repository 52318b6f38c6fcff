"""What is removed from everything that is trained or counted: items held out as new, and excluded domains."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.features.hashing import chosen

# A share of the items, or their ids.
HeldOut = float | Sequence[str]


def is_new_item(item_id: Column | str, held_out: HeldOut, seed: int) -> Column:
    """Whether an item is held out, a boolean: its id is listed, or its hash is in the share."""
    if isinstance(held_out, int | float):
        return chosen("new item", seed, held_out, item_id)
    return (F.col(item_id) if isinstance(item_id, str) else item_id).isin(list(held_out))


def without_new_items(events: DataFrame, item_domains: Sequence[str], held_out: HeldOut, seed: int) -> DataFrame:
    """Events without those on held-out items, in the domains whose feature ids are item ids; there may be none."""
    if not held_out or not item_domains:
        return events
    return events.where(~(F.col("domain").isin(list(item_domains)) & is_new_item("feature_id", held_out, seed)))


def without_domains(events: DataFrame, excluded: Sequence[str]) -> DataFrame:
    """Events without those of the excluded domains; `privacy.excluded_fields` may name profile fields, too."""
    return events.where(~F.col("domain").isin(list(excluded))) if excluded else events

"""What people know items by, for whatever is shown to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


class ItemName(NamedTuple):
    """Title, address and a picture's address, where they are mapped, and what the item is about."""

    title: str | None
    url: str | None
    categories: tuple[str, ...]
    image: str | None = None


def item_names(spark: SparkSession, items: DataFrame, ids: Iterable[str]) -> dict[str, ItemName]:
    """The names of those of the ids that are items; as many rows as ids come to the driver.

    Args:
        spark: the session.
        items: the table `items`.
        ids: a few items; others are left out.
    """
    wanted = spark.createDataFrame([(value,) for value in sorted({*ids, ""})], "item_id string")
    columns = ("item_id", "title", "url", "categories", "image")
    rows = items.join(F.broadcast(wanted), "item_id").select(*columns).collect()
    return {row[0]: ItemName(row[1], row[2], tuple(row[3] or ()), row[4]) for row in rows}


def shown_name(item: str, names: Mapping[str, ItemName]) -> str:
    """The item in a sentence: `"A story" (i0012)`, or its id alone: `'i0012'`."""
    title = names[item].title if item in names else None
    return f'"{title}" ({item})' if title and title != item else f"'{item}'"

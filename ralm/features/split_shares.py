"""How a split turned out: labels per part, users without a history and items without seeds at its beginning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.dates import DateName, ResolvedDates

NEXT: dict[DateName, DateName] = {"a0": "a1", "a1": "a2", "a2": "a3"}


@dataclass(frozen=True)
class PartShares:
    """The part of the log that begins at one of the dates.

    Attributes:
        labels: events in [A0, A1), impressions in the other parts.
        users: users with such labels, of a sample.
        without_history: those of them who did nothing before the part.
        items: items shown in the part; 0 in [A0, A1), where there are none.
        too_young: those of them that nobody clicked before the part.
        most: clicks in the part on the item that has most of them.
        so_far: clicks up to the end of the part on the item that has most of them.
    """

    labels: int
    users: int
    without_history: int
    items: int = 0
    too_young: int = 0
    most: int = 0
    so_far: int = 0

    @property
    def share_without_history(self) -> float:
        """Of the users with labels."""
        return self.without_history / self.users if self.users else 0.0


def part_users(
    events: DataFrame, labelled: DataFrame, impressions: DataFrame, dates: ResolvedDates
) -> dict[DateName, tuple[int, int]]:
    """(users with labels, those without a history) per part.

    Args:
        events: (user_id, event_date), what histories are made of.
        labelled: (user_id, event_date), the events that are labels of the user model.
        impressions: (user_id, shown_date).
        dates: the four dates.
    """

    def within(rows: DataFrame, day: str, name: DateName) -> DataFrame:
        window = (F.col(day) >= F.lit(dates[name])) & (F.col(day) < F.lit(dates[NEXT[name]]))
        return rows.where(window).select("user_id", F.lit(name).alias("part"), F.lit(dates[name]).alias("since"))

    acted = within(labelled, "event_date", "a0")
    acted = acted.unionByName(within(impressions, "shown_date", "a1")).unionByName(
        within(impressions, "shown_date", "a2")
    )
    first = events.groupBy("user_id").agg(F.min("event_date").alias("first"))
    known = F.coalesce(F.col("first") < F.col("since"), F.lit(False))
    found = (
        acted.distinct().join(first, "user_id", "left").groupBy("part").agg(F.count("*"), F.count_if(~known)).collect()
    )
    return {row[0]: (row[1], row[2]) for row in found}


def part_items(impressions: DataFrame, dates: ResolvedDates) -> Mapping[DateName, tuple[int, int, int, int, int]]:
    """The last five numbers of `PartShares` but those of users, of the parts from A1 and from A2.

    Args:
        impressions: (item_id, shown_date, clicked), all of them before A3.
        dates: the four dates.
    """
    day = F.col("shown_date")
    names: tuple[DateName, ...] = ("a1", "a2")
    window = {name: (day >= F.lit(dates[name])) & (day < F.lit(dates[NEXT[name]])) for name in names}
    per_item = impressions.groupBy("item_id").agg(
        F.min(F.when(F.col("clicked"), day)).alias("first"),
        *(F.count_if(window[name]).alias(name) for name in names),
        *(F.count_if(window[name] & F.col("clicked")).alias(f"{name}.clicks") for name in names),
        *(F.count_if((day < F.lit(dates[NEXT[name]])) & F.col("clicked")).alias(f"{name}.so_far") for name in names),
    )
    sums = []
    for name in names:
        young = F.coalesce(F.col("first") >= F.lit(dates[name]), F.lit(True))
        shown = F.col(name) > 0
        most = (F.max(F.col(f"`{name}.{what}`")) for what in ("clicks", "so_far"))
        sums += [F.sum(name), F.count_if(shown), F.count_if(shown & young), *most]
    row = per_item.agg(*sums).first()
    assert row is not None
    labels, items, unknown, clicks, so_far = ([int(count or 0) for count in row[at::5]] for at in range(5))
    return {name: (labels[at], items[at], unknown[at], clicks[at], so_far[at]) for at, name in enumerate(names)}

"""The shares of a split against plain loops over its rows."""

import datetime as dt
import random
from collections import Counter

import pytest
from pyspark.sql import SparkSession

from ralm.dates import ResolvedDates
from ralm.features.split_shares import part_items, part_users

pytestmark = pytest.mark.spark
START, DAY = dt.date(2024, 1, 1), dt.timedelta(days=1)
DATES = ResolvedDates(*(START + n * DAY for n in (4, 6, 8, 10)))
PARTS = {"a0": (DATES.a0, DATES.a1), "a1": (DATES.a1, DATES.a2), "a2": (DATES.a2, DATES.a3)}


def test_shares_are_those_of_plain_loops(spark: SparkSession) -> None:
    draw = random.Random(1)
    events = [(draw.randrange(60), START + draw.randrange(10) * DAY, draw.random() < 0.7) for _ in range(150)]
    shown = [
        (draw.randrange(80), f"i{draw.randrange(25)}", START + draw.randrange(10) * DAY, draw.random() < 0.2)
        for _ in range(200)
    ]
    acted = spark.createDataFrame(events, "user_id long, event_date date, labelled boolean")
    impressions = spark.createDataFrame(shown, "user_id long, item_id string, shown_date date, clicked boolean")
    users = part_users(acted, acted.where("labelled"), impressions, DATES)
    items = part_items(impressions, DATES)
    for name, (since, until) in PARTS.items():
        labels = [(user, day) for user, day, labelled in events if labelled] if name == "a0" else []
        labels = labels or [(user, day) for user, _, day, _ in shown]
        there = {user for user, day in labels if since <= day < until}
        known = {user for user, day, _ in events if day < since}
        assert users[name] == (len(there), len(there - known))  # type: ignore[index]
        if name != "a0":
            seen = [item for _, item, day, _ in shown if since <= day < until]
            clicked = {item for _, item, day, click in shown if click and day < since}
            of_item = Counter(item for _, item, day, click in shown if click and since <= day < until)
            so_far = Counter(item for _, item, day, click in shown if click and day < until)
            most = max(of_item.values()), max(so_far.values())
            shares = len(seen), len(set(seen)), len(set(seen) - clicked), *most
            assert items[name] == shares  # type: ignore[index]
    assert 0 < users["a2"][1] < users["a2"][0]
    assert 0 < items["a1"][2] < items["a1"][1]

"""Which items are scored: the newest by first click, whatever the catalogue says; who is left out is named."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.steps.audiences.chosen_items import choose_items, left_out, spread_items
from jobs.steps.seeds.item_seeds import item_ages
from ralm.config import ColdStart, Scoring, load_config
from tests.finished import TINY

pytestmark = pytest.mark.spark
# item -> published, first click, seeds. The catalogue announced `late` first, and it was clicked last.
ITEMS: dict[str, tuple[int | None, int | None, int]] = {
    "late": (1, 9, 50),
    "early": (8, 2, 50),
    "middle": (None, 5, 50),
    "few": (7, 8, 3),
    "unseen": (6, None, 0),
}


def day(number: int | None) -> dt.datetime | None:
    return None if number is None else dt.datetime(2024, 1, number)


def running(spark: SparkSession, *, cold: bool = False, **scoring: Any) -> Any:
    catalogue = [(item, day(published), ["c"]) for item, (published, _, _) in ITEMS.items()]
    table = spark.createDataFrame(catalogue, "item_id string, published_at timestamp, categories array<string>")
    config = load_config(TINY, ["lookalike.min_seeds=10"]).model_copy(
        update={"scoring": Scoring.model_validate(scoring), "cold_start": ColdStart(switch=20) if cold else None}
    )
    context = SimpleNamespace(config=config, spark=spark)
    return SimpleNamespace(context=context, as_of=dt.date(2024, 1, 11), read=lambda name: {"items": table}[name])


def ages(spark: SparkSession) -> DataFrame:
    rows = [(item, count, day(first)) for item, (_, first, count) in ITEMS.items() if count]
    return spark.createDataFrame(rows, "item_id string, seed_count int, first_clicked_at timestamp")


def test_newest_is_by_first_click(spark: SparkSession) -> None:
    assert choose_items(running(spark), ages(spark)) == ["late", "middle", "early"]
    assert choose_items(running(spark, max_items=1), ages(spark)) == ["late"]


def test_an_item_without_a_click_is_as_old_as_its_publication(spark: SparkSession) -> None:
    found = spread_items(running(spark, cold=True, max_items=3), ages(spark))
    assert found == {"ralm": ["late"], "cold_start": ["few", "unseen"]}
    found = spread_items(running(spark, cold=True, max_items=4), ages(spark))
    assert found == {"ralm": ["late", "middle"], "cold_start": ["few", "unseen"]}


def test_rows_of_an_earlier_release_count_by_publication(spark: SparkSession) -> None:
    old = item_ages(ages(spark).drop("first_clicked_at"))
    assert choose_items(running(spark), old) == ["early", "late", "middle"]


@pytest.mark.parametrize(
    ("scoring", "chosen", "line"),
    [
        ({"max_items": 2}, ["i0", "i1"], None),
        (
            {"max_items": 1},
            ["i0"],
            "items clicked and left out: 1 (i1), not among the newest 1 (scoring.max_items); to score them, raise it, "
            "or name them in scoring.items",
        ),
        (
            {"items": ["i9"]},
            ["i9"],
            "items clicked and left out: 5 (i4, i3, i2, …), not in scoring.items; to score them, name them there",
        ),
    ],
)
def test_who_is_left_out_is_named(spark: SparkSession, scoring: Any, chosen: list[str], line: str | None) -> None:
    count = 5 if "items" in scoring else 2
    rows = [(f"i{n}", [("u", dt.datetime(2024, 2, n + 1)), ("v", dt.datetime(2024, 1, 1))]) for n in range(count)]
    rows.append(("before the night", [("u", dt.datetime(2024, 1, 30))]))
    seeds = spark.createDataFrame(rows, "item_id string, seeds array<struct<user_id string, clicked_at timestamp>>")
    named = spark.createDataFrame([(item,) for item in chosen], "item_id string")
    assert left_out(seeds, named, dt.date(2024, 2, 1), Scoring.model_validate(scoring)) == line

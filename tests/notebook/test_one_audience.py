"""Which rows of the tables a workspace reads: of the release, of your own lists, of one system, of one night."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.errors import ConfigError, MissingInputError
from ralm.notebook.figures import of_the_night
from ralm.notebook.one_system import one_system
from ralm.notebook.own_lists import released_and_own
from ralm.notebook.recommendations import with_titles

FIRST, SECOND, THIRD = (dt.date(2024, 1, day) for day in (1, 2, 3))


def test_one_system_is_asked_for_or_is_the_only_one_or_that_of_the_release() -> None:
    assert one_system("i1", ["plda", "ralm"], "plda", "ralm") == "plda"
    assert one_system("i1", ["plda"], None, "ralm") == "plda"
    assert one_system("i1", ["plda", "ralm"], None, "ralm") == "ralm"
    with pytest.raises(ConfigError, match="audiences of 'i1' were made by als_fold_in, plda: name one with system="):
        one_system("i1", ["plda", "als_fold_in"], None, "ralm")
    with pytest.raises(MissingInputError, match="no audience of 'i1' by ralm; there are audiences of it by plda"):
        one_system("i1", ["plda"], "ralm", "ralm")


def audiences(spark: SparkSession, *rows: tuple[str, dt.date, str, str, int]) -> DataFrame:
    return spark.createDataFrame(rows, "user_id string, as_of date, item_id string, system string, item_bucket int")


@pytest.mark.spark
def test_lists_are_read_as_they_are_now_and_items_as_released(spark: SparkSession) -> None:
    released = audiences(
        spark,
        ("released", SECOND, "i1", "ralm", 0),
        ("the night before", FIRST, "i1", "ralm", 0),
        ("of the list then", SECOND, "list:a", "ralm", -1),
    )
    newest = audiences(
        spark,
        ("not released", SECOND, "i1", "ralm", 0),
        ("of the list now", SECOND, "list:a", "ralm", -1),
        ("of the list before", FIRST, "list:a", "ralm", -1),
        ("by another system", FIRST, "list:a", "plda", -1),
        ("of an older list", FIRST, "list:b", "ralm", -1),
        ("after the release", THIRD, "list:a", "ralm", -1),
    )
    found = {row["user_id"] for row in released_and_own(released, newest, SECOND).collect()}
    assert found == {"released", "of the list now", "by another system", "of an older list"}


@pytest.mark.spark
def test_figures_are_those_of_one_night(spark: SparkSession) -> None:
    rows = [("earlier", FIRST), ("tonight", SECOND), ("online", THIRD), ("later", dt.date(2024, 1, 4))]
    metrics = spark.createDataFrame(rows, "system string, as_of date")
    assert {row[0] for row in of_the_night(metrics, SECOND, THIRD).collect()} == {"tonight", "online"}
    before = of_the_night(metrics.where("system <> 'online'"), None, THIRD)
    assert [row[0] for row in before.collect()] == ["tonight"]


@pytest.mark.spark
def test_items_are_shown_with_their_names(spark: SparkSession) -> None:
    items = spark.createDataFrame([("i1", "A match"), ("i3", "Rain")], "item_id string, title string")
    pairs = spark.createDataFrame([("i1", "i2", 3), ("i2", "i3", 4)], "item_id string, other_id string, both int")
    found = with_titles(with_titles(pairs, items), items, "other_").orderBy(F.col("both"))
    assert found.columns == ["item_id", "other_id", "both", "title", "other_title"]
    assert [tuple(row) for row in found.collect()] == [("i1", "i2", 3, "A match", None), ("i2", "i3", 4, None, "Rain")]

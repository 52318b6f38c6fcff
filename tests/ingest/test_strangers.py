"""What `--suggest` makes of files that it was not made for, and what ingest reads by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.errors import DataError
from ralm.ingest.preview import preview
from ralm.ingest.suggest import suggestion
from tests.ingest import strangers
from tests.ingest.files import read
from tests.ingest.strangers import LOG, put

DATES = "dates={a0: 0.3, a1: 0.5, a2: 0.7}"


def suggested(folder: Path, files: dict[str, bytes], *settings: str) -> dict[str, Any]:
    """The section `ingest` of what is suggested; it loads."""
    text = suggestion(put(folder, files))
    (folder / "c.yaml").write_text(text, encoding="utf-8")
    load_config(folder / "c.yaml", list(settings))
    content: dict[str, Any] = yaml.safe_load(text)["ingest"]
    return content


@pytest.mark.parametrize(
    ("files", "columns", "others"),
    [
        (strangers.recbole, ("user_id:token", "item_id:token", "timestamp:float"), {"time_format": "epoch_s"}),
        (strangers.shopify, ("Email", "Lineitem sku", "Created at"), {}),
        (strangers.analytics, ("user_pseudo_id", "element.item_id", "event_timestamp"),
         {"time_format": "epoch_us", "explode": "items"}),
        (strangers.matomo, ("idvisitor", "url", "server_time"), {}),
        (strangers.lastfm, ("_c0", "_c3", "_c1"), {"options": {"header": "false"}}),
        (strangers.yelp, ("user_id", "business_id", "date"), {}),
        (strangers.steam, ("user_id", "app_id", "date"), {"where": "try_cast(`is_recommended` AS boolean)"}),
        (strangers.instacart, ("user_id", "product_id", None),
         # YAML reads a bare `on` as true, and so does the configuration.
         {"join": {"path": "orders.csv", "format": "csv", True: "order_id", "columns": ["user_id"]}}),
        (strangers.spotify, ("session_id", "track_id_clean", "date"), {}),
        (strangers.goodbooks, ("user_id", "book_id", None), {}),
        (strangers.spreadsheet, ("Kundennummer", "Artikelnummer", "Bestelldatum"), {"time_format": "dd.MM.yyyy"}),
        (strangers.amplitude, ("user_id", "event_properties.articleId", "event_time"),
         {"where": "`event_type` IN ('Article Opened')"}),
    ],
)  # fmt: skip
def test_columns_of_strangers(
    tmp_path: Path, files: Callable[[], dict[str, bytes]], columns: tuple[str, str, str | None], others: dict[str, Any]
) -> None:
    content = suggested(tmp_path, files())
    source = content["events"][0]
    found = source["columns"]
    assert (found["user_id"], found["feature_id"], found.get("event_time")) == columns
    assert source | others == source
    assert content.get("untimed", False) == (columns[2] is None)
    shown = content["impressions"]["columns"]
    assert (shown["user_id"], shown["item_id"]) == columns[:2]


@pytest.mark.parametrize(
    ("files", "items", "separator"),
    [
        (strangers.recbole, {"item_id": "item_id:token", "title": "movie_title:token_seq",
                             "categories": "class:token_seq"}, " "),
        (strangers.yelp, {"item_id": "business_id", "title": "name", "categories": "categories"}, ","),
        (strangers.steam, {"item_id": "app_id", "title": "title"}, None),
        (strangers.instacart, {"item_id": "product_id", "title": "product_name"}, None),
        (strangers.goodbooks, {"item_id": "book_id", "title": "title", "image": "image_url"}, None),
    ],
)  # fmt: skip
def test_items_of_strangers(
    tmp_path: Path, files: Callable[[], dict[str, bytes]], items: dict[str, str], separator: str | None
) -> None:
    content = suggested(tmp_path, files())
    assert content["items"]["columns"] == items
    assert content["items"].get("category_separator") == separator


def test_a_table_that_is_no_log_stays_out(tmp_path: Path) -> None:
    """Neither does it become a domain with titles as users, nor take the times from the logs."""
    titles = [[i, f"Film {i % 4}", "short"] for i in range(9) for _ in range(2)]
    files = strangers.recbole() | {
        "titles.csv": strangers.cells("movie_id,movie_title,note", titles),
        "to_read.csv": strangers.goodbooks()["to_read.csv"],
    }
    content = suggested(tmp_path, files)
    assert [source["path"] for source in content["events"]] == ["ml.inter"]
    assert "untimed" not in content
    text = (tmp_path / "c.yaml").read_text()
    assert "# titles.csv was left out: a table of items with the columns movie_id, movie_title, note" in text
    assert "# to_read.csv was left out: it has no times, and others have" in text


def test_lines_above_the_rows_that_they_are_about(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lines such as '0:' stand above the rows .* awk"):
        suggestion(put(tmp_path, strangers.netflix()))


def test_gaps_are_said(tmp_path: Path) -> None:
    suggested(tmp_path, strangers.amplitude())
    missing = sum(p < 0.1 for *_, p in LOG) / len(LOG)
    said = f"user_id: user_id  # by its name; {missing:.0%} of the rows have none, so they would go to quarantine"
    assert said in (tmp_path / "c.yaml").read_text()


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize(
    ("files", "rows"),
    [
        (strangers.recbole, len(LOG)),
        (strangers.analytics, sum(p >= 0.25 for *_, p in LOG)),
        (strangers.instacart, 2 * len(LOG)),
    ],
)
def test_strangers_are_read_as_suggested(
    spark: SparkSession, tmp_path: Path, files: Callable[[], dict[str, bytes]], rows: int
) -> None:
    suggested(tmp_path, files())
    found = read(spark, load_config(tmp_path / "c.yaml", [DATES]))
    assert found.counts["impressions.rows"] == rows
    assert [name for name in found.counts if not name.endswith(".rows")] == []


@pytest.mark.spark
def test_what_a_person_is_told_to_correct(spark: SparkSession, tmp_path: Path) -> None:
    """Epochs without their unit, and users without an id: the dry run names both, with the remedy of the first."""
    content = strangers.recbole()
    suggested(tmp_path, content)
    path = tmp_path / "c.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "time_format" not in line))
    stopped = preview(spark, load_config(path, [DATES]))
    assert "invalid event_time: " in "\n".join(stopped.lines)
    assert f"'{LOG[0][2]}' looks like epoch_s: set ingest.events[0].time_format: epoch_s" in "\n".join(stopped.lines)
    with pytest.raises(DataError, match=r"looks like epoch_s: set ingest\.impressions\.time_format: epoch_s"):
        read(spark, load_config(path, [DATES]))

"""A configuration written from looking at files: it loads, and reads what is in them."""

import csv
import datetime as dt
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.errors import DataError, MissingInputError
from ralm.ingest.preview import preview
from ralm.ingest.suggest import suggestion
from ralm.ingest.value_kinds import time_format_of
from tests.ingest.files import read

START, DAY = 1_704_067_200, 86_400
Row = tuple[str, str, int, int]


def rows(count: int = 400) -> list[Row]:
    """(user, item, second, clicked) of a log, in order."""
    draw = random.Random(7)
    picked = [(f"c{draw.randrange(60)}", f"p{draw.randrange(25)}", draw.randrange(20 * DAY), draw.random() < 0.3)
              for _ in range(count)]  # fmt: skip
    return [(user, item, START + at, int(clicked)) for user, item, at, clicked in picked]


def iso(at: int) -> str:
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M:%S}"


def german(at: int) -> str:
    return f"{iso(at)[8:10]}.{iso(at)[5:7]}.{iso(at)[:4]} {iso(at)[11:16]}"


def separated(path: Path, header: list[str] | None, cells: list[list[object]], separator: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows([*([header] if header else []), *cells])


def clicks_csv(path: Path) -> None:
    separated(path, ["at", "customer_id", "product_id", "price"], [[iso(t), u, i, 1.5] for u, i, t, _ in rows()])


def impressions_csv(path: Path) -> None:
    separated(path, ["user_id", "item_id", "shown_at", "clicked"], [[u, i, iso(t), c] for u, i, t, c in rows()])


def ratings_csv(path: Path) -> None:
    separated(path, ["userId", "movieId", "rating", "timestamp"],
              [[u[1:], i[1:], 4.5 if c else 2.0, t] for u, i, t, c in rows()])  # fmt: skip


def semicolons(path: Path) -> None:
    """As a German spreadsheet writes it."""
    separated(path, ["Kundennr", "Artikelnummer", "Menge", "Datum"],
              [[u, i, c + 3, german(t)] for u, i, t, c in rows()], ";")  # fmt: skip


def deeds(path: Path) -> None:
    separated(path, ["visitorid", "event", "itemid", "timestamp"],
              [[u, "click" if c else "impression", i, t * 1000] for u, i, t, c in rows()])  # fmt: skip


def headerless_tsv(path: Path) -> None:
    separated(path, None, [[u[1:], i[1:], 5 if c else 1 + t % 3, t] for u, i, t, c in rows()], "\t")


def json_lines(path: Path) -> None:
    found = [{"uid": u, "article": i, "ts": t * 1000, "tags": ["a"], "clicked": bool(c)} for u, i, t, c in rows()]
    path.write_text("".join(json.dumps(row) + "\n" for row in found))


def nested_lines(path: Path) -> None:
    found = [
        {"who": {"user id": u}, "content": {"article": i}, "ts": t * 1000, "then": {"clicked": bool(c)}}
        for u, i, t, c in rows()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in found))


def nested_parquet(path: Path) -> None:
    found = rows()
    when = pa.array([t * 1_000_000 for *_, t, _ in found], pa.timestamp("us"))
    who = pa.StructArray.from_arrays([pa.array([u for u, *_ in found]), when], ["user", "at"])
    table = {
        "who": who,
        "article": [i for _, i, *_ in found],
        "label": [c for *_, c in found],
        "tags": [["a"]] * len(found),
    }
    pq.write_table(pa.table(table), path)


def zipped(path: Path) -> None:
    clicks_csv(path.with_suffix(""))
    path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))


def parquet(path: Path) -> None:
    found = rows()
    table = {"user_id": [int(u[1:]) for u, *_ in found], "item_id": [i for _, i, *_ in found],
             "ts": pa.array([t * 1_000_000 for *_, t, _ in found], pa.timestamp("us")),
             "label": [c for *_, c in found]}  # fmt: skip
    pq.write_table(pa.table(table), path)


@pytest.mark.spark
@pytest.mark.parametrize(
    ("name", "make", "clicks"),
    [
        ("clicks.csv", clicks_csv, False),
        ("impressions.csv", impressions_csv, True),
        ("ratings.csv", ratings_csv, True),
        ("orders.csv", semicolons, False),  # a quantity is no rating
        ("deeds.csv", deeds, True),
        ("log.tsv", headerless_tsv, True),
        ("log.jsonl", json_lines, True),
        ("log.parquet", parquet, True),
        ("nested.jsonl", nested_lines, True),
        ("nested.parquet", nested_parquet, True),
        ("log.csv.gz", zipped, False),
    ],
)
def test_what_is_suggested_reads_the_file(
    spark: SparkSession, tmp_path: Path, name: str, make: Callable[[Path], None], clicks: bool
) -> None:
    make(tmp_path / name)
    text = suggestion([str(tmp_path / name)])
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "c.yaml", ["dates={a0: 0.3, a1: 0.5, a2: 0.7}"])
    assert config.ingest is not None
    assert ("clicked" in config.ingest.impressions.columns) == clicks
    result = read(spark, config)
    assert not [name for name in result.counts if not name.endswith(".rows")], result.counts
    shown = result.impressions.selectExpr("user_id", "unix_seconds(shown_at) AS at", "clicked").collect()
    known = rows()
    assert {row["user_id"].removeprefix("c") for row in shown} == {user.removeprefix("c") for user, *_ in known}
    clicked = sorted(row["at"] for row in shown if row["clicked"])
    times = sorted(at for *_, at, click in known if click or not clicks)
    assert len(clicked) == len(times)
    assert all(abs(a - b) < 60 for a, b in zip(clicked, times, strict=True))


@pytest.mark.spark
def test_the_dry_run_says_what_is_in_the_sources(spark: SparkSession, tmp_path: Path) -> None:
    separated(tmp_path / "log.csv", ["user_id", "item_id", "shown_at", "clicked"],
              [["", "i1", iso(START), 1], *[[u, i, iso(t), 1] for u, i, t, _ in rows(50) + rows(50)[:3]]])  # fmt: skip
    (tmp_path / "c.yaml").write_text(suggestion([str(tmp_path / "log.csv")]))
    path = tmp_path / "c.yaml"
    found = preview(spark, load_config(path, ["ingest.max_bad_share=0.1"]))
    text = "\n".join(found.lines)
    assert found.error is None
    for words in ("54 rows: 53 good, 1.9% would go to quarantine; all rows were looked at",
                  "null user_id: 1, for example {",
                  "duplicate: 3 of the good rows repeat user_id, domain, feature_id, event_time; one of each stays",
                  "duplicate: 3 of the good rows repeat user_id, item_id, shown_at; one of each stays",
                  "events by domain: log 53", "times: 2024-01-0", "clicks: 100.0%", "leave `clicked` out",
                  "user_id  item_id", "about "):  # fmt: skip
        assert words in text, text
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "log.csv"]
    stopped = preview(spark, load_config(path))
    assert "1.9% of the sample is bad, more than max_bad_share 1.0%" in str(stopped.error)
    wrong = preview(spark, load_config(path, ["ingest.impressions.columns.user_id=customer"]))
    assert "column 'customer' not found" in str(wrong.error)
    assert any("ingest.events[0]" in line for line in wrong.lines)


def test_files_that_are_no_logs(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04 and so on")
    (tmp_path / "array.json").write_text("[{}]")
    (tmp_path / "sessions.jsonl").write_text('{"session": 1, "steps": [{"way": 2}]}\n')
    (tmp_path / "towns.csv").write_text("town,country\nLyon,F\nOslo,N\n")
    for name, words in (
        ("empty.csv", "empty"),
        ("book.xlsx", "Excel"),
        ("array.json", "JSON object"),
        ("towns.csv", "town"),
        ("sessions.jsonl", "which `explode` makes rows of: steps"),
    ):
        with pytest.raises(DataError, match=words) as raised:
            suggestion([str(tmp_path / name)])
        assert "\n" not in str(raised.value)
    with pytest.raises(MissingInputError, match="no such file"):
        suggestion([str(tmp_path / "none.csv")])


def test_several_files(tmp_path: Path) -> None:
    impressions_csv(tmp_path / "feed.csv")
    clicks_csv(tmp_path / "orders.csv")
    separated(tmp_path / "people.csv", ["user_id", "town"], [["u1", "Lyon"], ["u2", "Oslo"]])
    text = suggestion([str(tmp_path / name) for name in ("orders.csv", "feed.csv", "people.csv")])
    content = yaml.safe_load(text)["ingest"]
    assert [source["domain"] for source in content["events"]] == ["orders", "feed"]
    assert content["impressions"]["path"] == "feed.csv"
    assert "# people.csv was left out: a table of users with the columns user_id, town" in text


@pytest.mark.parametrize(
    ("header", "cells", "columns"),
    [
        (["movieId", "title", "genres"], [["1", "Heat", "Crime|Drama"], ["2", "Up", "Family"], ["3", "Alien", ""]],
         {"item_id": "movieId", "title": "title", "categories": "genres"}),
        (["id", "author_name", "headline", "link", "thumbnail_url"],
         [["p1", "Ann", "Rain", "https://a/1", "https://a/1.png"], ["p2", "Ann", "Sun", "https://a/2", ""]],
         {"item_id": "id", "title": "headline", "url": "link", "image": "thumbnail_url"}),
        (["product_id", "productName", "cover", "price"], [["p1", "Shoe", "a.png", "1.5"], ["p2", "Hat", "b.png", "2"]],
         {"item_id": "product_id", "title": "productName", "image": "cover"}),
        (["item_id", "page_url", "section"], [["p1", "https://a/1", "sports"], ["p2", "https://a/2", "news"]],
         {"item_id": "item_id", "url": "page_url", "categories": "section"}),
    ],
)  # fmt: skip
def test_a_table_of_items_is_told_by_its_names(
    tmp_path: Path, header: list[str], cells: list[list[object]], columns: dict[str, str]
) -> None:
    impressions_csv(tmp_path / "feed.csv")
    separated(tmp_path / "items.csv", header, cells)
    content = yaml.safe_load(suggestion([str(tmp_path / name) for name in ("items.csv", "feed.csv")]))["ingest"]
    assert content["items"]["path"] == "items.csv"
    assert content["items"]["columns"] == columns
    assert content["items"].get("category_separator") == ("|" if "genres" in header else None)
    assert [source["domain"] for source in content["events"]] == ["feed"]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"name": "mine", "data_root": str(tmp_path), "ingest": content}))
    source = load_config(tmp_path / "c.yaml").ingest
    assert source is not None
    assert source.items is not None


def test_what_is_no_table_of_items(tmp_path: Path) -> None:
    impressions_csv(tmp_path / "feed.csv")
    separated(tmp_path / "twice.csv", ["item_id", "title"], [["p1", "Rain"], ["p1", "Sun"], ["p2", "Sun"]])
    separated(tmp_path / "people.csv", ["user_id", "name"], [["u1", "Ann"], ["u2", "Bo"]])
    separated(tmp_path / "prices.csv", ["item_id", "price"], [["p1", "1"], ["p2", "2"]])
    for name in ("twice.csv", "people.csv", "prices.csv"):
        text = suggestion([str(tmp_path / "feed.csv"), str(tmp_path / name)])
        assert "items" not in yaml.safe_load(text)["ingest"], name


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2024-01-01", "2024-02-30T10:00:00Z"], "iso"), (["1704103200", "1704103201"], "epoch_s"),
        (["1704103200123"], "epoch_ms"), (["1704103200123456"], "epoch_us"), (["20240131"], "yyyyMMdd"),
        (["31/01/2024 10:00", "01/02/2024 11:00"], "dd/MM/yyyy HH:mm"), (["01/31/2024"], "MM/dd/yyyy"),
        (["01/31/2024 01:00 PM"], "MM/dd/yyyy hh:mm a"),
        (["Mon Jan 01 10:00:00 +0000 2024"], "EEE MMM dd HH:mm:ss Z yyyy"),
        (["5", "3"], None), (["i1"], None), (["12345"], None), ([], None),
    ],
)  # fmt: skip
def test_forms_of_times_are_told_by_values(values: list[str], form: str | None) -> None:
    assert time_format_of(values) == form

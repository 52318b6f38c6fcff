"""Arrays as rows, joined files, several sources of impressions, tables as sources, and items that repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.errors import ConfigError, DataError
from ralm.ingest.read import listing
from tests.ingest.files import HEADER, ROWS, Files, bad, pairs

pytestmark = pytest.mark.spark
OTTO = (
    '{"session":0,"events":[{"aid":1517085,"ts":1704103200025,"type":"clicks"},'
    '{"aid":1563459,"ts":1704103304511,"type":"carts"}]}\n{"session":1,"events":[]}\n'
)


def test_each_element_of_an_array_is_a_row(files: Files) -> None:
    files.write("ev.jsonl", OTTO)
    columns = {"user_id": "session", "feature_id": "element.aid", "event_time": "element.ts"}
    source = {"path": "ev.jsonl", "format": "jsonl", "explode": "events", "columns": columns, "time_format": "epoch_ms"}
    assert files.pairs(source) == [("0", "1517085"), ("0", "1563459")]
    assert files.pairs(source | {"where": "element.type = 'carts'"}) == [("0", "1563459")]


def test_elements_of_a_text_and_rows_without_any(files: Files) -> None:
    files.write("ev.csv", "user_id,at,list\nu1,2024-01-01 10:00:00,i1  i2 \nu2,2024-01-01 10:00:00,\nu3,2024-01-01\n")
    columns = {"user_id": "user_id", "feature_id": "element", "event_time": "at"}
    result = files.read({"path": "ev.csv", "explode": "split(list, ' ')", "columns": columns})
    assert pairs(result) == [("u1", "i1"), ("u1", "i2")]
    assert bad(result) == {"unreadable row": 1}


def test_an_array_that_fails_costs_its_row(files: Files) -> None:
    files.write("ev.csv", "user_id,at,n\nu1,2024-01-01 10:00:00,2\nu2,2024-01-01 10:00:00,x\n")
    columns = {"user_id": "user_id", "feature_id": "element", "event_time": "at"}
    result = files.read({"path": "ev.csv", "explode": "sequence(1, cast(n as int))", "columns": columns})
    assert pairs(result) == [("u1", "1"), ("u1", "2")]
    assert bad(result) == {"invalid explode (`sequence(1, cast(n as int))` fails)": 1}


def test_an_array_that_cannot_be_parsed_costs_its_row(files: Files) -> None:
    cells = ['["a","b', "abc", "", "null", "[]", '["a"]']
    files.write("ev.tsv", "user_id\tat\titems\n" + "".join(f"u1\t2024-01-01 10:00:00\t{cell}\n" for cell in cells))
    files.write(
        "ev.jsonl", '{"u":"u1","at":"2024-01-01","o":{"items":["b"]}}\n{"u":"u2","at":"2024-01-01","o":{"x":1}}\n'
    )
    columns = {"user_id": "user_id", "feature_id": "element", "event_time": "at"}
    text = "from_json(items, 'array<string>')"
    tabs = {"path": "ev.tsv", "format": "tsv", "options": {"quote": ""}, "explode": text, "columns": columns}
    lines = {"path": "ev.jsonl", "format": "jsonl", "explode": "o.items", "columns": columns | {"user_id": "u"}}
    parsed, nested = files.read_all(tabs, lines)
    assert parsed.pairs == [("u1", "a")]
    assert parsed.bad == {f"invalid explode (`{text}` gives nothing)": 2}
    assert (nested.pairs, nested.bad) == ([("u1", "b")], {})


def test_explode_needs_an_array(files: Files) -> None:
    files.write("ev.csv", HEADER + ROWS)
    files.refuses(ConfigError, {"path": "ev.csv", "explode": "item_id"}, "events[0].explode", "split(item_id, ' ')")
    files.refuses(ConfigError, {"path": "ev.csv", "explode": "items"}, "column 'items' not found in ev.csv")


JOINED = {"user_id": "user_id", "feature_id": "category", "event_time": "at"}


def test_a_star_schema(files: Files) -> None:
    files.write("ev.csv", HEADER + ROWS + "u3,gone,2024-01-01 10:00:00\n")
    files.write("products.tsv", "category\titem_id\tid\nshoes\ti1\t1\nhats\ti2\t2\nhats\ti2\t2\n")
    join = {"path": "products.tsv", "format": "tsv", "on": "item_id", "columns": "category"}
    result = files.read({"path": "ev.csv", "join": join, "columns": JOINED})
    assert pairs(result) == [("u1", "shoes"), ("u2", "hats")]
    assert bad(result) == {"null feature_id": 1}
    assert any("events[0]: 1 of 3 rows, no row in products.tsv: " in line for line in result.told)
    config = files.config({"path": "ev.csv", "join": join, "columns": JOINED})
    assert config.ingest is not None
    listed = listing(files.spark, config.ingest.events[0], config.data_root)
    assert [Path(path).name for path, *_ in listed] == ["ev.csv", "products.tsv"]


def test_keys_that_cannot_be_decoded_are_not_equal(files: Files) -> None:
    files.write("ev.csv", (HEADER + ROWS + "u3,M\xfc,2024-01-01 10:00:00\n").encode("latin-1"))
    files.write("products.csv", "item_id,category\ni1,shoes\nM\xf6,hats\ni2\n".encode("latin-1"))
    join = {"path": "products.csv", "format": "csv", "on": "item_id", "columns": "category"}
    result = files.read({"path": "ev.csv", "join": join, "columns": JOINED})
    assert pairs(result) == [("u1", "shoes")]
    lost = "invalid item_id (not UTF-8: set options: {encoding: windows-1252} or the like)"
    assert bad(result) == {lost: 1, "null feature_id": 1}
    assert "ingest.events[0].join: 2 rows of products.csv cannot be read, and join none" in result.told


@pytest.mark.parametrize(
    ("products", "change", "kind", "said"),
    [
        ("item_id,category\ni1,shoes\ni1,hats\n", {}, DataError, "2 different rows for item_id i1"),
        ("item_id,category\ni1,shoes\n", {"on": "item"}, ConfigError, "column 'item' not found"),
        ("item_id,kind\ni1,shoes\n", {}, ConfigError, "column 'category' not found in products.csv"),
        ("item_id,category,at\ni1,shoes,x\n", {"columns": ["category", "at"]}, ConfigError, "'at' is a column"),
    ],
)
def test_joins_that_cannot_be(
    files: Files, products: str, change: dict[str, Any], kind: type[ConfigError | DataError], said: str
) -> None:
    files.write("ev.csv", HEADER + ROWS)
    files.write("products.csv", products)
    join = {"path": "products.csv", "format": "csv", "on": "item_id", "columns": ["category"]} | change
    files.refuses(kind, {"path": "ev.csv", "join": join, "columns": JOINED}, "ingest.events[0].join", said)


SHOP = "user_id,item_id,shown_at,clicked\nu1,s1,2024-01-03 10:00:00,1\nu3,s2,2024-01-03 10:00:00,0\n"


def shown_in(*sources: tuple[str, str]) -> list[dict[str, Any]]:
    columns = {"user_id": "user_id", "item_id": "item_id", "shown_at": "shown_at", "clicked": "clicked"}
    return [{"path": path, "format": "csv", "domain": domain, "columns": dict(columns)} for path, domain in sources]


@pytest.mark.long
def test_several_sources_of_impressions(files: Files) -> None:
    files.write("ev.csv", HEADER + ROWS)
    files.write("shop.csv", SHOP)
    shown = shown_in(("imp.csv", "feed"), ("shop.csv", "shop"))
    result = files.ingest({"path": "ev.csv"}, impressions=shown)
    rows = result.impressions.select("user_id", "item_id", "clicked", "domain").collect()
    assert sorted(tuple(row) for row in rows) == [
        ("u1", "i2", True, "feed"),
        ("u1", "s1", True, "shop"),
        ("u2", "i1", False, "feed"),
        ("u3", "s2", False, "shop"),
    ]
    assert result.counts["impressions[1].rows"] == 2
    assert {row[0] for row in result.items.select("item_id").collect()} == {"i1", "i2", "s1", "s2"}
    for source in shown:
        del source["columns"]["clicked"]
    clicks = files.ingest({"path": "ev.csv"}, impressions=shown)
    kinds = {(row["item_id"][0], row["domain"]) for row in clicks.impressions.collect()}
    assert kinds == {("i", "feed"), ("s", "shop")}


def test_an_item_of_two_kinds(files: Files) -> None:
    files.write("ev.csv", HEADER + ROWS)
    shown = shown_in(("imp.csv", "feed"), ("imp.csv", "shop"))
    with pytest.raises(
        DataError, match=r"ingest\.impressions: item i\d is shown in feed and shop: an id names one item"
    ):
        files.ingest({"path": "ev.csv"}, impressions=shown)


def test_clicked_in_one_source_only(tmp_path: Path) -> None:
    source = "{path: a, columns: {user_id: u, item_id: i, shown_at: t%s}}"
    (tmp_path / "c.yaml").write_text(
        "name: c\ningest:\n  events: [{path: a, domain: feed, columns: {user_id: u, feature_id: i, event_time: t}}]\n"
        f"  impressions: [{source % ', clicked: c'}, {source % ''}]\n"
    )
    with pytest.raises(ConfigError, match="`clicked` is mapped in all sources, or in none"):
        load_config(tmp_path / "c.yaml")


@pytest.fixture
def delta(files: Files) -> Files:
    spark = files.spark
    where = f"delta.`{files.folder}/ev`"
    spark.sql(
        f"CREATE TABLE {where} (user_id STRING, item_id STRING, at TIMESTAMP) USING delta TBLPROPERTIES "
        "(delta.enableDeletionVectors = true, delta.columnMapping.mode = 'name')"
    )
    spark.sql(f"INSERT INTO {where} VALUES ('u1', 'i1', '2024-01-01 10:00:00'), ('u2', 'i2', '2024-01-01 11:00:00')")
    spark.sql(f"ALTER TABLE {where} RENAME COLUMN item_id TO thing")
    spark.sql(f"DELETE FROM {where} WHERE user_id = 'u2'")
    return files


def test_a_delta_table_is_a_source(delta: Files) -> None:
    columns = {"user_id": "user_id", "feature_id": "thing", "event_time": "at"}
    source = {"path": "ev", "format": "delta", "columns": columns}
    assert delta.pairs(source) == [("u1", "i1")]
    assert delta.pairs(source | {"version": 2}) == [("u1", "i1"), ("u2", "i2")]
    delta.refuses(ConfigError, source | {"version": 9}, "ingest.events[0]", "9")
    delta.refuses(ConfigError, source | {"timestamp": "1999-01-01"}, "ingest.events[0]", "1999")


@pytest.mark.parametrize("path", ["ev", "ev/*/*.parquet"])
def test_files_of_a_delta_table_are_refused(delta: Files, path: str) -> None:
    delta.refuses(ConfigError, {"path": path, "format": "parquet"}, "is a Delta table", "`format: delta`")


def test_files_of_an_iceberg_table_are_refused(files: Files) -> None:
    files.write("ev/metadata/v1.metadata.json", "{}")
    files.parquet("ev/data/a.parquet", user_id=["u1"])
    for path in ("ev", "ev/data", "ev/data/*.parquet"):
        files.refuses(
            ConfigError, {"path": path, "format": "parquet"}, "an Iceberg table", "table: catalog.schema.name"
        )


@pytest.mark.long
def test_a_table_of_the_catalog_is_a_source(files: Files, spark: SparkSession) -> None:
    spark.sql("CREATE OR REPLACE TABLE default.raw_events (user_id STRING, item_id STRING, at STRING) USING delta")
    spark.sql("INSERT INTO default.raw_events VALUES ('u1', 'i1', '2024-01-01 10:00:00')")
    try:
        source = {"table": "spark_catalog.default.raw_events", "format": "parquet"}
        assert files.pairs(source) == [("u1", "i1")]
        config = files.config(source)
        assert config.ingest is not None
        before = listing(spark, config.ingest.events[0], "")
        spark.sql("INSERT INTO default.raw_events VALUES ('u2', 'i1', '2024-01-01 10:00:00')")
        assert before != listing(spark, config.ingest.events[0], "")
    finally:
        spark.sql("DROP TABLE default.raw_events")
    files.refuses(ConfigError, {"table": "default.gone"}, "ingest.events[0]", "default.gone")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{path: a, table: b}", "give the place of the rows once"),
        ("{format: csv}", "give the place of the rows once"),
        ("{path: a, version: 3}", "version and timestamp are of a Delta table"),
        ("{path: a, format: delta, version: 3, timestamp: 2024-01-01 00:00}", "not both"),
        ("{path: a, format: delta, version: 2, options: {VersionAsOf: '1'}}", "VersionAsOf: `version` or `timestamp`"),
        ("{path: a, format: csv, options: {Mode: DROPMALFORMED}}", "options: Mode: leave it out: rows that cannot be"),
        ("{path: a, options: {pathGlobFilter: '*.csv'}}", "pathGlobFilter: leave it out: `path` says which files"),
    ],
)
def test_places_that_cannot_be(tmp_path: Path, source: str, said: str) -> None:
    columns = "columns: {user_id: u, item_id: i, shown_at: t}"
    (tmp_path / "c.yaml").write_text(
        "name: c\ningest:\n  events: [{path: a, domain: feed, columns: {user_id: u, feature_id: i, event_time: t}}]\n"
        f"  impressions: {source[:-1]}, {columns}}}\n"
    )
    with pytest.raises(ConfigError, match=said):
        load_config(tmp_path / "c.yaml")


def test_items_have_names_that_people_know(files: Files) -> None:
    files.write("ev.csv", HEADER + ROWS)
    files.write("items.csv", "id,name,link\ni1,The sea,https://a/1\ni9,,\n")
    columns = {"item_id": "id", "title": "name", "url": "link"}
    result = files.ingest({"path": "ev.csv"}, items={"path": "items.csv", "format": "csv", "columns": columns})
    names = {row["item_id"]: (row["title"], row["url"], row["image"]) for row in result.items.collect()}
    assert names["i1"] == ("The sea", "https://a/1", None)
    assert names["i9"] == names["i2"] == (None, None, None)
    assert result.quarantine.isEmpty()


@pytest.mark.long
@pytest.mark.parametrize(
    ("keep", "seen", "kept"), [(None, True, "3"), ("newest", True, "3"), ("oldest", True, "1"), ("any", False, None)]
)
def test_items_taken_from_a_log_may_repeat(files: Files, keep: str | None, seen: bool, kept: str | None) -> None:
    files.write("ev.csv", HEADER + ROWS)
    files.write("log.csv", "item,words,at\ni1,1,2024-01-01\ni1,3,2024-01-03\ni1,2,2024-01-02\ni2,7,2024-01-02\n")
    columns = {"item_id": "item", "words": "words"} | ({"seen_at": "at"} if seen else {})
    items = {"path": "log.csv", "format": "csv", "columns": columns} | ({"keep": keep} if keep else {})
    result = files.ingest({"path": "ev.csv"}, items=items)
    assert result.items.columns == ["item_id", "published_at", "categories", "title", "url", "image", "words"]
    found = {row["item_id"]: row["words"] for row in result.items.collect()}
    assert found["i2"] == 7
    assert found["i1"] in ([float(kept)] if kept else [1, 2, 3])
    assert result.quarantine.isEmpty()
    if keep == "any":
        twice = files.ingest({"path": "ev.csv"}, items=items)
        assert {row["item_id"]: row["words"] for row in twice.items.collect()} == found

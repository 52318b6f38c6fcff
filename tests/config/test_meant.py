"""Misspelt keys and options, and what YAML takes for something else: refused with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.config.locations import plain_path
from ralm.config.reader_options import KNOWN
from ralm.errors import ConfigError

SOURCES = """name: mine
ingest:
  events:
    - path: ev.csv
      domain: reading
      columns: {user_id: uid, feature_id: article, event_time: ts}
  impressions:
    path: imp.csv
    columns: {user_id: uid, item_id: article, shown_at: ts}
"""


def mistake(folder: Path, before: str, after: str) -> str:
    assert before in SOURCES
    (folder / "c.yaml").write_text(SOURCES.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(folder / "c.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value).partition("c.yaml: ")[2]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        # Fields that are missing only because a key is misspelt are not said.
        ("  events:", "  event:", "ingest.events: Field required; ingest.event: unknown key (meant: 'events'?)"),
        ("columns: {user_id: uid, f", "colums: {user_id: uid, f",
         "ingest.events.0.columns: Field required; ingest.events.0.colums: unknown key (meant: 'columns'?)"),
        ("domain: reading", "domain: reading\n      sep: ';'",
         "ingest.events.0.sep: unknown key: it is one of the reader's: options: {sep: …}"),
        ("domain: reading", "domain: my reading",
         "ingest.events.0.domain: a name has letters a to z, digits and _, and begins with a letter "
         "(found 'my reading')"),
        ("domain: reading", "domain: reading\n      options: {seperator: ';'}",
         "ingest.events.0: options: seperator: the reader of csv has no such option (meant: 'sep'?)"),
        ("domain: reading", "domain: reading\n      options: {quotechar: '~'}", "(meant: 'quote'?)"),
        ("domain: reading", "domain: reading\n      options: {skiprows: 2}", "left out by themselves"),
        ("domain: reading", "domain: reading\n      options: {decimal: ','}", "write replace(column, ',', '.')"),
        ("domain: reading", "domain: reading\n      options: {header: 0}", "true or false is needed, found '0'"),
        ("domain: reading", "domain: reading\n      options: {quote: '\"\"'}", "one character or none is needed"),
        ("domain: reading", "domain: reading\n      options: {sep: ''}", "sep: it has one character or more"),
        ("domain: reading", "domain: reading\n      options: {lineSep: '|'}", "lineSep: leave it out: rows end in"),
        ("user_id: uid, f", "user_id: no, f", "(found False): YAML reads a bare no, off, yes or on as that"),
        ("user_id: uid, f", "user_id: 0, f", "(found 0): write it in quotes: '0'"),
        ("user_id: uid, f", "user_id: , f", "(found nothing; a text such as null needs quotes: 'null')"),
        ("ingest:", "ingest:\n  null_markers: [-1]", "(found -1): write it in quotes: '-1'"),
        ("path: ev.csv", "path: [a.csv, b.csv]", "several files are a pattern, such as '{a,b}.csv'"),
        ("path: ev.csv", "path: C:\\data\\ev.csv", "is a path of Windows; here it is /mnt/c/…"),
        ("path: ev.csv", "path: https://me:secret@example.com/ev.csv", "'https://***@example.com/ev.csv': nothing is"),
        ("path: ev.csv", "path: logs/**/*.csv", "** is no pattern here: a folder is read with its sub-folders"),
        ("path: ev.csv", "path: $NO_SUCH/ev.csv", "the environment has no variable 'NO_SUCH'"),
        ("    - path", "\t- path", "; indent with blanks, not with tabs"),
        ("user_id: uid, f", "user_id: `my id`, f", "needs quotes round all of it"),
        ("      domain", "\u00a0     domain", "line 5 begins with a blank of another kind"),
        (SOURCES, "# nothing\n", "the file is empty"),
    ],
)  # fmt: skip
def test_what_was_meant(tmp_path: Path, before: str, after: str, said: str) -> None:
    found = mistake(tmp_path, before, after)
    assert found == said or said in found
    assert "secret" not in found


def test_what_does_not_follow_from_the_sources_is_named(tmp_path: Path) -> None:
    """Two domains, and impressions in neither."""
    second = "  impressions:"
    other = f"    - {{path: b.csv, domain: buying, columns: {{user_id: u, feature_id: i, event_time: t}}}}\n{second}"
    assert mistake(tmp_path, second, other).startswith(
        "fields.item_domains: it does not follow from the sources: name the domain of ingest.events in which"
    )


def test_other_spellings_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = (
        ("path: ev.csv", "path: ev\n      format: JSON"),
        ("path: ev.csv", "path: a.csv\n      format: CSV"),
        ("path: ev.csv", "path: ev\n      format: delta\n      timestamp: 2024-05-01 10:00:00"),
        ("domain: reading", "domain: reading\n      options: {ENCODING: latin1, header: no}"),
    )
    for before, after in written:
        (tmp_path / "c.yaml").write_text(SOURCES.replace(before, after, 1))
        config = load_config(tmp_path / "c.yaml")
        assert config.ingest is not None
    monkeypatch.setenv("LAKE", "/lake")
    paths = {"$LAKE/x": "/lake/x", "$LAKE": "/lake", "a$LAKE": "a$LAKE", "$lake/x": "$lake/x", "$5.csv": "$5.csv"}
    assert {text: plain_path(text) for text in paths} == paths


@pytest.mark.spark
def test_every_option_of_spark_is_known(spark: SparkSession) -> None:
    """Spark says itself which options its readers have."""
    jvm = spark._jvm
    assert jvm is not None
    places = {
        "csv": jvm.org.apache.spark.sql.catalyst.csv.CSVOptions,
        "jsonl": jvm.org.apache.spark.sql.catalyst.json.JSONOptions,
        "text": jvm.org.apache.spark.sql.execution.datasources.text.TextOptions,
        "parquet": jvm.org.apache.spark.sql.execution.datasources.parquet.ParquetOptions,
    }
    for form, place in places.items():
        names = place.getAllOptions().mkString(" ").split()
        assert names, form
        assert {name.lower() for name in names} - KNOWN[form] == set(), form

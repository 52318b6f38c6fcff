"""Bad input through the real job: its one-line message, its exit code, and what was (not) written."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from jobs.steps.sources import ingested_logs, split
from jobs.steps.user_model import user_embeddings
from ralm.config import load_config
from ralm.errors import ConfigError, DataError, MissingInputError, RalmError
from ralm.runs.context import Context
from ralm.runs.runner import run_steps

pytestmark = pytest.mark.spark
DAY = dt.timedelta(days=1)


class Logs:
    """A small set of raw logs, good until a test spoils it."""

    def __init__(self, spark: SparkSession, root: Path) -> None:
        self.spark, self.root = spark, root
        reads = [{"uid": f"u{i % 50}", "art": f"a{i % 20}", "ts": 1_704_067_200 + 3_600 * i} for i in range(200)]
        shown = [{**row, "sec": float(i % 7)} for i, row in enumerate(reads)]
        self.write("reads.jsonl", reads)
        self.write("shown.jsonl", shown)
        self.settings: dict[str, Any] = {
            "name": "mine",
            "warehouse": str(root / "wh"),
            "data_root": str(root),
            "ingest": {
                "events": [
                    {
                        "path": "reads.jsonl",
                        "format": "jsonl",
                        "domain": "reading",
                        "time_format": "epoch_s",
                        "columns": {"user_id": "uid", "feature_id": "art", "event_time": "ts"},
                    }
                ],
                "impressions": {
                    "path": "shown.jsonl",
                    "format": "jsonl",
                    "time_format": "epoch_s",
                    "columns": {"user_id": "uid", "item_id": "art", "shown_at": "ts", "clicked": "double(sec) > 3"},
                },
            },
            "fields": {"history": [{"domain": "reading"}], "item_domains": ["reading"], "strong_domain": "reading"},
            "user_model": {"representations": ["reading"]},
        }

    def rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / name).read_text().splitlines()]

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        (self.root / name).write_text("\n".join(map(json.dumps, rows)))

    def run(self) -> Context:
        (self.root / "mine.yaml").write_text(yaml.safe_dump(self.settings))
        context = Context(self.spark, load_config(self.root / "mine.yaml"), say=lambda line: None)
        run_steps(context, ingested_logs.steps(context))
        return context

    def fails(self, kind: type[RalmError], *words: str) -> None:
        """It fails with one line that has the words, and no table of data was made."""
        with pytest.raises(kind) as caught:
            self.run()
        message = str(caught.value)
        assert "\n" not in message
        for word in words:
            assert word in message, message
        made = {path.name for path in (self.root / "wh").glob("*") if not path.name.startswith("_")}
        assert made <= {"runs", "checks"}


@pytest.fixture
def logs(spark: SparkSession, tmp_path: Path) -> Logs:
    return Logs(spark, tmp_path)


@pytest.mark.long
def test_logs_fill_the_tables_and_new_files_do_so_again(logs: Logs) -> None:
    """Bad rows under the share and repeated impressions are in quarantine; other files make the step run again."""
    reads, shown = logs.rows("reads.jsonl"), logs.rows("shown.jsonl")
    logs.write("reads.jsonl", [{**row, "uid": None} if i < 2 else row for i, row in enumerate(reads)])
    logs.write("shown.jsonl", shown + shown[:80])
    logs.settings["ingest"]["max_bad_share"] = 0.05
    warehouse = logs.run().warehouse
    assert warehouse.read("events").count() == 198
    assert warehouse.read("impressions").count() == 200
    assert warehouse.read("impressions").where("clicked").count() == sum(i % 7 > 3 for i in range(200))
    assert warehouse.read("users").count() == 50
    assert warehouse.read("items").count() == 20
    refused = warehouse.read("quarantine").groupBy("source", "reason").count().collect()
    assert {tuple(row) for row in refused} == {("events[0]", "null user_id", 2), ("impressions", "duplicate", 80)}
    logs.write("reads.jsonl", reads[:150])
    logs.write("shown.jsonl", shown)
    warehouse = logs.run().warehouse
    assert warehouse.read("events").count() == 150
    assert warehouse.read("quarantine").count() == 0


@pytest.mark.long
def test_a_log_that_days_cannot_split_is_split_by_hash_to_the_end(logs: Logs) -> None:
    """Users come once: what follows from that, in later steps, follows by itself; a set date brings the times back."""
    logs.write("reads.jsonl", [{**row, "uid": f"u{i // 4}"} for i, row in enumerate(logs.rows("reads.jsonl"))])
    logs.write("shown.jsonl", [{**row, "uid": f"u{i // 4}"} for i, row in enumerate(logs.rows("shown.jsonl"))])
    logs.settings["variants"] = {"ralm": {}, "ralm_concat": {"merge": "concat"}}
    context = logs.run()
    assert context.untimed
    assert str(context.dates) == "A0 1970-02-20, A1 1970-03-12, A2 1970-04-06, A3 1970-04-11"
    assert context.config.comparison.window == "all"
    assert ("embed_users[concat]", "a3") in [(step.name, step.as_of) for step in user_embeddings.steps(context)]
    assert logs.run().ledger.attempts("ingest", None) == 1
    logs.settings["dates"] = {"a0": 0.4, "a1": 0.6, "a2": 0.8}
    again = logs.run()
    assert again.ledger.attempts("ingest", None) == 2
    assert (again.untimed, again.config.comparison.window, again.dates.a0.year) == (False, "later", 2024)


@pytest.mark.long
def test_the_split_is_measured_and_recorded(logs: Logs) -> None:
    logs.settings["evaluation"] = {"new_item_share": 0}
    context = logs.run()
    assert not context.untimed
    run_steps(context, split.steps(context))
    model, lookalike, judged = split.split_parts(context)
    reads = [(f"u{i % 50}", f"a{i % 20}", dt.date(2024, 1, 1) + i // 24 * DAY) for i in range(200)]
    shown = [row for row in reads if judged.since <= row[2] < judged.until]
    assert judged.labels == len(shown)
    assert (judged.users, judged.without_history) == (len({row[0] for row in shown}), 0)
    assert judged.items == len({row[1] for row in shown})
    assert lookalike.until == judged.since
    assert model.items == 0
    checks = {row["name"]: row for row in context.warehouse.read("checks").where("step = 'measure_split'").collect()}
    assert checks["users_without_history:a2"]["value"] == 0
    assert checks["labels:a2"]["value"] == judged.labels
    assert checks["items_too_young:a2"]["value"] == pytest.approx(judged.too_young / judged.items)


def test_a_missing_file(logs: Logs) -> None:
    (logs.root / "shown.jsonl").unlink()
    logs.fails(MissingInputError, "ingest.impressions.path", "shown.jsonl")


def test_mistakes_of_all_sources_are_one_line(logs: Logs) -> None:
    """A column that is missing, a type that cannot be mapped, an expression that does not parse."""
    logs.write("shown.jsonl", [{**row, "sec": [1, 2]} for row in logs.rows("shown.jsonl")])
    logs.settings["ingest"]["events"][0]["columns"]["feature_id"] = "article"
    shown = logs.settings["ingest"]["impressions"] | {"domain": "reading"}
    logs.settings["ingest"]["impressions"] = [
        shown | {"columns": shown["columns"] | {"clicked": clicked}} for clicked in ("sec", "sec >")
    ]
    logs.fails(
        ConfigError,
        "ingest.events[0].columns.feature_id: column 'article' not found",
        "its columns: art",
        "ingest.impressions[0].columns.clicked: `sec` is array<string>",
        "ingest.impressions[1].columns.clicked: `sec >`",
    )


def test_bad_rows_over_the_share_stop_it(logs: Logs) -> None:
    rows = logs.rows("reads.jsonl")
    logs.write("reads.jsonl", [{**row, "uid": None} if i < 20 else row for i, row in enumerate(rows)])
    logs.settings["ingest"]["not_after"] = "2024-01-02T00:00:00"
    logs.fails(
        DataError,
        "ingest.events[0]: 97.5%",
        "null user_id: 20",
        "max_bad_share",
        "ingest.impressions",
        "future shown_at",
    )


def test_a_corrupt_parquet_file(logs: Logs) -> None:
    folder = logs.root / "reads"
    logs.spark.read.json(str(logs.root / "reads.jsonl")).repartition(2).write.parquet(str(folder))
    spoilt = next(folder.glob("part-*.parquet"))
    spoilt.write_bytes(b"PAR1" + b"\0" * 200 + b"PAR1")
    for checksum in folder.glob(".*.crc"):
        checksum.unlink()
    logs.settings["ingest"]["events"][0] |= {"path": "reads", "format": "parquet"}
    logs.fails(DataError, spoilt.name, "cannot be read")

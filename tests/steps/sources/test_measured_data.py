"""What settings follow from is counted once after the source step, and every later command reads the same numbers."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from jobs import pipeline
from jobs.steps import nightly
from jobs.steps.seeds import item_seeds
from jobs.steps.sources import ingested_logs
from ralm.config import load_config
from ralm.config.auto import resolve
from ralm.config.counts import DataCounts
from ralm.errors import DataError, MissingInputError
from ralm.features.data_counts import count_data
from ralm.runs.context import MEASURE, Context
from ralm.runs.runner import run_steps
from tests.steps.toy import write_toy

pytestmark = [pytest.mark.spark, pytest.mark.long]


class Mine:
    """Logs of four groups, with a configuration that only maps columns."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder, self.lines = spark, folder, []
        toy = write_toy(folder)
        assert toy.ingest is not None
        ingest = toy.ingest.model_dump(mode="json", exclude_unset=True)
        content: dict[str, Any] = {"name": "mine", "warehouse": str(folder / "wh"), "data_root": str(folder)}
        fields = {"history": ["reading", "shopping"], "numeric": ["age"], "item_domains": ["reading"]}
        (folder / "mine.yaml").write_text(yaml.safe_dump(content | {"ingest": ingest, "fields": fields}))

    def context(self, *assignments: str) -> Context:
        return Context(self.spark, load_config(self.folder / "mine.yaml", list(assignments)), say=self.lines.append)


@pytest.fixture(scope="module")
def mine(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Mine:
    made = Mine(spark, tmp_path_factory.mktemp("mine"))
    context = made.context()
    run_steps(context, ingested_logs.steps(context)[:1])
    with pytest.raises(MissingInputError, match=r"measure_data.*run job 'ingest' first"):
        run_steps(context, item_seeds.steps(context))
    run_steps(context, ingested_logs.steps(context))
    return made


def test_counts_are_those_of_the_tables(mine: Mine) -> None:
    context = mine.context()
    counts = context.counts
    assert counts is not None
    events = context.warehouse.read("events").toPandas()
    shown = context.warehouse.read("impressions").toPandas()
    assert (counts.users, counts.items, counts.impressions) == (240, 20, len(shown))
    assert counts.active == pytest.approx(240, rel=0.1)
    per_item = sorted(shown[shown["clicked"]].groupby("item_id").size())
    by_click = [clicks for clicks in per_item for _ in range(clicks)]
    assert counts.clicks == len(by_click)
    assert counts.usual == pytest.approx(statistics.median(by_click), abs=1)
    assert counts.least == pytest.approx(by_click[len(by_click) // 10], abs=1)
    for name, found in counts.domains.items():
        own = events[events["domain"] == name]
        assert found.users == pytest.approx(own["user_id"].nunique(), rel=0.1)
        assert found.things == pytest.approx(own["feature_id"].nunique(), rel=0.1)
        assert found.entries == pytest.approx(own.groupby("user_id").size().quantile(0.95), abs=1.5)
        assert found.most == pytest.approx(own.groupby("user_id").size().quantile(0.999), abs=1.5)


def test_a_later_command_reads_them_from_the_ledger(mine: Mine) -> None:
    context = mine.context("lookalike.clusters=7")
    counts = context.counts
    assert counts is not None
    assert context.config == resolve(context.given, counts)
    assert context.config.lookalike.clusters == 7
    assert context.config.user_training.epochs == 20
    assert context.measured_config() == context.config
    run_steps(context, ingested_logs.steps(context))
    assert [line.endswith("already done, skipped") for line in mine.lines[-2:]] == [True, True]
    record = context.ledger.last(MEASURE, None, "done")
    assert record is not None
    assert DataCounts.from_map(record.counts) == counts
    assert "user_training.epochs = 20" in (record.message or "")


def test_what_was_chosen_is_part_of_a_steps_settings(mine: Mine) -> None:
    context = mine.context()
    run_steps(context, item_seeds.steps(context)[2:])
    again = mine.context(f"lookalike.min_seeds={context.config.lookalike.min_seeds}")
    run_steps(again, item_seeds.steps(again)[2:])
    assert mine.lines[-1].endswith("already done, skipped")
    other = mine.context("lookalike.min_seeds=6")
    run_steps(other, item_seeds.steps(other)[2:])
    assert not mine.lines[-1].endswith("already done, skipped")


def test_the_dry_run_says_what_the_data_chose(mine: Mine, capsys: pytest.CaptureFixture[str]) -> None:
    context = mine.context("user_training.epochs=9")
    pipeline._dry_run(context, nightly.steps(context))
    printed = capsys.readouterr().out
    assert "user_training.batch_size = 64 (auto: " in printed
    assert 'objective = "feed" (auto: real non-clicks)' in printed
    assert "user_training.epochs =" not in printed
    assert "ingest: skip (done)" in printed
    before = mine.context(f"warehouse={mine.folder}/none")
    pipeline._dry_run(before, nightly.steps(before))
    printed = capsys.readouterr().out
    assert "user_training.batch_size = auto (set when the data are read)" in printed
    assert "batch_size: auto" in printed
    assert "measure_data: run" in printed


def test_empty_tables_count_as_nothing(spark: SparkSession) -> None:
    users = spark.createDataFrame([], "user_id string")
    events = spark.createDataFrame([], "user_id string, domain string, feature_id string")
    shown = spark.createDataFrame([], "item_id string, clicked boolean")
    assert count_data(users, events, shown, ["reading"], 1) == DataCounts(0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (
            ("lookalike.min_seeds=1000",),
            r"no item has 1,000 clicks before .*\(lookalike.min_seeds\), the most are [1-9]",
        ),
        (
            ("dates.a0=2023-12-01", "dates.a1=2023-12-02", "dates.a2=2024-01-08", "dates.a3=2024-01-11"),
            r"no event of reading in \[2023-12-01, 2023-12-02\) for the user model",
        ),
    ],
)
def test_a_night_with_nothing_to_learn_from_ends_at_the_split(
    mine: Mine, assignments: tuple[str, ...], words: str
) -> None:
    context = mine.context("user_model.representations=[reading]", *assignments)
    before = len(mine.lines)
    with pytest.raises(DataError, match=words):
        nightly.run_night(context)
    assert not any("build_" in line for line in mine.lines[before:])

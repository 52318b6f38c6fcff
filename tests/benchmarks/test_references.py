"""What a benchmark compares does the same work: ours and the reference give the same."""

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from benchmarks.cluster import METHODS, random_items
from benchmarks.histories import DOMAINS, END, FIELDS, collected, in_duckdb, make_events
from benchmarks.histories_update import YESTERDAY
from benchmarks.score_kernel import loop, random_scorer
from jobs.steps.users.histories import build_histories
from ralm.features.histories import update_histories
from ralm.scoring.scorer import Scorer


def test_the_kernel_scores_as_the_loop_over_items_does():
    scorer = Scorer(*random_scorer(64, 7))
    unit, _ = scorer.targets(np.random.default_rng(2).normal(size=(300, 64)).astype(np.float32))
    np.testing.assert_allclose(scorer.score(unit, np.zeros(300, np.float32)), loop(scorer, unit).numpy(), atol=2e-6)


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ours"])
def test_k_means_libraries_end_about_where_ours_does(name):
    items = random_items(5)
    ours, theirs = (np.mean([METHODS[m](points, 1) for points in items]) for m in ("ours", name))
    assert theirs / ours == pytest.approx(1, abs=0.2)


@pytest.mark.long
@pytest.mark.spark
def test_histories_hold_the_same_times(spark: SparkSession, tmp_path: Path):
    make_events(spark, 20_000).write.parquet(str(tmp_path / "events"))
    events = spark.read.parquet(str(tmp_path / "events"))
    files = [path.removeprefix("file://") for path in events.inputFiles()]
    in_duckdb(files, str(tmp_path / "duckdb.parquet"))
    ours = times(build_histories(events, FIELDS, END))
    assert len(ours) > 500
    assert times(collected(events)) == ours
    assert times(spark.read.parquet(str(tmp_path / "duckdb.parquet"))) == ours


@pytest.mark.spark
def test_a_day_onto_yesterday_is_what_a_rebuild_gives(spark: SparkSession):
    events = make_events(spark, 20_000).persist()
    recent = build_histories(events, FIELDS, END, since=YESTERDAY)
    updated = update_histories(build_histories(events, FIELDS, YESTERDAY), recent, FIELDS)
    assert times(updated) == times(build_histories(events, FIELDS, END))
    events.unpersist()


def times(histories: DataFrame) -> dict[int, list[list[object]]]:
    """The times of each user's entries, by domain; entries of one second come in another order elsewhere."""
    found = {}
    for row in histories.select("user_id", *DOMAINS).collect():
        found[row["user_id"]] = [[entry["event_time"] for entry in row[domain] or []] for domain in DOMAINS]
    return found

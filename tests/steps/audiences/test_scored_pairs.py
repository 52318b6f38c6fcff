"""Given pairs scored point in time: by the newest date at or before the pair, as the batch would score them."""

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs.steps.audiences.scored_pairs import read_pairs, steps
from ralm.errors import DataError, MissingInputError
from ralm.runs.runner import run_steps
from tests.finished import Finished

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]
SECOND = dt.timedelta(seconds=1)


@pytest.fixture(scope="module")
def done(tiny_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return tiny_run.copy(tmp_path_factory.mktemp("pairs") / "wh")


def midnight(date: dt.date) -> dt.datetime:
    return dt.datetime.combine(date, dt.time())


@pytest.mark.long
def test_scores_are_those_of_the_batch(done: Finished, tmp_path: Path) -> None:
    context = done.context()
    audience = done.table("audiences").where((F.col("system") == "ralm") & (F.col("as_of") == F.lit(context.dates.a3)))
    audience.select("user_id", "item_id").write.parquet(str(tmp_path / "timeless"))
    run_steps(context, steps(context, str(tmp_path / "timeless")))
    scored = done.table("scored_pairs").where("pairs = 'timeless'")
    assert scored.count() == audience.count() > 0
    joined = scored.withColumnRenamed("score", "found").join(
        audience.select("user_id", "item_id", "score"), ["user_id", "item_id"]
    )
    assert joined.where(F.abs(F.col("found") - F.col("score")) > 2.1e-6).isEmpty()
    assert joined.count() == audience.count()
    run_steps(context, steps(context, str(tmp_path / "timeless")))
    assert done.lines[-1].endswith("already done, skipped")


@pytest.mark.long
def test_a_pair_knows_nothing_after_its_time(done: Finished, tmp_path: Path) -> None:
    context = done.context()
    dates = context.dates
    clusters = done.table("seed_clusters").where(F.col("round") == 2)
    both = clusters.where("purpose IN ('evaluate', 'production')").groupBy("item_id")
    item = both.agg(F.count_distinct("purpose").alias("n")).where("n = 2").orderBy("item_id").first()
    user = done.table("target_embeddings").where(F.col("as_of") == F.lit(dates.a2)).orderBy("user_id").first()
    assert item is not None
    assert user is not None
    times = {
        "before": midnight(dates.a2) - SECOND,
        "at A2": midnight(dates.a2),
        "before A3": midnight(dates.a3) - SECOND,
        "at A3": midnight(dates.a3),
        "later": midnight(dates.a3) + dt.timedelta(days=100),
    }
    rows = [(user["user_id"], item["item_id"], at) for at in times.values()]
    rows.append((user["user_id"], "i-unknown", times["later"]))
    rows.append(("u-unknown", item["item_id"], times["later"]))
    frame = done.spark.createDataFrame(rows, "user_id string, item_id string, at timestamp")
    frame.write.format("delta").save(str(tmp_path / "timed"))
    run_steps(context, steps(context, str(tmp_path / "timed")))
    found = {row["at"]: row for row in done.table("scored_pairs").where("pairs = 'timed'").collect()}
    assert {at: row["as_of"] for at, row in found.items()} == {
        times["at A2"]: dates.a2,
        times["before A3"]: dates.a2,
        times["at A3"]: dates.a3,
        times["later"]: dates.a3,
    }
    assert found[times["at A2"]]["score"] == found[times["before A3"]]["score"]
    assert found[times["at A3"]]["score"] != found[times["before A3"]]["score"]
    assert any("1 pairs are before" in line for line in done.lines)
    assert "3 without a score" in done.lines[-1]


def test_mistakes_are_told_in_a_line(done: Finished, tmp_path: Path) -> None:
    context = done.context()
    with pytest.raises(MissingInputError, match=r"--pairs .*nothing: not found"):
        read_pairs(done.spark, str(tmp_path / "nothing"))
    done.spark.range(3).write.parquet(str(tmp_path / "ids"))
    with pytest.raises(DataError, match="no column user_id, item_id; found id"):
        read_pairs(done.spark, str(tmp_path / "ids"))
    done.spark.createDataFrame([("u1", "i-none")], "user_id string, item_id string").write.parquet(
        str(tmp_path / "none")
    )
    with pytest.raises(DataError, match="none of 1 pairs has an item with seeds"):
        run_steps(context, steps(context, str(tmp_path / "none")))

"""What becomes of a warehouse's history: dates filled in late, vacuumed versions, broken checkpoints of a log."""

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import deltalake
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import load_config
from ralm.errors import RalmError
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from ralm.spark.errors import user_errors
from ralm.warehouse.erase import vacuum
from ralm.warehouse.once import append
from ralm.warehouse.without_spark import TableFiles
from tests.faults.judge import read

pytestmark = pytest.mark.spark
TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"
FIRST = dt.date(2024, 3, 1)


class House:
    """A log of ten days, and a step that counts the clicks before a date."""

    def __init__(self, spark: SparkSession, path: Path) -> None:
        self.spark, self.path, self.lines = spark, path, list[str]()
        days = [FIRST + dt.timedelta(days=number) for number in range(10)]
        shown = [
            (f"u{n}", "i", dt.datetime.combine(day, dt.time(n)), True, "feed", day) for day in days for n in (1, 2)
        ]
        append(self.context().warehouse, "impressions", shown)

    def context(self, last: int = 9) -> Context:
        """With the date of production so many days after the first."""
        dates = {f"a{n}": FIRST + dt.timedelta(days=last - 3 + n) for n in range(4)}
        settings = [f"warehouse={self.path}", *(f"dates.{name}={day}" for name, day in dates.items())]
        return Context(self.spark, load_config(TINY, settings), say=self.lines.append)

    def step(self, context: Context, begun: Callable[[], None] = lambda: None) -> Step:
        """Counts into `thresholds`, as of the date of production."""

        def action(step: RunningStep) -> None:
            begun()
            day = F.lit(step.as_of)
            counted = step.read("impressions").where(F.col("shown_date") < day).agg(F.count("*").alias("n"))
            rows = counted.select(
                *(day.alias("as_of"), F.lit("ralm").alias("system"), F.lit("i").alias("item_id")),
                *(F.col("n").cast("double").alias("cutoff"), F.lit(1).alias("probe_size")),
                *(F.lit(0.1).alias("top_fraction"), F.array(F.lit(0.5)).alias("quantiles")),
            )
            step.replace("thresholds", rows, "rows", as_of=step.as_of, system="ralm")

        return Step("score_users", action, as_of="a3", measured=False, inputs=("impressions",))

    def run(self, last: int = 9, begun: Callable[[], None] = lambda: None, force: bool = False) -> str:
        context = self.context(last)
        context.force = force
        run_steps(context, [self.step(context, begun)])
        return self.lines[-1]

    def counted(self) -> dict[int, float]:
        rows = self.context().warehouse.read("thresholds").collect()
        return {(row["as_of"] - FIRST).days: row["cutoff"] for row in rows}

    def vacuum(self, name: str) -> None:
        vacuum(self.context().warehouse, name, 0.0)


@pytest.fixture
def house(spark: SparkSession, tmp_path: Path) -> House:
    return House(spark, tmp_path / "wh")


@pytest.mark.long
def test_an_earlier_date_filled_in_late_changes_only_its_own(house: House) -> None:
    house.run(9)
    house.run(6)
    assert house.counted() == {9: 18.0, 6: 12.0}
    files = {file for file in deltalake.DeltaTable(str(house.path / "thresholds")).file_uris() if "03-10" in file}
    version = house.context().warehouse.version("thresholds")
    assert files
    house.run(5)
    assert house.counted() == {9: 18.0, 6: 12.0, 5: 10.0}
    assert files < set(deltalake.DeltaTable(str(house.path / "thresholds")).file_uris())
    for last in (9, 6, 5, 9):
        assert house.run(last).endswith("already done, skipped")
    assert house.context().warehouse.version("thresholds") == version + 1


@pytest.mark.soak
def test_a_pinned_version_that_was_vacuumed_is_named(house: House) -> None:
    """A run was killed; its input was replaced and vacuumed before it goes on."""

    def killed() -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        house.run(9, killed)
    pinned = house.context().ledger.records[-1].inputs["impressions"]
    rows = house.context().warehouse.read("impressions").localCheckpoint()
    path = house.context().warehouse.table_path("impressions")
    rows.write.format("delta").mode("overwrite").save(path)
    house.vacuum("impressions")
    told = rf"table 'impressions': version {pinned}, which the run began with, .* --force"
    with pytest.raises(RalmError, match=told) as error:
        house.run(9)
    assert "\n" not in str(error.value)
    house.run(9, force=True)
    assert house.counted() == {9: 18.0}


@pytest.mark.soak
def test_a_release_whose_version_was_vacuumed_is_an_error(house: House) -> None:
    house.run(9)
    warehouse = house.context().warehouse
    version = warehouse.version("thresholds")
    for _ in range(2):
        house.run(9, force=True)
    house.vacuum("thresholds")
    with pytest.raises(RalmError, match="thresholds") as error, user_errors("release"):
        warehouse.read("thresholds", version).collect()
    assert "\n" not in str(error.value)


@pytest.mark.long
@pytest.mark.parametrize("damage", ["truncated", "empty", "half of the parts"])
def test_a_broken_checkpoint_of_a_log(house: House, damage: str) -> None:
    """Delta keeps a checkpoint every ten commits; the commits before it are still there; what the error says helps."""
    for number in range(11):
        append(house.context().warehouse, "checks", [("r", "s", f"c{number}", True, None, None, None, None)])
    log = house.path / "checks" / "_delta_log"
    (checkpoint,) = log.glob("*.checkpoint*.parquet")
    before = read(house.path, "checks")
    content = checkpoint.read_bytes()
    if damage == "half of the parts":
        shutil.move(
            checkpoint, checkpoint.with_name(checkpoint.name.replace(".parquet", ".0000000001.0000000002.parquet"))
        )
    else:
        checkpoint.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    for crc in log.glob(".*.crc"):
        crc.unlink()
    damaged = sorted(file.name for file in log.glob("*.checkpoint*"))
    forget_logs(house.spark)
    try:
        with user_errors("checks"):
            rows = house.context().warehouse.read("checks").count()
    except RalmError as error:
        told = str(error)
        assert "\n" not in told
        assert f"checks/_delta_log/{damaged[0]} of the table's log is damaged" in told
        assert "delete the checkpoint and _last_checkpoint there" in told
        assert "fix `format`" not in told
        for name in (damaged[0], "_last_checkpoint"):
            (log / name).unlink()
        forget_logs(house.spark)
        rows = house.context().warehouse.read("checks").count()
    assert rows == before[0] == 11
    append(house.context().warehouse, "checks", [("r", "s", "later", True, None, None, None, None)])
    forget_logs(house.spark)
    assert house.context().warehouse.read("checks").count() == 12
    # Other engines stop at a checkpoint that _last_checkpoint names and is not there; `status` says what to do, too.
    if (log / "_last_checkpoint").exists():
        with pytest.raises(RalmError, match="delete the checkpoint and _last_checkpoint there"):
            TableFiles(str(house.path)).rows("checks")
        (log / "_last_checkpoint").unlink()
    assert len(TableFiles(str(house.path)).rows("checks")) == 12


def forget_logs(spark: SparkSession) -> None:
    """As an application that begins: nothing of Delta's logs is in memory."""
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()  # type: ignore[union-attr]

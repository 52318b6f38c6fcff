"""A step is done while what it made is there: deleted, restored or remade tables and models are made again."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import load_config
from ralm.errors import RalmError
from ralm.runs.context import Context
from ralm.runs.runner import plan_steps, run_steps
from ralm.runs.step import RunningStep, Step

pytestmark = pytest.mark.spark
TINY = Path(__file__).resolve().parents[2] / "conf" / "tiny.yaml"


class Kept:
    """A warehouse with one step, which writes a threshold of its own value and a file of a model."""

    def __init__(self, spark: SparkSession, path: Path) -> None:
        self.spark, self.path, self.lines = spark, path, []
        self.value, self.crash = 1.0, False

    def context(self, **options: bool) -> Context:
        return Context(self.spark, load_config(TINY, [f"warehouse={self.path}"]), say=self.lines.append, **options)

    def step(self, context: Context, extra: str = "") -> Step:
        def action(step: RunningStep) -> None:
            row = self.spark.range(1).select(
                *(F.lit(v).alias(k) for k, v in {"as_of": "2024-01-01", "system": "ralm", "item_id": "i"}.items()),
                *(F.lit(self.value).alias("cutoff"), F.lit(1).alias("probe_size"), F.lit(0.1).alias("top_fraction")),
                F.array(F.lit(0.5)).alias("quantiles"),
            )
            step.replace("thresholds", row, "rows", as_of="2024-01-01", system="ralm")
            if self.crash:
                raise RuntimeError("killed")
            folder = Path(context.models("lookalike", step.version))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "model.pt").touch()

        return Step(
            "score_users",
            action,
            extra=lambda: extra,
            models=lambda version: [f"{context.models('lookalike', version)}/model.pt"],
        )

    def run(self, value: float, extra: str = "", **options: bool) -> str:
        self.value = value
        context = self.context(**options)
        run_steps(context, [self.step(context, extra)])
        return self.lines[-1]

    def planned(self, extra: str = "") -> str:
        context = self.context()
        return plan_steps(context, [self.step(context, extra)])[0][1]

    def cutoff(self) -> float:
        return self.spark.read.format("delta").load(f"{self.path}/thresholds").first()["cutoff"]

    def restore(self, name: str, version: int) -> None:
        self.spark.sql(f"RESTORE delta.`{self.path}/{name}` TO VERSION AS OF {version}")


@pytest.fixture
def kept(spark: SparkSession, tmp_path: Path) -> Kept:
    return Kept(spark, tmp_path / "wh")


@pytest.mark.long
@pytest.mark.parametrize("name", ["thresholds", "_models"])
def test_what_was_deleted_is_made_again_and_that_is_said(kept: Kept, name: str) -> None:
    """Case 80."""
    kept.run(1.0)
    assert kept.planned() == "skip (done)"
    shutil.rmtree(kept.path / name)
    missing = (
        "table 'thresholds' is not there" if name == "thresholds" else r"_models/lookalike/\w+/model.pt is not there"
    )
    assert __import__("re").search(missing, kept.planned())
    kept.run(2.0)
    assert any("score_users: made again, for " in line for line in kept.lines)
    assert kept.cutoff() == 2.0
    assert "already done, skipped" in kept.run(3.0)


@pytest.mark.long
def test_a_restored_table_is_made_again(kept: Kept) -> None:
    kept.run(1.0, "a")
    kept.run(2.0, "b")
    kept.restore("thresholds", 1)
    assert kept.cutoff() == 1.0
    assert "was restored to version 1" in kept.planned("b")
    kept.run(3.0, "b")
    assert kept.cutoff() == 3.0
    assert "already done, skipped" in kept.run(4.0, "b")
    kept.restore("thresholds", kept.context().warehouse.version("thresholds"))  # to what it is: nothing is lost
    assert "already done, skipped" in kept.run(4.0, "b")


@pytest.mark.long
def test_a_table_that_was_made_anew_is_not_the_one_that_was_written(kept: Kept) -> None:
    kept.run(1.0, "a")
    kept.run(2.0, "b")
    shutil.rmtree(kept.path / "thresholds")
    kept.context().warehouse.create("thresholds")
    assert "is at version 0, before 2" in kept.planned("b")
    kept.run(3.0, "b")
    assert kept.cutoff() == 3.0


@pytest.mark.long
def test_lost_runs_never_leave_old_rows_as_new_ones(kept: Kept) -> None:
    """Case 95c: the same configuration, other files, and the table `runs` is gone."""
    kept.run(1.0)
    kept.run(2.0, force=True)
    shutil.rmtree(kept.path / "runs")
    kept.run(3.0, "other files")
    assert kept.cutoff() == 3.0
    assert not any("already written" in line for line in kept.lines)
    assert "already done, skipped" in kept.run(4.0, "other files")


@pytest.mark.long
def test_restored_runs_do_not_hide_what_came_after(kept: Kept) -> None:
    """Case 95: `runs` was restored to before the newest run; its settings are asked for again."""
    kept.run(1.0, "a")
    version = kept.context().warehouse.version("runs")
    kept.run(2.0, "b")
    kept.run(3.0, "c")
    kept.restore("runs", version)
    assert "the tables hold attempt 3, `runs` knows 1" in kept.planned("a")
    kept.run(4.0, "a")
    assert kept.cutoff() == 4.0
    kept.restore("runs", version)
    kept.run(5.0, "b")
    assert kept.cutoff() == 5.0


@pytest.mark.long
def test_a_crashed_run_whose_rows_were_taken_back_does_not_go_on(kept: Kept) -> None:
    kept.run(1.0, "a")
    kept.crash = True
    with pytest.raises(RuntimeError):
        kept.run(2.0, "b")
    kept.restore("thresholds", 1)
    kept.crash = False
    with pytest.raises(RalmError, match=r"restored to version 1.* by an earlier try .*--force"):
        kept.run(3.0, "b")
    kept.run(4.0, "b", force=True)
    assert kept.cutoff() == 4.0


def test_two_at_once_are_told_so(kept: Kept) -> None:
    """Case 93: both read `runs` before either wrote to it."""
    first, second = kept.context(), kept.context()
    kept.value = 1.0
    run_steps(first, [kept.step(first)])
    kept.value = 2.0
    assert kept.cutoff() == 1.0
    # The second reserves the same attempt: it has looked for the tables' attempts before the first wrote.
    second.lineage.attempts = lambda *_: 0  # type: ignore[method-assign]
    with pytest.raises(
        RalmError, match=r"another application \(run score_users/-/\w+\) has written the rows of step 'score_users'"
    ):
        run_steps(second, [kept.step(second)])
    assert kept.cutoff() == 1.0


@pytest.mark.long
def test_a_step_that_runs_forgot_alone_asks_for_force(kept: Kept) -> None:
    """`runs` was lost and has other steps again: what is not known is not overwritten, and never taken for new."""
    for value in (0.0, 0.5, 1.0):
        kept.run(value, force=True)
    shutil.rmtree(kept.path / "runs")
    context = kept.context()
    run_steps(context, [Step("another", lambda step: None)])
    with pytest.raises(RalmError, match=r"if there is none, `runs` was restored: run it with --force"):
        kept.run(2.0)
    kept.run(3.0, force=True)
    assert kept.cutoff() == 3.0

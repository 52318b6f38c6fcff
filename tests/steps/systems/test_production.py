"""Another system than RALM scores the audiences: named, or the best on validation items."""

from pathlib import Path

import pytest
from pyspark.sql import Row
from pyspark.sql import functions as F

from jobs.steps import nightly
from jobs.steps.refresh.round import refresh
from jobs.steps.systems.production import _best, production_system
from jobs.steps.systems.registry import system
from ralm.errors import ConfigError
from ralm.runs.runner import run_steps
from ralm.warehouse.once import replace
from ralm.warehouse.releases import current_release
from tests.finished import Finished

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]


def row(name: str, value: float, high: float | None = None) -> Row:
    return Row(system=name, value=value, high=high)


def best(finished: Finished, *rows: Row) -> str:
    return _best(finished.config, "new_items@half", "item_auc", {found["system"]: found for found in rows}).name


def test_the_best_of_those_that_are_clearly_ahead(tiny_run: Finished) -> None:
    ralm, als, other = row("ralm", 0.7), row("als_fold_in", 0.75), row("regression_logistic", 0.74)
    behind_als, behind_other = row("ralm - als_fold_in", -0.05, -0.01), row("ralm - regression_logistic", -0.04, -0.02)
    assert best(tiny_run, ralm, als, other, behind_als, behind_other) == "als_fold_in"
    unclear = row("ralm - als_fold_in", -0.05, 0.01)
    assert best(tiny_run, ralm, als, other, unclear, behind_other) == "regression_logistic"
    assert best(tiny_run, ralm, als, unclear) == "ralm"
    # What cannot score new items, or is not configured any more, is not taken.
    gone, behind_gone = row("ralm_wide", 0.9), row("ralm - ralm_wide", -0.2, -0.1)
    assert best(tiny_run, ralm, gone, behind_gone) == "ralm"


def test_without_a_comparison_ralm_scores_and_says_why(tiny_run: Finished) -> None:
    chosen = production_system(tiny_run.context("scoring.system=auto"))
    assert (chosen.name, "comparison.split=validation" in chosen.why) == ("ralm", True)
    assert production_system(tiny_run.context()).why == ""
    with pytest.raises(ConfigError, match=r"scoring.system magic: unknown; known: ralm"):
        production_system(tiny_run.context("scoring.system=magic"))


def test_the_decision_holds_for_the_application(tiny_run: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    context = tiny_run.context("scoring.system=auto")
    first = production_system(context)
    monkeypatch.setattr(context.warehouse, "read", None)  # asking the metrics again would fail
    assert production_system(context) is first


def test_a_night_makes_what_another_system_needs_before_the_step_that_needs_it(tiny_run: Finished) -> None:
    context = tiny_run.context("scoring.system=als_fold_in")
    planned = nightly.steps(context)
    names = [(step.name, step.as_of) for step in planned]
    assert len(names) == len(set(names))
    for place, step in enumerate(planned):
        before = {one for one in step.after if one[0].startswith(("embed", "train", "build"))}
        assert before <= set(names[:place]), step.name
    needed = set(system(context.config, "als_fold_in").after(context, "a2"))
    assert needed <= set(next(step for step in planned if step.name == "evaluate").after)


@pytest.mark.soak
def test_a_night_of_another_system(tiny_run: Finished, tmp_path: Path) -> None:
    finished = tiny_run.copy(tmp_path / "wh")
    warehouse = finished.context().warehouse
    metrics = warehouse.read("metrics")
    some = metrics.where((F.col("system") == "ralm") & (F.col("metric") == "item_auc")).limit(1)
    compared = [("ralm", 0.6, None), ("als_fold_in", 0.8, None), ("ralm - als_fold_in", -0.2, -0.1)]
    rows = finished.spark.createDataFrame(compared, "system string, value double, high double")
    keys = {"protocol": F.lit("new_items@half"), "split": F.lit("validation")}
    more = some.drop("system", "value", "high").withColumns(keys).crossJoin(rows).select(*metrics.columns)
    replace(warehouse, "metrics", metrics.unionByName(more), {}, app_id="test", attempt=1, run_id="test")

    said: list[str] = []
    context = finished.context("scoring.system=auto", "publish.require=none", "evaluation.gate=1")
    context.say = said.append
    run_steps(context, nightly.steps(context))
    assert any("scoring.system auto: als_fold_in: item_auc 0.800 on validation items" in line for line in said)
    audiences = finished.table("audiences").where(F.col("system") == "als_fold_in")
    assert not audiences.isEmpty()
    for table in ("audiences", "recommendations", "thresholds"):
        assert {found["system"] for found in finished.table(table).select("system").distinct().collect()} == {
            "als_fold_in"
        }
    release = current_release(warehouse)
    own = finished.table("metrics").where((F.col("system") == "als_fold_in") & (F.col("split") == "test"))
    value = own.where((F.col("protocol") == "new_items") & (F.col("metric") == "item_auc")).first()
    assert release.metrics["new_items/item_auc"] == pytest.approx(value["value"])
    assert not finished.table("thresholds").where(F.col("system") == "als_fold_in").isEmpty()
    with pytest.raises(ConfigError, match=r"refresh: it scores by RALM's clusters, and scoring.system is als_fold_in"):
        refresh(context)

"""Releases that are refused, and releases of sets that cannot be judged."""

from pathlib import Path

import pytest
from pyspark.sql import functions as F

import ralm
from jobs.steps.evaluation.evaluate import steps as evaluate_steps
from jobs.steps.releases.releases import steps as publish_steps
from ralm.errors import DataError
from ralm.runs.runner import run_steps
from ralm.warehouse.once import replace
from ralm.warehouse.releases import current_release
from tests.finished import Finished

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]
REQUIRED = "publish.require=[user_activity, chance]"


@pytest.fixture
def finished(tiny_run: Finished, tmp_path: Path) -> Finished:
    return tiny_run.copy(tmp_path / "wh")


@pytest.mark.long
def test_a_release_behind_user_activity_is_refused_and_can_be_let_through(finished: Finished) -> None:
    warehouse = finished.context().warehouse
    metrics = warehouse.read("metrics")
    figure = {"ralm": 0.45, "user_activity": 0.6, "ralm - user_activity": -0.15}
    value = F.coalesce(*(F.when(F.col("system") == name, F.lit(number)) for name, number in figure.items()), "value")
    level = metrics.withColumn("value", F.when(F.col("metric") == "item_auc", value).otherwise(F.col("value")))
    replace(warehouse, "metrics", level, {}, app_id="test", attempt=1, run_id="test")
    before = current_release(warehouse)
    context = finished.context(REQUIRED, "evaluation.gate=1")
    context.force = True
    with pytest.raises(DataError) as caught:
        run_steps(context, publish_steps(context))
    text = str(caught.value)
    assert caught.value.exit_code == 3
    assert "\n" not in text
    for part in (
        "on 20 new items it is not ahead: item_auc 0.450, user activity has 0.600 (difference -0.150 [",
        "item_auc 0.450, chance is 0.5",
        f"release {before.release_id} stays current",
        "--set publish.require=none",
    ):
        assert part in text
    assert current_release(warehouse) == before
    context = finished.context("publish.require=none", "evaluation.gate=1", "privacy.minimum=7")
    context.force = True
    run_steps(context, publish_steps(context))
    made = current_release(warehouse)
    assert made.release_id != before.release_id
    reader = ralm.open(str(finished.config.warehouse), finished.spark)
    assert reader.minimum == 7
    assert "nothing is shown of fewer than 7 people" in repr(reader)
    assert made.metrics["new_items/item_auc"] == 0.45
    assert made.note is None


@pytest.mark.long
def test_a_set_that_cannot_be_judged_gets_its_release_with_a_warning(finished: Finished) -> None:
    lines: list[str] = []
    assert current_release(finished.context().warehouse).metrics
    for setting, why, note in (
        ("evaluation.judge=off", "Nothing was judged: the evaluation is off.", "not judged: the evaluation is off"),
        (
            "evaluation.min_labels=9999",
            "Too few items to be judged: no item has lookalike.min_seeds = 5 seeds before",
            "not judged: too few items (0 new items, 0 known items; publish.min_items = 10)",
        ),
    ):
        context = finished.context(REQUIRED, setting, say=lines.append)
        run_steps(context, [*evaluate_steps(context), *publish_steps(context)])
        page = (Path(str(finished.config.warehouse)) / "report.html").read_text(encoding="utf-8")
        assert "Nothing was measured that would say how good these audiences are." in page
        assert why in page
        systems = {row["system"] for row in context.warehouse.read("metrics").collect()}
        assert not {name for name in systems if not name.startswith("user_model")}
        made = current_release(context.warehouse)
        assert made.note == note
        assert made.metrics == {}
        assert any(f"warning: {note}" in line for line in lines)
        assert any("is current (not judged" in line for line in lines)
    assert any("warning: too few items to be judged: no item has" in line for line in lines)

"""Items with few seeds are spread by the linear model, and switch to look-alike by themselves."""

import datetime as dt

import numpy as np
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences import nightly_scoring
from jobs.steps.lookalike import cold_start_model
from jobs.steps.refresh.round import refresh
from jobs.steps.releases import releases
from ralm.runs.runner import run_steps
from ralm.simulation.oracle import click_probability
from ralm.warehouse.releases import current_release
from tests.finished import Finished
from tests.steps.refresh.test_round import click, now, publish_item, users_of

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2700)]
SETTINGS = ("cold_start.switch=25", "scoring.max_items=40", "cold_start.regularisation=0.001")
NEW = "i-new"


@pytest.fixture(scope="module")
def mixed(tiny_run: Finished, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    copied = tiny_run.copy(tmp_path_factory.mktemp("cold") / "wh")
    context = copied.context(*SETTINGS)
    run_steps(context, [*cold_start_model.steps(context), *nightly_scoring.steps(context)])
    return copied


def spread(frame: DataFrame) -> dict[str, set[str]]:
    rows = frame.select("system", "item_id").distinct().collect()
    return {system: {row["item_id"] for row in rows if row["system"] == system} for system in ("ralm", "cold_start")}


def test_the_switch_says_who_scores_an_item(mixed: Finished) -> None:
    context = mixed.context(*SETTINGS)
    seeds = {
        row["item_id"]: row["seed_count"]
        for row in mixed.table("item_seeds").where("purpose = 'production'").select("item_id", "seed_count").collect()
    }
    for name in ("audiences", "thresholds"):
        found = spread(mixed.table(name).where(F.col("as_of") == F.lit(context.dates.a3)))
        assert found["ralm"]
        assert found["cold_start"]
        assert not found["ralm"] & found["cold_start"]
        assert all(seeds[item] >= 25 for item in found["ralm"])
        assert all(seeds.get(item, 0) < 25 for item in found["cold_start"])
        assert len(found["ralm"] | found["cold_start"]) == 40


def test_it_finds_the_users_of_items_it_never_saw_clicked(mixed: Finished) -> None:
    """Held-out items are in none of its training data; their audiences are above the average of all users."""
    context = mixed.context(*SETTINGS)
    audience = mixed.table("audiences").where(F.col("system") == "cold_start").select("user_id", "item_id")
    items = audience.select("item_id").distinct()
    everyone = mixed.table("target_embeddings").where(F.col("as_of") == F.lit(context.dates.a3)).select("user_id")
    assert context.config.simulate is not None
    rates = []
    for pairs in (audience, everyone.crossJoin(items)):
        known = click_probability(pairs, context.config.simulate, context.config.seed)
        by_item = known.groupBy("item_id").agg(F.avg("click_probability").alias("p")).orderBy("item_id").collect()
        rates.append(np.array([row["p"] for row in by_item]))
    assert (rates[0] / rates[1]).mean() > 1.05


@pytest.mark.soak
def test_another_switch_moves_items_over(mixed: Finished) -> None:
    settings = ("cold_start.switch=1000", *SETTINGS[1:])
    copied = mixed.context(*settings)
    run_steps(copied, [*cold_start_model.steps(copied), *nightly_scoring.steps(copied)])
    assert spread(mixed.table("audiences").where(F.col("as_of") == F.lit(copied.dates.a3)))["ralm"] == set()
    again = mixed.context(*SETTINGS)
    run_steps(again, [*cold_start_model.steps(again), *nightly_scoring.steps(again)])
    assert spread(mixed.table("audiences").where(F.col("as_of") == F.lit(again.dates.a3)))["ralm"]


@pytest.mark.soak
def test_a_new_item_changes_over_in_the_loop(mixed: Finished) -> None:
    context = mixed.context(*SETTINGS)
    run_steps(context, releases.steps(context))  # a round goes on from what was released
    publish_item(context, NEW)

    def released() -> dict[str, set[str]]:
        release = current_release(context.warehouse)
        audiences = context.warehouse.read("audiences", release.tables["audiences"])
        return spread(audiences.where(F.col("as_of") == F.lit(release.as_of)))

    refresh(context)
    assert NEW in released()["cold_start"]
    click(context, NEW, users_of(context, 40), now() - dt.timedelta(seconds=5))
    refresh(context)
    found = released()
    assert NEW in found["ralm"]
    assert NEW not in found["cold_start"]
    thresholds = mixed.table("thresholds").where(F.col("item_id") == NEW)
    assert [row["system"] for row in thresholds.collect()] == ["ralm"]

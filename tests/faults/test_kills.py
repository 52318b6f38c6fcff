"""A day on which each job is killed at chosen points: what it leaves is what an undisturbed day leaves."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.faults.campaign import ENDED, Campaign, Fault, Undisturbed, undisturbed
from tests.faults.points import BEGUN, FILES, LOG, SAID, Point
from tests.faults.world import World

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(2700)]
# Job -> (victim, kind of point, begin of the step's title, table).
CHOSEN = {
    "pipeline": [
        ("driver", FILES, "simulate", "impressions"),
        ("driver", LOG, "build_histories", "histories"),
        ("driver", BEGUN, "train_user_model", ""),
        ("worker", BEGUN, "embed_users", ""),
        ("driver", FILES, "score_users", "audiences"),
        ("driver", LOG, "publish", "releases"),
    ],
    "update_seeds": [("driver", LOG, "", "live_seeds")],
    "refresh": [("driver", LOG, "refresh", "audiences"), ("driver", LOG, "refresh", "releases")],
    "extend_audience": [("driver", FILES, "extend_audience", "audiences")],
    "compare": [("driver", LOG, "compare", "comparisons")],
    "export_serving": [("driver", SAID, "users: ", "")],
}


def chosen(job: str, writes: list[tuple[str, list[str]]], _: random.Random) -> Iterator[Fault]:
    """The first step of each title."""
    for victim, kind, title, table in CHOSEN.get(job, ()):
        step = title if kind == SAID else next((step for step, _ in writes if title and step.startswith(title)), "")
        assert step or not title, f"{job} has no step {title}: {writes}"
        yield Fault(victim, Point(kind, step, table, after=0.5 if kind == BEGUN else 0.0))


@pytest.fixture(scope="module")
def calm(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(spark, World(tmp_path_factory.mktemp("calm")))


def test_a_day_of_kills_leaves_what_an_undisturbed_day_leaves(
    spark: SparkSession, tmp_path: Path, calm: Undisturbed
) -> None:
    campaign = Campaign(spark, World(tmp_path / "fire"), calm, chosen)
    assert campaign.run(seconds=2400)
    assert [blow for blow in campaign.blows if blow.problems] == []
    hit = [blow for blow in campaign.blows if blow.victim in ("driver", "worker")]
    assert len(hit) >= 10, campaign.blows
    assert {"files written, log not", "log written, ledger not"} <= {blow.found for blow in hit}
    assert {blow.task for blow in campaign.blows if blow.victim == ENDED} == CHOSEN.keys()
    assert campaign.differences() == []

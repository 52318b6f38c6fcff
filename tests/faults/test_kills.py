"""Jobs of a day that are killed at chosen points: what they leave is what an undisturbed day leaves."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.faults.calm import undisturbed
from tests.faults.campaign import ENDED, Campaign
from tests.faults.plans import Calm, Fault
from tests.faults.points import BEGUN, FILES, LOG, SAID, Point
from tests.faults.world import Task, World, clicks, own_list
from tests.finished import SETTINGS, Finished

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(2700)]
# After the night on which all tests look: another setting of the scores, a round, a list, an export.
DAY = (
    Task("pipeline", ("--set", "scoring.probe=150")),
    Task("refresh", (), lambda spark, world: clicks(spark, world, 1)),
    Task("extend_audience", ("--system", "ralm", "--seeds", "{folder}/mine.txt", "--resamples", "0"), own_list),
    Task("export_serving"),
)
# Job -> (victim, kind of point, begin of the step's title, table).
CHOSEN = {
    "pipeline": [
        ("driver", FILES, "score_users", "audiences"),
        ("driver", LOG, "score_users", "thresholds"),
        ("driver", LOG, "publish", "releases"),
    ],
    "refresh": [
        ("driver", LOG, "", "live_seeds"),
        ("worker", BEGUN, "refresh", ""),
        ("driver", LOG, "refresh", "audiences"),
        ("driver", LOG, "refresh", "releases"),
    ],
    "extend_audience": [("driver", FILES, "extend_audience", "audiences")],
    "export_serving": [("driver", SAID, "users: ", "")],
}


def chosen(calm: Calm, _: random.Random) -> Iterator[Fault]:
    """The first step of each title."""
    for victim, kind, title, table in CHOSEN[calm.job]:
        found = (step for step, _ in calm.writes if title and step.startswith(title))
        step = title if kind == SAID else next(found, "")
        assert step or not title, f"{calm.job} has no step {title}: {calm.writes}"
        yield Fault(victim, Point(kind, step, table))


def test_kills_leave_what_an_undisturbed_day_leaves(spark: SparkSession, tiny_run: Finished, tmp_path: Path) -> None:
    day = World(tmp_path / "calm", given=SETTINGS)
    day.folder.mkdir()
    tiny_run.copy(day.warehouse)
    calm = undisturbed(spark, day, DAY)
    campaign = Campaign(spark, World(tmp_path / "fire", given=SETTINGS), calm, chosen, DAY)
    assert campaign.run(seconds=2400)
    assert [blow for blow in campaign.blows if blow.problems] == []
    hit = [blow for blow in campaign.blows if blow.victim in ("driver", "worker")]
    assert len(hit) >= 8, campaign.blows
    assert {"files written, log not", "log written, ledger not"} <= {blow.found for blow in hit}
    assert {blow.task for blow in campaign.blows if blow.victim == ENDED} == CHOSEN.keys()

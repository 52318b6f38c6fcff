"""The judge's figures against plain loops, with and without a bound on the candidates, and its short way for ties."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from sklearn.metrics import roc_auc_score

from jobs.steps.evaluation.comparison_pairs import Cell
from jobs.steps.evaluation.comparisons import Judgement, judge
from jobs.steps.systems.contract import Prepared, System, Task
from ralm.baselines.user_value import UserValue
from ralm.config import Scoring
from ralm.evaluation.array_metrics import top_size
from ralm.features.hashing import chosen
from ralm.scoring.contract import ScorerState

pytestmark = pytest.mark.spark

USERS = [f"u{number:03}" for number in range(400)]
VALUES = {user: float(int(user[1:]) * 7 % 11) for user in USERS}  # many ties
ITEMS = ["a", "b"]
RNG = np.random.default_rng(4)
SEEDS = {item: set(RNG.choice(USERS, 30, replace=False).tolist()) for item in ITEMS}
HELD_OUT = {item: set(RNG.choice(sorted(set(USERS) - SEEDS[item]), 20, replace=False).tolist()) for item in ITEMS}
SHOWN = {item: set(RNG.choice(sorted(set(USERS) - SEEDS[item] - HELD_OUT[item]), 40).tolist()) for item in ITEMS}
DRAWN = {user for user in USERS if int(user[1:]) % 5}


class Ranked(UserValue):
    """The same scores by the way of all other systems."""


def rows(spark: SparkSession, users: dict[str, set[str]]) -> DataFrame:
    found = [
        (item, at, user, int(user[1:]) % 3 == 0, user in DRAWN)
        for at, item in enumerate(ITEMS)
        for user in sorted(users[item])
    ]
    return spark.createDataFrame(found, "item_id string, item_index int, user_id string, weak boolean, drawn boolean")


def judged(
    spark: SparkSession, folder: Path, scorer: type[UserValue], max_users: int | None, unknown: tuple[str, ...] = ()
) -> Judgement:
    people = spark.createDataFrame(list(VALUES.items()), "user_id string, value double")

    def prepare(task: Task) -> Prepared:
        return Prepared(people, ScorerState(scorer, {"item_values": np.array([0.0, 1_000.0])}), unknown=unknown)

    config = SimpleNamespace(user_id_type="string", seed=5, scoring=Scoring())
    step: Any = SimpleNamespace(context=SimpleNamespace(config=config, spark=spark))
    seeds = rows(spark, SEEDS).drop("weak", "drawn")
    cell = Cell("p", ITEMS, seeds, rows(spark, HELD_OUT), seeds, 1_000, rows(spark, SHOWN), max_users=max_users)
    return judge(System("value", prepare, (), lambda context, date: ()), cell, step, "a2", str(folder))


def by_key(found: Judgement) -> dict[tuple[str, str, str], float]:
    rows = found.values[["item_id", "segment", "metric", "value"]].to_numpy()
    return {(item, segment, metric): value for item, segment, metric, value in rows}


def auc(own: set[str], others: set[str]) -> float:
    users = [*own, *others]
    return float(roc_auc_score([user in own for user in users], [VALUES[user] for user in users]))


@pytest.mark.long
@pytest.mark.parametrize("max_users", [None, 100])
def test_figures_are_those_of_loops(spark: SparkSession, tmp_path: Path, max_users: int | None) -> None:
    found = judged(spark, tmp_path / "short", UserValue, max_users)
    values = by_key(found)
    candidates = set(USERS)
    if max_users is not None:
        people = spark.createDataFrame([(user,) for user in USERS], "user_id string")
        drawn = people.where(chosen("evaluation user", 5, max_users / len(USERS), "user_id"))
        candidates = {row["user_id"] for row in drawn.collect()} | HELD_OUT["a"] | HELD_OUT["b"]
        assert len(candidates) < 200
    assert found.candidates == len(candidates)
    for item in ITEMS:
        own = HELD_OUT[item]
        best = sorted(candidates - SEEDS[item], key=lambda user: (-VALUES[user], user))
        for k in (10, 50):
            assert values[item, "all", f"prec@{k}"] == pytest.approx(len(own & set(best[:k])) / min(k, len(own)))
        top = set(best[: top_size(len(candidates), 0.05)])
        assert values[item, "all", "recall@5%"] == pytest.approx(len(own & top) / len(own))
        assert values[item, "all", "item_auc"] == pytest.approx(auc(own & DRAWN, SHOWN[item] & DRAWN))
        others = set(USERS) - own - SEEDS[item]  # of all users, whoever is a candidate
        assert values[item, "all", "all_users_auc"] == pytest.approx(auc(own & DRAWN, others))
        weak = {user for user in own if int(user[1:]) % 3 == 0}
        assert values[item, "weak", "all_users_auc"] == pytest.approx(auc(weak & DRAWN, others))
    assert by_key(judged(spark, tmp_path / "long", Ranked, max_users)) == pytest.approx(values)


@pytest.mark.long
def test_items_that_a_system_does_not_know_have_no_figures(spark: SparkSession, tmp_path: Path) -> None:
    found = judged(spark, tmp_path, UserValue, None, unknown=("b",))
    assert set(found.values["item_id"]) == {"a"}
    assert {row["item_id"] for row in found.pairs.select("item_id").distinct().collect()} == {"a"}
    assert found.pairs.where("label = 1").count() == len(HELD_OUT["a"] & DRAWN)

"""Audiences of all users against a full sort: ties, seeds, several passes, several ranges, both kinds of ids."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from jobs.steps.audiences.ranking import LeftOut, rank_users
from jobs.steps.audiences.scored_users import Scored
from ralm.baselines.dot_product import DotProduct
from ralm.scoring.contract import ScorerState

pytestmark = pytest.mark.spark

USERS = 400
ITEMS = ["b", "ä", "c", "a", "e"]
Row = tuple[str, Any, float, int]


class World:
    """Users whose scores are in steps of a quarter: many are tied."""

    def __init__(self, spark: SparkSession, folder: Path, kind: str) -> None:
        random = np.random.default_rng(7)
        numbers = random.permutation(USERS)
        self.ids = [f"u{i}" for i in numbers] if kind == "string" else ((numbers - 50) * 10**12).tolist()
        self.scores = np.round(random.normal(size=(USERS, len(ITEMS))) * 4) / 4
        self.out = random.uniform(size=self.scores.shape) < 0.1
        users = [(user, row.tolist()) for user, row in zip(self.ids, self.scores, strict=True)]
        schema = f"user_id {kind}, embedding array<float>"
        spark.createDataFrame(users, schema).repartition(3).write.format("delta").save(f"{folder}/users")
        state = ScorerState(DotProduct, {"vectors": np.eye(len(ITEMS)), "bias": np.zeros(len(ITEMS))})
        targets = spark.read.format("delta").load(f"{folder}/users")
        self.scored = Scored(targets, USERS, ITEMS, state, str(folder / "work"), kind, scan=True)
        pairs = [(ITEMS[i], self.ids[u]) for u, i in zip(*np.nonzero(self.out), strict=True)]
        self.left_out = LeftOut.of(spark.createDataFrame(pairs, f"item_id string, user_id {kind}"))

    def expected(self, wanted: dict[str, int], *, seeds: bool, cuts: NDArray[np.float64] | None = None) -> set[Row]:
        rows = set[Row]()
        for i, item in enumerate(ITEMS):
            kept = [u for u in range(USERS) if seeds or not self.out[u, i]]
            kept = [u for u in kept if cuts is None or self.scores[u, i] >= cuts[i]]
            best = sorted(kept, key=lambda u: (-self.scores[u, i], self.ids[u]))
            best = best if cuts is not None else best[: wanted[item]]
            rows |= {(item, self.ids[u], self.scores[u, i], rank) for rank, u in enumerate(best, start=1)}
        return rows


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(spark, tmp_path_factory.mktemp("strings"), "string")


@pytest.fixture(scope="module")
def numbered(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(spark, tmp_path_factory.mktemp("numbers"), "bigint")


def rows_of(best: DataFrame) -> list[Row]:
    return [(row["item_id"], row["user_id"], row["score"], row["rank"]) for row in best.collect()]


@pytest.mark.long
@pytest.mark.parametrize("rows", [40, 2_000_000])
def test_as_by_a_full_sort(world: World, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.steps.audiences.ranking.ROWS_PER_TASK", rows)
    everyone = USERS - world.left_out.counts["c"]
    wanted = {"b": 100, "ä": 1, "c": everyone, "a": 60, "e": 0}
    ranking = rank_users(world.scored, world.scores, wanted, world.left_out, top_m=2)
    found = rows_of(ranking.best)
    assert set(found) == world.expected(wanted, seeds=False)
    assert len(found) == len(set(found))
    assert ranking.passes == 1
    buckets = {row["item_id"]: row["bucket"] for row in ranking.best.select("item_id", "bucket").distinct().collect()}
    before = {"a": 0, "b": 60, "c": 160, "ä": 160 + everyone}
    assert buckets == {item: before[item] // rows for item in buckets}
    best = {row["user_id"]: row for row in ranking.recommended.collect()}
    assert len(best) == USERS
    for user, scores in zip(world.ids, world.scores, strict=True):
        order = np.argsort(-scores, kind="stable")[:2]
        assert best[user]["top_items"] == order.tolist()
        assert best[user]["top_scores"] == scores[order].tolist()


def test_rows_come_in_the_tables_order(numbered: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.steps.audiences.ranking.ROWS_PER_TASK", 150)
    ranking = rank_users(numbered.scored, numbered.scores, dict.fromkeys(ITEMS, 100), None)
    found = rows_of(ranking.best)
    assert [(item, rank) for item, *_, rank in found] == sorted((item, rank) for item, *_, rank in found)
    assert set(found) == numbered.expected(dict.fromkeys(ITEMS, 100), seeds=True)


@pytest.mark.long
def test_a_sample_that_misleads_costs_passes_and_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.steps.audiences.ranking.ROWS_PER_TASK", 60)
    wanted = {"b": 30, "ä": 30, "c": 80, "a": 5, "e": 390}
    sample = world.scores + np.array([0.0, 2.0, 9.0, 0.0, 1.0])  # cuts that few or none reach
    ranking = rank_users(world.scored, sample, wanted, world.left_out)
    assert ranking.passes > 2
    found = rows_of(ranking.best)
    assert len(found) == len(set(found))
    assert set(found) == world.expected(wanted, seeds=False)


def test_everyone_from_a_cut_on(numbered: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.steps.audiences.ranking.ROWS_PER_TASK", 60)
    cuts = np.array([0.25, -np.inf, 9.0, 0.0, 1.0])
    ranking = rank_users(numbered.scored, numbered.scores, dict.fromkeys(ITEMS, 1), numbered.left_out, cuts)
    found = rows_of(ranking.best)
    assert len(found) == len(set(found))
    assert set(found) == numbered.expected({}, seeds=False, cuts=cuts)

"""What the regression is trained on, and what it says of itself, on the toy world."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.systems import negatives
from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.inputs import field_users
from jobs.steps.systems.regression import regression_systems, training_pairs
from ralm.config import Regression
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from tests.steps.conftest import Asked, scores, seeds_of
from tests.steps.toy import features_of, group_of, users

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(2700)]
ASKED: Asked = {"g0i0": seeds_of(0, 20), "g2i0": seeds_of(2, 12), "nobody saw it": seeds_of(3, 6)}


@dataclass
class Drawn:
    """item index -> user ids, and what was said meanwhile."""

    seeds: list[set[str]]
    negatives: list[set[str]]
    rows: int
    said: list[str]


@pytest.fixture(scope="module")
def draw(toy: Context, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Drawn]:
    """Training pairs as of A2 with the given settings."""

    def run(asked: Asked = ASKED, **settings: object) -> Drawn:
        rows = [(item, at, user) for at, (item, seeds) in enumerate(asked.items()) for user in seeds]
        seeds = toy.spark.createDataFrame(rows, "item_id string, item_index int, user_id string")
        found: list[tuple[int, str, int]] = []
        said: list[str] = []

        def action(step: RunningStep) -> None:
            task = Task(step, "a2", list(asked), seeds, str(tmp_path_factory.mktemp("work")))
            pairs: DataFrame = training_pairs(task, Regression(**settings), field_users(task))
            found.extend(tuple(row) for row in pairs.select("item_index", "user_id", "label").collect())

        step = Step("test[pairs]", action, inputs=("user_fields", "impressions"), as_of="a2")
        run_steps(Context(toy.spark, toy.config, force=True, say=said.append), [step])
        by_label = [
            [{user for index, user, label in found if (index, label) == (at, wanted)} for at in range(len(asked))]
            for wanted in (1, 0)
        ]
        return Drawn(by_label[0], by_label[1], len(found), said)

    return run


@pytest.fixture(scope="module")
def others(draw: Callable[..., Drawn]) -> Drawn:
    return draw(negatives_per_seed=5, max_seeds=10)


@pytest.fixture(scope="module")
def exposed(draw: Callable[..., Drawn]) -> Drawn:
    return draw(negatives_per_seed=3, max_seeds=15, negatives="exposed")


def clicked_before(toy: Context) -> Iterator[tuple[str, str, bool]]:
    """(user, item, whether ever clicked) of what was shown before A2, by a loop."""
    known: dict[tuple[str, str], bool] = {}
    for row in toy.warehouse.read("impressions").where(F.col("shown_at") < F.lit(toy.dates.a2)).collect():
        key = (row["user_id"], row["item_id"])
        known[key] = known.get(key, False) or row["clicked"]
    return ((user, item, clicked) for (user, item), clicked in known.items())


class TestPairs:
    def test_seeds_and_negatives_are_as_many_as_asked_for(self, others: Drawn) -> None:
        """No pair comes twice: the sets have as many members as there are rows."""
        assert [len(found) for found in others.seeds] == [10, 10, 6]
        assert [len(found) for found in others.negatives] == [50, 50, 30]
        assert others.rows == 26 + 130
        assert all(found <= set(seeds) for found, seeds in zip(others.seeds, ASKED.values(), strict=True))

    def test_no_seed_is_a_negative(self, others: Drawn, exposed: Drawn) -> None:
        """Nor one that was not sampled as a seed."""
        for drawn in (others, exposed):
            for found, seeds in zip(drawn.negatives, ASKED.values(), strict=True):
                assert found
                assert not found & set(seeds)

    def test_no_more_than_there_are(self, draw: Callable[..., Drawn]) -> None:
        found = draw(negatives_per_seed=100)
        for drawn, seeds in zip(found.negatives, ASKED.values(), strict=True):
            assert drawn == set(users()) - set(seeds)

    def test_a_small_pool_is_shared_and_still_enough(
        self, draw: Callable[..., Drawn], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A pool of fewer users than all: the items get different runs of it, each complete."""
        monkeypatch.setattr(negatives, "LEAST_POOL", 1)
        monkeypatch.setattr(negatives, "MARGIN", 0.01)  # of at most 10,000 seeds per item: about 100 users
        found = draw(negatives_per_seed=3, max_seeds=5)
        assert [len(drawn) for drawn in found.negatives] == [15, 15, 15]
        together = set.union(*found.negatives)
        assert 15 < len(together) <= 45
        assert len({tuple(sorted(drawn)) for drawn in found.negatives}) == 3

    def test_an_items_pairs_do_not_depend_on_the_others(self, draw: Callable[..., Drawn], others: Drawn) -> None:
        alone = draw({"g2i0": ASKED["g2i0"]}, negatives_per_seed=5, max_seeds=10)
        assert alone.negatives[0] == others.negatives[1]

    def test_others_come_from_everywhere(self, others: Drawn) -> None:
        """50 of 220 users, of whom 40 are of the item's group: hypergeometric, 9 ± 2.5 expected."""
        own = sum(group_of(user) == 0 for user in others.negatives[0])
        assert 1 <= own <= 18

    def test_exposed_negatives_were_shown_the_item_and_did_not_click(self, toy: Context, exposed: Drawn) -> None:
        shown = {(user, item): clicked for user, item, clicked in clicked_before(toy)}
        for at, item in enumerate(ASKED):
            ignored = {user for (user, which), clicked in shown.items() if which == item and not clicked}
            ignored -= set(ASKED[item])
            if item == "nobody saw it":
                assert not ignored
                assert len(exposed.negatives[at]) == 18  # other users in their place
            else:
                assert exposed.negatives[at] <= ignored
                assert len(exposed.negatives[at]) == min(len(ignored), 3 * min(15, len(ASKED[item])))

    def test_the_fall_back_is_said(self, exposed: Drawn, others: Drawn) -> None:
        assert [line for line in exposed.said if "1 of 3 items were shown to fewer users" in line]
        assert not [line for line in others.said if "fewer users" in line]


class TestPrepared:
    @pytest.fixture(scope="class")
    def system(self, toy: Context) -> dict[str, System]:
        return {system.name: system for system in regression_systems(toy.config)}

    def test_features_of_the_seeds_group_lead(
        self, prepare: Callable[[System, Asked], Prepared], system: dict[str, System]
    ) -> None:
        prepared = prepare(system["regression_logistic"], ASKED)
        assert prepared.feature_ranking is not None
        rows = prepared.feature_ranking.collect()
        for item, group in zip(ASKED, (0, 2, 3), strict=True):
            listed = sorted((row for row in rows if row["item_id"] == item), key=lambda row: row["rank"])
            assert [row["rank"] for row in listed] == list(range(1, len(listed) + 1))
            assert 10 < len(listed) <= 50
            weights = [row["weight"] for row in listed]
            assert weights == sorted(weights, reverse=True)
            assert weights[-1] > 0
            # Cities are right in 7 of 10 users only, and 12 seeds may be drawn from the others: histories tell.
            own = [row["feature"].startswith(features_of(group)) for row in listed[:10]]
            assert sum(own) >= 7

    @pytest.mark.parametrize("kind", ["bagging", "elkan_noto"])
    def test_positive_unlabelled_in_the_executors(
        self, toy: Context, prepare: Callable[[System, Asked], Prepared], kind: str
    ) -> None:
        changed = toy.config.baselines.regression.model_copy(update={"positive_unlabelled": kind, "bags": 3})
        baselines = toy.config.baselines.model_copy(update={"regression": changed})
        for system in regression_systems(toy.config.model_copy(update={"baselines": baselines}))[1:]:
            renamed = System(f"{system.name}_{kind}", system.prepare, system.inputs, system.after)
            prepared = prepare(renamed, {"g1i0": seeds_of(1, 15)})
            frequency = prepared.state.arrays["label_frequencies"]
            assert (0 < frequency[0] < 1) if kind == "elkan_noto" else frequency[0] == 1
            found = {user: row[0] for user, row in scores(prepared).items() if user not in seeds_of(1, 15)}
            best = sorted(found, key=lambda user: (-found[user], user))[:20]
            assert sum(group_of(user) == 1 for user in best) >= 16

"""What is chosen on items that the closed form was not fitted on: how much attention adds before any training."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from jobs.steps.lookalike.closed_form import CLASSIFIERS, TRAINED, _attention, _best_numbers, _common, _numbers
from jobs.steps.lookalike.fold_judge import FOLDS, FoldJudge
from ralm.config import Lookalike
from ralm.models.item_classifier import ItemClassifier
from ralm.models.plda import Plda, fit_plda
from ralm.training.judged_items import JudgedItems, Situation, mean_figure
from tests.models.multimodal import MultimodalWorld, make_world

ITEMS = 60


@pytest.mark.parametrize("several_tastes", [True, False])
def test_attention_counts_from_the_start_where_items_have_several_tastes(several_tastes) -> None:
    world = make_world(ITEMS, 12_000, seed=1, noise=0.1)
    users, clicked = world.embedding, world.label == 1
    if not several_tastes:  # clickers are anyone: attention has nothing to find
        clicked = np.random.default_rng(3).permutation(clicked)
        users = np.random.default_rng(4).permutation(users)
    counts = world.sizes.sum(axis=1)
    means = (world.centroids * world.sizes[:, :, None]).sum(axis=1) / counts[:, None]
    rows = np.arange(ITEMS)
    judged = JudgedItems(
        users=users[:2_000].astype(np.float32),
        rows=rows,
        number=rows,
        clickers=users[clicked].astype(np.float32),
        item=world.item[clicked].astype(np.int64),
        known=np.zeros((ITEMS, 2_000), dtype=bool),
        feed=np.array(False),
    )
    parts = [rows >= 0, *(rows % FOLDS != fold for fold in range(FOLDS))]
    models = [fit_plda(users, means[part], counts[part]) for part in parts]
    judge = FoldJudge.of(Situation.of(judged, {"centroids": world.centroids, "sizes": world.sizes}))
    alone = mean_figure(judge.values(models[1:]))
    weight, attends, said = _attention(Lookalike(hidden_dim=4), "attention", models, [], judge)
    assert attends == several_tastes
    assert weight > 0
    found = float(said.rpartition(", ")[2])
    assert (found > alone + 0.02) == several_tastes
    assert found >= alone - 1e-3


@pytest.mark.parametrize("activity", [[], [3]])
def test_where_the_active_click_activity_is_what_items_have_in_common(activity: list[int]) -> None:
    rng = np.random.default_rng(0)
    users = rng.normal(size=(2_000, 4))
    rows = np.arange(ITEMS)
    centroids = rng.normal(size=(ITEMS, 1, 4)).astype(np.float32)  # seeds say nothing
    judged = JudgedItems(
        users=users.astype(np.float32),
        rows=rows,
        number=rows,
        clickers=rng.normal([0, 0, 0, 2], size=(10 * ITEMS, 4)).astype(np.float32),
        item=np.repeat(rows, 10),
        known=np.zeros((ITEMS, len(users)), dtype=bool),
        feed=np.array(False),
    )
    situation = Situation.of(judged, {"centroids": centroids, "sizes": np.full((ITEMS, 1), 10)})
    model = fit_plda(users, centroids[:, 0].astype(float), np.full(ITEMS, 10))
    models, said = _common([model] * (FOLDS + 1), [], FoldJudge.of(situation), activity)
    assert (" of activity, " in said) == bool(activity)
    assert len(models) == FOLDS + 1
    if activity:
        assert said.startswith(", w 20 ")
        assert abs(np.corrcoef(users @ (model.basis @ models[0].common), users[:, 3])[0, 1]) > 0.999


@pytest.mark.parametrize("better", [True, False])
def test_a_feeds_unit_is_the_one_that_judged_items_want(better: bool) -> None:
    world = make_world(ITEMS, 12_000, seed=1, noise=0.1)
    clicked, rows = world.label == 1, np.arange(ITEMS)
    known = np.random.default_rng(5).random((ITEMS, 2_000)) > 0.2  # a fifth was shown the item
    judged = JudgedItems(
        users=world.embedding[:2_000].astype(np.float32),
        rows=rows,
        number=rows,
        clickers=world.embedding[clicked].astype(np.float32),
        item=world.item[clicked].astype(np.int64),
        known=known,
        feed=np.array(True),
    )
    judge = FoldJudge.of(Situation.of(judged, {"centroids": world.centroids, "sizes": world.sizes}))
    model = _model(world)
    blind = replace(model, basis=model.basis * [1, 0, 0, 0])  # sees one of four coordinates
    tried: list[float] = []

    def fit(unit: float) -> list[Plda]:
        tried.append(unit)
        return [model if unit == 4.0 or not better else blind] * (FOLDS + 1)

    _, said = _numbers(fit, judge, TRAINED, of_all(world))
    assert judge.feed
    assert tried == list(TRAINED)
    assert said.endswith(", trained representations times 4") == better
    # Those who were shown an item, and no others, are whom its clickers are compared with.
    one = judge.values([model] * FOLDS)[0][0, 0]
    direction = model.directions(*(seeds[:1] for seeds in judge.situations[0].seeds))[0] @ model.basis.T
    own, others = judged.clickers[judged.clickers_of[0]] @ direction, judged.users[~known[0]] @ direction
    assert one == pytest.approx(roc_auc_score(np.r_[np.ones(len(own)), np.zeros(len(others))], np.r_[own, others]))


def test_numbers_are_those_that_are_best_with_or_without_classifiers() -> None:
    """The best of all that a plain loop finds."""
    world = make_world(ITEMS, 2_000, seed=2, noise=1.5)
    rows, users = np.arange(ITEMS), world.embedding.astype(np.float32)
    judged = JudgedItems(
        users=users,
        rows=rows,
        number=rows,
        clickers=users[world.label == 1],
        item=world.item[world.label == 1].astype(np.int64),
        known=np.zeros((ITEMS, len(users)), dtype=bool),
        feed=np.array(False),
    )
    judge = FoldJudge.of(Situation.of(judged, {"centroids": world.centroids, "sizes": world.sizes}))
    counts = world.sizes.sum(axis=1)
    means = (world.centroids * world.sizes[:, :, None]).sum(axis=1) / counts[:, None]
    fitted = [fit_plda(users, means, counts, ridge=1.0, spread=0.0)] * (FOLDS + 1)
    pairs = [(ridge, more) for ridge in (1.0, 30.0, 300.0) for more in (0.0, 0.3)]
    found = {}
    for ridge, more in pairs:
        ridged = [model.with_ridge(ridge) for model in fitted]
        for weight in (0.0, CLASSIFIERS[0]):
            own = [of_all(world).within(model.basis).weighing(weight) for model in ridged[1:]]
            beside = judge.beside(ridged[1:], own) if weight else ()
            values = judge.values([model.spread(more) for model in ridged[1:]], beside)
            found[ridge, more, weight] = mean_figure(values)
    best = max(found, key=lambda way: found[way])
    pair, values, models = _best_numbers(fitted, judge, pairs, of_all(world))
    assert pair == best[:2]
    assert mean_figure(values) == pytest.approx(found[best])
    assert models[0].penalty == pytest.approx(fitted[0].with_ridge(pair[0]).penalty)
    assert len(models) == FOLDS + 1


def of_all(world: MultimodalWorld) -> ItemClassifier:
    return ItemClassifier.of_users(world.embedding, 0, 0, len(world.embedding), 1.0, 1.0)


def test_rows_with_many_seeds_are_judged_by_themselves() -> None:
    world = make_world(ITEMS, 2_000, seed=1)
    nothing = np.zeros((0, 4), np.float32)
    rows = np.arange(ITEMS)
    judged = JudgedItems(nothing, rows, rows, nothing, rows[:0], np.zeros((ITEMS, 0), bool), np.array(True))
    few = Situation(judged, world.centroids, world.sizes)
    judge = FoldJudge.of(few, Situation(judged, world.centroids, world.sizes * 3))
    counts = world.sizes.sum(axis=1)
    assert judge.items == ITEMS
    assert 0.2 * ITEMS <= (counts >= judge.seeded).sum() <= 0.3 * ITEMS
    # Of the situation with few seeds too few items have so many; of the other one all have.
    assert [len(of_one) for of_one in judge.values([_model(world)] * FOLDS, least=judge.seeded)] == [ITEMS]
    assert judge.values([_model(world)] * FOLDS, least=10 * int(counts.max())) == []


def _model(world: MultimodalWorld) -> Plda:
    counts = world.sizes.sum(axis=1)
    return fit_plda(world.embedding, (world.centroids * world.sizes[:, :, None]).sum(axis=1) / counts[:, None], counts)

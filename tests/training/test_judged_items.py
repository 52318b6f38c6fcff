"""The figure of a validation item, which parts of a score are kept, and the training that asks them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ralm.models.lookalike_start import LookalikeStart
from ralm.models.plda import fit_plda
from ralm.training.checkpoints import load_weights
from ralm.training.judged_items import (
    UNTRAINED,
    JudgedItems,
    Situation,
    area,
    beats,
    choose,
    choose_number,
    mean_figure,
    share_in_top,
)
from ralm.training.lookalike import train_lookalike
from tests.models.multimodal import make_world
from tests.training.toy_data import lookalike_spec


def judging(feed: bool) -> JudgedItems:
    nothing = np.zeros(0)
    return JudgedItems(nothing, nothing, nothing, nothing, nothing, nothing, np.array(feed))


def test_the_figures_are_the_area_and_the_share_in_the_top() -> None:
    rng = np.random.default_rng(0)
    clickers, users = rng.normal(1, 1, 300), rng.normal(0, 1, 2_000)
    label = np.r_[np.ones(300), np.zeros(2_000)]
    found = roc_auc_score(label, np.r_[clickers, users])
    inside = (clickers > np.quantile(users, 0.95)).mean()
    np.testing.assert_allclose(judging(feed=False).value(clickers, users), [found, inside], atol=4e-3)


def test_a_feed_is_judged_by_the_area_alone() -> None:
    rng = np.random.default_rng(0)
    clickers, others = rng.normal(1, 1, 30), rng.normal(0, 1, 50)
    found = pytest.approx(roc_auc_score(np.r_[np.ones(30), np.zeros(50)], np.r_[clickers, others]))
    assert judging(feed=True).value(clickers, others).tolist() == [area(clickers, np.sort(others))] == [found]
    assert area(clickers, np.zeros(0)) == 0.5


@pytest.mark.parametrize("score", [0.0, 3.0])
def test_a_constant_score_is_worth_nothing(score) -> None:
    # Half of all pairs, and half of the clickers above a cut that all share.
    assert area(np.full(10, score), np.full(100, score)) == pytest.approx(0.5)
    assert share_in_top(np.full(10, score), np.full(100, score)) == pytest.approx(0.5)


def chosen(*values: np.ndarray) -> int:
    """`choose`, in one situation."""
    return choose([[value] for value in values])


def test_a_later_model_must_be_better_by_more_than_its_error() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(0.4, 0.6, (50, 1))
    noise = rng.normal(0, 0.1, (50, 1))
    assert chosen(base, base + noise - noise.mean() + 0.001) == 0
    assert chosen(base, base - 0.01, base + 0.03 + 0.01 * noise) == 2
    assert chosen(base, base + 0.004) == 0
    assert chosen(base, base + 0.006) == 1
    assert chosen(base, base + noise - noise.mean() + 1.5 * noise.std(ddof=1) / np.sqrt(50)) == 0
    assert chosen(base, base + noise - noise.mean() + 2.5 * noise.std(ddof=1) / np.sqrt(50)) == 1
    assert chosen(base, base + 0.03, base + 0.031 + noise - noise.mean()) == 1


def test_a_number_leaves_its_usual_value_for_the_best_of_those_that_beat_it() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(0.4, 0.6, (50, 2))
    for gains, place in (([0.004, 0.004], 0), ([0.02, 0.023, 0.022], 2), ([-0.1, 0.006, 0.004], 2)):
        assert choose_number([[base], *([base + gain] for gain in gains)]) == place
    assert choose_number([[base]]) == 0
    # Of the two that gain most, one does so at the price of a figure.
    assert choose_number([[base], [base + np.array([0.2, -0.01])], [base + 0.03], [base + 0.02]]) == 2


def test_no_figure_pays_for_another() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(0.4, 0.6, (50, 2))
    noise = rng.normal(0, 0.01, (50, 2))
    assert chosen(base, base + noise + [0.05, 0.0]) == 1
    assert chosen(base, base + noise + [0.05, -0.01]) == 0


def test_both_situations_count_alike_and_neither_pays_for_the_other() -> None:
    rng = np.random.default_rng(1)
    new, past = rng.uniform(0.4, 0.6, (50, 2)), rng.uniform(0.4, 0.6, (500, 2))
    few, many = rng.normal(0, 0.001, (50, 2)), rng.normal(0, 0.001, (500, 2))
    assert mean_figure([np.zeros((50, 2)), np.ones((500, 2))]) == 0.5
    assert choose([[new, past], [new + 0.012, past + many - many.mean(axis=0)]]) == 1
    assert choose([[new, past], [new + 0.008, past + many - many.mean(axis=0)]]) == 0  # .004 over both
    assert choose([[new, past], [new + 0.03, past - 0.001]]) == 0
    assert choose([[new, past], [new - 0.001 + few - few.mean(axis=0), past + 0.03]]) == 0


def test_draws_of_an_item_are_one_item(tmp_path: Path) -> None:
    _, path = judged_world(tmp_path, helps=True)
    judged = replace(Situation.load(Path(path)).judged, number=np.arange(20) % 4)
    assert not judged.enough  # twenty rows, four items
    values = np.stack([np.arange(20.0), -np.arange(20.0)], axis=1)
    np.testing.assert_allclose(judged.per_item(values), [[8, -8], [9, -9], [10, -10], [11, -11]])


def judged_world(folder: Path, helps: bool, attends: bool = False) -> tuple[str, str]:
    """The closed form and validation items of the toy world; its items have several tastes, one vector misses them."""
    world = make_world(60, 8_000, seed=1, noise=0.1)
    users = world.embedding if helps else np.random.default_rng(2).normal(size=world.embedding.shape)
    counts = world.sizes.sum(axis=1)
    means = (world.centroids * world.sizes[:, :, None]).sum(axis=1) / counts[:, None]
    start = LookalikeStart(fit_plda(world.embedding, means, counts), None, 4.0, attends)
    np.savez(folder / "closed_form.npz", **start.arrays())
    rows = np.arange(20)
    clicked = (world.label == 1) & np.isin(world.item, rows)
    judged = JudgedItems(
        users=users[:2_000].astype(np.float32),
        rows=rows,
        number=rows,
        clickers=(world.embedding if helps else users)[clicked].astype(np.float32),
        item=world.item[clicked].astype(np.int64),
        known=np.zeros((20, 2_000), dtype=bool),
        feed=np.array(False),
    )
    Situation.of(judged, {"centroids": world.centroids, "sizes": world.sizes}).save(folder / "judged.npz")
    return str(folder / "closed_form.npz"), str(folder / "judged.npz")


def test_attention_is_kept_where_items_have_several_tastes(tmp_path: Path) -> None:
    closed_form, judged = judged_world(tmp_path, helps=True)
    spec = lookalike_spec(tmp_path, epochs=3).model_copy(update={"closed_form": closed_form, "judged": [judged]})
    result = train_lookalike(spec)
    last = result["history"][-1]
    assert "local attention" in last["kept"]
    assert last["val_audience"] > result["history"][0]["val_audience"] + 0.05
    weights = load_weights(spec.output)
    assert weights["beta"] != 0
    assert weights["closed"] == 1
    second = spec.model_copy(update={"output": str(tmp_path / "second"), "start_from": spec.output, "round_number": 2})
    start, *_ = train_lookalike(second)["history"]
    best = max(result["history"], key=lambda entry: entry["val_audience"])
    assert (start["epoch"], start["kept"]) == (0, best["kept"])
    assert start["val_audience"] == pytest.approx(best["val_audience"])


def test_nothing_is_kept_where_clickers_are_anyone(tmp_path: Path) -> None:
    closed_form, judged = judged_world(tmp_path, helps=False)
    spec = lookalike_spec(tmp_path, epochs=1).model_copy(update={"closed_form": closed_form, "judged": [judged]})
    result = train_lookalike(spec)
    entry = result["history"][0]
    assert entry["val_audience"] < 0.35  # .275 is chance
    assert entry["kept"] == "closed form"
    weights = load_weights(spec.output)
    assert weights["alpha"] == weights["beta"] == 0


def test_where_a_round_brought_nothing_the_next_one_does_not_train(tmp_path: Path) -> None:
    closed_form, judged = judged_world(tmp_path, helps=False)
    spec = lookalike_spec(tmp_path, epochs=1).model_copy(update={"closed_form": closed_form, "judged": [judged]})
    first = train_lookalike(spec)
    assert [entry["epoch"] for entry in first["history"]] == [0, 1]
    second = spec.model_copy(update={"output": str(tmp_path / "second"), "start_from": spec.output, "round_number": 2})
    (entry,) = train_lookalike(second)["history"]
    assert (entry["epoch"], entry["loss"], entry["kept"]) == (0, None, UNTRAINED[0])
    for name, array in load_weights(spec.output).items():
        np.testing.assert_array_equal(array, load_weights(second.output)[name], err_msg=name)


def test_attention_may_count_without_training(tmp_path: Path) -> None:
    closed_form, judged = judged_world(tmp_path, helps=True, attends=True)
    spec = lookalike_spec(tmp_path, epochs=1).model_copy(update={"closed_form": closed_form, "judged": [judged]})
    first, *_ = train_lookalike(spec)["history"]
    assert first["kept"] == UNTRAINED[1]
    without, judged = judged_world(tmp_path, helps=True)
    spec = spec.model_copy(update={"closed_form": without, "output": str(tmp_path / "without")})
    assert first["val_audience"] > train_lookalike(spec)["history"][0]["val_audience"] + 0.02


def test_with_too_few_items_nothing_is_trained(tmp_path: Path) -> None:
    closed_form, judged = judged_world(tmp_path, helps=True)
    situation = Situation.load(Path(judged))
    found = situation.judged
    few = found.item < 4
    fewer = replace(
        found,
        rows=found.rows[:4],
        number=found.number[:4],
        clickers=found.clickers[few],
        item=found.item[few],
        known=found.known[:4],
    )
    Situation(fewer, situation.centroids[:4], situation.sizes[:4]).save(Path(judged))
    spec = lookalike_spec(tmp_path, epochs=2).model_copy(update={"closed_form": closed_form, "judged": [judged]})
    (entry,) = train_lookalike(spec)["history"]
    assert (entry["epoch"], entry["loss"], entry["kept"]) == (0, None, UNTRAINED[0])
    weights = load_weights(spec.output)
    assert weights["alpha"] == weights["beta"] == 0


def test_a_small_gain_beyond_doubt_counts_where_no_margin_is_asked() -> None:
    old = np.random.default_rng(0).random((50, 2))
    assert not beats([old + 0.003], [old])
    assert beats([old + 0.003], [old], margin=0.0)
    noise = np.random.default_rng(1).normal(0, 0.1, old.shape)
    assert not beats([old + noise - noise.mean(axis=0) + 0.003], [old], margin=0.0)

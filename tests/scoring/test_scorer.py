import numpy as np
import pytest
import torch

from ralm.config import Lookalike
from ralm.models.item_classifier import ItemClassifier
from ralm.models.lookalike import LookalikeModel
from ralm.models.plda import fit_plda
from ralm.models.weights import export_weights
from ralm.scoring.scorer import Scorer, published, targets
from tests.scoring.weights import loop_score, random_items, random_weights

USERS = np.random.default_rng(5).normal(size=(37, 12)).astype(np.float32)


@pytest.mark.parametrize("pooling", ["attention", "average"])
@pytest.mark.parametrize(("sharpness", "closed"), [(1.0, False), (8.0, True), (60.0, False)])
def test_like_the_formulas_in_a_loop(pooling, sharpness, closed):
    weights = random_weights(pooling=pooling, sharpness=sharpness, closed=closed)
    centroids, sizes = random_items()
    expected = np.array([[loop_score(weights, x, c, s) for c, s in zip(centroids, sizes, strict=True)] for x in USERS])
    scorer = Scorer(weights, centroids, sizes, block=8)
    unit, bias = scorer.targets(USERS)
    np.testing.assert_allclose(scorer.score(unit, bias), expected, atol=1e-5)
    user, item = np.divmod(np.arange(expected.size), expected.shape[1])
    np.testing.assert_allclose(scorer.pairs(unit[user], bias[user], item), expected.ravel(), atol=1e-5)


@pytest.mark.parametrize("sharpness", [1.0, 60.0])
@pytest.mark.parametrize(("items", "k"), [(31, 20), (3, 250)])  # several products, the last one smaller; k above one
def test_many_items_and_clusters(items, k, sharpness):
    weights = random_weights(sharpness=sharpness)
    centroids, sizes = random_items(items=items, k=k)
    expected = [[loop_score(weights, x, c, s) for c, s in zip(centroids, sizes, strict=True)] for x in USERS[:5]]
    scorer = Scorer(weights, centroids, sizes, block=2)
    np.testing.assert_allclose(scorer.score(*scorer.targets(USERS[:5])), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["attention", "average"])
@pytest.mark.parametrize(("user_bias", "closed"), [(True, False), (False, False), (True, True)])
def test_like_the_torch_model(pooling, user_bias, closed):
    torch.manual_seed(0)
    config = Lookalike(hidden_dim=8, attention_dim=5, user_bias=user_bias)
    model = LookalikeModel(12, config, pooling, closed_form=closed).eval()
    if closed:
        seeds = np.random.default_rng(2).normal(size=(20, 12))
        users = np.random.default_rng(1).normal(size=(300, 12))
        plda = fit_plda(users, seeds, np.full(20, 9))
        classifier = ItemClassifier.of_users(users, 5, 4, 3_000, 20.0, 1.0, slice(1, 5)).within(plda.basis)
        model.start_from(plda, classifier.weighing(0.8))
        model.kept.fill_(1.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    centroids, sizes = random_items(items=9, k=5)
    scorer = Scorer(export_weights(model), centroids, sizes)
    user, item = np.divmod(np.arange(len(USERS) * 9), 9)
    with torch.no_grad():
        expected = model.score(
            torch.from_numpy(USERS[user]), torch.from_numpy(centroids), torch.from_numpy(sizes), torch.from_numpy(item)
        )
    found = scorer.score(*scorer.targets(USERS))
    np.testing.assert_allclose(found.ravel(), expected.numpy(), atol=1e-5)
    assert (found[:, :-1].std(axis=0) > 0.01).all()


def test_published_scores_do_not_depend_on_the_block():
    weights = random_weights()
    centroids, sizes = random_items()
    unit, bias = targets(weights, np.repeat(USERS, 20, axis=0))
    assert np.linalg.norm(unit, axis=1) == pytest.approx(1, abs=1e-6)
    one, other = (published(Scorer(weights, centroids, sizes, block=block).score(unit, bias)) for block in (1, 256))
    # The last float32 bits may still fall on the two sides of a rounding edge: one step of 1e-6, rarely.
    assert np.abs(one - other).max() <= 1.1e-6
    assert (one != other).mean() < 0.2
    np.testing.assert_array_equal(one, np.round(one * 1e6) / 1e6)


def test_no_users_and_no_items():
    weights = random_weights()
    centroids, sizes = random_items()
    scorer = Scorer(weights, centroids, sizes)
    assert scorer.score(*scorer.targets(USERS[:0])).shape == (0, 6)
    none = Scorer(weights, centroids[:0], sizes[:0])
    assert none.score(*none.targets(USERS)).shape == (37, 0)


def test_shapes_that_do_not_fit():
    weights = random_weights()
    centroids, sizes = random_items(d=11)
    with pytest.raises(ValueError, match=r"\(items, k, 12\)"):
        Scorer(weights, centroids, sizes)


def test_published_has_one_zero():
    found = published(np.array([-1e-9, 1e-9, 0.1234565001], dtype=np.float64))
    assert [str(value) for value in found] == ["0.0", "0.0", "0.123457"]


def test_the_closed_form_alone_needs_no_attention():
    weights = random_weights(closed=True) | {"alpha": np.float32(0), "beta": np.float32(0)}
    centroids, sizes = random_items()
    scorer = Scorer(weights, centroids, sizes)
    expected = [[loop_score(weights, x, c, s) for c, s in zip(centroids, sizes, strict=True)] for x in USERS]
    np.testing.assert_allclose(scorer.score(*scorer.targets(USERS)), expected, atol=1e-5)

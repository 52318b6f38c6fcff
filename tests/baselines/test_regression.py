"""One classifier per item, against scikit-learn's own fits, the papers' formulas and worlds whose truth is known."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ralm.arrow.arrays import list_array
from ralm.baselines import regression_scorers
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.positive_unlabelled import bootstraps, calibrated, label_frequency
from ralm.baselines.regression import Trees, fit_logistic, fit_trees
from ralm.baselines.regression_scorers import logistic_state, trees_state
from ralm.config import Regression
from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from ralm.scoring.bundle import ScoringBundle, write_scoring_bundle

ITEMS, USERS = 3, 400
SPACE = FeatureSpace(
    fields=UserFields(
        histories=[HistorySpec(domain="reading", length=8, size=41)],
        categories=[CategorySpec(name="city", size=6)],
        numerics=["age"],
    )
)


@pytest.fixture(scope="module")
def users():
    """Some with a full history, some with one entry: lengths that normalisation makes equal."""
    rng = np.random.default_rng(0)
    history = rng.integers(1, 38, (USERS, 8)) * (np.arange(8) < rng.integers(1, 9, (USERS, 1)))  # 38..40: nobody
    return pa.table(
        {
            "history_reading": list_array(history.astype(np.int32)),
            "category_city": pa.array(rng.integers(0, 6, USERS), pa.int32()),
            "numeric": list_array(rng.normal(size=(USERS, 1)).astype(np.float32)),
            "embedding": list_array(rng.normal(size=(USERS, 6)).astype(np.float32)),
        }
    )


@pytest.fixture(scope="module")
def binary(users):
    """The feature sets by a loop, without the code under test."""
    found = np.zeros((USERS, SPACE.size))
    edges = [-1.5, -1.0, -0.5, -0.1, 0.1, 0.5, 1.0, 1.5]
    for row, user in enumerate(users.to_pylist()):
        for entry in user["history_reading"]:
            if entry:
                found[row, entry - 1] = 1
        if user["category_city"]:
            found[row, 40 + user["category_city"] - 1] = 1
        found[row, 45 + sum(user["numeric"][0] >= edge for edge in edges)] = 1
    return found


@pytest.fixture(scope="module")
def labels(binary):
    rng = np.random.default_rng(1)
    wanted = binary @ rng.normal(size=(SPACE.size, ITEMS))
    return (wanted + rng.normal(size=wanted.shape) > 1.5).astype(np.int64).T  # (items, users)


@pytest.fixture(scope="module")
def dense(users):
    return np.stack(users.column("embedding").to_numpy())


@pytest.fixture(scope="module")
def own(binary, labels):
    """scikit-learn on the whole normalised matrix."""
    unit = binary / np.linalg.norm(binary, axis=1, keepdims=True)
    return unit, [LogisticRegression(C=3.0, tol=1e-8, max_iter=10_000).fit(unit, one) for one in labels]


@pytest.fixture(scope="module")
def logistic(labels, binary):
    settings = Regression(regularisation=3.0)
    return [fit_logistic(sparse.csr_matrix(binary, dtype=np.float32), one, settings, 1) for one in labels]


def state_of(models):
    weights = sparse.csr_matrix(np.stack([model.weights for model in models]))
    return logistic_state(
        SPACE, weights, np.array([m.intercept for m in models]), np.array([m.label_frequency for m in models])
    )


class TestLogistic:
    def test_coefficients_are_scikit_learns(self, own, logistic):
        for expected, found in zip(own[1], logistic, strict=True):
            np.testing.assert_allclose(found.weights, expected.coef_[0], atol=5e-4)
            assert found.intercept == pytest.approx(expected.intercept_[0], abs=5e-4)
            assert np.all(found.weights[37:40] == 0)  # no user has these

    @pytest.mark.parametrize("dense_bytes", [0, 1 << 20], ids=["sparse", "dense"])
    def test_scores_are_decisions_row_by_row(self, users, own, logistic, dense_bytes, monkeypatch):
        monkeypatch.setattr(regression_scorers, "DENSE_BYTES", dense_bytes)
        scorer = state_of(logistic).build()
        assert sparse.issparse(scorer.weights) == (dense_bytes == 0)
        scores = scorer.score_batch(users)
        assert scores.shape == (USERS, ITEMS)
        for item, model in enumerate(logistic):
            theirs = LogisticRegression()
            theirs.classes_ = np.array([0, 1])
            theirs.coef_, theirs.intercept_ = model.weights[None], np.array([model.intercept])
            for row in range(0, USERS, 7):
                expected = theirs.decision_function(own[0][row : row + 1])[0]
                assert scores[row, item] == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("dense_bytes", [0, 1 << 20], ids=["sparse", "dense"])
    def test_one_user_alone_gets_what_he_gets_among_others(self, users, logistic, dense_bytes, monkeypatch):
        monkeypatch.setattr(regression_scorers, "DENSE_BYTES", dense_bytes)
        scorer = state_of(logistic).build()
        together = scorer.score_batch(users)
        alone = np.concatenate([scorer.score_batch(users.slice(row, 1)) for row in range(USERS)])
        np.testing.assert_array_equal(alone, together)
        item = np.arange(USERS) % ITEMS
        np.testing.assert_array_equal(scorer.score_pairs(users, item), together[np.arange(USERS), item])
        assert scorer.score_batch(users.slice(0, 0)).shape == (0, ITEMS)

    def test_through_a_bundle_on_disk(self, users, logistic, tmp_path):
        state = state_of(logistic)
        path = write_scoring_bundle(str(tmp_path / "bundle"), state, list("abc"))
        found = ScoringBundle.load(path).state.build().score_batch(users)
        np.testing.assert_array_equal(found, state.build().score_batch(users))

    def test_logits_do_not_saturate(self, users, logistic):
        """Probabilities of far users are all 1.0 in float32 and could not be ranked."""
        models = [type(model)(model.weights * 1_000, 0.0) for model in logistic]
        scores = state_of(models).build().score_batch(users)
        assert len(np.unique(expit(scores[:, 0]))) < 0.5 * len(np.unique(scores[:, 0]))


class TestTrees:
    @pytest.fixture(scope="class")
    def fitted(self, dense, labels):
        return [fit_trees(dense, one, Regression(trees=20), 5) for one in labels]

    def test_scores_are_scikit_learns_predictions(self, users, dense, labels, fitted):
        scorer = trees_state([model.to_bytes() for model in fitted], np.ones(ITEMS)).build()
        scores = scorer.score_batch(users)
        for item, one in enumerate(labels):
            leaf = min(20, min(one.sum(), (1 - one).sum()) // 2)
            settings = {"max_iter": 20, "max_leaf_nodes": 15, "min_samples_leaf": leaf, "early_stopping": False}
            theirs = HistGradientBoostingClassifier(random_state=0, **settings).fit(dense, one)
            np.testing.assert_allclose(scores[:, item], theirs.decision_function(dense), atol=1e-9)
            np.testing.assert_array_equal(scores[:, item] > 0, theirs.predict(dense) == 1)
            np.testing.assert_allclose(scorer.probabilities(users)[:, item], theirs.predict_proba(dense)[:, 1])

    def test_batch_is_single_and_pairs(self, users, fitted):
        scorer = trees_state([model.to_bytes() for model in fitted], np.ones(ITEMS)).build()
        together = scorer.score_batch(users)
        alone = np.concatenate([scorer.score_batch(users.slice(row, 1)) for row in range(0, USERS, 20)])
        np.testing.assert_array_equal(alone, together[::20])
        item = np.arange(USERS) % ITEMS
        np.testing.assert_array_equal(scorer.score_pairs(users, item), together[np.arange(USERS), item])
        assert scorer.score_batch(users.slice(0, 0)).shape == (0, ITEMS)

    def test_models_are_read_once_and_only_when_asked_for(self, users, fitted, tmp_path, monkeypatch):
        state = trees_state([model.to_bytes() for model in fitted], np.ones(ITEMS))
        path = write_scoring_bundle(str(tmp_path / "bundle"), state, list("abc"))
        read = []
        unpack = Trees.of_bytes
        monkeypatch.setattr(Trees, "of_bytes", staticmethod(lambda packed: read.append(1) or unpack(packed)))
        scorer = ScoringBundle.load(path).state.build()
        assert not read
        scorer.score_pairs(users, np.full(USERS, 1))
        assert len(read) == 1
        scorer.score_batch(users)
        np.testing.assert_array_equal(scorer.score_batch(users), state.build().score_batch(users))
        assert len(read) == 2 * ITEMS  # each of the two scorers, each model once

    def test_a_handful_of_seeds_can_be_split_off(self):
        """With scikit-learn's 20 rows per leaf, a bag of 6 seeds and 6 others would be one leaf: all users alike."""
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(66, 4)).astype(np.float32)
        rows[:6] += 3
        labels = (np.arange(66) < 6).astype(np.int64)
        for kind in ("none", "bagging"):
            model = fit_trees(rows, labels, Regression(trees=20, positive_unlabelled=kind), 1)
            assert roc_auc_score(labels, model.decision(rows)) > 0.95


class TestPositiveUnlabelled:
    def test_a_bag_is_all_seeds_and_as_many_of_the_others(self):
        labels = np.repeat([1, 0], [30, 200])
        bags = list(bootstraps(labels, 40, seed=3))
        assert len(bags) == 40
        for rows in bags:
            assert sorted(rows[labels[rows] == 1]) == list(range(30))
            assert (labels[rows] == 0).sum() == 30
        drawn = np.concatenate([rows[labels[rows] == 0] for rows in bags])
        # 1,200 draws of 200: each is missed with (1 − 1/200)^1200 = 0.2 %.
        assert len(np.unique(drawn)) > 190
        assert any(len(np.unique(rows)) < 60 for rows in bags)  # with replacement

    def test_bags_of_logistic_regressions_are_the_mean_of_their_logits(self, binary, labels):
        settings = Regression(positive_unlabelled="bagging", bags=4)
        found = fit_logistic(sparse.csr_matrix(binary), labels[0], settings, 9)
        unit = binary / np.linalg.norm(binary, axis=1, keepdims=True)
        models = [
            LogisticRegression(tol=1e-8, max_iter=10_000).fit(unit[rows], labels[0][rows])
            for rows in bootstraps(labels[0], 4, 9)
        ]
        expected = np.mean([model.decision_function(unit) for model in models], axis=0)
        np.testing.assert_allclose(found.decision(sparse.csr_matrix(unit)), expected, atol=5e-4)

    def test_bagging_ranks_better_where_many_of_the_others_are_positives(self):
        """40 % of the unlabelled are hidden positives: over 12 worlds, the mean gain is clear of its error."""
        gains = []
        for world in range(12):
            rng = np.random.default_rng(world)

            def draw(positives, others, rng=rng):
                truth = np.repeat([1, 0], [positives, others])
                return (rng.normal(size=(len(truth), 6)) + 0.8 * truth[:, None]).astype(np.float32), truth

            seeds, hidden, test = draw(60, 0), draw(240, 360), draw(500, 500)
            rows = np.concatenate([seeds[0], hidden[0]])
            labels = np.repeat([1, 0], [60, 600])
            found = [
                roc_auc_score(
                    test[1],
                    fit_trees(rows, labels, Regression(positive_unlabelled=kind, trees=40), world).decision(test[0]),
                )
                for kind in ("bagging", "none")
            ]
            gains.append(found[0] - found[1])
        gains = np.array(gains)
        assert gains.mean() > 3 * gains.std(ddof=1) / np.sqrt(len(gains)), gains
        assert gains.mean() > 0.01, gains

    @pytest.mark.parametrize("frequency", [0.3, 0.7])
    def test_the_label_frequency_is_found_and_probabilities_are_right(self, frequency):
        """Labels chosen at random among the positives; p(positive | feature) is known: 0.9 or 0.02."""
        rng = np.random.default_rng(7)
        group = rng.integers(0, 2, 20_000)
        positive = rng.random(len(group)) < np.where(group == 1, 0.9, 0.02)
        labelled = (positive & (rng.random(len(group)) < frequency)).astype(np.int64)
        rows = sparse.csr_matrix((np.ones(len(group)), group, np.arange(len(group) + 1)), shape=(len(group), 2))
        settings = Regression(positive_unlabelled="elkan_noto", regularisation=100.0)
        model = fit_logistic(rows, labelled, settings, 1)
        # e1 is exact only where a positive is certain; here its expectation is frequency · E[p | positive].
        p = np.where(group == 1, 0.9, 0.02)
        assert model.label_frequency == pytest.approx(frequency * (p**2).sum() / p.sum(), abs=0.02)
        found = calibrated(model.decision(rows), model.label_frequency)
        assert found[group == 1].mean() == pytest.approx(1.0, abs=0.05)  # 0.9 / E[p | positive] is above 1
        assert found[group == 0].mean() == pytest.approx(0.02 / 0.883, abs=0.01)

    def test_with_certain_positives_probabilities_are_the_truth(self):
        """p is 1, 0.5 or 0 by group and the labelled third is of the certain group: Lemma 1 holds to the letter."""
        rng = np.random.default_rng(2)
        group = rng.choice(3, 30_000, p=[0.3, 0.02, 0.68])
        truth = np.array([1.0, 0.5, 0.0])[group]
        labelled = ((rng.random(len(group)) < truth) & (rng.random(len(group)) < 0.4)).astype(np.int64)
        rows = sparse.csr_matrix((np.ones(len(group)), group, np.arange(len(group) + 1)), shape=(len(group), 3))
        model = fit_logistic(rows, labelled, Regression(positive_unlabelled="elkan_noto", regularisation=1e4), 1)
        assert model.label_frequency == pytest.approx(0.4, abs=0.015)
        found = calibrated(model.decision(rows), model.label_frequency)
        for number, expected in enumerate((1.0, 0.5, 0.0)):
            assert found[group == number].mean() == pytest.approx(expected, abs=0.06)

    def test_elkan_noto_leaves_the_ranking(self, users, binary, labels):
        rows = sparse.csr_matrix(binary, dtype=np.float32)
        plain, corrected = (
            state_of([fit_logistic(rows, labels[0], Regression(positive_unlabelled=kind), 1)]).build()
            for kind in ("none", "elkan_noto")
        )
        np.testing.assert_array_equal(plain.score_batch(users), corrected.score_batch(users))
        assert 0 < corrected.frequencies[0] < 1 == plain.frequencies[0]
        certain = corrected.probabilities(users)[:, 0]
        order = np.argsort(plain.score_batch(users)[:, 0])
        assert np.all(np.diff(certain[order]) >= 0)
        assert np.all((certain >= plain.probabilities(users)[:, 0]) & (certain <= 1))

    def test_too_few_seeds_to_hold_any_out(self):
        assert label_frequency(np.array([1, 0, 0]), lambda train, test: np.zeros(len(test)), 0) == 1.0

    @pytest.mark.parametrize("label", [0, 1])
    def test_one_label_is_refused(self, label):
        with pytest.raises(ValueError, match="seeds and others expected"):
            fit_trees(np.zeros((4, 2), np.float32), np.full(4, label), Regression(), 0)

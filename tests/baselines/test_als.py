"""The fold-in and MLlib are the same half-step; interactions and UDFs against plain Python."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from scipy import sparse

from jobs.steps.systems.als_fold_in import users_gram
from ralm.baselines import fold_in as fold_in_module
from ralm.baselines.als_alternation import alternate, is_local
from ralm.baselines.als_model import AlsModel, read_als, write_als
from ralm.baselines.als_training import checkpoints, feature_factors, history_space, interactions, mllib_als
from ralm.baselines.fold_in import fold_in, gram_of
from ralm.config import Als
from ralm.errors import MissingInputError
from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from udfs.als import fold_in_items, fold_in_users

pytestmark = pytest.mark.spark
# 12 and 8 features with an index, 1 and 2 shared ones
READING, SHOPPING = (HistorySpec(domain=d, length=10, size=n) for d, n in (("reading", 14), ("shopping", 11)))
SPACE = history_space(UserFields(histories=[READING, SHOPPING], categories=[CategorySpec(name="city", size=5)]))
SETTINGS = Als(factors=5, iterations=4, alpha=8.0, regularisation=0.3)


@pytest.fixture(scope="module")
def acted(spark: SparkSession):
    """Rows of `interactions`, and user -> columns of the space."""
    rng = np.random.default_rng(0)
    rows, expected = [], {}
    for user in range(40):
        expected[user] = set()
        for _ in range(rng.integers(3, 15)):
            domain, known, start = (("reading", 12, 0), ("shopping", 8, 13))[rng.integers(2)]
            rank = int(rng.integers(1, known + 3))  # beyond the vocabulary at times
            late = bool(rng.random() < 0.1)
            rows.append((f"u{user}", domain, f"f{rank}", dt.datetime(2024, 1, 5 if late else 2)))
            if rank <= known and not late:
                expected[user].add(start + rank - 1)
    events = spark.createDataFrame(rows, "user_id string, domain string, feature_id string, event_time timestamp")
    known = [("reading", f"f{i}", i) for i in range(1, 13)] + [("shopping", f"f{i}", i) for i in range(1, 9)]
    known.append(("city", "f1", 1))
    vocabulary = spark.createDataFrame(known, "field string, feature_id string, index int")
    frame = interactions(events, vocabulary, SPACE, dt.date(2024, 1, 5), seed=1).persist()
    return frame, {user: columns for user, columns in expected.items() if columns}


@pytest.fixture(scope="module")
def fitted(spark: SparkSession, acted):
    """MLlib's model, and the features' factors."""
    model = mllib_als(SETTINGS, seed=3, partitions=2).fit(acted[0])
    return model, feature_factors(model.itemFactors, SPACE.size, SETTINGS.factors)


def by_user(rows) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for row in rows:
        assert row.feature not in found.setdefault(row.user_key, set())  # distinct
        found[row.user_key].add(row.feature)
    return found


def test_interactions_are_what_users_acted_on(acted) -> None:
    frame, expected = acted
    found = by_user(frame.collect())
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, expected.values()))
    assert all(0 <= key < 2**31 for key in found)


def test_fold_in_reproduces_the_factors_of_training_users(acted, fitted) -> None:
    model, factors = fitted
    found = by_user(acted[0].collect())
    rows = model.userFactors.collect()
    assert len(rows) == len(found)
    sets = sparse.lil_matrix((len(rows), SPACE.size), dtype=np.float32)
    for position, row in enumerate(rows):
        sets[position, sorted(found[row.id])] = 1
    folded = fold_in(factors, sets.tocsr(), gram_of(factors), SETTINGS.alpha, SETTINGS.regularisation)
    mllib = np.array([row.features for row in rows])
    assert np.abs(mllib).max() > 0.1
    np.testing.assert_allclose(folded, mllib, atol=1e-5)


def loss(sets: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Hu, Koren and Volinsky, equation 3, with the penalty of MLlib; zeros of `sets` are observed too."""
    penalty = sets.sum(1) @ (x**2).sum(1) + sets.sum(0) @ (y**2).sum(1)
    return float(((1 + SETTINGS.alpha * sets) * (sets - x @ y.T) ** 2).sum() + SETTINGS.regularisation * penalty)


def test_one_machine_solves_what_mllib_solves(acted, fitted) -> None:
    """From other random vectors, so to the same loss and not to the same factors."""
    pairs = acted[0].select("user_key", "feature").toArrow()
    long = SETTINGS.model_copy(update={"iterations": 15})
    local = alternate(pairs, SPACE.size, long, seed=3)
    assert local.dtype == np.float32
    np.testing.assert_array_equal(local.any(axis=1), fitted[1].any(axis=1))
    shuffled = pairs.take(np.random.default_rng(1).permutation(pairs.num_rows))
    np.testing.assert_array_equal(alternate(shuffled, SPACE.size, long, seed=3), local)
    mllib = feature_factors(mllib_als(long, seed=3, partitions=2).fit(acted[0]).itemFactors, SPACE.size, 5)

    keys, row = np.unique(pairs["user_key"].to_numpy(), return_inverse=True)
    sets = np.zeros((len(keys), SPACE.size))
    sets[row, pairs["feature"].to_numpy()] = 1
    weights = SETTINGS.alpha, SETTINGS.regularisation
    losses = [loss(sets, fold_in(y, sparse.csr_matrix(sets), gram_of(y), *weights), y) for y in (local, mllib)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] < 0.8 * loss(sets, np.zeros((len(keys), 5)), np.zeros((SPACE.size, 5)))


def test_blocks_of_unlike_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    factors = rng.normal(size=(60, 4)).astype(np.float32)
    factors[7] = 0  # it counts as no interaction
    dense = rng.random((50, 60)) < rng.uniform(0, 0.9, size=(50, 1)) ** 3
    dense[3] = False
    sets = sparse.csr_matrix(dense, dtype=np.int8)
    gram = gram_of(factors)
    expected = []
    for known in dense:
        y = factors[known].astype(np.float64)
        penalty = 0.3 * max(1, np.count_nonzero(y.any(axis=1))) * np.eye(4)
        expected.append(np.linalg.solve(gram + 8.0 * y.T @ y + penalty, 9.0 * y.sum(axis=0)))
    for size in (1, 4_000, fold_in_module.BLOCK_BYTES):
        monkeypatch.setattr(fold_in_module, "BLOCK_BYTES", size)
        np.testing.assert_allclose(fold_in(factors, sets, gram, 8.0, 0.3), expected, rtol=1e-4, atol=1e-6)
    assert not np.any(expected[3])


@pytest.mark.parametrize(
    ("solver", "users", "pairs", "local"),
    [
        ("auto", 500_000, 5_000_000, True),
        ("auto", 500_000, 5_000_001, False),
        ("auto", 500_001, 5_000_000, False),
        ("local", 10**7, 10**9, True),
        ("mllib", 1, 1, False),
    ],
)
def test_where_the_factors_are_fitted(solver: str, users: int, pairs: int, local: bool) -> None:
    assert is_local(Als(solver=solver), users, pairs) is local


def test_features_that_nobody_acted_on_have_no_factor(acted, fitted) -> None:
    used = set().union(*acted[1].values())
    assert {int(i) for i in np.flatnonzero(fitted[1].any(axis=1))} == used
    assert not used & {12, 21, 22}  # the shared ones


def test_users_and_items_in_udfs(spark: SparkSession, fitted, tmp_path: Path) -> None:
    factors = fitted[1]
    folder = f"file:{tmp_path}/als"
    with pytest.raises(MissingInputError):
        read_als(folder)
    write_als(folder, AlsModel(settings=SETTINGS, vocabulary_version="v", space=SPACE), factors)
    histories = {"a": ([1, 3, 3], [2]), "b": ([13], [9, 10]), "c": ([12], []), "d": ([], [1, 2, 3])}
    rows = [(user, *(h + [0] * (10 - len(h)) for h in both)) for user, both in histories.items()]
    frame = spark.createDataFrame(rows, "user_id string, history_reading array<int>, history_shopping array<int>")
    users = frame.repartition(3).mapInArrow(*fold_in_users(folder, "string")).persist()
    found = {row.user_id: np.array(row.embedding) for row in users.collect()}

    expected = np.zeros((4, SPACE.size), np.float32)
    for position, columns in enumerate(([0, 2, 14], [], [11], [13, 14, 15])):
        expected[position, columns] = 1
    x = fold_in(factors, sparse.csr_matrix(expected), gram_of(factors), SETTINGS.alpha, SETTINGS.regularisation)
    np.testing.assert_allclose([found[user] for user in "abcd"], x, atol=1e-6)
    assert not found["b"].any()  # knows only rare things

    gram = users_gram(users, 5, max_users=1_000, seed=1)
    np.testing.assert_allclose(gram, x.T @ x, atol=1e-5)
    seeds = spark.createDataFrame([(0, "a"), (0, "b"), (0, "d"), (1, "b")], "item_index int, user_id string")
    udf = fold_in_items(gram, SETTINGS.alpha, SETTINGS.regularisation)
    grouped = seeds.join(users, "user_id").groupBy("item_index").applyInArrow(*udf)
    items = {row.item_index: row for row in grouped.collect()}
    wanted = fold_in(x, sparse.csr_matrix([[1.0, 0, 0, 1]]), x.T @ x, SETTINGS.alpha, SETTINGS.regularisation)[0]
    np.testing.assert_allclose(items[0].vector, wanted, atol=1e-4)
    assert (items[0].seeds, items[1].seeds, items[1].vector) == (2, 0, [0.0] * 5)


def test_the_gram_of_a_sample_is_scaled_to_all(spark: SparkSession) -> None:
    rows = [(f"u{i}", [1.0, float(i % 2)]) for i in range(4_000)]
    users = spark.createDataFrame(rows, "user_id string, embedding array<float>")
    found = users_gram(users, 2, max_users=1_000, seed=1)
    assert found[0, 0] == pytest.approx(4_000)
    assert found[1, 1] == pytest.approx(2_000, rel=0.15)


@pytest.mark.long
def test_many_iterations_fit_the_stack_and_leave_nothing(spark: SparkSession, acted, tmp_path: Path) -> None:
    long = SETTINGS.model_copy(update={"iterations": 40})
    folder = tmp_path / "checkpoints"
    with checkpoints(spark, str(folder)):
        model = mllib_als(long, seed=3, partitions=2).fit(acted[0])
        assert folder.exists()
        assert np.isfinite(feature_factors(model.itemFactors, SPACE.size, SETTINGS.factors)).all()
    assert not folder.exists()

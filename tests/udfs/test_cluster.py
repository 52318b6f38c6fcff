import numpy as np
import pytest
from sklearn.cluster import KMeans

from ralm.scoring.cluster import cluster_seeds, seeds_seed
from ralm.scoring.scorer import Scorer, targets
from tests.scoring.weights import random_weights
from udfs.cluster import cluster_items

pytestmark = pytest.mark.spark
SEEDS = {"big": 120, "small": 3, "one": 1}


@pytest.fixture(scope="module")
def raw():
    rng = np.random.default_rng(4)
    return {
        item: (rng.normal(size=(n, 12)) + 6 * rng.integers(0, 4, (n, 1))).astype(np.float32)
        for item, n in SEEDS.items()
    }


@pytest.fixture(scope="module")
def seeds(spark, raw):
    rows = [(item, 0, f"u{i:04d}", x.tolist()) for item, values in raw.items() for i, x in enumerate(values)]
    return spark.createDataFrame(rows, "item_id string, draw int, user_id string, embedding array<float>")


def users_of(item):
    return [f"u{i:04d}" for i in range(SEEDS[item])]


def run(frame, udf):
    return {row.item_id: row for row in frame.groupBy("item_id", "draw").applyInArrow(*udf).collect()}


def test_like_the_function_and_like_scikit_learn(seeds, raw):
    found = run(seeds, cluster_items(4, iterations=50, seed=3))
    assert set(found) == set(SEEDS)
    for item, row in found.items():
        expected = cluster_seeds(raw[item], raw[item], 4, iterations=50, seed=seeds_seed(3, users_of(item)))
        np.testing.assert_allclose(np.reshape(row.centroids, (4, 12)), expected.centroids, atol=1e-5)
        assert row.sizes == expected.sizes.tolist()
        assert sum(row.sizes) == SEEDS[item]
        assert row.inertia == pytest.approx(expected.inertia, rel=1e-5)
        assert (row.cluster_metric, row.global_embedding) == ("raw", None)
    assert found["big"].inertia <= 1.02 * KMeans(4, n_init=10, random_state=0).fit(raw["big"]).inertia_
    assert found["small"].sizes == [1, 1, 1, 0]


def test_order_and_partitions_do_not_matter(seeds):
    udf = cluster_items(4, iterations=20, seed=1, weights=random_weights())
    one = run(seeds.coalesce(1), udf)
    other = run(seeds.orderBy("embedding").repartition(5), udf)
    assert one == other


def test_tower_space_and_global_embedding(seeds, raw):
    weights = random_weights()
    found = run(seeds, cluster_items(4, iterations=20, seed=1, weights=weights))
    for item, row in found.items():
        space = targets(weights, raw[item])[0]
        expected = cluster_seeds(raw[item], space, 4, iterations=20, seed=seeds_seed(1, users_of(item)))
        np.testing.assert_allclose(np.reshape(row.centroids, (4, 12)), expected.centroids, atol=1e-5)
        assert row.inertia == pytest.approx(expected.inertia, rel=1e-4, abs=1e-6)
        assert row.cluster_metric == "tower"
        scorer = Scorer(weights, expected.centroids[None], expected.sizes[None])
        np.testing.assert_allclose(row.global_embedding, scorer.global_embeddings[0], atol=1e-5)
        assert np.linalg.norm(row.global_embedding) == pytest.approx(1, abs=1e-5)


def test_warm_start_from_the_round_before(spark, seeds):
    weights = random_weights()
    converged = run(seeds, cluster_items(4, iterations=100, seed=1, weights=weights))
    previous = spark.createDataFrame(
        [(item, 0, None, None, row.centroids) for item, row in converged.items()]
        + [("gone", 0, None, None, [0.0] * 48)],
        "item_id string, draw int, user_id string, embedding array<float>, previous array<float>",
    )
    warm = run(
        seeds.selectExpr("*", "cast(NULL AS array<float>) AS previous").union(previous),
        # One iteration from a random start with another seed would not land on the same clusters.
        cluster_items(4, iterations=2, seed=77, weights=weights),
    )
    assert set(warm) == set(SEEDS)
    cold = run(seeds, cluster_items(4, iterations=2, seed=77, weights=weights))
    assert warm["big"].inertia == pytest.approx(converged["big"].inertia, rel=1e-3)
    assert cold["big"].inertia != pytest.approx(converged["big"].inertia, rel=1e-3)
    # With another k there is nothing to go on from.
    other_k = run(
        seeds.selectExpr("*", "cast(NULL AS array<float>) AS previous").union(previous),
        cluster_items(3, iterations=2, seed=77, weights=weights),
    )
    assert other_k == run(seeds, cluster_items(3, iterations=2, seed=77, weights=weights))


def test_the_same_seeds_are_clustered_alike_under_any_name(spark, raw):
    """Groups of noise, in which every start ends elsewhere: six names, then the same names over other users."""
    rng = np.random.default_rng(9)
    noise = rng.normal(size=(60, 12)).astype(np.float32)
    names = [f"list {n}" for n in range(6)]
    for users, alike in ((lambda item, i: f"u{i}", 1), (lambda item, i: f"{item}/u{i}", 6)):
        rows = [(item, 0, users(item, i), x.tolist()) for item in names for i, x in enumerate(noise)]
        frame = spark.createDataFrame(rows, "item_id string, draw int, user_id string, embedding array<float>")
        found = run(frame.repartition(3), cluster_items(20, iterations=10, seed=1))
        assert len({(tuple(row.centroids), tuple(row.sizes)) for row in found.values()}) == alike


def test_the_start_depends_on_the_users_and_not_on_their_order():
    assert seeds_seed(1, ["a", "b", "c"]) == seeds_seed(1, ["c", "a", "b"]) != seeds_seed(2, ["a", "b", "c"])
    assert len({seeds_seed(1, users) for users in (["a", "b"], ["ab"], ["a"], [], ["a", "b", "b"])}) == 5
    assert seeds_seed(1, [3, 12]) == seeds_seed(1, [12, 3])  # bigint ids

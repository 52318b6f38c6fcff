"""The scoring UDFs against loops over users and items, on any partitioning."""

import numpy as np
import pytest
from pyspark.errors import PythonException

from ralm.scoring.bundle import write_scoring_bundle
from ralm.scoring.ranges import Ranges
from ralm.scoring.scorer import Scorer, lookalike_state, published, targets
from ralm.scoring.thresholds import histogram_edges
from tests.scoring.weights import loop_score, random_items, random_weights
from udfs.packs import unpacked_ranges
from udfs.score import best_items, passing, score_all, score_histograms, score_pairs, score_users, top_items
from udfs.targets import target_embeddings

pytestmark = pytest.mark.spark
USERS = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Raw embeddings, weights, items, the scores by loops, and a bundle whose cuts let about a third pass."""
    raw = np.random.default_rng(0).normal(size=(USERS, 12)).astype(np.float32)
    weights, (centroids, sizes) = random_weights(), random_items()
    scores = np.array([[loop_score(weights, x, c, s) for c, s in zip(centroids, sizes, strict=True)] for x in raw])
    # Between two users' scores, so that float32 cannot move anyone over the cut.
    ordered = np.sort(scores, axis=0)
    cuts = (ordered[40] + ordered[39]) / 2
    path = str(tmp_path_factory.mktemp("scoring") / "bundle")
    write_scoring_bundle(path, lookalike_state(weights, centroids, sizes), list("abcdef"), cuts)
    return raw, weights, centroids, sizes, scores, cuts, path


@pytest.fixture(scope="module")
def users(spark, world):
    rows = [(f"u{i}", x.tolist()) for i, x in enumerate(world[0])]
    return spark.createDataFrame(rows, "user_id string, embedding array<float>").coalesce(1)


def test_target_embeddings(users, world):
    raw, weights, *_ = world
    found = {row.user_id: row for row in users.mapInArrow(*target_embeddings(weights, "string")).collect()}
    unit, bias = targets(weights, raw)
    for i in range(USERS):
        np.testing.assert_allclose(found[f"u{i}"].embedding, unit[i], atol=1e-6)
        assert found[f"u{i}"].bias == pytest.approx(bias[i], abs=1e-6)


@pytest.fixture(scope="module")
def ranges(world):
    """Two per item, each a group of its own."""
    *_, scores, cuts, _ = world
    return Ranges.of(scores, cuts, USERS, np.zeros(6, np.int64), np.arange(6), 12, list)


@pytest.mark.parametrize("partitions", [1, 7])
def test_score_users(spark, users, world, ranges, partitions):
    _, weights, *_, scores, cuts, path = world
    embedded = users.mapInArrow(*target_embeddings(weights, "string"))
    # An empty partition among them: as many partitions as users would still leave some empty.
    rows = embedded.union(embedded.where("user_id = 'nobody'")).repartition(partitions)
    rows = rows.mapInArrow(*score_users(path, "string", ranges, top_m=2, block=8)).persist()
    parts, left_out = unpacked_ranges(rows.where("best IS NULL").toArrow().to_batches())
    assert (len(parts), left_out) == (12, {})
    for place, found in parts.items():
        item = ranges.item[place]
        limit = ranges.limits[item][0]
        wanted = (scores[:, item] >= cuts[item]) & ((scores[:, item] >= limit) == (place % 2 == 0))
        got = {user.as_py(): score for ids, values in found for user, score in zip(ids, values, strict=True)}
        assert got.keys() == {f"u{i}" for i in np.flatnonzero(wanted)}
        for user, score in got.items():
            assert score == pytest.approx(scores[int(user[1:]), item], abs=1e-5)
            assert score == round(score, 6)
    best = rows.where("best IS NOT NULL").select("best").mapInArrow(*best_items("string")).collect()
    assert len(best) == USERS
    for row in best:
        expected = scores[int(row.user_id[1:])]
        assert row.top_items == np.argsort(-expected)[:2].tolist()
        np.testing.assert_allclose(row.top_scores, np.sort(expected)[::-1][:2], atol=1e-5)
    rows.unpersist()


def test_users_without_anything_are_not_emitted(users, world, ranges):
    _, weights, *_, scores, cuts, path = world
    embedded = users.mapInArrow(*target_embeddings(weights, "string"))
    rows = embedded.mapInArrow(*score_users(path, "string", ranges)).toArrow()
    assert rows.column("best").null_count == len(rows)
    assert sum(sum(counts) for counts in rows.column("counts").to_pylist()) == (scores >= cuts).sum()


def test_sampled_scores_and_histograms(users, world):
    _, weights, *_, scores, _, path = world
    embedded = users.mapInArrow(*target_embeddings(weights, "string")).repartition(3)
    found = {
        row.user_id: np.frombuffer(row.scores) for row in embedded.mapInArrow(*score_all(path, "string")).collect()
    }
    np.testing.assert_allclose([found[f"u{i}"] for i in range(USERS)], scores, atol=1e-5)
    edges = histogram_edges(-1.0, 1.0, 20)
    rows = embedded.mapInArrow(*score_histograms(path, edges)).groupBy("item", "bin").sum("count").collect()
    counts = np.zeros((6, 20))
    for item, place, count in rows:
        counts[item, place] = count
    collected = np.array(list(found.values()))
    for item in range(6):
        np.testing.assert_array_equal(counts[item], np.histogram(np.clip(collected[:, item], -1, 1), edges)[0])


def test_score_pairs(users, world):
    _, weights, *_, scores, _, path = world
    embedded = users.mapInArrow(*target_embeddings(weights, "string"))
    pairs = embedded.selectExpr("*", "cast(substr(user_id, 2) AS int) % 6 AS item_index", "user_id = 'u3' AS clicked")
    keep = {"user_id": "string", "item_index": "int", "clicked": "boolean"}
    found = pairs.repartition(2).mapInArrow(*score_pairs(path, keep, block=8))
    assert found.columns == [*keep, "score"]
    rows = found.collect()
    assert len(rows) == USERS
    for row in rows:
        user = int(row.user_id[1:])
        assert row.score == pytest.approx(scores[user, user % 6], abs=1e-5)
        assert row.clicked == (user == 3)
    with pytest.raises(PythonException, match="the bundle has 6 items"):
        pairs.withColumn("item_index", pairs.item_index - 1).mapInArrow(*score_pairs(path, keep)).collect()


@pytest.mark.long
def test_long_user_ids_and_no_rows(spark, world, ranges):
    _, weights, *_, path = world
    raw = spark.createDataFrame([(7, [0.5] * 12)], "user_id bigint, embedding array<float>")
    embedded = raw.mapInArrow(*target_embeddings(weights, "bigint"))
    rows = embedded.mapInArrow(*score_users(path, "bigint", ranges, top_m=99)).where("best IS NOT NULL")
    found = rows.select("best").mapInArrow(*best_items("bigint")).collect()
    assert [(row.user_id, len(row.top_items)) for row in found] == [(7, 6)]
    assert embedded.where("user_id < 0").mapInArrow(*score_users(path, "bigint", ranges, top_m=3)).count() == 0


def test_published_scores_of_udf_and_scorer_agree(users, world):
    raw, weights, centroids, sizes, *_, path = world
    scorer = Scorer(weights, centroids, sizes)
    expected = published(scorer.score(*scorer.targets(raw)))
    embedded = users.mapInArrow(*target_embeddings(weights, "string"))
    for row in embedded.mapInArrow(*score_all(path, "string")).collect():
        np.testing.assert_array_equal(np.frombuffer(row.scores), expected[int(row.user_id[1:])])


def test_what_passes_is_decided_after_the_rounding():
    scores = np.random.default_rng(1).uniform(-1, 1, (3_000, 4)).astype(np.float32)
    scores[0] = -np.inf
    cuts = np.array([published(scores[1, :1])[0], published(scores[:, 1]).max(), -np.inf, np.inf])
    scores[2, 0] = np.float32(cuts[0] - 4e-7)  # is published as the cut
    expected = (published(scores) >= cuts) & np.isfinite(scores)
    users, items, values = passing(scores, cuts)
    np.testing.assert_array_equal(np.stack([users, items]), np.nonzero(expected))
    np.testing.assert_array_equal(values, published(scores)[expected])
    assert expected[[1, 2], 0].all()
    assert not expected[0].any()
    assert all(len(found) == 0 for found in passing(scores, None))


def test_top_items_break_ties_by_row():
    scores = np.array([[0.1, 0.3, 0.3, -0.2], [0.0, 0.0, 0.0, 0.0]])
    assert top_items(scores, 3).tolist() == [[1, 2, 0], [0, 1, 2]]
    assert top_items(scores, 9).tolist() == [[1, 2, 0, 3], [0, 1, 2, 3]]
    assert top_items(scores, 0).shape == (2, 0)
    assert top_items(scores[:0], 2).shape == (0, 2)

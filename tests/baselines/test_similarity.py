"""Against loops over Python sets and scikit-learn's cosine."""

import math
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from ralm.arrow.arrays import list_array
from ralm.baselines import similarity
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.similarity import cosine_state, jaccard_state
from ralm.field_specs import CategorySpec, HistorySpec, UserFields

SPACE = FeatureSpace(
    fields=UserFields(
        histories=[HistorySpec(domain="reading", length=6, size=12)], categories=[CategorySpec(name="city", size=4)]
    )
)
WAYS = ("max", "mean", "probability")


def fields(histories, cities):
    histories = np.asarray(histories, dtype=np.int32).reshape(len(cities), 6)
    return pa.table({"history_reading": list_array(histories), "category_city": pa.array(cities, pa.int32())})


def draw(rng, count):
    """Users with 0 to 6 things read, repetitions and padding among them."""
    return fields(rng.integers(0, 12, (count, 6)) * (rng.random((count, 6)) < 0.6), rng.integers(0, 4, count))


def sets(table):
    rows = zip(table["history_reading"].to_pylist(), table["category_city"].to_pylist(), strict=True)
    return [{("reading", x) for x in history if x} | ({("city", city)} if city else set()) for history, city in rows]


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


def pool(values, way):
    if way == "probability":
        return -sum(math.log(1.0 - min(max(value, 0.0), 1.0 - 1e-6)) for value in values)
    return max(values) if way == "max" else sum(values) / len(values)


def with_items(table, item):
    return table.append_column("item_index", pa.array(item, pa.int32()))


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1_000), users=st.integers(0, 30), counts=st.lists(st.integers(1, 40), min_size=1, max_size=5)
)
def test_jaccard_like_sets(way, seed, users, counts):
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(len(counts)), counts)
    targets, seeds = draw(rng, users), draw(rng, len(item))
    scores = jaccard_state(SPACE, with_items(seeds, item), len(counts), way).build(block=7).score_batch(targets)
    known, asked = sets(seeds), sets(targets)
    expected = [
        [pool([jaccard(user, known[s]) for s in np.flatnonzero(item == i)], way) for i in range(len(counts))]
        for user in asked
    ]
    np.testing.assert_allclose(scores, np.reshape(expected, (users, len(counts))), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_cosine_like_scikit_learn(way):
    rng = np.random.default_rng(1)
    seeds, targets = rng.normal(size=(300, 9)) + 0.5, rng.normal(size=(70, 9)) + 0.5
    targets[3] = 0.0
    targets[4] = seeds[5] * 7.0  # the same direction: the probability is clipped
    item = np.sort(rng.integers(0, 4, 300))
    table = pa.table({"item_index": item, "embedding": list_array(seeds.astype(np.float32))})
    users = pa.table({"embedding": list_array(targets.astype(np.float32))})
    scorer = cosine_state(table, 4, way).build(block=16)
    reference = cosine_similarity(targets.astype(np.float32).astype(float), seeds.astype(np.float32).astype(float))
    expected = np.array([[pool(row[item == i], way) for i in range(4)] for row in reference])
    np.testing.assert_allclose(scorer.score_batch(users), expected, rtol=1e-5, atol=1e-5)
    assert (scorer.score_batch(users)[3] == 0).all()
    pairs = rng.integers(0, 4, 70)
    np.testing.assert_allclose(scorer.score_pairs(users, pairs), expected[np.arange(70), pairs], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_pairs_of_feature_sets(way):
    rng = np.random.default_rng(2)
    seeds, users = with_items(draw(rng, 60), np.sort(np.arange(60) % 5)), draw(rng, 33)
    scorer = jaccard_state(SPACE, seeds, 5, way).build(block=4)
    item = rng.integers(0, 5, 33)
    np.testing.assert_allclose(scorer.score_pairs(users, item), scorer.score_batch(users)[np.arange(33), item])
    assert scorer.score_pairs(users.slice(0, 0), item[:0]).shape == (0,)


def test_edges():
    nothing, one, other = [0] * 6, [3, 3, 5, 0, 0, 0], [7, 0, 0, 0, 0, 0]
    users = fields([nothing, one, other], [0, 2, 0])
    seeds = with_items(fields([one, nothing, one, one], [2, 0, 2, 2]), [0, 1, 2, 2])
    score = {way: jaccard_state(SPACE, seeds, 3, way).build().score_batch(users) for way in WAYS}
    assert all((found[0] == 0).all() for found in score.values())  # no features: 0, to a seed without any as well
    assert all((found[2] == 0).all() for found in score.values())  # nothing in common
    assert score["max"][1].tolist() == [1.0, 0.0, 1.0]  # a seed is compared with itself; one seed is enough
    assert score["mean"][1].tolist() == [1.0, 0.0, 1.0]
    # the probability 1 − (1 − s)^2 of a seed that is there twice is higher, and above what rounds to 1.0
    np.testing.assert_allclose(score["probability"][1], [-math.log(1e-6), 0.0, -2 * math.log(1e-6)])


def test_the_probability_orders_what_rounds_to_one():
    angle = np.array([0.3, 0.31])
    users = pa.table({"embedding": list_array(np.stack([np.cos(angle), np.sin(angle)], 1))})
    seeds = pa.table({"item_index": np.zeros(200, int), "embedding": list_array(np.tile([[1.0, 0.0]], (200, 1)))})
    score = cosine_state(seeds, 1, "probability").build().score_batch(users)[:, 0]
    assert (1.0 - (1.0 - np.cos(angle)) ** 200 == 1.0).all()
    assert score[0] > score[1] + 1
    np.testing.assert_allclose(score, -200 * np.log(1.0 - np.cos(angle)), rtol=1e-6)


@pytest.mark.parametrize("item", [[0, 0, 2], [1, 0, 2], [0, 1, 3]])
def test_every_item_has_seeds_in_order(item):
    table = pa.table({"item_index": item, "embedding": list_array(np.ones((3, 2)))})
    for way in WAYS:
        with pytest.raises(ValueError, match="similarity: seeds of all 3 items"):
            cosine_state(table, 3, way).build()


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_memory_of_a_block_is_bounded(way, monkeypatch):
    """Some matrices of the bound, not users x seeds, whichever of the two is many."""
    monkeypatch.setattr(similarity, "ELEMENTS", 1 << 14)
    rng = np.random.default_rng(3)
    for users, per_item, items in ((3_000, 40, 50), (90, 10_000, 3)):
        count = per_item * items
        table = pa.table(
            {
                "item_index": np.repeat(np.arange(items), per_item),
                "embedding": list_array(rng.normal(size=(count, 4)).astype(np.float32)),
            }
        )
        seeds = with_items(draw(rng, count), np.repeat(np.arange(items), per_item))
        embedded = pa.table({"embedding": list_array(rng.normal(size=(users, 4)).astype(np.float32))})
        for scorer, given_users in (
            (similarity.CosineToSeeds.from_arrays(cosine_arrays(table, items, way), 512), embedded),
            (jaccard_state(SPACE, seeds, items, way).build(512), draw(rng, users)),
        ):
            asked = given_users.combine_chunks()
            tracemalloc.start()
            scores = scorer.score_batch(asked)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            read = users * 6 * 8 * 6  # the users themselves, in any form
            assert peak < scores.nbytes + read + 12 * 8 * (1 << 14), (peak, users * count * 4)
            assert peak < users * count * 4 / 3


def cosine_arrays(table, items, way):
    arrays = cosine_state(table, items, "max").arrays
    return dict(arrays) | {"to_seeds": np.array(way)}

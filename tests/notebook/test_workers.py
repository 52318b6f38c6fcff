"""What workers run for a notebook, against the scorer's own products, without Spark."""

import numpy as np
import pyarrow as pa
import pytest

from ralm.arrow.arrays import list_array
from ralm.errors import ConfigError
from ralm.notebook.given import _text
from ralm.notebook.workers import JOINED, scores_of_pairs, scores_of_users
from ralm.scoring.scorer import Scorer, lookalike_state, published
from tests.scoring.weights import random_weights

RNG = np.random.default_rng(5)


def world():
    weights = random_weights(6, h=4)
    centroids = RNG.normal(size=(3, 2, 6)).astype(np.float32)
    sizes = np.array([[3, 1], [2, 0], [5, 5]], np.int32)
    scorer = Scorer(weights, centroids, sizes)
    unit, bias = scorer.targets(RNG.normal(size=(9, 6)).astype(np.float32))
    return lookalike_state(weights, centroids, sizes), published(scorer.score(unit, bias)), unit, bias


def test_users_and_pairs_have_the_scores_of_the_scorer() -> None:
    state, expected, unit, bias = world()
    ids = [f"u{i}" for i in range(9)]
    users = pa.record_batch([pa.array(ids), pa.array(bias), list_array(unit)], ["user_id", "bias", "embedding"])
    parts = list(scores_of_users(state, 4)(iter([users.slice(0, 5), users.slice(5), users.slice(0, 0)])))
    assert [part.schema.names for part in parts] == [["user_id", "score"]] * 3
    assert [user for part in parts for user in part.column("user_id").to_pylist()] == ids
    assert [score for part in parts for score in part.column("score").to_pylist()] == pytest.approx(expected[:, 0])
    items = [2, None, 0, 1, 2, 0, None, 1, 0]
    embeddings = list_array(unit).take(pa.array([0, 1, None, 3, 4, 5, None, 7, 8]))
    columns = {"item": pa.array(items, pa.int32()), "bias": pa.array(bias), "embedding": embeddings}
    pairs = pa.record_batch(
        [pa.array(ids), *columns.values()], ["bias", *(f"{JOINED}{name}" for name in columns)]
    )  # the pairs' own column may have the name of a scorer's
    (found,) = scores_of_pairs(state, 4, ["bias"])(iter([pairs]))
    assert found.schema.names == ["bias", "score"]
    assert found.column("bias").to_pylist() == ids
    for user, (item, score) in enumerate(zip(items, found.column("score").to_pylist(), strict=True)):
        if item is None or user in (2, 6):
            assert score is None
        else:
            assert score == pytest.approx(expected[user, item], abs=2e-6)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (" u1 ", "u1"),
        ("", None),
        (None, None),
        (float("nan"), None),
        (7, "7"),
        (7.0, "7"),
        (np.int64(2**60), str(2**60)),
        (np.float64(8), "8"),
    ],
)
def test_ids_as_python_has_them(given: object, text: str | None) -> None:
    assert _text(given, "seeds") == text


@pytest.mark.parametrize("given", [7.5, 2.0**60, float("inf"), True, b"u", object()])
def test_what_is_no_id(given: object) -> None:
    with pytest.raises(ConfigError, match="is no user id"):
        _text(given, "seeds")

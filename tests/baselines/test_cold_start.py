"""The linear model of cold start: its form, its fit in Spark, and what it makes of unknown categories."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ralm.arrow.arrays import list_array
from ralm.baselines.cold_start import ColdStartModel, fit_cold_start
from ralm.config import ColdStart
from ralm.errors import MissingInputError

MODEL = ColdStartModel(
    ["sport", "food"], np.array([[1.0, 0.0], [0.0, -2.0]]), np.array([0.5, 0.5]), np.array([0.1, 0.2]), -1.0
)


def users(embeddings: np.ndarray) -> pa.RecordBatch:
    return pa.record_batch([list_array(embeddings.astype(np.float32))], ["embedding"])


def test_scores_are_the_sum_of_user_category_and_crosses() -> None:
    scorer = MODEL.state([["sport"], ["sport", "food"], [], ["unheard of"]]).build()
    scores = scorer.score_batch(users(np.array([[1.0, 2.0]])))
    sport = 0.5 * 1 + 0.5 * 2 + 1.0 * 1 + 0.1 - 1.0
    both = sport - 2.0 * 2 + 0.2
    nothing = 0.5 * 1 + 0.5 * 2 - 1.0
    np.testing.assert_allclose(scores, [[sport, both, nothing, nothing]])


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    MODEL.save(str(tmp_path / "model"))
    found = ColdStartModel.load(str(tmp_path / "model"))
    assert (found.categories, found.intercept) == (MODEL.categories, MODEL.intercept)
    np.testing.assert_array_equal(found.crosses, MODEL.crosses)
    with pytest.raises(MissingInputError, match="train_cold_start"):
        ColdStartModel.load(str(tmp_path / "nothing"))


@pytest.mark.spark
def test_the_fit_finds_who_likes_what(spark: SparkSession) -> None:
    """The first coordinate's friends click on sport, the second's on food; the fit has to find the crosses."""
    random = np.random.default_rng(1)
    embeddings = random.normal(size=(4_000, 3))
    names = [["sport"], ["food"], ["sport", "food"]]
    about = random.integers(0, 3, 4_000)
    hot = np.array([[1, 0], [0, 1], [1, 1]])[about]
    logits = 2 * (embeddings[:, :2] * hot).sum(axis=1) - 0.5 * embeddings[:, 2] - 0.3
    labels = (random.random(4_000) < 1 / (1 + np.exp(-logits))).astype(float)
    rows = [
        (user.tolist(), names[item], float(label)) for user, item, label in zip(embeddings, about, labels, strict=True)
    ]
    frame = spark.createDataFrame(rows, "embedding array<float>, categories array<string>, label double")
    model = fit_cold_start(frame, ColdStart(regularisation=0.0))
    crosses = dict(zip(model.categories, model.crosses, strict=True))
    np.testing.assert_allclose(crosses["sport"] + model.user, [2, 0, -0.5], atol=0.3)
    np.testing.assert_allclose(crosses["food"] + model.user, [0, 2, -0.5], atol=0.3)

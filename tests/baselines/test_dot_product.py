"""Dot products as scores, and the items that cannot be scored."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from jobs.steps.systems.youtube_dnn import item_arrays
from ralm.arrow.arrays import list_array
from ralm.baselines.dot_product import DotProduct
from ralm.config import UserModel as UserModelConfig
from ralm.errors import DataError
from ralm.field_specs import HistorySpec, UserFields
from ralm.models.user_model import UserModel


def users(embeddings: np.ndarray) -> pa.RecordBatch:
    return pa.record_batch([list_array(embeddings.astype(np.float32))], ["embedding"])


def test_scores_and_pairs() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 8)).astype(np.float32), rng.normal(size=(5, 8))
    bias = np.array([0.0, 1.0, -np.inf, 2.0, 0.0])
    scorer = DotProduct.from_arrays({"vectors": y, "bias": bias}, block=256)
    found = scorer.score_batch(users(x))
    for user in range(20):
        for item in range(5):
            assert found[user, item] == pytest.approx(sum(x[user] * y[item]) + bias[item])
    assert np.isneginf(found[:, 2]).all()
    item = np.arange(20) % 5
    np.testing.assert_allclose(scorer.score_pairs(users(x), item), found[np.arange(20), item])


def test_another_width_is_refused() -> None:
    scorer = DotProduct(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(DataError, match="length 3"):
        scorer.score_batch(users(np.zeros((4, 5))))


@pytest.mark.parametrize("logq", [True, False])
def test_items_of_a_user_model_score_like_its_logits(logq: bool) -> None:
    """Apart from how often the sampler draws an item, where the logits do not correct for it themselves."""
    torch.manual_seed(0)
    fields = UserFields(histories=[HistorySpec(domain="reading", length=3, size=12)])
    config = UserModelConfig(representations=["reading"], logq=logq)
    model = UserModel(fields, config, "concat", item_count=10).eval()
    torch.nn.init.normal_(model.item_bias.weight)
    with torch.inference_mode():
        user = model.encode({"history_reading": torch.tensor([[4, 2, 0], [1, 0, 0]])})
        logits = model.logits(user, torch.tensor([[7, 1], [7, 1]])).numpy()
    arrays = item_arrays(model, [7, 0, 1])
    found = DotProduct.from_arrays(arrays, 256).score_batch(users(user.numpy()))
    assert np.isneginf(found[:, 1]).all()
    drawn = [0.0, 0.0] if logq else [np.log(np.log((k + 1) / k) / np.log(10)) for k in (7, 1)]  # of 9 items
    np.testing.assert_allclose(found[:, [0, 2]], logits + np.array(drawn), atol=1e-5)

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ralm.models.losses import (
    log_uniform_log_probability,
    sample_users,
    sampled_sigmoid,
    sampled_softmax,
    users_softmax,
)

LOGITS = torch.tensor([[[1.0, -2.0, 0.5], [0.3, 0.1, 2.0]], [[0.7, 0.0, 0.0], [9.0, 9.0, 9.0]]])
INDICES = torch.tensor([[[3, 4, 5], [1, 7, 0]], [[2, 9, 9], [0, 0, 0]]])


def test_softmax_against_a_loop() -> None:
    expected = []
    for logits, indices in zip(LOGITS.reshape(-1, 3).tolist(), INDICES.reshape(-1, 3).tolist(), strict=True):
        if indices[0]:
            total = sum(math.exp(v) for v, i in zip(logits, indices, strict=True) if i)
            expected.append(-math.log(math.exp(logits[0]) / total))
    assert len(expected) == 3
    assert sampled_softmax(LOGITS, INDICES).item() == pytest.approx(np.mean(expected), rel=1e-6)


def test_logq_subtracts_the_samplers_probability() -> None:
    q = log_uniform_log_probability(INDICES, item_count=10)
    expected = sampled_softmax(LOGITS - q, INDICES)
    assert sampled_softmax(LOGITS, INDICES, q).item() == pytest.approx(expected.item())
    assert expected.item() != pytest.approx(sampled_softmax(LOGITS, INDICES).item())


def test_sigmoid_against_a_loop() -> None:
    expected = []
    for logits, indices in zip(LOGITS.reshape(-1, 3).tolist(), INDICES.reshape(-1, 3).tolist(), strict=True):
        for n, (value, index) in enumerate(zip(logits, indices, strict=True)):
            if index:
                expected.append(-math.log(1 / (1 + math.exp(-value if n == 0 else value))))
    assert sampled_sigmoid(LOGITS, INDICES).item() == pytest.approx(np.mean(expected), rel=1e-6)


@pytest.mark.parametrize("loss", [sampled_softmax, sampled_sigmoid])
def test_padding_gives_neither_loss_nor_gradient(loss) -> None:
    logits = torch.randn(3, 2, 4, requires_grad=True)
    indices = torch.zeros(3, 2, 4, dtype=torch.int64)
    value = loss(logits, indices)
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@given(st.integers(1, 2_000))
def test_log_uniform_probabilities_sum_to_one(item_count: int) -> None:
    probability = log_uniform_log_probability(torch.arange(1, item_count + 1), item_count).exp()
    assert probability.sum().item() == pytest.approx(1, abs=1e-4)
    assert probability[0].item() == pytest.approx(math.log(2) / math.log(item_count + 1), rel=1e-5)


def test_users_softmax_leaves_other_clickers_out() -> None:
    logits = torch.tensor([[1.0, 5.0, 2.0]])
    valid = torch.tensor([[True, False, True]])
    expected = -math.log(math.exp(1) / (math.exp(1) + math.exp(2)))
    assert users_softmax(logits, valid).item() == pytest.approx(expected)
    assert users_softmax(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.bool)).item() == 0


def test_sampled_users_are_others_and_clashes_are_marked() -> None:
    label = torch.tensor([1.0, 0, 1, 1, 0])
    item = torch.tensor([0, 0, 0, 1, 1])
    rows, users, valid = sample_users(label, item, 200, torch.Generator().manual_seed(0))
    assert rows.tolist() == [0, 2, 3]
    assert users[:, 0].tolist() == [0, 2, 3]
    assert valid[:, 0].all()
    for r, drawn, ok in zip(rows.tolist(), users[:, 1:].tolist(), valid[:, 1:].tolist(), strict=True):
        assert set(drawn) == {0, 1, 2, 3, 4} - {r}
        for u, good in zip(drawn, ok, strict=True):
            assert good == (not (label[u] == 1 and item[u] == item[r]))

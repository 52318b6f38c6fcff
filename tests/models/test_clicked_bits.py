from __future__ import annotations

import numpy as np
import pytest
import torch

from ralm.models.clicked_bits import clicked_bits, clicked_words, has_clicked


@pytest.mark.parametrize(("items", "cap", "words"), [(10, 1000, 1), (33, 1000, 2), (5000, 10, 5), (5000, 0, 0)])
def test_a_bit_per_item_or_sixteen_per_click(items: int, cap: int, words: int) -> None:
    assert clicked_words(items, cap) == words


@pytest.mark.parametrize("words", [1, 3, 200])
def test_who_has_clicked_an_item_is_known(words: int) -> None:
    items = words * 32
    rng = np.random.default_rng(words)
    lists = [rng.choice(items, size, replace=False) for size in (5, 0, 20, items)]
    clicked = clicked_bits(np.concatenate(lists), np.array([len(own) for own in lists]), words)
    assert clicked.shape == (4, words)
    assert clicked.dtype == np.int32
    users = torch.from_numpy(rng.integers(0, 4, (items, 6)))
    found = has_clicked(torch.from_numpy(clicked), users, torch.arange(items))
    expected = [[item in lists[user] for user in row] for item, row in enumerate(users.tolist())]
    assert found[:, 1:].tolist() == [row[1:] for row in expected]
    assert not found[:, 0].any()  # the positive itself


def test_with_fewer_bits_than_items_no_click_is_missed_and_few_others_seem_clicked() -> None:
    words = clicked_words(100_000, 50)
    own = np.random.default_rng(0).choice(100_000, 50, replace=False)
    bits = torch.from_numpy(clicked_bits(own, np.array([50]), words))
    seen = has_clicked(bits, torch.zeros(100_000, 2, dtype=torch.int64), torch.arange(100_000))[:, 1]
    assert seen[torch.from_numpy(own)].all()
    assert seen.float().mean() < 1 / 16

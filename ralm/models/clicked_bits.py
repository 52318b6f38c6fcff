"""Which items a user clicked, as bits of a few whole numbers: a bit per item, or per few items where there are many.

A Bloom filter with one hash function (Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", 1970): what
was clicked is always found. Where items are more than bits, an item that was not clicked may seem so; for a user with
as many clicks as are kept, at most one in `BITS_PER_CLICK`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WORD = 32
BITS_PER_CLICK = 16


def clicked_words(items: int, cap: int) -> int:
    """Whole numbers that a user's clicks take.

    Args:
        items: how many items there are.
        cap: clicks kept of a user; 0: none, no numbers.
    """
    return -(-min(items, BITS_PER_CLICK * cap) // WORD)


def clicked_bits(items: NDArray[np.integer], lengths: NDArray[np.integer], words: int) -> NDArray[np.int32]:
    """The bits (n, words) of lists of items.

    Args:
        items: (total,), the lists of all users, one after the other.
        lengths: (n,), of the lists.
        words: of `clicked_words`, at least 1.
    """
    user, bit = np.repeat(np.arange(len(lengths)), lengths), items % (words * WORD)
    found = np.zeros((len(lengths), words), np.uint32)
    np.bitwise_or.at(found, (user, bit // WORD), np.uint32(1) << (bit % WORD).astype(np.uint32))
    return found.view(np.int32)


def has_clicked(clicked: Tensor, users: Tensor, items: Tensor) -> Tensor:
    """Whether users have clicked the item for which they are compared.

    Args:
        clicked: (pairs, words), the bits of the user of each pair of a batch.
        users: (positives, n), indices of pairs.
        items: (positives,), in the numbers of the bits, from 0.

    Returns:
        (positives, n), boolean; false for the first user of each row, the positive.
    """
    bit = (items % (clicked.shape[1] * WORD)).unsqueeze(1)
    words = clicked[users, (bit // WORD).expand_as(users)]
    found = torch.bitwise_right_shift(words, (bit % WORD).to(words.dtype)) & 1 > 0
    found[:, 0] = False
    return found

"""Systems that know only the user: every item has the same order of users."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import scalars
from ralm.scoring.contract import Arrays, BatchScorer


class UserValue(BatchScorer):
    """The user's value (number of events, or a constant) plus the item's (number of clickers, or 0)."""

    columns = ("value",)

    def __init__(self, item_values: NDArray[Any]) -> None:
        self.item_values = item_values  # (items,)
        self.items = len(item_values)

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> UserValue:
        """`item_values` (items,)."""
        return cls(np.asarray(arrays["item_values"], dtype=np.float64))

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """The column `value` (n,) as (n, items)."""
        scores: NDArray[Any] = scalars(users, "value")[:, None] + self.item_values
        return scores

"""Systems that know only the user: the same score for every item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import scalars
from ralm.scoring.contract import Arrays, BatchScorer


class UserValue(BatchScorer):
    """The user's value (number of events, or a constant) as the score of every item."""

    columns = ("value",)

    def __init__(self, items: int) -> None:
        self.items = items

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> UserValue:
        """`items`: how many there are."""
        return cls(int(arrays["items"]))

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """The column `value` (n,) as (n, items)."""
        return np.repeat(scalars(users, "value")[:, None], self.items, axis=1)

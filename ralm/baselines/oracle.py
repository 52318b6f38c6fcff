"""The built-in world's own click probabilities as a scorer: the best that any system could do there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import scalars
from ralm.scoring.contract import Arrays, BatchScorer, ScorerState
from ralm.simulation.truth import ACTIVITY_EFFECT, AFFINITY, BASE, INTERESTS, MOST_AUDIENCES


class Oracle(BatchScorer):
    """sigmoid(base + effect · affinity + effect · log activity + quality), as `truth.click_probability`.

    Args:
        liked: (topics, items), whether a topic's fans like the item.
        quality: (items,).
    """

    columns = (
        *(f"topic_{place}" for place in range(INTERESTS)),
        *(f"weight_{place}" for place in range(INTERESTS)),
        "log_activity",
    )

    def __init__(self, liked: NDArray[np.bool_], quality: NDArray[np.float64]) -> None:
        self.liked, self.quality = liked, quality
        self.items = len(quality)

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> Oracle:
        """`liked` and `quality`."""
        return cls(np.asarray(arrays["liked"]), np.asarray(arrays["quality"]))

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """The users' latent values as click probabilities (n, items)."""
        affinity = np.zeros((users.num_rows, self.items))
        for place in range(INTERESTS):
            weight = scalars(users, f"weight_{place}")[:, None]  # (n, 1)
            np.maximum(affinity, self.liked[scalars(users, f"topic_{place}")] * weight, out=affinity)
        logit = BASE + AFFINITY * affinity + ACTIVITY_EFFECT * scalars(users, "log_activity")[:, None] + self.quality
        probability: NDArray[Any] = 1.0 / (1.0 + np.exp(-logit))
        return probability


def oracle_state(items: pd.DataFrame, topics: int) -> ScorerState:
    """The scorer of items in this order, from their latent values (`truth.with_item_truth`)."""
    liked = np.zeros((topics, len(items)), dtype=bool)
    for place in range(MOST_AUDIENCES):
        topic = items[f"liked_{place}"].to_numpy()
        there = np.flatnonzero(topic >= 0)
        liked[topic[there], there] = True
    return ScorerState(Oracle, {"liked": liked, "quality": items["quality"].to_numpy()})

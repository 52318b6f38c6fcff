"""What the jobs know of every look-alike system: a scorer of batches of users, made of arrays that workers map."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

# Default number of users per matrix product.
BLOCK = 512


class BatchScorer(ABC):
    """Scores any user against a fixed set of items.

    Attributes:
        columns: what it reads of a user, besides `user_id`.
        items: how many items it has; an item is identified by its row.
    """

    columns: ClassVar[tuple[str, ...]]
    items: int

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> BatchScorer:
        """The scorer of this state.

        Args:
            arrays: whatever the system's preparation made, memory-mapped and read-only.
            block: users per matrix product, if there is one.
        """

    @abstractmethod
    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[np.floating[Any]]:
        """Scores (n, items), higher is more alike, not yet rounded.

        -inf: the user is not a candidate for the item, in no ranking of it. A user's scores do not depend on the
        other users of the batch.
        """

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Scores (n,) of each user with one item, given by its row (n,)."""
        scores: NDArray[Any] = self.score_batch(users)[np.arange(len(item)), item]
        return scores


@dataclass(frozen=True)
class ScorerState:
    """A scorer as it is sent to workers: its class and its arrays, bounded by items and features, never by users."""

    scorer: type[BatchScorer]
    arrays: Arrays

    @property
    def name(self) -> str:
        """The class, to be imported by `scorer_class`."""
        return f"{self.scorer.__module__}:{self.scorer.__qualname__}"

    def build(self, block: int = BLOCK) -> BatchScorer:
        """The scorer itself."""
        return self.scorer.from_arrays(self.arrays, block)


def scorer_class(name: str) -> type[BatchScorer]:
    """The class that `ScorerState.name` names."""
    module, _, attribute = name.partition(":")
    found: type[BatchScorer] = getattr(importlib.import_module(module), attribute)
    return found

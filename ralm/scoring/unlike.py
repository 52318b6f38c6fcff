"""Scores of seeds together with users whom the audience is to be unlike: negative seeds.

With s the score of the seeds, z a user's coordinates in the closed form (`ralm.models.plda`) and u the direction of
length 1 that sets the negative seeds apart from the users of any item (`Plda.own_directions`), the score is

    s − c · max(0, z · u − t),    t = max(0, pᵀ u), what the users of the usual item have along u,

with c the weight of the closed form in s. So a user loses as many standard deviations as he or she is nearer to the
negative seeds than everyone and than the users of items; who is not keeps the score. What the negative seeds have in
common with the users of any item, as that they are active, costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import matrix
from ralm.models.plda import Plda
from ralm.scoring.contract import Arrays, BatchScorer, ScorerState, scorer_class

INNER = "inner."


class Unlike(BatchScorer):
    """Another scorer's scores, less what users have of the negative seeds.

    Args:
        inner: scores by the seeds; it reads a column `embedding`.
        vector: (w,) over the end of that column, c · u in the space of the users' vectors there.
        offset: c · t, and what the vector's origin needs.
    """

    columns = ("embedding",)

    def __init__(self, inner: BatchScorer, vector: NDArray[Any], offset: float) -> None:
        self.inner, self.items = inner, inner.items
        self.vector, self.offset = np.asarray(vector, np.float64), offset

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> Unlike:
        """The scorer of `unlike_state`."""
        inner = {name.removeprefix(INNER): value for name, value in arrays.items() if name.startswith(INNER)}
        built = scorer_class(str(arrays["scorer"])).from_arrays(inner, block)
        return cls(built, arrays["vector"], float(arrays["offset"]))

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[np.floating[Any]]:
        """Scores (n, items)."""
        return self.inner.score_batch(users) - self._lost(users)[:, None]

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Scores (n,)."""
        return np.asarray(self.inner.score_pairs(users, item) - self._lost(users))

    def _lost(self, users: pa.RecordBatch | pa.Table) -> NDArray[np.float64]:
        values = np.asarray(matrix(users, "embedding"), np.float64)[:, -len(self.vector) :]
        return np.maximum(values @ self.vector - self.offset, 0.0)


def unlike_state(
    state: ScorerState, model: Plda, mean: NDArray[Any], count: int, *, coordinates: bool, weight: float = 1.0
) -> ScorerState:
    """A scorer together with negative seeds.

    Args:
        state: the scorer by the seeds.
        model: the closed form.
        mean: (d,), the mean vector of the negative seeds.
        count: how many they are, at least 1.
        coordinates: the column `embedding` ends with the users' coordinates z; otherwise it holds their vectors (d).
        weight: c.
    """
    direction = model.own_directions(np.asarray(mean)[None], np.array([count]))[0]  # u (d,)
    usual = max(0.0, float(model.prior @ direction))  # t
    vector = direction if coordinates else model.basis @ direction
    origin = 0.0 if coordinates else float(model.mean @ vector)
    arrays = {f"{INNER}{name}": array for name, array in state.arrays.items()}
    arrays |= {"scorer": np.array(state.name), "vector": weight * vector, "offset": np.array(weight * (usual + origin))}
    return ScorerState(Unlike, arrays)

"""Raw user embeddings through the target tower in an Arrow UDF: what serving and scoring read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ralm.arrow.arrays import column, list_array, matrix
from ralm.scoring.scorer import targets
from udfs.shapes import Batches, BatchUdf


def target_embeddings(weights: Mapping[str, NDArray[Any]], user_id_type: str) -> BatchUdf:
    """For `mapInArrow` over `user_embeddings` (user_id, embedding).

    Args:
        weights: name -> array, as `ralm.models.weights.export_weights` gives them.
        user_id_type: 'string' or 'bigint'.

    Returns:
        Rows (user_id, bias float, embedding array<float>), as `ralm.scoring.scorer.targets` gives them.
    """
    width = np.asarray(weights["tower_weight"]).shape[1]

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            unit, bias = targets(weights, matrix(batch, "embedding", width))
            yield pa.record_batch(
                [column(batch, "user_id"), pa.array(bias), list_array(unit)], ["user_id", "bias", "embedding"]
            )

    return BatchUdf(run, f"user_id {user_id_type}, bias float, embedding array<float>")

"""Records of a model and its items, from the inputs of the batch scorer (needs torch; serving does not)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.scoring.scorer import Scorer
from ralm.serving.records import ItemRecord, ModelRecord


def model_record(weights: Mapping[str, NDArray[Any]]) -> ModelRecord:
    """What serving needs of a look-alike model; `weights` as given by `ralm.models.weights.export_weights`."""
    return ModelRecord(float(weights["alpha"]), float(weights["beta"]), np.asarray(weights["attention_w"], np.float32))


def item_records(
    weights: Mapping[str, NDArray[Any]],
    centroids: NDArray[np.float32],
    sizes: NDArray[np.int32],
    cutoffs: NDArray[np.float64],
) -> list[ItemRecord]:
    """What serving needs of items: their clusters after the tower, pooled if the model pools them.

    Args:
        weights: as in `model_record`.
        centroids: (items, k, d), raw.
        sizes: (items, k); 0 is absent.
        cutoffs: (items,), exposure thresholds; NaN if there is none.
    """
    scorer = Scorer(weights, centroids, sizes)
    global_embeddings, unit, shares = (
        array.numpy() for array in (scorer.global_embeddings, scorer.centroids, scorer.shares)
    )
    columns = (cutoffs.tolist(), global_embeddings, shares, unit, scorer.directions)
    return [ItemRecord(*parts) for parts in zip(*columns, strict=True)]

"""One classifier per item in a grouped Arrow UDF: thousands of items are fitted in parallel, each on one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ralm.arrow.arrays import column, matrix, scalars
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.regression import fit_logistic, fit_trees
from ralm.config import Regression
from ralm.scoring.cluster import seeds_seed
from udfs.shapes import GroupUdf

FITTED = "item_index int, positives int, negatives int, label_frequency double, "
LOGISTIC = FITTED + "intercept double, indices array<int>, weights array<float>"
TREES = FITTED + "model binary"

_KEYS = [("item_index", pa.int32()), ("positives", pa.int32()), ("negatives", pa.int32())]
_KEYS += [("label_frequency", pa.float64())]
_WEIGHTS = [("indices", pa.list_(pa.int32())), ("weights", pa.list_(pa.float32()))]
_LOGISTIC = pa.schema([*_KEYS, ("intercept", pa.float64()), *_WEIGHTS])
_TREES = pa.schema([*_KEYS, ("model", pa.binary())])


def fit_logistic_items(space: FeatureSpace, settings: Regression, seed: int) -> GroupUdf:
    """For `groupBy("item_index").applyInArrow` over the sampled users of every item.

    Input rows are (item_index, label 0/1, user_id, the columns of the feature space) in any order; the caller bounds
    the rows of an item.

    Args:
        space: the features.
        settings: of the model.
        seed: of the random draws, together with the user ids of the item's seeds.

    Returns:
        One row per item that has both labels: item_index, positives, negatives, label_frequency, intercept, and the
        weights (indices, weights) that are not 0.
    """

    def run(group: pa.Table) -> pa.Table:
        rows, labels = _ordered(group)
        if len(np.unique(labels)) < 2:
            return _LOGISTIC.empty_table()
        index = rows.column("item_index")[0].as_py()
        with threadpool_limits(1):
            model = fit_logistic(space.matrix(rows), labels, settings, _drawn(seed, rows, labels))
        indices = np.flatnonzero(model.weights).astype(np.int32)
        weights = model.weights[indices].astype(np.float32)
        found = {"intercept": [model.intercept], "indices": [indices], "weights": [weights]}
        return pa.table(_fitted(index, labels, model.label_frequency) | found, _LOGISTIC)

    return GroupUdf(run, LOGISTIC)


def fit_tree_items(settings: Regression, seed: int) -> GroupUdf:
    """Like `fit_logistic_items`, over rows (item_index, label, user_id, embedding).

    Returns:
        One row per item that has both labels: item_index, positives, negatives, label_frequency and the model's bytes
        (`Trees.to_bytes`).
    """

    def run(group: pa.Table) -> pa.Table:
        rows, labels = _ordered(group)
        if len(np.unique(labels)) < 2:
            return _TREES.empty_table()
        index = rows.column("item_index")[0].as_py()
        with threadpool_limits(1):
            model = fit_trees(matrix(rows, "embedding"), labels, settings, _drawn(seed, rows, labels))
        found = {"model": [model.to_bytes()]}
        return pa.table(_fitted(index, labels, model.label_frequency) | found, _TREES)

    return GroupUdf(run, TREES)


def _ordered(group: pa.Table) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows by user, since sums in another order differ in the last digits; and their labels (n,)."""
    rows = group.sort_by("user_id").combine_chunks()
    return rows, scalars(rows, "label").astype(np.int64)


def _drawn(seed: int, rows: pa.Table, labels: NDArray[np.int64]) -> int:
    """The random seed of an item's fit: it follows from the seeds, whatever else is fitted."""
    return seeds_seed(seed, column(rows.filter(pa.array(labels == 1)), "user_id").to_pylist())


def _fitted(index: int, labels: NDArray[np.int64], frequency: float) -> dict[str, list[Any]]:
    counts = {"positives": [int((labels == 1).sum())], "negatives": [int((labels == 0).sum())]}
    return {"item_index": [index], **counts, "label_frequency": [frequency]}

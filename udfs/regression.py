"""One classifier per item in a grouped Arrow UDF: thousands of items are fitted in parallel, each on one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

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

# Rows, labels (n,) and a random seed -> the label frequency, and the columns of the model.
Fit: TypeAlias = Callable[[pa.Table, NDArray[np.int64], int], tuple[float, dict[str, list[Any]]]]


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

    def fit(rows: pa.Table, labels: NDArray[np.int64], drawn: int) -> tuple[float, dict[str, list[Any]]]:
        model = fit_logistic(space.matrix(rows), labels, settings, drawn)
        indices = np.flatnonzero(model.weights).astype(np.int32)
        weights = model.weights[indices].astype(np.float32)
        return model.label_frequency, {"intercept": [model.intercept], "indices": [indices], "weights": [weights]}

    return _per_item(fit, seed, _LOGISTIC, LOGISTIC)


def fit_tree_items(settings: Regression, seed: int) -> GroupUdf:
    """Like `fit_logistic_items`, over rows (item_index, label, user_id, embedding).

    Returns:
        One row per item that has both labels: item_index, positives, negatives, label_frequency and the model's bytes
        (`Trees.to_bytes`).
    """

    def fit(rows: pa.Table, labels: NDArray[np.int64], drawn: int) -> tuple[float, dict[str, list[Any]]]:
        model = fit_trees(matrix(rows, "embedding"), labels, settings, drawn)
        return model.label_frequency, {"model": [model.to_bytes()]}

    return _per_item(fit, seed, _TREES, TREES)


def _per_item(fit: Fit, seed: int, schema: pa.Schema, text: str) -> GroupUdf:
    """One row per item that has both labels; the fit's random seed follows from the item's seeds."""

    def run(group: pa.Table) -> pa.Table:
        # By user, since sums in another order differ in the last digits.
        rows = group.sort_by("user_id").combine_chunks()
        labels = scalars(rows, "label").astype(np.int64)
        positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
        if not positives or not negatives:
            return schema.empty_table()
        drawn = seeds_seed(seed, column(rows.filter(pa.array(labels == 1)), "user_id").to_pylist())
        with threadpool_limits(1):
            frequency, found = fit(rows, labels, drawn)
        counts = {"positives": [positives], "negatives": [negatives], "label_frequency": [frequency]}
        return pa.table({"item_index": rows["item_index"][:1], **counts, **found}, schema)

    return GroupUdf(run, text)

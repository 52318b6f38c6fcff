"""What the scores of a linear system are made of: the features with the largest weights for an item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from scipy import sparse

from jobs.steps.systems.contract import Task
from jobs.steps.systems.inputs import feature_names


def feature_ranking(task: Task, weights: sparse.csr_matrix, listed: int) -> DataFrame:
    """(item_id, feature, weight double, rank int): the largest weights first; features against an item are left out.

    Args:
        task: the items; tables: vocabularies.
        weights: (items, features).
        listed: rows per item, at most.
    """
    names = feature_names(task)
    found: dict[str, list[Any]] = {"item_id": [], "feature": [], "weight": [], "rank": []}
    for row, item in enumerate(task.items):
        one = weights[row]
        best: NDArray[Any] = np.lexsort([one.indices, -one.data])[:listed]
        best = best[one.data[best] > 0]
        found["item_id"] += [item] * len(best)
        found["feature"] += [names[feature] for feature in one.indices[best]]
        found["weight"] += one.data[best].tolist()
        found["rank"] += range(1, len(best) + 1)
    schema = pa.schema([("item_id", "string"), ("feature", "string"), ("weight", "float64"), ("rank", "int32")])
    return task.context.spark.createDataFrame(pa.table(found, schema))

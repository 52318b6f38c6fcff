"""What the scores of a linear system are made of: the features with the largest weights for an item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from scipy import sparse

from jobs.steps.systems.contract import Task
from jobs.steps.systems.information_values import users_by_feature
from jobs.steps.systems.inputs import feature_names, feature_space, field_users


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


def of_enough_seeds(task: Task, ranking: DataFrame, minimum: int) -> DataFrame:
    """The ranking without features that fewer seeds of the item than `privacy.minimum` have, ranked again.

    Args:
        task: the items and their seeds; tables: user_fields, vocabularies.
        ranking: of `feature_ranking`.
        minimum: seeds.
    """
    space, names = feature_space(task), feature_names(task)
    items = task.seeds.groupBy("user_id").agg(F.sort_array(F.collect_set("item_index")).alias("items"))
    users = items.join(field_users(task), "user_id").select("items", *space.columns)
    counted = users_by_feature(users, space, "items", len(task.items)).where(F.col("users") >= minimum)
    rows = counted.where(F.col("feature") < space.size).collect()  # at most items · features of so many seeds
    enough = pa.table(
        {
            "item_id": pa.array([task.items[row["item_index"]] for row in rows], pa.string()),
            "feature": pa.array([names[row["feature"]] for row in rows], pa.string()),
        }
    )
    kept = ranking.join(F.broadcast(task.context.spark.createDataFrame(enough)), ["item_id", "feature"], "left_semi")
    place = F.row_number().over(Window.partitionBy("item_id").orderBy("rank")).cast("int")
    return kept.withColumn("rank", place).select("item_id", "feature", "weight", "rank")

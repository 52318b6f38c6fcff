"""ALS fold-in: users from their histories, a new item from its seeds, their dot product."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from jobs.steps.user_model.als_factors import STEP, folder, user_factors
from ralm.baselines.als_model import read_als
from ralm.baselines.dot_product import DotProduct
from ralm.baselines.fold_in import Doubles
from ralm.dates import DateName
from ralm.features.hashing import chosen
from ralm.runs.context import Context
from ralm.scoring.contract import ScorerState
from udfs.als import fold_in_items, partial_grams


def _prepare(task: Task) -> Prepared:
    settings = read_als(folder(task.context)).settings
    path = f"{task.folder}/user_factors"
    user_factors(task.step, task.date).write.mode("overwrite").parquet(path)  # solve once, read in every pass
    users = task.context.spark.read.parquet(path)
    gram = users_gram(users, settings.factors, settings.max_users, task.config.seed)
    udf = fold_in_items(gram, settings.alpha, settings.regularisation)
    seeds = task.seeds.select("item_index", "user_id").join(users, "user_id").select("item_index", "embedding")
    found = seeds.groupBy("item_index").applyInArrow(*udf).toArrow()  # one row per item
    vectors = np.zeros((len(task.items), settings.factors))
    vectors[found.column("item_index").to_numpy()] = (
        found.column("vector").combine_chunks().flatten().to_numpy().reshape(-1, settings.factors)
    )
    state = ScorerState(DotProduct, {"vectors": vectors, "bias": np.zeros(len(task.items))})
    unknown = int((~vectors.any(axis=1)).sum())  # no seed has a history: all users score 0
    return Prepared(users, state, counts={"items without a vector": unknown} if unknown else {})


def users_gram(users: DataFrame, width: int, max_users: int, seed: int) -> Doubles:
    """X'X (width, width) of all users: exact up to `max_users`, beyond that estimated from `max_users` drawn by hash.

    Args:
        users: (user_id, embedding array<float> of `width`).
        width: f.
        max_users: at most so many users are summed.
        seed: of the draw.
    """
    count = users.count()
    drawn = users if count <= max_users else users.where(chosen("als gram", seed, max_users / count, "user_id"))
    parts = drawn.select("embedding").mapInArrow(*partial_grams(width)).select(F.posexplode("sums"))
    # Spark sums: the driver gets one matrix, whatever the number of partitions.
    table = parts.groupBy("pos").agg(F.sum("col").alias("total")).orderBy("pos").toArrow()
    if table.num_rows == 0:
        return np.zeros((width, width))
    sums = table.column("total").to_numpy()
    found: Doubles = sums[:-1].reshape(width, width) * (count / sums[-1])
    return found


def _after(context: Context, date: DateName) -> tuple[Dependency, ...]:
    return (("build_user_fields", date), (STEP, "a1"))


ALS_FOLD_IN = System("als_fold_in", _prepare, ("user_fields",), _after, ("fields", "baselines.als"))

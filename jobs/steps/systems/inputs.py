"""Users and seeds, as several systems read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import source
from jobs.steps.systems.contract import Dependency, Task
from jobs.steps.user_model.user_embeddings import model_version
from jobs.steps.user_model.user_embeddings import step_name as embedding_step
from jobs.steps.users.file_scan import held_files
from jobs.steps.users.vocabularies import current_vocabulary, load_sizes
from ralm.baselines.feature_space import FeatureSpace
from ralm.config import Merge
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.features.hashing import uniform
from ralm.features.vocabularies import lookup_tables
from ralm.runs.context import Context
from ralm.spark.session import on_one_machine
from udfs.cluster import cluster_items
from udfs.files import rows_with
from udfs.shapes import GroupUdf


def after_fields(context: Context, date: DateName) -> tuple[Dependency, ...]:
    """The steps behind `field_users`."""
    return (source(context), ("build_user_fields", date))


def after_embeddings(context: Context, date: DateName) -> tuple[Dependency, ...]:
    """The steps behind the embeddings of the released variant's user models."""
    return ((embedding_step(context.config.released.merge), date),)


def feature_space(task: Task) -> FeatureSpace:
    """The features of the current vocabulary."""
    return FeatureSpace(fields=load_sizes(task.context).user_fields)


def field_users(task: Task) -> DataFrame:
    """user_id and the columns of the feature space, of all users as of the task's date (tables: user_fields)."""
    version = load_sizes(task.context).version
    fields = task.step.at("user_fields", as_of=task.as_of, vocabulary_version=version)
    return fields.select("user_id", *feature_space(task).columns)


def feature_names(task: Task) -> list[str]:
    """A readable name of every feature of the space (tables: vocabularies)."""
    sizes = load_sizes(task.context)
    return feature_space(task).names(lookup_tables(current_vocabulary(task.step, sizes), sizes))


def embedded_users(task: Task, merge: Merge | None = None) -> DataFrame:
    """(user_id, embedding): the stacked user model of a merge layer, by default the released one's.

    Tables: user_embeddings.
    """
    version = model_version(task.context, merge or task.config.released.merge)
    frame = task.step.at("user_embeddings", as_of=task.as_of, model_version=version)
    return frame.select("user_id", "embedding")


def clustered_seeds(task: Task, seeds: DataFrame, users: DataFrame, k: int, **options: Any) -> DataFrame:
    """(item_id, draw, centroids, sizes): seeds (item_id, user_id and perhaps `weight`) as clusters of their embeddings.

    Args:
        task: with the seed of the project.
        seeds: of items.
        users: (user_id, embedding).
        k: clusters per item at most; 1: the mean of its seeds.
        options: further ones of `cluster_items`.
    """
    weight = [name for name in seeds.columns if name == "weight"]
    udf = cluster_items(k, seed=task.config.seed, weighted=bool(weight), **options)
    if task.held and on_one_machine(task.context.spark):
        return _clustered_here(task, seeds.select("item_id", "user_id", *weight).toArrow(), users, udf)
    rows = seeds.join(users, "user_id").select("item_id", F.lit(0).alias("draw"), "user_id", "embedding", *weight)
    return rows.groupBy("item_id", "draw").applyInArrow(*udf)


def _clustered_here(task: Task, seeds: pa.Table, users: DataFrame, udf: GroupUdf) -> DataFrame:
    """The same by the driver: seeds of few items, which it holds, and a table's files, which it reads."""
    ids = seeds.column("user_id").combine_chunks()
    schema = f"user_id {task.config.user_id_type}, embedding array<float>"
    known = held_files(users, ["user_id", "embedding"], rows_with("user_id", ids.unique(), schema))
    places = pc.index_in(ids, value_set=known.column("user_id").combine_chunks())
    rows = seeds.append_column("embedding", known.column("embedding").combine_chunks().take(places))
    rows = rows.append_column("draw", pa.array(np.zeros(rows.num_rows, np.int32))).filter(pc.is_valid(places))
    items = rows.column("item_id").unique().to_pylist()
    groups = [udf.run(rows.filter(pc.equal(rows.column("item_id"), item)).combine_chunks()) for item in items]
    found = pa.concat_tables(groups) if groups else udf.run(rows)
    return task.context.spark.createDataFrame(found, udf.schema)


def sampled_seeds(task: Task, cap: int) -> DataFrame:
    """(item_index, user_id): at most `cap` seeds per item, by hash of the user: the item's id plays no part."""
    order = Window.partitionBy("item_index").orderBy(uniform("sampled seed", task.config.seed, "user_id"), "user_id")
    ranked = task.seeds.withColumn("position", F.row_number().over(order))
    return ranked.where(F.col("position") <= cap).select("item_index", "user_id")


def seed_table(task: Task, users: DataFrame, cap: int) -> pa.Table:
    """(item_index, and the users' columns but user_id) of sampled seeds: items · cap rows at most.

    Sorted by item and user, so that sums over seeds do not depend on the shuffle's order.
    """
    # The ids are smaller than what the driver gets; without the hint all users would be shuffled.
    found = users.join(F.broadcast(sampled_seeds(task, cap)), "user_id").toArrow()
    ordered = found.sort_by([("item_index", "ascending"), ("user_id", "ascending")])
    return ordered.drop_columns(["user_id"]).combine_chunks()


def require_seeds(task: Task, item: pa.ChunkedArray | pa.Array) -> None:
    """Check that every item of the task is among the `item_index` of the seeds that were found.

    Raises:
        DataError: an item has no seed that is known as of the users' date.
    """
    missing = [task.items[row] for row in sorted(set(range(len(task.items))) - set(item.to_pylist()))]
    if missing:
        raise DataError(f"{len(missing)} items have no seed among the users of {task.date}: {missing[:3]}")

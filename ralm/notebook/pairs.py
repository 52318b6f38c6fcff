"""Scores of given pairs of users and items; see `Workspace.score`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ralm.errors import ConfigError, MissingInputError
from ralm.notebook.workers import JOINED, scores_of_pairs

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from ralm.notebook.released_model import ReleasedModel
    from ralm.scoring.contract import ScorerState

# Items of one call: their clusters travel with the function, some 10 KB each.
MOST_ITEMS = 10_000


def scored_pairs(model: ReleasedModel, pairs: Any) -> DataFrame:
    """The pairs with their scores; arguments and result of `Workspace.score`."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import DoubleType, StructField, StructType

    from ralm.ingest.ids import typed_id

    given = pairs if hasattr(pairs, "sparkSession") else model.spark.createDataFrame(pairs)
    missing = [name for name in ("user_id", "item_id") if name not in given.columns]
    if missing or "score" in given.columns:
        problem = f"no column {', '.join(missing)}" if missing else "there is a column score already"
        raise ConfigError(f"score: {problem}; the pairs have {', '.join(given.columns)}")
    settings, targets = model.settings, model.targets
    user, item = (_id(given, name) for name in ("user_id", "item_id"))
    asked = given.select(item.alias("item_id")).distinct()
    clusters = model.clusters.join(F.broadcast(asked), "item_id").select("item_id", "centroids", "sizes")
    found = clusters.limit(MOST_ITEMS + 1).toArrow()
    if found.num_rows > MOST_ITEMS:
        raise ConfigError(f"score: more than {MOST_ITEMS:,} items; score them in parts, or run job `score_pairs`")
    if not found.num_rows:
        raise MissingInputError(f"score: none of the items has seeds in release {model.release_id}")
    items = list(enumerate(found.column("item_id").to_pylist()))
    rows = model.spark.createDataFrame(items, f"{JOINED}item int, {JOINED}item_id string")
    state = _state(model, found)
    known = targets.select(*(F.col(name).alias(f"{JOINED}{name}") for name in ("user_id", *state.scorer.columns)))
    same_user = F.col(f"{JOINED}user_id") == typed_id(user, model.user_id)
    same_item = F.col(f"{JOINED}item_id") == item
    joined = given.join(F.broadcast(rows), same_item, "left").join(known, same_user, "left")
    keep = given.columns
    own = [f"`{name}`" for name in keep]
    chosen = joined.select(*own, *(f"{JOINED}{name}" for name in ("item", *state.scorer.columns)))
    schema = StructType([*given.schema.fields, StructField("score", DoubleType())])
    return chosen.mapInArrow(scores_of_pairs(state, settings.block, keep), schema)


def _id(pairs: DataFrame, name: str) -> Column:
    """The ids of a column by the rules of logs: 12.0, as pandas has it beside a gap, is 12."""
    from pyspark.sql import functions as F

    from ralm.ingest.ids import read_id, whole

    kind = pairs.schema[name].dataType
    if not whole(kind):
        raise ConfigError(f"score: column {name} is {kind.simpleString()}; ids are text or whole numbers")
    return read_id(F.col(name), kind).value


def _state(model: ReleasedModel, clusters: pa.Table) -> ScorerState:
    import numpy as np

    from ralm.arrow.arrays import matrix
    from ralm.scoring.scorer import lookalike_state

    sizes = matrix(clusters, "sizes").astype(np.int32)
    centroids = matrix(clusters, "centroids").astype(np.float32).reshape(*sizes.shape, -1)
    return lookalike_state(model.weights, centroids, sizes)

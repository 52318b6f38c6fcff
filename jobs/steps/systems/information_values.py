"""Information Values of all items: features counted in Spark, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy import sparse

from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.information_value import information_value, smoothed_shares
from ralm.config import LshIv
from ralm.errors import DataError
from udfs.feature_counts import count_features

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class FeatureCounts:
    """The features that seeds have, sorted by item and feature; all arrays but the last two are (pairs,).

    Attributes:
        item: row of the item.
        feature: number of the feature.
        seeds_with: seeds of the item with the feature.
        candidates_with: candidates of the item with the feature.
        seeds: (items,), all seeds that have user fields.
        candidates: (items,), all candidates.
    """

    item: Ints
    feature: Ints
    seeds_with: Ints
    candidates_with: Ints
    seeds: Ints
    candidates: Ints


def users_by_feature(users: DataFrame, space: FeatureSpace, item_column: str, items: int) -> DataFrame:
    """(item_index, feature, users bigint): how many users of each item have each feature.

    Each partition counts first: the shuffle carries at most partitions · items · features rows.

    Args:
        users: the columns of the feature space and `item_column` array<int>; may be all users.
        space: the features.
        item_column: the items that a user belongs to.
        items: how many items there are.
    """
    partial = users.select(item_column, *space.columns).mapInArrow(*count_features(space, item_column, items))
    return partial.groupBy("item_index", "feature").agg(F.sum("users").alias("users"))


def feature_counts(
    space: FeatureSpace, items: Sequence[str], seeds: DataFrame, candidates: DataFrame, shared: bool
) -> FeatureCounts:
    """Bring the counts to the driver: at most items · features rows, of features that seeds have.

    Args:
        space: the features.
        items: their ids, in order.
        seeds: `users_by_feature` of the seeds.
        candidates: `users_by_feature` of the candidates.
        shared: whether all items have the same candidates, counted as item 0.

    Raises:
        DataError: an item has no seed with user fields.
    """
    counted = candidates.withColumnRenamed("users", "candidates_with")
    keys = ["item_index", "feature"]
    if shared:
        counted, keys = counted.drop("item_index"), ["feature"]
    joined = seeds.withColumnRenamed("users", "seeds_with").join(counted, keys, "left")
    order = [("item_index", "ascending"), ("feature", "ascending")]
    columns = joined.select(
        "item_index", "feature", "seeds_with", F.coalesce("candidates_with", F.lit(0)).alias("with")
    )
    table = columns.toArrow().sort_by(order)
    item, feature, seeds_with, candidates_with = (c.to_numpy().astype(np.int64) for c in table.columns)
    everyone = feature == space.size
    totals = np.zeros((2, len(items)), dtype=np.int64)
    totals[:, item[everyone]] = seeds_with[everyone], candidates_with[everyone]
    missing = [items[at] for at in np.flatnonzero(totals[0] == 0).tolist()]
    if missing:
        raise DataError(f"{len(missing)} items have no seed with user fields as of the users' date: {missing[:3]}")
    pairs = (array[~everyone] for array in (item, feature, seeds_with, candidates_with))
    return FeatureCounts(*pairs, *totals)


def feature_weights(counts: FeatureCounts, features: int, settings: LshIv) -> sparse.csr_matrix:
    """Information Values (features, items), of positive features only."""
    seeds, candidates = counts.seeds[counts.item], counts.candidates[counts.item]
    p, q = smoothed_shares(counts.seeds_with, seeds, counts.candidates_with, candidates, settings.smoothing)
    values = information_value(p, q, settings.positive)
    some = values > 0
    places = (counts.feature[some], counts.item[some])
    return sparse.csr_matrix((values[some], places), shape=(features, len(counts.seeds)))

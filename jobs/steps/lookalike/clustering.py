"""Clustering an item's seeds, for the training rounds and for `cluster_seeds`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.lookalike.variants import lookalike_version, variant_lookalike
from jobs.steps.seeds.item_seeds import PURPOSES
from jobs.steps.user_model.user_embeddings import model_version as embedding_version
from ralm.config import Lookalike
from ralm.features.seeds import PAST, seed_rows, training_least
from ralm.runs.step import RunningStep
from ralm.training.seed_draws import draw_row
from udfs.cluster import cluster_items

Weights = dict[str, NDArray[Any]]
# The purpose of clusters that `refresh` made since the batch.
LIVE = "live"


def cluster(
    step: RunningStep, variant: str, purpose: str, weights: Weights | None, previous: DataFrame | None, round_: int
) -> DataFrame:
    """The rows of `seed_clusters` for a purpose, without their version.

    Args:
        step: has the inputs `item_seeds` and `user_embeddings`.
        variant: names the user model and k.
        purpose: whose seeds.
        weights: of the look-alike model in whose space to cluster; None: the raw space.
        previous: (item_id, draw, centroids) of the round before, for a warm start.
        round_: number of the round.
    """
    context, config = step.context, step.context.config
    date = context.dates[PURPOSES[purpose]]
    seeds = step.at("item_seeds", as_of=date, purpose=purpose)
    version = embedding_version(context, config.variants[variant].merge)
    embeddings = step.at("user_embeddings", as_of=date, model_version=version)
    lookalike = variant_lookalike(config, variant)
    least = training_least(seeds, lookalike.min_seeds, lookalike.seed_draws) if purpose == "train" else None
    clusters = seed_clusters(seeds, embeddings, lookalike, config.seed, weights, previous, least)
    return clusters.withColumns({"as_of": F.lit(date), "purpose": F.lit(purpose), "round": F.lit(round_)})


def seed_clusters(
    seeds: DataFrame,
    embeddings: DataFrame,
    lookalike: Lookalike,
    seed: int,
    weights: Weights | None,
    previous: DataFrame | None,
    least: int | None = None,
) -> DataFrame:
    """Each item's seeds (item_id, draw, seeds, seed_count) as clusters of their embeddings (user_id, embedding).

    `weights` and `previous` are as in `cluster`; items with fewer seeds than `least`, by default `lookalike.min_seeds`,
    are left out. The columns are those of `cluster_items`.
    """
    rows = seed_rows(seeds, embeddings, lookalike.min_seeds if least is None else least)
    if previous is not None:
        warm = previous.select("item_id", "draw", F.col("centroids").alias("previous"))
        rows = rows.unionByName(warm, allowMissingColumns=True)
    udf = cluster_items(lookalike.clusters, iterations=lookalike.cluster_iterations, seed=seed, weights=weights)
    return rows.groupBy("item_id", "draw").applyInArrow(*udf)


def centroid_arrays(
    clusters: DataFrame, items: Sequence[str] | None = None, draws: int = 1
) -> tuple[list[str], Weights]:
    """The centroids of the chosen items as arrays on the driver: draws · items · k · d floats.

    Args:
        clusters: (item_id, draw, centroids, sizes).
        items: the items in their order; by default all, sorted. Those without clusters in every draw are left out.
        draws: how many draws there are.

    Returns:
        The item ids, and `centroids` (draws · items, k, d) and `sizes` (draws · items, k), all items of draw 0 first;
        without items, no arrays.
    """
    table = clusters.select("item_id", "draw", "centroids", "sizes").toArrow()
    if not table.num_rows:
        return [], {}
    sizes = np.stack(table.column("sizes").to_numpy())  # float32 of weighted seeds
    sizes = sizes if np.issubdtype(sizes.dtype, np.floating) else sizes.astype(np.int32)
    centroids = np.stack(table.column("centroids").to_numpy()).astype(np.float32)
    centroids = centroids.reshape(table.num_rows, sizes.shape[1], -1)
    keys = zip(table.column("draw").to_pylist(), table.column("item_id").to_pylist(), strict=True)
    row = {key: position for position, key in enumerate(keys)}
    wanted = sorted({item for _, item in row}) if items is None else items
    found = [item for item in wanted if all((draw, item) in row for draw in range(draws))]
    order = np.empty(draws * len(found), np.int64)
    for place, item in enumerate(found):
        for draw in range(draws):
            order[draw_row(draw, place, len(found))] = row[draw, item]
    return found, {"centroids": centroids[order], "sizes": sizes[order]}


def past_arrays(clusters: DataFrame) -> tuple[list[str], Weights]:
    """`centroid_arrays` of the clusters of the clicks before the label window (`past_clicks`)."""
    return centroid_arrays(clusters.where(F.col("draw") == PAST).withColumn("draw", F.lit(0)))


def current_clusters(step: RunningStep, variant: str, purpose: str) -> DataFrame:
    """The clusters of the current model of a variant, for a purpose."""
    date = step.context.dates[PURPOSES[purpose]]
    version = lookalike_version(step.context, variant)
    return step.at("seed_clusters", as_of=date, purpose=purpose, model_version=version)


def newest_clusters(clusters: DataFrame) -> DataFrame:
    """(item_id, centroids, sizes) of the items as left by the last round of `refresh` or, before one, by the batch."""
    served = clusters.where(F.col("purpose").isin("production", LIVE))
    found = F.max_by(F.struct("centroids", "sizes"), (F.col("purpose") == LIVE).cast("int")).alias("found")
    return served.groupBy("item_id").agg(found).select("item_id", "found.*")

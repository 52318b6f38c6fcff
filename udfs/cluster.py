"""Seed clusters in a grouped Arrow UDF: k-means of one item's seeds at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ralm.arrow.arrays import column, list_array, matrix
from ralm.scoring.cluster import cluster_seeds, seeds_seed
from ralm.scoring.kmeans import Floats, single_thread
from ralm.scoring.scorer import Scorer, tower
from udfs.shapes import GroupUdf

SCHEMA = (
    "item_id string, draw int, centroids array<float>, sizes array<int>, inertia double, cluster_metric string, "
    "global_embedding array<float>"
)


def cluster_items(
    k: int,
    *,
    iterations: int,
    seed: int,
    weights: Mapping[str, NDArray[Any]] | None = None,
    weighted: bool = False,
) -> GroupUdf:
    """For `groupBy("item_id", "draw").applyInArrow` over the seeds of every item; the caller caps the seeds per item.

    Input rows are seeds (item_id, draw, user_id, embedding) in any order. For a warm start there is a fifth column,
    `previous` array<float>, and one more row per group, with NULL user_id and embedding, that holds the flat raw
    centroids of the round before: a union, so that the centroids are not repeated with every seed.

    Args:
        k: clusters per item.
        iterations: Lloyd iterations at most.
        seed: of the random starts, together with the seeds' user ids: the same seeds are clustered alike under any
            item id.
        weights: of the look-alike model in whose tower space to cluster (`export_weights`); None: the raw space.
        weighted: the rows have a column `weight` double of the seeds; sizes are then floats.

    Returns:
        One row per group with seeds: item_id, draw, centroids (flat k·d, mean raw embeddings), sizes (k), inertia,
        cluster_metric ('tower' or 'raw'), global_embedding (h; NULL without weights).
    """

    def run(group: pa.Table) -> pa.Table:
        seeds, start = _split(group, k)
        if seeds.num_rows == 0:
            return _rows([], [], [], [], [], None, weights is not None)
        item_id = column(seeds, "item_id")[0].as_py()
        raw = matrix(seeds, "embedding").astype(np.float32)  # (n, d)
        with single_thread():
            found = cluster_seeds(
                raw,
                raw if weights is None else tower(weights, raw),
                k,
                iterations=iterations,
                seed=seeds_seed(seed, column(seeds, "user_id").to_pylist()),
                start=_in_space(start, weights),
                weights=column(seeds, "weight").to_numpy() if weighted else None,
            )
            embedding = None
            if weights is not None:
                scorer = Scorer(weights, found.centroids[None], found.sizes[None])
                embedding = scorer.global_embeddings.numpy()  # (1, h)
        return _rows(
            [item_id],
            [column(seeds, "draw")[0].as_py()],
            found.centroids.reshape(1, -1),
            found.sizes[None],
            [found.inertia],
            embedding,
            weights is not None,
        )

    return GroupUdf(run, SCHEMA.replace("sizes array<int>", "sizes array<float>") if weighted else SCHEMA)


def _split(group: pa.Table, k: int) -> tuple[pa.Table, Floats | None]:
    """The seeds ordered by user, and the centroids (k, d) of the round before, if any."""
    is_seed = pc.is_valid(group.column("user_id"))
    seeds = group.filter(is_seed).sort_by("user_id")
    if "previous" not in group.schema.names:
        return seeds, None
    previous = group.filter(pc.and_(pc.invert(is_seed), pc.is_valid(group.column("previous"))))
    if previous.num_rows == 0:
        return seeds, None
    flat = matrix(previous.slice(0, 1), "previous")  # (1, k·d)
    if seeds.num_rows and flat.size != k * matrix(seeds.slice(0, 1), "embedding").size:
        return seeds, None  # another k or another user model: no warm start
    return seeds, flat.reshape(k, -1).astype(np.float32)


def _in_space(start: Floats | None, weights: Mapping[str, NDArray[Any]] | None) -> Floats | None:
    if start is None or weights is None:
        return start
    present = (start != 0).any(axis=1, keepdims=True)
    # The tower would turn an absent cluster's zeros into its bias: they must stay zeros.
    return np.asarray(tower(weights, start) * present, dtype=np.float32)


def _rows(
    item_ids: list[str],
    draws: list[int],
    centroids: Any,
    sizes: Any,
    inertia: list[float],
    embedding: Floats | None,
    towered: bool,
) -> pa.Table:
    count = len(item_ids)
    floats, integers = pa.list_(pa.float32()), pa.list_(pa.int32())
    return pa.table(
        {
            "item_id": pa.array(item_ids, pa.string()),
            "draw": pa.array(draws, pa.int32()),
            "centroids": list_array(centroids) if count else pa.array([], floats),
            "sizes": list_array(sizes) if count else pa.array([], integers),
            "inertia": pa.array(inertia, pa.float64()),
            "cluster_metric": pa.array(["tower" if towered else "raw"] * count, pa.string()),
            "global_embedding": pa.nulls(count, floats) if embedding is None else list_array(embedding),
        }
    )

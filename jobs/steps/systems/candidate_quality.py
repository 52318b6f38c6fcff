"""What a task's candidates miss and save, on a sample of its users."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.arrow.arrays import column
from ralm.baselines.candidate_quality import CandidateQuality, candidate_quality
from ralm.baselines.feature_space import FeatureSpace
from ralm.config import LshIv
from ralm.features.hashing import chosen, uniform


def sampled_quality(
    users: DataFrame,
    seeds: DataFrame,
    item: int,
    space: FeatureSpace,
    settings: LshIv,
    *,
    threshold: float,
    share: float = 1.0,
    max_seeds: int = 1_000,
    seed: int = 0,
) -> CandidateQuality:
    """Recall and reduction of one item's candidates as found, with the effect of dropped buckets.

    Args:
        users: those of `Prepared` of the system `lsh_iv`.
        seeds: (item_index, user_id) of the task.
        item: row of the item.
        space: features of the users.
        settings: bands and rows, for the prediction.
        threshold: least Jaccard similarity with any seed at which a user should be a candidate.
        share: of the users, drawn by hash, that the driver gets; seeds are left out.
        max_seeds: of the item, drawn by hash. Neighbours of other seeds are not looked for, but their candidates are
            counted: the reduction's prediction is of all seeds only if no seed is left out.
        seed: of the draws.
    """
    own = seeds.where(F.col("item_index") == item).select("user_id")
    sample = users if share >= 1 else users.where(chosen("candidate quality", seed, share, "user_id"))
    others = sample.join(own, "user_id", "left_anti").select("candidate_of", *space.columns).toArrow()
    drawn = own.orderBy(uniform("candidate quality", seed, "user_id"), "user_id").limit(max_seeds)
    known = users.join(drawn, "user_id", "left_semi").select(*space.columns).toArrow()
    listed = column(others, "candidate_of")
    candidate = np.zeros(others.num_rows, dtype=bool)
    found = pc.list_parent_indices(listed).filter(pc.equal(pc.list_flatten(listed), pa.scalar(item, pa.int32())))
    candidate[found.to_numpy(zero_copy_only=False)] = True
    return candidate_quality(
        space.matrix(others), space.matrix(known), candidate, threshold, settings.bands, settings.rows
    )

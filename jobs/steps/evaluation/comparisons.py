"""The figures of one system on one cell of the comparison."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.ranking import LeftOut, rank_users
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.evaluation.all_users import areas, sampled_places
from jobs.steps.evaluation.comparison_pairs import Cell
from jobs.steps.systems.contract import System, Task
from ralm.dates import DateName
from ralm.evaluation.first_figure import AMONG_ALL, AMONG_SHOWN, recall_shares
from ralm.evaluation.frame_metrics import impression_item_metrics, ranking_depth, ranking_metrics
from ralm.runs.step import RunningStep
from ralm.training.checkpoints import model_folder
from udfs.score import score_pairs


def cell_values(found: System, cell: Cell, step: RunningStep, date: DateName) -> pd.DataFrame:
    """(protocol, item_id, segment, metric, value) of one system and cell: items x metrics rows.

    Items unknown to the system (`Prepared.unknown`) have no rows.

    Args:
        found: the system.
        cell: what it is judged on, in memory.
        step: the running step.
        date: users are described as of this date.
    """
    config = step.context.config
    folder = step.context.models("work", f"compare-{step.version}")
    prepared = found.prepare(Task(step, date, cell.items, cell.seeds, folder))
    users = prepared.users.persist()
    scored = Scored(users, users.count(), cell.items, prepared.state, folder, config.user_id_type, config.scoring.block)
    ids, sample = scored.sample_users(config.comparison.sample, config.seed)
    shares = recall_shares(config)
    depth = ranking_depth(scored.users, fractions=shares)
    ranking = rank_users(scored, sample, dict.fromkeys(cell.items, depth), LeftOut.of(cell.seed_half))
    ranked = ranking.best.withColumn("system", F.lit(found.name))
    held_out = cell.held_out.select("item_id", "user_id", "weak")
    by_rank = ranking_metrics(ranked, held_out, scored.users, fractions=shares)
    parts = [by_rank.select("item_id", "segment", "metric", "value").toPandas()]
    most = config.comparison.sample
    if cell.shown is None:
        parts.append(_against_all(scored, cell, ids, sample, most, AMONG_SHOWN))
    else:
        parts.append(_areas_of_shown(scored, cell, cell.shown, most))
        parts.append(_against_all(scored, cell, ids, sample, most, AMONG_ALL))
    users.unpersist()
    shutil.rmtree(model_folder(folder), ignore_errors=True)
    values = pd.concat(parts, ignore_index=True)
    return values[~values["item_id"].isin(prepared.unknown)].assign(protocol=cell.protocol)


def pair_scores(scored: Scored, pairs: DataFrame) -> DataFrame:
    """The pairs with their `score`; a user who cannot be scored ranks below all who can."""
    udf = score_pairs(scored.bundle("pairs"), {"item_index": "int", "user_id": scored.user_id_type})
    scores = pairs.select("item_index", "user_id").join(scored.targets, "user_id").mapInArrow(*udf)
    found = pairs.join(scores, ["item_index", "user_id"], "left")
    return found.withColumn("score", F.coalesce("score", F.lit(float("-inf"))))


def _against_all(
    scored: Scored, cell: Cell, ids: NDArray[Any], sample: NDArray[np.float64], most: int, metric: str
) -> pd.DataFrame:
    """The AUC of the held-out users, and of the weak and strong ones, against all sampled users.

    The driver gets the scores of at most `most` held-out users per item, by hash, and the sampled users' own items.
    """
    drawn = cell.held_out.where(F.col("position") <= most)
    every = pair_scores(scored, drawn).select("item_index", "weak", "score").toPandas()
    return areas(cell.items, every, sample, _known(cell, ids, sample), metric)


def _areas_of_shown(scored: Scored, cell: Cell, shown: DataFrame, most: int) -> pd.DataFrame:
    """item_auc of the clickers against those who did not click, at most `most` of each per item; also per segment."""
    labelled = cell.held_out.withColumn("label", F.lit(1)).unionByName(shown.withColumn("label", F.lit(0)))
    pairs = pair_scores(scored, labelled.where(F.col("position") <= most))
    areas = impression_item_metrics(pairs.withColumn("system", F.lit("")))
    return areas.select("item_id", "segment", "metric", "value").toPandas()


def _known(cell: Cell, ids: NDArray[Any], sample: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(users, items) whether a sampled user belongs to the item (clicked it)."""
    own = cell.held_out.select("item_index", "user_id").unionByName(cell.seed_half.select("item_index", "user_id"))
    found = sampled_places(own, ids)
    known = np.zeros(sample.shape, dtype=bool)
    known[found["place"], found["item_index"]] = True
    return known

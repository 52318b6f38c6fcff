"""The judge: the figures of one system on one cell, for `evaluate` and `compare` alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.ranking import LeftOut, rank_users
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.evaluation.all_users import against_all
from jobs.steps.evaluation.comparison_pairs import Cell
from jobs.steps.systems.contract import System, Task
from ralm.baselines.user_value import UserValue
from ralm.dates import DateName
from ralm.evaluation.first_figure import AMONG_ALL, AMONG_SHOWN, recall_shares
from ralm.evaluation.frame_metrics import impression_item_metrics, ranking_depth, ranking_metrics
from ralm.features.hashing import chosen
from ralm.runs.step import RunningStep
from udfs.score import score_pairs

COLUMNS = ("item_id", "segment", "metric", "value")


@dataclass(frozen=True)
class Judgement:
    """The figures of one system on one cell.

    Attributes:
        values: (item_id, segment, metric, value): items x metrics rows, none of items that the system does not know.
        pairs: (item_id, label, weak, score) of the cell's drawn users and the same items; they lie in the folder.
        candidates: how many users were ranked.
    """

    values: pd.DataFrame
    pairs: DataFrame
    candidates: int


def judge(found: System, cell: Cell, step: RunningStep, date: DateName, folder: str) -> Judgement:
    """Rank all users for the cell's items by a system, and compare the held-out users with others.

    Args:
        found: the system.
        cell: what it is judged on, in memory.
        step: the running step.
        date: users are described as of this date.
        folder: for files; the caller removes it.
    """
    config = step.context.config
    task = Task(step, date, cell.items, cell.seeds, folder, cell.clusters)
    prepared = found.prepare(task)
    users = prepared.users if prepared.scan else prepared.users.persist()
    scored = Scored.of(task, prepared, users)
    pairs = task.kept("judged pairs", _drawn_pairs(scored, cell))
    ids, sample = scored.sample_users(cell.sample, config.seed)
    candidates = _candidates(scored, cell, config.seed)
    cut_sample = sample if candidates is scored else candidates.sample(cell.sample, config.seed)
    shares = recall_shares(config)
    best = _best(candidates, cell, cut_sample, ranking_depth(candidates.users, fractions=shares))
    held_out = cell.held_out.select("item_id", "user_id", "weak")
    named = best.withColumn("system", F.lit(found.name))
    parts = [ranking_metrics(named, held_out, candidates.users, fractions=shares).select(*COLUMNS).toPandas()]
    if cell.shown is not None:
        labelled = pairs.withColumn("system", F.lit(found.name))
        parts.append(impression_item_metrics(labelled, cell.min_labels).select(*COLUMNS).toPandas())
    every = pairs.where(F.col("label") == 1).select("item_index", "weak", "score").toPandas()
    parts.append(against_all(cell, every, ids, sample, AMONG_SHOWN if cell.shown is None else AMONG_ALL))
    users.unpersist()
    values, known = pd.concat(parts, ignore_index=True), ~F.col("item_id").isin(list(prepared.unknown))
    return Judgement(values[~values["item_id"].isin(prepared.unknown)], pairs.where(known), candidates.users)


def judged_values(found: System, cell: Cell, step: RunningStep, date: DateName, folder: str) -> pd.DataFrame:
    """The `values` of `judge`, which has the same arguments."""
    return judge(found, cell, step, date, folder).values


def _drawn_pairs(scored: Scored, cell: Cell) -> DataFrame:
    """(item_id, item_index, weak, label, score) of the cell's drawn users."""
    return pair_scores(scored, labelled_pairs(cell).where("drawn")).drop("user_id")


def labelled_pairs(cell: Cell) -> DataFrame:
    """The held-out users of the cell's items with `label` 1, and those shown the item, if it has any, with 0."""
    pairs = cell.held_out.withColumn("label", F.lit(1))
    return pairs if cell.shown is None else pairs.unionByName(cell.shown.withColumn("label", F.lit(0)))


def pair_scores(scored: Scored, pairs: DataFrame) -> DataFrame:
    """The pairs (item_id, item_index, user_id, weak, label) with their `score`.

    A user who cannot be scored ranks below all who can.
    """
    udf = score_pairs(scored.bundle("pairs"), {"item_index": "int", "user_id": scored.user_id_type})
    scores = pairs.select("item_index", "user_id").join(scored.targets, "user_id").mapInArrow(*udf)
    found = pairs.join(scores, ["item_index", "user_id"], "left")
    score = F.coalesce("score", F.lit(float("-inf"))).alias("score")
    return found.select("item_id", "item_index", "user_id", "weak", "label", score)


def _candidates(scored: Scored, cell: Cell, seed: int) -> Scored:
    """About `max_users` users at most, by hash, besides every held-out user."""
    if cell.max_users is None or scored.users <= cell.max_users:
        return scored
    held_out = cell.held_out.select("user_id").distinct().withColumn("held_out", F.lit(True))
    flagged = scored.targets.join(held_out, "user_id", "left")
    drawn = chosen("evaluation user", seed, cell.max_users / scored.users, "user_id")
    kept = flagged.where(drawn | F.coalesce("held_out", F.lit(False))).drop("held_out")
    return replace(scored, targets=kept, users=kept.count())


def _best(scored: Scored, cell: Cell, sample: NDArray[np.float64], depth: int) -> DataFrame:
    """(item_id, user_id, score) of the best `depth` candidates of each item."""
    left_out = LeftOut.of(cell.seed_half)
    if scored.state.scorer is not UserValue:
        return rank_users(scored, sample, dict.fromkeys(cell.items, depth), left_out).best
    # Every item has the same order of users, with many ties: its head is found once, before the join with items.
    longest = depth + max(left_out.counts.values(), default=0)
    head = scored.targets.select("user_id", F.col("value").alias("score"))
    head = head.orderBy(F.desc("score"), "user_id").limit(longest)
    items = scored.spark.createDataFrame([(item,) for item in cell.items], "item_id string")
    return head.crossJoin(F.broadcast(items)).join(left_out.pairs, ["item_id", "user_id"], "left_anti")

"""The figures of one system on the users whom a cell's items were shown to, as published tables have them."""

from __future__ import annotations

import pandas as pd
from pyspark.sql import functions as F

from jobs.steps.audiences.scored_users import Scored
from jobs.steps.evaluation.comparison_pairs import Cell, persisted
from jobs.steps.evaluation.comparisons import judged_values, pair_scores
from jobs.steps.systems.contract import System, Task
from ralm.dates import DateName
from ralm.evaluation.frame_metrics import impression_item_metrics, pooled_auc, shown_top_metrics
from ralm.runs.step import RunningStep

# Stands for the item in the rows of a figure over all pairs together.
ALL_ITEMS = "(all)"


def shown_values(found: System, cell: Cell, step: RunningStep, date: DateName, folder: str) -> pd.DataFrame:
    """(item_id, segment, metric, value) of one system and cell: every judged pair is scored, no one else.

    Per item the AUC, and precision and recall in the top 5 %; the AUC over all pairs together in one row of the item
    `ALL_ITEMS`. Items unknown to the system are left out of all of them. A cell without non-clicks is judged against
    all users, as in `judge`.

    Args:
        found: the system.
        cell: what it is judged on, in memory.
        step: the running step.
        date: users are described as of this date.
        folder: for files; the caller removes it.
    """
    if cell.shown is None:
        return judged_values(found, cell, step, date, folder)
    config = step.context.config
    prepared = found.prepare(Task(step, date, cell.items, cell.seeds, folder))
    with persisted(prepared.users) as users:
        block = config.scoring.block
        scored = Scored(users, users.count(), cell.items, prepared.state, folder, config.user_id_type, block)
        labelled = cell.held_out.withColumn("label", F.lit(1)).unionByName(cell.shown.withColumn("label", F.lit(0)))
        known = labelled.where(~F.col("item_id").isin(list(prepared.unknown))) if prepared.unknown else labelled
        with persisted(pair_scores(scored, known).withColumn("system", F.lit(found.name))) as pairs:
            frames = (
                impression_item_metrics(pairs),
                shown_top_metrics(pairs),
                pooled_auc(pairs).where("value IS NOT NULL").withColumn("item_id", F.lit(ALL_ITEMS)),
            )
            parts = [frame.select("item_id", "segment", "metric", "value").toPandas() for frame in frames]
    return pd.concat(parts, ignore_index=True)

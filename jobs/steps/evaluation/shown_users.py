"""The figures of one system on the users whom a cell's items were shown to, as published tables have them."""

from __future__ import annotations

import pandas as pd
from pyspark.sql import functions as F

from jobs.steps.audiences.scored_users import Scored
from jobs.steps.evaluation.comparison_pairs import Cell, persisted
from jobs.steps.evaluation.comparisons import judged_values, labelled_pairs, pair_scores
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
    task = Task(step, date, cell.items, cell.seeds, folder, cell.clusters)
    prepared = found.prepare(task)
    with persisted(prepared.users) as users:
        known = labelled_pairs(cell).where(~F.col("item_id").isin(list(prepared.unknown)))
        scored = pair_scores(Scored.of(task, prepared, users), known)
        with persisted(scored.withColumn("system", F.lit(found.name))) as pairs:
            frames = (
                impression_item_metrics(pairs),
                shown_top_metrics(pairs),
                pooled_auc(pairs).where("value IS NOT NULL").withColumn("item_id", F.lit(ALL_ITEMS)),
            )
            parts = [frame.select("item_id", "segment", "metric", "value").toPandas() for frame in frames]
    return pd.concat(parts, ignore_index=True)

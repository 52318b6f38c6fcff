"""Systems that ignore the seeds: popularity (everyone alike) and user activity (the most active first)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import functions as F

from jobs.steps.seeds.item_seeds import PURPOSES
from jobs.steps.seeds.item_seeds import step_name as seeds_step
from jobs.steps.sources.known_events import known_events
from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from jobs.steps.systems.inputs import after_fields, field_users
from ralm.baselines.user_value import UserValue
from ralm.dates import DateName
from ralm.runs.context import Context
from ralm.scoring.contract import ScorerState

PURPOSE = {date: purpose for purpose, date in PURPOSES.items()}


def _popularity(task: Task) -> Prepared:
    users = field_users(task).select("user_id", F.lit(0.0).alias("value"))
    known = task.step.at("item_seeds", as_of=task.as_of, purpose=PURPOSE[task.date])
    rows = known.where(F.col("item_id").isin(list(task.items))).select("item_id", "clickers").collect()
    clickers = {row["item_id"]: row["clickers"] for row in rows}
    return Prepared(users, _state(np.array([float(clickers.get(item, 0)) for item in task.items])))


def _after_seeds(context: Context, date: DateName) -> tuple[Dependency, ...]:
    return (*after_fields(context, date), (seeds_step(PURPOSE[date]), date))


def _activity(task: Task) -> Prepared:
    until = F.lit(task.as_of)
    counts = (
        known_events(task.step)
        .where(F.col("event_time") < until)
        .groupBy("user_id")
        .agg(F.count("*").cast("double").alias("value"))
    )
    users = field_users(task).select("user_id").join(counts, "user_id", "left").na.fill(0.0, ["value"])
    return Prepared(users, _state(np.zeros(len(task.items))))


def _state(item_values: NDArray[np.float64]) -> ScorerState:
    return ScorerState(UserValue, {"item_values": item_values})


POPULARITY = System("popularity", _popularity, ("user_fields", "item_seeds"), _after_seeds, from_seeds=False)
ACTIVITY = System("user_activity", _activity, ("user_fields", "events"), after_fields, from_seeds=False)

"""Systems that ignore the seeds: popularity (everyone alike) and user activity (the most active first)."""

from __future__ import annotations

import numpy as np
from pyspark.sql import functions as F

from jobs.steps.sources.known_events import known_events
from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.inputs import after_fields, field_users
from ralm.baselines.user_value import UserValue
from ralm.scoring.contract import ScorerState


def _popularity(task: Task) -> Prepared:
    users = field_users(task).select("user_id", F.lit(0.0).alias("value"))
    return Prepared(users, _state(task))


def _activity(task: Task) -> Prepared:
    until = F.lit(task.context.dates[task.date])
    counts = (
        known_events(task.step)
        .where(F.col("event_time") < until)
        .groupBy("user_id")
        .agg(F.count("*").cast("double").alias("value"))
    )
    users = field_users(task).select("user_id").join(counts, "user_id", "left").na.fill(0.0, ["value"])
    return Prepared(users, _state(task))


def _state(task: Task) -> ScorerState:
    return ScorerState(UserValue, {"items": np.array(len(task.items))})


POPULARITY = System("popularity", _popularity, ("user_fields",), after_fields, from_seeds=False)
ACTIVITY = System("user_activity", _activity, ("user_fields", "events"), after_fields, from_seeds=False)

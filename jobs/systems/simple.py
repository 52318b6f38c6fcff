"""What needs no seeds: popularity (everyone alike) and user activity (the most active first). No job itself."""

from __future__ import annotations

import numpy as np
from pyspark.sql import functions as F

from jobs.build_vocabularies import known_events, source
from jobs.systems.contract import Dependency, Prepared, System, Task
from jobs.systems.inputs import field_users
from ralm.baselines.constant import UserValue
from ralm.dates import DateName
from ralm.runs import Context
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


def _after(context: Context, date: DateName) -> tuple[Dependency, ...]:
    return (source(context), ("build_user_fields", date))


POPULARITY = System("popularity", _popularity, ("user_fields",), _after)
ACTIVITY = System("user_activity", _activity, ("user_fields", "events"), _after)

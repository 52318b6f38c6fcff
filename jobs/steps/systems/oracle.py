"""The oracle of the built-in world: a system that knows what the clicks are drawn from. Only `evaluate` asks it."""

from __future__ import annotations

from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.systems.inputs import after_fields, field_users
from ralm.baselines.oracle import Oracle, oracle_state
from ralm.config import Config
from ralm.simulation.oracle import item_truth, user_truth

NAME = "oracle"


def _prepare(task: Task) -> Prepared:
    world, seed, spark = task.config.simulate, task.config.seed, task.context.spark
    assert world is not None
    users = user_truth(field_users(task).select("user_id"), world, seed).select("user_id", *Oracle.columns)
    named = spark.createDataFrame(list(enumerate(task.items)), "item_index int, item_id string")
    items = item_truth(named, world, seed).toPandas().sort_values("item_index")  # the task's items
    return Prepared(users, oracle_state(items, world.topics))


def oracle_systems(config: Config) -> list[System]:
    """`oracle`, if the world is the built-in one."""
    if config.simulate is None:
        return []
    return [System(NAME, _prepare, ("user_fields",), after_fields, from_seeds=False)]

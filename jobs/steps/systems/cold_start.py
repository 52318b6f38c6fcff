"""The linear model that spreads items with few seeds: the item's categories, crossed with the user."""

from __future__ import annotations

from pyspark.sql import functions as F

from jobs.steps.lookalike import cold_start_model
from jobs.steps.lookalike.target_embeddings import step_name as targets_step
from jobs.steps.lookalike.variants import lookalike_version
from jobs.steps.systems.contract import Dependency, Prepared, System, Task
from ralm.config import Config
from ralm.config.names import COLD_START
from ralm.dates import DateName
from ralm.errors import DataError
from ralm.runs.context import Context


def _prepare(task: Task) -> Prepared:
    context = task.context
    model = cold_start_model.current_model(context)
    named = task.step.read("items").where(F.col("item_id").isin(list(task.items))).select("item_id", "categories")
    found = {row["item_id"]: row["categories"] or [] for row in named.collect()}  # at most the task's items
    known = set(model.categories)
    about = [[name for name in found.get(item, []) if name in known] for item in task.items]
    version = task.model or lookalike_version(context, cold_start_model.VARIANT)
    targets = task.step.at("target_embeddings", as_of=task.as_of, model_version=version)
    unknown = [item for item, names in zip(task.items, about, strict=True) if not names]
    if len(unknown) == len(task.items) and task.clusters is None:
        raise DataError(f"cold_start: no item has a category that the model knows; looked at {task.items[:3]}")
    return Prepared(targets.select("user_id", "embedding"), model.state(about), unknown=unknown, scan=True)


def _after(context: Context, date: DateName) -> tuple[Dependency, ...]:
    return ((targets_step(cold_start_model.VARIANT), date), (cold_start_model.STEP, "a1"))


def cold_start_systems(config: Config) -> list[System]:
    """`cold_start`, which ignores the seeds; only if the configuration has the section."""
    if config.cold_start is None:
        return []
    inputs = ("items", "target_embeddings")
    return [System(COLD_START, _prepare, inputs, _after, ("cold_start",), from_seeds=False)]

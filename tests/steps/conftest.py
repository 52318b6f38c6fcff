"""The toy world with embeddings and a look-alike model, built once for all systems."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.steps.lookalike import cold_start_model, lookalike_samples, target_embeddings
from jobs.steps.lookalike import training as lookalike_training
from jobs.steps.seeds import item_seeds
from jobs.steps.sources import ingested_logs
from jobs.steps.systems.contract import Prepared, System, Task
from jobs.steps.user_model import als_factors, user_embeddings, user_samples
from jobs.steps.user_model import training as user_model_training
from jobs.steps.users import histories, user_fields, vocabularies
from ralm.config import Config
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from ralm.runs.step import RunningStep, Step
from tests.built_once import built_once
from tests.steps.toy import group_of, toy_config, users, write_toy

PREPARED = (
    ingested_logs,
    vocabularies,
    histories,
    user_fields,
    user_samples,
    user_model_training,
    user_embeddings,
    als_factors,
    item_seeds,
    lookalike_samples,
    lookalike_training,
    cold_start_model,
    target_embeddings,
)


@pytest.fixture(scope="module")
def toy(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A context whose warehouse holds everything that any system reads; a copy for each file of tests."""

    def build(folder: Path) -> None:
        context = Context(spark, write_toy(folder), say=lambda line: None)
        run_steps(context, [step for stage in PREPARED for step in stage.steps(context)])

    folder = tmp_path_factory.mktemp("toy") / "world"
    shutil.copytree(built_once(tmp_path_factory, "toy_world", build), folder)
    return Context(spark, toy_config(folder), say=lambda line: None)


def with_settings(toy: Context, *, force: bool = False, **sections: dict[str, Any]) -> tuple[Context, list[str]]:
    """The toy world with other keys in some sections, and the lines that its steps say."""
    content, lines = toy.config.model_dump(mode="json"), list[str]()
    for name, keys in sections.items():
        content[name] |= keys
    return Context(toy.spark, Config.model_validate(content), force=force, say=lines.append), lines


Asked = dict[str, list[str]]


def seeds_of(group: int, count: int) -> list[str]:
    """The first users of a group."""
    return [user for user in users() if group_of(user) == group][:count]


@pytest.fixture(scope="module")
def prepare(toy: Context, tmp_path_factory: pytest.TempPathFactory) -> Callable[[System, Asked], Prepared]:
    """Prepares a system for items given as item -> seed users, as of A2, inside a real step; each question once."""
    known: dict[str, Prepared] = {}

    def run(system: System, asked: Asked) -> Prepared:
        question = f"{system.name} {asked}"
        if question not in known:
            rows = [(item, at, user) for at, (item, seeds) in enumerate(asked.items()) for user in seeds]
            seeds = toy.spark.createDataFrame(rows, "item_id string, item_index int, user_id string").persist()
            folder = str(tmp_path_factory.mktemp("work"))

            def action(step: RunningStep) -> None:
                known[question] = system.prepare(Task(step, "a2", list(asked), seeds, folder))

            step = Step(f"test[{system.name}]", action, inputs=system.inputs, as_of="a2")
            run_steps(Context(toy.spark, toy.config, force=True, say=lambda line: None), [step])
        return known[question]

    return run


def scores(prepared: Prepared, batches: int = 1) -> dict[str, list[float]]:
    """user -> score per item, with the scorer as a worker would have it."""
    table = prepared.users.orderBy(F.col("user_id")).toArrow().combine_chunks()
    scorer = prepared.state.build()
    size = -(-table.num_rows // batches)
    found: dict[str, list[float]] = {}
    for start in range(0, table.num_rows, size):
        part = table.slice(start, size)
        for user, row in zip(part.column("user_id").to_pylist(), scorer.score_batch(part).tolist(), strict=True):
            found[user] = row
    return found

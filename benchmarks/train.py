"""Both trainings, next to the same loop on tensors in memory, and on two processes next to one."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.harness import Benchmark, Contest
from benchmarks.samples import random_positives
from benchmarks.user_tables import FIELDS, ITEMS, user_fields
from benchmarks.work import cores, saved, workspace
from jobs.steps.user_model.user_samples import build_user_samples
from ralm.config import Lookalike, Training, UserModel, UserSamples
from ralm.field_specs import UserFields
from ralm.training.distributed import launch
from ralm.training.loaders import loader_class
from ralm.training.lookalike import LookalikeObjective, train_lookalike
from ralm.training.objective import Objective
from ralm.training.ranks import Rank
from ralm.training.specs import LookalikeTrainingSpec, UserTrainingSpec
from ralm.training.user import UserObjective, train_user_model

ROWS, FILES, BATCH = 200_000, 16, 1_024
LARGE = 1_000_000  # a vocabulary ten times as large
WIDTH, TRAINED_ITEMS, CLUSTERS = 64, 1_000, 20
SAMPLES = UserSamples()

Spec = UserTrainingSpec | LookalikeTrainingSpec
Job = Callable[[Spec], Mapping[str, Any]]


@contextmanager
def train(size: int | None) -> Iterator[Benchmark]:
    """An epoch of 200,000 rows (or `size`) of each training set, batches of 1,024, 100,000 items, and one of 10^6.

    References: `memory`, the same steps on tensors that lie in memory; `one_process` for two of them under
    TorchDistributor. The time counts from the first batch to the published model.
    """
    rows = size or ROWS
    with workspace("train") as (spark, folder):
        users = user_files(spark, rows, folder)
        pairs = lookalike_files(spark, rows, folder)
        centroids = random_centroids(folder)
        specs: dict[str, tuple[Spec, Job, type[Objective]]] = {
            "user": (user_spec(users, folder, ITEMS), train_user_model, UserObjective),  # type: ignore[dict-item]
            "lookalike": (lookalike_spec(pairs, folder, *centroids), train_lookalike, LookalikeObjective),  # type: ignore[dict-item]
            "user_1m": (user_spec(users, folder, LARGE), train_user_model, UserObjective),  # type: ignore[dict-item]
        }
        contests = [
            Contest(label, alone(spec, job), {"memory": in_memory(spec, objective)}, rows, own_clock=True)
            for label, (spec, job, objective) in specs.items()
        ]
        if cores() > 1:
            contests += [
                Contest(
                    f"{label}_2p",
                    launched(spark, spec, job, 2),
                    {"one_process": launched(spark, spec, job, 1)},
                    rows,
                    own_clock=True,
                )
                for label, (spec, job, _) in list(specs.items())[:2]
            ]
        yield Benchmark("train", "rows/s", contests)


def alone(spec: Spec, job: Job) -> Callable[[], float]:
    """Train in this process; returns the seconds."""

    def run() -> float:
        shutil.rmtree(spec.output, ignore_errors=True)
        return float(job(spec)["seconds"])

    return run


def launched(spark: SparkSession, spec: Spec, job: Job, processes: int) -> Callable[[], float]:
    """Train under TorchDistributor; returns the seconds, without the start of the processes.

    Give each process one core: a single process would otherwise use both.
    """
    training = spec.training.model_copy(update={"processes": processes})
    asked = spec.model_copy(update={"training": training})

    def run() -> float:
        shutil.rmtree(spec.output, ignore_errors=True)
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(allowed)[:processes])
        try:
            return float(launch(spark, job, asked, training)["seconds"])  # type: ignore[arg-type]
        finally:
            os.sched_setaffinity(0, allowed)

    return run


def in_memory(spec: Spec, objective: Callable[[Any, Rank], Objective]) -> Callable[[], float]:
    """The same steps on tensors in memory: their seconds, without the reading."""

    def run() -> float:
        with loader_class("pyarrow")(
            list(spec.train_files), spec.columns, batch_size=BATCH, rank=0, world=1, seed=1, epochs=1
        ) as loader:
            batches = list(loader)
        torch.manual_seed(1)
        trained = objective(spec, Rank(0, 1, torch.device("cpu")))
        trained.model.train()
        started = time.perf_counter()
        for arrays in batches:
            loss = trained.loss(trained.model, trained.prepare(arrays))
            for optimizer in trained.optimizers:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            trained.step()
        return time.perf_counter() - started

    return run


def user_spec(files: list[str], folder: str, items: int) -> UserTrainingSpec:
    """A user model of `items` items; the samples know the first `ITEMS` of them."""
    histories = [h.model_copy(update={"size": items + 2}) if h.size > ITEMS else h for h in FIELDS.histories]
    return UserTrainingSpec(
        train_files=files,
        training=training(),
        output=f"{folder}/model",
        fields=UserFields(histories=histories, categories=FIELDS.categories, numerics=FIELDS.numerics),
        item_count=items + 1,
        representation="reading",
        model=UserModel(representations=["reading"]),
        positives_per_row=SAMPLES.positives_per_row,
        negatives=SAMPLES.negatives,
    )


def lookalike_spec(files: list[str], folder: str, centroids: str, sizes: str) -> LookalikeTrainingSpec:
    """A look-alike model of the default settings."""
    return LookalikeTrainingSpec(
        train_files=files,
        training=training(),
        output=f"{folder}/model",
        centroids=centroids,
        sizes=sizes,
        input_dim=WIDTH,
        model=Lookalike(clusters=CLUSTERS),
    )


def training() -> Training:
    """The settings: one epoch in one process."""
    return Training(processes=1, batch_size=BATCH, epochs=1)


def user_files(spark: SparkSession, rows: int, folder: str) -> list[str]:
    """Samples of as many users, with ten positives and a hundred negatives each."""
    fields = saved(user_fields(spark, rows), f"{folder}/fields")
    built = build_user_samples(fields, random_positives(spark, rows), ITEMS, SAMPLES, 1)
    return files_of(built.repartition(FILES), f"{folder}/users")


def lookalike_files(spark: SparkSession, rows: int, folder: str) -> list[str]:
    """Labelled pairs of random users with random items."""
    place = F.sequence(F.lit(1), F.lit(WIDTH))
    values = F.transform(place, lambda p: (F.pmod(F.xxhash64("id", p), F.lit(1000)) / 1000 - 0.5).cast("float"))
    label = (F.pmod(F.xxhash64(F.lit("label"), "id"), F.lit(4)) == 0).cast("float")
    item = F.pmod(F.xxhash64(F.lit("item"), "id"), F.lit(TRAINED_ITEMS)).cast("int")
    pairs = spark.range(rows).select(values.alias("embedding"), item.alias("item_index"), label.alias("label"))
    return files_of(pairs.repartition(FILES), f"{folder}/pairs")


def files_of(frame: DataFrame, path: str) -> list[str]:
    """Write Parquet; returns its files."""
    frame.write.mode("overwrite").parquet(path)
    return sorted(str(found) for found in Path(path).glob("*.parquet"))


def random_centroids(folder: str) -> tuple[str, str]:
    """Write centroids (items, k, d) and their sizes; returns the files."""
    random = np.random.default_rng(1)
    centroids, sizes = f"{folder}/centroids.npy", f"{folder}/sizes.npy"
    np.save(centroids, random.normal(size=(TRAINED_ITEMS, CLUSTERS, WIDTH)).astype(np.float32))
    np.save(sizes, random.integers(1, 500, (TRAINED_ITEMS, CLUSTERS)).astype(np.int32))
    return centroids, sizes

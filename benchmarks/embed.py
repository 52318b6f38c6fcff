"""User embeddings from Delta to Delta, next to the forward pass on tensors in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness import Benchmark, Contest
from benchmarks.user_tables import FIELDS, ITEMS, user_fields
from benchmarks.work import cores, saved, workspace
from jobs.steps.users.file_scan import map_files
from ralm.config import Training, UserModel
from ralm.models import user_model
from ralm.scoring.kmeans import single_thread
from ralm.training.checkpoints import publish, save_checkpoint
from ralm.training.specs import UserTrainingSpec
from udfs.embed import FORWARD_ROWS, embed_users

USERS, MEMORY_USERS = 2_000_000, 8 * FORWARD_ROWS
MODEL = UserModel(representations=["reading"], field_dim=32, user_dim=32)


@contextmanager
def embed(size: int | None) -> Iterator[Benchmark]:
    """2 million users (or `size`) with four histories, three categories and two numbers, attention merge.

    Reference: `memory`, the forward pass on tensors in memory on one core, times the cores.
    """
    users = size or USERS
    with workspace("embed") as (spark, folder):
        model = save_model(f"{folder}/model")
        fields = saved(user_fields(spark, users), f"{folder}/fields")
        udf = embed_users([f"{folder}/model"], FIELDS, "bigint")
        tensors = random_tensors(MEMORY_USERS)

        def in_memory() -> None:
            with single_thread(), torch.inference_mode():
                for start in range(0, MEMORY_USERS, FORWARD_ROWS):
                    model.encode({name: values[start : start + FORWARD_ROWS] for name, values in tensors.items()})

        yield Benchmark(
            "embed",
            "users/s",
            [
                Contest(
                    "",
                    lambda: saved(map_files(fields, ["user_id", *FIELDS.columns], udf), f"{folder}/embeddings"),
                    {"memory": in_memory},
                    users,
                    {"memory": MEMORY_USERS},
                    {"memory": cores()},
                )
            ],
        )


def save_model(folder: str) -> user_model.UserModel:
    """A finished model with random weights in a folder."""
    torch.manual_seed(1)
    spec = UserTrainingSpec(
        train_files=[],
        training=Training(),
        output=folder,
        fields=FIELDS,
        item_count=ITEMS + 1,
        representation="reading",
        model=MODEL,
        positives_per_row=1,
        negatives=1,
    )
    model = user_model.UserModel(FIELDS, MODEL, spec.merge, spec.item_count).eval()
    publish(folder, save_checkpoint(folder, spec.digest, 1, model.state_dict(), [], {}), spec.model_dump(mode="json"))
    return model


def random_tensors(users: int) -> dict[str, Tensor]:
    """Fields of users as the model reads them, filled like `user_fields`."""
    random = np.random.default_rng(1)

    def log_uniform(size: int, *shape: int) -> np.ndarray:
        return np.minimum((size + 1.0) ** random.random(shape), size).astype(np.int64)

    tensors = {}
    for history in FIELDS.histories:
        values = log_uniform(history.size - 1, users, history.length)
        values[:, history.length // 2 :] = 0
        tensors[history.column] = torch.from_numpy(values)
    for category in FIELDS.categories:
        tensors[category.column] = torch.from_numpy(log_uniform(category.size - 1, users))
    numbers = random.normal(size=(users, len(FIELDS.numerics))).astype(np.float32)
    return tensors | {"numeric": torch.from_numpy(numbers)}

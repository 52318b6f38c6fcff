"""Small Parquet files in the layout of `user_samples` and `lookalike_samples`, with something to learn in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ralm.config import Lookalike, Training
from ralm.config import UserModel as UserModelConfig
from ralm.field_specs import CategorySpec, HistorySpec, UserFields
from ralm.training.specs import LookalikeTrainingSpec, UserTrainingSpec
from tests.models.multimodal import make_world

TOPICS = 6
ITEMS_PER_TOPIC = 5
ITEMS = TOPICS * ITEMS_PER_TOPIC
FIELDS = UserFields(
    histories=[
        HistorySpec(domain="reading", length=4, size=ITEMS + 1),
        HistorySpec(domain="shopping", length=3, size=20),
    ],
    categories=[CategorySpec(name="city", size=4)],
    numerics=["age"],
)
POSITIVES, NEGATIVES = 3, 4


def write_files(folder: Path, columns: dict[str, np.ndarray], files: int) -> list[str]:
    """Rows spread evenly over Parquet files."""
    folder.mkdir(parents=True)
    paths = []
    for number, rows in enumerate(np.array_split(np.arange(len(next(iter(columns.values())))), files)):
        arrays = {
            name: pa.array(list(values[rows]) if values.ndim > 1 else values[rows]) for name, values in columns.items()
        }
        path = folder / f"part-{number}.parquet"
        pq.write_table(pa.table(arrays), path)
        paths.append(f"file:{path}")
    return paths


def user_rows(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Users of one topic each: they read, and will read, items of that topic."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(TOPICS, size=rows)

    def items(width: int, own: bool) -> np.ndarray:
        chosen = topic[:, None] if own else rng.integers(TOPICS, size=(rows, width))
        return (chosen * ITEMS_PER_TOPIC + rng.integers(ITEMS_PER_TOPIC, size=(rows, width)) + 1).astype(np.int32)

    return {
        "user_key": np.arange(rows, dtype=np.int64),
        "history_reading": items(4, own=True),
        "history_shopping": rng.integers(0, 20, size=(rows, 3)).astype(np.int32),
        "category_city": rng.integers(0, 4, size=rows).astype(np.int32),
        "numeric": rng.normal(size=(rows, 1)).astype(np.float32),
        "positives": items(POSITIVES, own=True),
        "negatives": items(POSITIVES * NEGATIVES, own=False),
    }


def user_spec(folder: Path, *, rows: int = 400, **training: Any) -> UserTrainingSpec:
    """A user training over files that are written into the folder."""
    training = {"processes": 1, "batch_size": 50, "epochs": 3, "learning_rate": 0.02, "loader": "pyarrow"} | training
    return UserTrainingSpec(
        train_files=write_files(folder / "train", user_rows(rows, 1), 4),
        validation_files=write_files(folder / "validation", user_rows(200, 2), 1),
        training=Training(**training),
        output=str(folder / "model"),
        seed=7,
        version="v1",
        fields=FIELDS,
        item_count=ITEMS + 1,
        representation="reading",
        model=UserModelConfig(
            representations=["reading"], field_dim=8, attention_dim=4, hidden=[16], user_dim=8, dropout=0.1
        ),
        positives_per_row=POSITIVES,
        negatives=NEGATIVES,
    )


def lookalike_spec(
    folder: Path, *, pairs: int = 6_000, more: dict[str, Any] | None = None, **training: Any
) -> LookalikeTrainingSpec:
    """A look-alike training over files that are written into the folder; `more` columns: a value for all rows."""
    training = {"processes": 1, "batch_size": 200, "epochs": 2, "learning_rate": 0.01, "loader": "pyarrow"} | training
    world = make_world(60, pairs + 2_000, seed=1, noise=0.1)
    np.save(folder / "centroids.npy", world.centroids)
    np.save(folder / "sizes.npy", world.sizes)
    columns = {"embedding": world.embedding, "item_index": world.item.astype(np.int32), "label": world.label}
    columns |= {name: np.repeat([value], pairs + 2_000, axis=0) for name, value in (more or {}).items()}
    return LookalikeTrainingSpec(
        train_files=write_files(folder / "train", {key: values[:pairs] for key, values in columns.items()}, 4),
        validation_files=write_files(folder / "validation", {key: v[pairs:] for key, v in columns.items()}, 1),
        training=Training(**training),
        output=str(folder / "model"),
        seed=7,
        centroids=str(folder / "centroids.npy"),
        sizes=str(folder / "sizes.npy"),
        input_dim=4,
        model=Lookalike(hidden_dim=16, attention_dim=8, dropout=0.05),
    )

"""Four groups of users who read and click within their group: so it is known which users an item is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ralm.config import Config

GROUPS, USERS, FEATURES, ITEMS, DAYS = 4, 60, 30, 5, 10
START = np.datetime64("2024-01-01T00:00:00")

CONFIG: dict[str, Any] = {
    "name": "toy",
    "ingest": {
        "users": {"path": "users.parquet", "columns": {"user_id": "user_id", "city": "city", "age": "age"}},
        "items": {"path": "items.parquet", "columns": {"item_id": "item_id", "categories": "about"}},
        "events": [
            {
                "path": "events.parquet",
                "columns": {"user_id": "user_id", "domain": "domain", "feature_id": "feature_id", "event_time": "at"},
            }
        ],
        "impressions": {
            "path": "impressions.parquet",
            "columns": {"user_id": "user_id", "item_id": "item_id", "shown_at": "at", "clicked": "clicked"},
        },
    },
    "dates": {"a0": "2024-01-04", "a1": "2024-01-06", "a2": "2024-01-08", "a3": "2024-01-11"},
    "fields": {
        "history": [{"domain": "reading", "length": 20}, {"domain": "shopping", "length": 10}],
        "categorical": [{"name": "city"}],
        "numeric": ["age"],
        "item_domains": ["reading"],
        "strong_domain": "reading",
    },
    # Numbers for all that otherwise follows from the data: what these tests know of the scores holds for them.
    "user_model": {
        "representations": ["reading"],
        "field_dim": 16,
        "hidden": [],
        "user_dim": 16,
        "dropout": 0.0,
        "field_dropout": 0.0,
        "residual": False,
        "stacked": [],
    },
    "user_training": {
        "processes": 1,
        "epochs": 6,
        "batch_size": 64,
        "learning_rate": 0.02,
        "decay": "none",
        "patience": None,
    },
    "baselines": {"als": {"factors": 64}},
    "lookalike": {
        "hidden_dim": 16,
        "clusters": 3,
        "rounds": 1,
        "batches_per_round": None,
        "min_seeds": 5,
        "seed_cap": 10_000,
        "seed_draws": 1,
        "dropout": 0.1,
        "negative_users": 10,
        "user_bias": False,
        "logq": False,
        "clicked_cap": 0,
    },
    "lookalike_training": {
        "processes": 1,
        "epochs": 3,
        "batch_size": 64,
        "learning_rate": 0.01,
        "decay": "none",
        "patience": None,
    },
    "cold_start": {"switch": 5, "regularisation": 0.001},
    "variants": {"ralm": {}, "ralm_concat": {"merge": "concat"}},
    "evaluation": {"new_item_share": 0.0, "min_labels": 2},
    "comparison": {"min_users": 40, "min_items": 30, "seeds": [20, 100, 500]},
    "spark": {"shuffle_partitions": 2, "conf": {"spark.sql.codegen.wholeStage": "false"}},
}


def group_of(identifier: str) -> int:
    """The group of a user (g0u01) or item (g0i1)."""
    return int(identifier[1])


def features_of(group: int) -> tuple[str, ...]:
    """How the names of a group's history features begin: what it reads, its items among that, and what it shops."""
    return (f"reading = r{group}_", f"reading = g{group}i", f"shopping = s{group}_")


def users() -> list[str]:
    """All users."""
    return [f"g{g}u{u:02}" for g in range(GROUPS) for u in range(USERS)]


def write_toy(folder: Path, seed: int = 0) -> Config:
    """Write the logs and give their configuration: nine in ten acts and clicks are within the group."""
    rng, again = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    events, shown, people = [], [], []
    for user in users():
        own = group_of(user)
        people.append({"user_id": user, "city": f"city{own if rng.random() < 0.7 else rng.integers(GROUPS)}"})
        people[-1]["age"] = float(20 + 10 * own + rng.normal(0, 4))
        for domain, count in (("reading", 16), ("shopping", 8)):
            for _ in range(count):
                group = own if rng.random() < 0.9 else rng.integers(GROUPS)
                feature = f"{domain[0]}{group}_{min(rng.integers(FEATURES), rng.integers(FEATURES))}"
                events.append({"user_id": user, "domain": domain, "feature_id": feature, "at": _time(rng)})
        for group in range(GROUPS):
            for item in range(ITEMS):
                if rng.random() < 0.8:
                    row = {"user_id": user, "item_id": f"g{group}i{item}", "at": _time(rng)}
                    shown.append(row | {"clicked": bool(rng.random() < (0.75 if group == own else 0.05))})
                    if shown[-1]["clicked"]:  # who clicks reads, thrice: items are features of their domain
                        read = {"user_id": user, "domain": "reading", "feature_id": row["item_id"]}
                        events += [read | {"at": at} for at in (row["at"], _time(again), _time(again))]
    items = [{"item_id": f"g{g}i{i}", "about": [f"c{g}", "all"]} for g in range(GROUPS) for i in range(ITEMS)]
    for name, rows in (("events", events), ("impressions", shown), ("users", people), ("items", items)):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    return toy_config(folder)


def toy_config(folder: Path) -> Config:
    """The configuration of the logs in a folder, with its warehouse beside them."""
    return Config.model_validate(CONFIG | {"warehouse": str(folder / "wh"), "data_root": str(folder)})


def _time(rng: np.random.Generator) -> Any:
    return (START + np.timedelta64(int(rng.integers(DAYS * 86_400)), "s")).astype("datetime64[us]").item()

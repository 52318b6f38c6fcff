"""Online scores: a user with 1,000 items from the store, next to attention over all seeds of each item."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.harness import Benchmark, Contest
from ralm.serving import Scorer
from ralm.serving.lmdb_store import LmdbStore
from ralm.serving.manifest import Layer, Manifest
from ralm.serving.records import ItemRecord, ModelRecord, encode_users
from ralm.serving.store import shard_of

REQUESTS, ITEMS, KNOWN_ITEMS, SEEDS, WIDTH, USERS, SHARDS = 200, 1_000, 5_000, 10_000, 64, 20_000, 8
CLUSTERS = (20, 100)

Floats = NDArray[np.float32]


@contextmanager
def serve(size: int | None) -> Iterator[Benchmark]:
    """200 requests (or `size`) of a user with 1,000 of 5,000 items, k = 20 and 100, 64 dimensions, one thread, LMDB.

    Reference: `all_seeds`, the same attention over an item's 10,000 seeds, whose embeddings lie in memory: one request.
    The 50th and 99th percentiles per request are kept with the result, in milliseconds.
    """
    requests = size or REQUESTS
    random = np.random.default_rng(1)
    users = unit(random.normal(size=(USERS, WIDTH)))
    seeds = random.integers(0, USERS, (ITEMS, SEEDS))
    attention = random.normal(size=(WIDTH, WIDTH)).astype(np.float32) / np.float32(np.sqrt(WIDTH))
    taken: dict[str, list[float]] = {}

    def ask(label: str, scorer: Scorer) -> None:
        for _ in range(requests):
            items = [f"i{item}" for item in random.integers(0, KNOWN_ITEMS, ITEMS)]
            user = f"u{random.integers(0, USERS)}"
            started = time.perf_counter()
            scorer.score(user, items)
            taken.setdefault(label, []).append(time.perf_counter() - started)

    with tempfile.TemporaryDirectory(prefix="ralm-serve-") as folder, threadpool_limits(1):
        contests = []
        for clusters in CLUSTERS:
            scorer = Scorer(filled(f"{folder}/{clusters}", users, clusters, attention))
            contests.append(
                Contest(
                    f"k{clusters}",
                    lambda label=f"k{clusters}", scorer=scorer: ask(label, scorer),  # type: ignore[misc]
                    {"all_seeds": lambda: attend(users[0], users, seeds, attention)},
                    requests,
                    {"all_seeds": 1},
                )
            )
        yield Benchmark("serve", "requests/s", contests, details=lambda: percentiles(taken))


def percentiles(taken: dict[str, list[float]]) -> dict[str, Any]:
    """Milliseconds of a request: label -> percentile -> value."""
    return {
        "milliseconds": {
            label: {f"p{level}": round(1e3 * float(np.percentile(found, level)), 3) for level in (50, 99)}
            for label, found in taken.items()
        }
    }


def unit(rows: NDArray[Any]) -> Floats:
    """Rows of length 1."""
    found: Floats = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return found


def filled(path: str, users: Floats, clusters: int, attention: Floats) -> LmdbStore:
    """A store with these users, and items with random clusters."""
    random, store, layer = np.random.default_rng(2), LmdbStore(path), Layer("all", SHARDS)
    records = {f"u{row}": record.tobytes() for row, record in enumerate(encode_users(np.zeros(len(users)), users))}
    items = {}
    for item in range(KNOWN_ITEMS):
        centroids = unit(random.normal(size=(clusters, WIDTH)))
        shares = np.full(clusters, 1 / clusters, np.float32)
        items[f"i{item}"] = ItemRecord(
            0.1, unit(centroids.mean(axis=0)), shares, centroids, np.zeros(0, np.float32)
        ).encode()
    for kind, found in (("users", records), ("items", items)):
        shards: list[list[tuple[str, bytes]]] = [[] for _ in range(SHARDS)]
        for key, record in found.items():
            shards[shard_of(key, SHARDS)].append((key, record))
        for shard, part in enumerate(shards):
            store.write(kind, layer, shard, part)
    one = Layer("model", 1)
    store.write("model", one, 0, [("model", ModelRecord(0.3, 0.7, attention).encode())])
    store.publish(Manifest("r1", {"users": (layer,), "items": (layer,), "model": (one,)}))
    return store


def attend(user: Floats, users: Floats, seeds: NDArray[np.int64], attention: Floats) -> Floats:
    """Cosines (items,) of a user with the attended mean of all seeds (items, seeds) of each item."""
    query, found = attention @ user, np.empty(len(seeds), np.float32)
    for item, rows in enumerate(seeds):
        embeddings = users[rows]  # (seeds, h)
        logits = embeddings @ query
        local = np.exp(logits - logits.max()) @ embeddings
        found[item] = local @ user / np.linalg.norm(local)
    return found

"""A user's scores with given items, from the records of a store: local attention and two cosines.

As in `ralm.scoring.scorer`, for one user: with E the item's unit centroids, n their shares of the seeds and e the user,
w = n exp(E W e) (the softmax without its denominator, which the cosine cancels), E_local = wᵀ E,
score = α cos(e, E_global) + β cos(e, E_local) + bias, and with the closed form the product of the user's coordinates
with the item's direction.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralm.errors import DataError, MissingInputError
from ralm.serving.item_cache import ItemCache
from ralm.serving.manifest import Manifest
from ralm.serving.records import ModelRecord, UserRecord
from ralm.serving.store import Store
from ralm.serving.stores import open_store

# Centroids at a time: with 64 dimensions half a megabyte, which stays in a core's cache.
CENTROIDS = 2_048
SMALLEST = 1e-12
# What is raised for records of other sizes than their headers say.
_DECODING = (ValueError, IndexError, struct.error)


@dataclass(frozen=True)
class Answer:
    """What `Scorer.score` gives.

    Attributes:
        release: the release that all of the answer's data belongs to.
        scores: (n,) float64, published scores; NaN if the user or the item is unknown.
        exposed: (n,) bool, whether the score reaches the item's exposure threshold.
    """

    release: str
    scores: NDArray[np.float64]
    exposed: NDArray[np.bool_]


class Scorer:
    """Scores of one user with some items, for an online service; use one scorer per thread.

    Args:
        store: a store, or the URL of one (`open_store`).
        cached_items: items whose records are kept decoded: (k · h + d) · 4 bytes each.
        max_age: seconds between checks for a newer current release.

    Raises:
        MissingInputError: nothing was exported to the store.

    Example:
        >>> scorer = Scorer("warehouse/demo/_serving")  # doctest: +SKIP
        >>> scorer.score("u17", ["i1", "i2"]).scores  # doctest: +SKIP
    """

    def __init__(self, store: Store | str, *, cached_items: int = 10_000, max_age: float = 1.0) -> None:
        self.store = open_store(store) if isinstance(store, str) else store
        self.cached_items = cached_items
        self.max_age = max_age
        self.manifest = self._current()
        self._load(self.manifest)

    def score(self, user_id: str | int, item_ids: Sequence[str]) -> Answer:
        """The user's published scores with the items, all from one release.

        An unknown user or item is not an error: its scores are NaN, and `exposed` is false.

        Raises:
            DataError: a record is damaged.
        """
        self._look()
        with self._told():
            user, rows = self._find(str(user_id), item_ids)
            if (user is None or (rows < 0).any()) and self._refresh():
                # Records may be unknown because the release was replaced twice meanwhile and its layers are gone.
                user, rows = self._find(str(user_id), item_ids)
            return self._answer(user, rows)

    def score_vector(self, user: UserRecord, item_ids: Sequence[str]) -> Answer:
        """The same for a user whose vector is given, who need not be in the store: a row of `target_embeddings`."""
        self._look()
        with self._told():
            rows = self.items.rows(item_ids)
            if (rows < 0).any() and self._refresh():
                rows = self.items.rows(item_ids)
            return self._answer(user, rows)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one line that a record is damaged."""
        try:
            yield
        except _DECODING as error:
            self._load(self.manifest)  # what was decoded may be damaged, too
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"serving.store {self.store.shown}: a record of release {self.manifest.release} is damaged ({error}); run "
            "job 'export_serving' with --full"
        )

    def _answer(self, user: UserRecord | None, rows: NDArray[np.int64]) -> Answer:
        """The answer for a user and the rows of items; -1 is an unknown one."""
        scores = np.full(len(rows), np.nan)
        exposed = np.zeros(len(rows), dtype=bool)
        known = np.flatnonzero(rows >= 0)
        if user is not None and len(known):
            # As in `ralm.scoring.scorer.published`.
            scores[known] = np.round(self._scores(user, rows[known]).astype(np.float64), 6) + 0.0
            exposed[known] = scores[known] >= self.items.arrays.cutoffs[rows[known]]
        return Answer(self.manifest.release, scores, exposed)

    def _look(self) -> None:
        if time.monotonic() - self.checked > self.max_age:
            self._refresh()

    def _current(self) -> Manifest:
        found = self.store.manifest()
        if found is None:
            raise MissingInputError(f"serving.store {self.store.shown}: nothing was exported; run job 'export_serving'")
        self.checked = time.monotonic()
        return found

    def _refresh(self) -> bool:
        """Switch to the current release; returns whether it is another one."""
        found = self._current()
        if found == self.manifest:
            return False
        self._load(found)
        self.manifest = found
        return True

    def _load(self, manifest: Manifest) -> None:
        content = self.store.lookup(manifest, "model", ["model"])[0]
        if content is None:
            raise MissingInputError(f"serving.store {self.store.shown}: release {manifest.release} has no model")
        try:
            self.model = ModelRecord.decode(content)
        except _DECODING as error:
            raise self._damaged(error) from error
        self.items = ItemCache(lambda items: self.store.lookup(manifest, "items", items), self.cached_items)

    def _find(self, user_id: str, item_ids: Sequence[str]) -> tuple[UserRecord | None, NDArray[np.int64]]:
        content = self.store.lookup(self.manifest, "users", [user_id])[0]
        return None if content is None else UserRecord.decode(content), self.items.rows(item_ids)

    def _scores(self, user: UserRecord, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        model, items = self.model, self.items.arrays
        e, z = np.split(user.embedding, [len(model.attention)])  # (h,), (d,)
        query = model.attention @ e  # (h,)
        local = np.empty(len(rows), np.float32)
        step = max(1, CENTROIDS // items.centroids.shape[1])
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            centroids, shares = items.centroids[part], items.shares[part]  # (i, k, h), (i, k)
            logits = np.where(shares > 0, centroids @ query, -np.inf)  # (i, k)
            highest = logits.max(axis=1, keepdims=True)
            weights = shares * np.exp(logits - np.where(np.isfinite(highest), highest, 0))
            embedding = np.matmul(weights[:, None, :], centroids)[:, 0]  # (i, h)
            length = np.sqrt(np.einsum("ih,ih->i", embedding, embedding))
            local[start : start + step] = embedding @ e / np.maximum(length, SMALLEST)
        common = items.global_embeddings[rows] @ e
        closed = np.einsum("id,d->i", items.directions[rows], z, dtype=np.float64)
        return np.asarray(model.alpha * common + model.beta * local + np.float32(user.bias) + closed, np.float32)

"""Users, targets and a bundle of scorers: what an item's audience is ranked from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from jobs.steps.systems.contract import Prepared, Task
from jobs.steps.users.file_scan import held_files
from ralm.arrow.arrays import blob_matrix
from ralm.errors import MissingInputError
from ralm.features.hashing import chosen
from ralm.scoring.bundle import write_scoring_bundle
from ralm.scoring.contract import BLOCK, ScorerState
from udfs.score import score_all
from udfs.shapes import BatchUdf

# Sampled scores that the driver holds at most: 160 MB.
SAMPLED_SCORES = 20_000_000
# Ids by which users of equal scores are parted among tasks.
SAMPLED_IDS = 10_000


@dataclass(frozen=True)
class Scored:
    """A set of users, the items that they are scored against, and the scorer.

    Attributes:
        targets: user_id and the scorer's columns, all candidates.
        users: how many users there are.
        items: in the order of the scorer.
        state: the scorer.
        folder: where the bundle and what passes the cuts are kept while they are needed.
        user_id_type: 'string' or 'bigint'.
        block: users per matrix product.
        scan: `targets` are a table's rows, filtered by partition columns only, so workers may read its files.
    """

    targets: DataFrame
    users: int
    items: Sequence[str]
    state: ScorerState
    folder: str
    user_id_type: str
    block: int = BLOCK
    scan: bool = False

    @staticmethod
    def of(task: Task, prepared: Prepared, users: DataFrame, count: int | None = None, *, scan: bool = False) -> Scored:
        """What a system prepared for its task, over all or some of its users; None: they are counted."""
        count, config = users.count() if count is None else count, task.config
        block = config.scoring.block
        return Scored(users, count, task.items, prepared.state, task.folder, config.user_id_type, block, scan)

    @property
    def spark(self) -> SparkSession:
        """The session of the targets."""
        return self.targets.sparkSession

    def bundle(self, name: str, cuts: NDArray[np.float64] | None = None) -> str:
        """Write the scoring bundle, with cuts if given."""
        return write_scoring_bundle(f"{self.folder}/{name}", self.state, self.items, cuts)

    def some_ids(self) -> NDArray[Any]:
        """About `SAMPLED_IDS` of the users' ids, by hash."""
        drawn = self.targets.select("user_id")
        if self.users > SAMPLED_IDS:
            drawn = drawn.where(chosen("sampled ids", 0, SAMPLED_IDS / self.users, "user_id"))
        return np.asarray(drawn.toArrow().column("user_id").to_pylist())

    def sample(self, size: int, seed: int) -> NDArray[np.float64]:
        """Scores (users, items) of a sample of the users by hash, in a random order.

        Raises:
            MissingInputError: there are no users.
        """
        return self.sample_users(size, seed)[1]

    def sample_users(self, size: int, seed: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Ids (users,) and scores (users, items) of a sample of the users by hash, in a random order.

        Raises:
            MissingInputError: there are no users.
        """
        size = min(size, max(1_000, SAMPLED_SCORES // max(1, len(self.items))))
        drawn = self.targets
        if size < self.users:
            drawn = drawn.where(chosen("score sample", seed, size / self.users, "user_id"))
        ids, scores = self._scores(drawn.mapInArrow(*self._all_scores()).toArrow())
        order = np.random.default_rng(seed).permutation(len(scores))
        return ids.to_numpy(zero_copy_only=False)[order], scores[order]

    def everyone(self) -> tuple[pa.Array, NDArray[np.float64]]:
        """Ids (users,) and scores (users, items) of all users, for a driver that can hold them.

        Raises:
            MissingInputError: there are no users.
        """
        targets, udf = self.targets, self._all_scores()
        if self.scan:
            return self._scores(held_files(targets, targets.columns, udf))
        return self._scores(targets.mapInArrow(*udf).toArrow())

    def _all_scores(self) -> BatchUdf:
        return score_all(self.bundle("sample"), self.user_id_type, block=self.block)

    def _scores(self, table: pa.Table) -> tuple[pa.Array, NDArray[np.float64]]:
        if table.num_rows == 0:
            raise MissingInputError("there are no users to score; run the jobs before this one")
        ids = table.column("user_id").combine_chunks()
        return ids, blob_matrix(table.column("scores"), np.float64, len(self.items))

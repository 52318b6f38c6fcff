"""Clustered similarity: how many of an item's seeds share the user's cells, against how many of all users do.

With n seeds, of which O share the user's cell, and the share q of all users (a sample) in that cell, E = n·q seeds
would be there by chance. The score is the shrunk logarithm of the lift,

    score = ln((O + ½) / (E + ½)),

Norén, Hopstadius and Bate 2013, "Shrinkage observed-to-expected ratios for robust and transparent large-scale pattern
discovery" (there with log2): a single seed in a cell of few users does not outweigh many seeds in a larger one. With
several tables O and E are the means over the tables, before the logarithm. Over hyperplanes the mean of O estimates
Σ (1 − θ/π)^planes over the seeds, and E the same over n users at random: the score compares two kernel densities.

With one table (k-means), all users of a cell have the same score: an item has as many scores as cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from ralm.arrow.arrays import matrix, scalars
from ralm.baselines.embedding_cells import Cells, Codes, Doubles, cells_of_arrays
from ralm.baselines.mean_cosine import unit_rows
from ralm.scoring.contract import BLOCK, Arrays, BatchScorer, ScorerState

SHRINKAGE = 0.5
# Users per batch when the cells of the state are found.
STATE_USERS = 4_096


class CellLift(BatchScorer):
    """Scores by the shrunk lift of the seeds in the user's cells.

    Args:
        cells: the partitions.
        codes: (known cells,), ascending; other cells hold no sampled user and no seed.
        share: (known cells,), of all users.
        seeds: (known cells, items), counted.
        block: users per product.

    Raises:
        ValueError: the shapes do not fit.
    """

    columns = ("embedding",)

    def __init__(
        self, cells: Cells, codes: Codes, share: Doubles, seeds: sparse.csr_matrix, *, block: int = BLOCK
    ) -> None:
        if not len(codes) == len(share) == seeds.shape[0]:
            raise ValueError(f"clustered similarity: {len(codes)} cells, {len(share)} shares, seeds {seeds.shape}")
        self.cells, self.codes, self.share, self.seeds = cells, codes, share, seeds
        self.items = int(seeds.shape[1])
        self.block = block
        # Each seed is in one cell per table.
        self.totals = np.asarray(seeds.sum(axis=0)).ravel() / cells.tables  # (items,)

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> CellLift:
        """The arrays as `lift_state` gives them."""
        codes, share = np.asarray(arrays["codes"]), np.asarray(arrays["share"])
        parts = (arrays["data"], arrays["indices"], arrays["indptr"])
        seeds = sparse.csr_matrix(parts, shape=(len(codes), int(arrays["items"])))
        return cls(cells_of_arrays(arrays), codes, share, seeds, block=block)

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """Scores (n, items)."""
        rows = matrix(users, "embedding")
        scores = np.empty((len(rows), self.items))
        for start in range(0, len(rows), self.block):
            part = slice(start, start + self.block)
            scores[part] = self._scores(rows[part])
        return scores

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Scores (n,); all items are scored, one block at a time."""
        rows = matrix(users, "embedding")
        scores = np.empty(len(rows))
        for start in range(0, len(rows), self.block):
            part = slice(start, start + self.block)
            found = self._scores(rows[part])
            scores[part] = found[np.arange(len(found)), item[part]]
        return scores

    def _scores(self, rows: NDArray[Any]) -> Doubles:
        codes = self.cells.of(unit_rows(rows))  # (b, tables)
        at = np.searchsorted(self.codes, codes)
        known = self.codes[np.minimum(at, len(self.codes) - 1)] == codes
        indptr = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
        lives = np.full(indptr[-1], 1.0 / self.cells.tables)
        mean = sparse.csr_matrix((lives, at[known], indptr), shape=(len(rows), len(self.codes)))
        observed = (mean @ self.seeds).toarray()  # (b, items)
        expected = np.outer(mean @ self.share, self.totals)  # (b, items)
        return np.asarray(np.log((observed + SHRINKAGE) / (expected + SHRINKAGE)))


def lift_state(cells: Cells, sample: Doubles, seeds: pa.Table, items: int) -> ScorerState:
    """The scorer for these seeds.

    Args:
        cells: the partitions.
        sample: (m, d), unit embeddings of users at random.
        seeds: (item_index, embedding).
        items: how many there are.

    Returns:
        Arrays bounded by the sample's and the seeds' cells: at most tables · (m + seeds).
    """
    item, rows = scalars(seeds, "item_index"), matrix(seeds, "embedding")
    everyone, theirs = _codes(cells, sample), _codes(cells, unit_rows(rows))  # (m, tables), (seeds, tables)
    codes = np.unique(np.concatenate([everyone.ravel(), theirs.ravel()]))
    share = np.bincount(np.searchsorted(codes, everyone.ravel()), minlength=len(codes)) / len(sample)
    place = np.searchsorted(codes, theirs.ravel())
    entries = (np.ones(len(place)), (place, np.repeat(item, cells.tables)))
    counted = sparse.coo_matrix(entries, shape=(len(codes), items)).tocsr()
    arrays = {"codes": codes, "share": share, "items": np.array(items)}
    arrays |= {"data": counted.data, "indices": counted.indices, "indptr": counted.indptr}
    return ScorerState(CellLift, arrays | cells.arrays())


def _codes(cells: Cells, unit: Doubles) -> Codes:
    parts = [cells.of(unit[start : start + STATE_USERS]) for start in range(0, len(unit), STATE_USERS)]
    return np.concatenate([np.zeros((0, cells.tables), dtype=np.int64), *parts])

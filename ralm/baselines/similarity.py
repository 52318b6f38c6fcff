"""The direct method: a user's similarity to every seed of an item, made one score by maximum, mean or probability.

Jaccard similarity |A ∩ B| / |A ∪ B| compares feature sets, the cosine user embeddings. A user without any feature, or
with an embedding of zeros, has similarity 0 to everyone. A user who is a seed is compared with itself as with any
other seed; callers that rank users drop the seeds of the item. A seed given twice counts twice.

The probability that at least one seed "is" the user, 1 − Π(1 − s), reaches 1.0 with a few dozen seeds, and scores are
published with six digits. The score is therefore −Σ ln(1 − s) = −ln(1 − probability): the same order, no saturation.
Negative cosines count as 0 there, and s as at most 1 − 1e-6: one identical seed adds 13.8.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from ralm.arrow.arrays import matrix, scalars
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.mean_cosine import Floats, MeanCosine, unit_rows
from ralm.scoring.contract import BLOCK, Arrays, BatchScorer, ScorerState

ToSeeds = Literal["max", "mean", "probability"]
CLOSEST = 1e-6
# So many factors of at least CLOSEST have a product far inside float64: one logarithm serves all.
FACTORS = 32
# Similarities held at a time: 1 MB, or 2 MB in float64, so that they stay in a processor's cache.
ELEMENTS = 1 << 18


def pooled(similarity: Floats, to_seeds: ToSeeds) -> Floats:
    """Similarities (seeds, n) of one item as one score per user (n,); the probability as −ln(1 − probability)."""
    if to_seeds == "max":
        return np.asarray(similarity.max(axis=0))
    if to_seeds == "mean":
        return np.asarray(similarity.mean(axis=0, dtype=np.float64))
    apart = 1.0 - similarity
    np.clip(apart, CLOSEST, 1.0, out=apart)
    score = np.zeros(similarity.shape[1])
    for start in range(0, len(apart), FACTORS):
        score -= np.log(apart[start : start + FACTORS].prod(axis=0, dtype=np.float64))
    return score


class SeedSimilarity(BatchScorer):
    """Scores by the similarities to all seeds, in blocks of at most `ELEMENTS` users x seeds.

    Args:
        item: (seeds,), each seed's item, ascending; every item has a seed.
        items: how many items there are.
        to_seeds: how similarities become one score.
        block: users per product at most; fewer if an item has very many seeds.

    Raises:
        ValueError: seeds out of order, or an item without seeds.
    """

    def __init__(self, item: NDArray[Any], items: int, to_seeds: ToSeeds, block: int) -> None:
        counts = np.bincount(item, minlength=items)
        if len(counts) != items or (items and counts.min() == 0) or (np.diff(item) < 0).any():
            raise ValueError(f"similarity: seeds of all {items} items in their order expected")
        self.items = items
        self.to_seeds = to_seeds
        self.starts = np.concatenate([[0], np.cumsum(counts)])  # (items + 1,)
        self.block = int(max(1, min(block, ELEMENTS // max(1, counts.max(initial=0)))))

    @abstractmethod
    def _rows(self, users: pa.RecordBatch | pa.Table) -> Any:
        """All users as rows that can be sliced."""

    @abstractmethod
    def _block(self, rows: Any) -> Any:
        """A block of the rows, ready for products with many seeds."""

    @abstractmethod
    def _similarities(self, block: Any, seeds: slice) -> Floats:
        """(seeds, users of the block)."""

    def score_batch(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        """Scores (n, items)."""
        rows = self._rows(users)
        scores = np.empty((users.num_rows, self.items))
        spans = self._spans(ELEMENTS // self.block)
        for start in range(0, users.num_rows, self.block):
            part = slice(start, start + self.block)
            block = self._block(rows[part])
            for first, last in spans:
                scores[part, first:last] = self._scores(block, first, last)
        return scores

    def score_pairs(self, users: pa.RecordBatch | pa.Table, item: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Scores (n,), each user against the seeds of its own item alone."""
        rows = self._rows(users)
        scores = np.empty(users.num_rows)
        order = np.argsort(item, kind="stable")
        for same in np.split(order, np.flatnonzero(np.diff(item[order])) + 1):
            for start in range(0, len(same), self.block):
                part = same[start : start + self.block]
                first = int(item[part[0]])
                scores[part] = self._scores(self._block(rows[part]), first, first + 1)[:, 0]
        return scores

    def _scores(self, block: Any, first: int, last: int) -> NDArray[Any]:
        offset = self.starts[first]
        similarity = self._similarities(block, slice(offset, self.starts[last]))
        bounds = self.starts[first : last + 1] - offset
        return np.stack([pooled(similarity[a:b], self.to_seeds) for a, b in itertools.pairwise(bounds)], axis=1)

    def _spans(self, seeds: int) -> list[tuple[int, int]]:
        """Runs of consecutive items with at most so many seeds together."""
        spans, first = [], 0
        for item in range(1, self.items):
            if self.starts[item + 1] - self.starts[first] > seeds:
                spans.append((first, item))
                first = item
        return [*spans, (first, self.items)] if self.items else []


class JaccardToSeeds(SeedSimilarity):
    """Jaccard similarity of feature sets; reads the columns of its feature space.

    Args:
        space: what the features are.
        seeds: (seeds, features), binary.
        item, items, to_seeds, block: as in `SeedSimilarity`.
    """

    columns = ()

    def __init__(
        self,
        space: FeatureSpace,
        seeds: sparse.csr_matrix,
        item: NDArray[Any],
        items: int,
        to_seeds: ToSeeds,
        *,
        block: int = BLOCK,
    ) -> None:
        super().__init__(item, items, to_seeds, block)
        if seeds.shape != (len(item), space.size):
            raise ValueError(f"similarity: seeds {(len(item), space.size)} expected, found {seeds.shape}")
        self.space = space
        self.seeds = seeds
        self.sizes = np.diff(seeds.indptr).astype(np.float32)  # (seeds,)

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> JaccardToSeeds:
        """The arrays as `jaccard_state` gives them."""
        space = FeatureSpace.of_array(arrays["space"])
        indices, indptr, item = arrays["indices"], arrays["indptr"], arrays["item"]
        ones = np.ones(len(indices), dtype=np.float32)
        seeds = sparse.csr_matrix((ones, indices, indptr), shape=(len(item), space.size))
        return cls(space, seeds, np.asarray(item), int(arrays["items"]), _to_seeds(arrays), block=block)

    def _rows(self, users: pa.RecordBatch | pa.Table) -> sparse.csr_matrix:
        return self.space.matrix(users)

    def _block(self, rows: sparse.csr_matrix) -> tuple[NDArray[np.int32], Floats, Floats]:
        """Row of each feature in the second array, or -1; the block's features x users; sizes of the users' sets.

        A product of sparse seeds with dense users is several times faster than one of two sparse matrices.
        """
        features = np.unique(rows.indices)
        place = np.full(self.space.size, -1, dtype=np.int32)
        place[features] = np.arange(len(features))
        sizes = np.diff(rows.indptr)
        dense = np.zeros((len(features), rows.shape[0]), dtype=np.float32)
        dense[place[rows.indices], np.repeat(np.arange(rows.shape[0]), sizes)] = 1.0
        return place, dense, sizes.astype(np.float32)

    def _similarities(self, block: tuple[NDArray[np.int32], Floats, Floats], seeds: slice) -> Floats:
        place, dense, sizes = block
        bounds = self.seeds.indptr[seeds.start : seeds.stop + 1]
        rows = place[self.seeds.indices[bounds[0] : bounds[-1]]]
        known = rows >= 0  # features that nobody in the block has are left out
        indptr = np.concatenate([[0], np.cumsum(known)])[bounds - bounds[0]]
        ones = np.ones(indptr[-1], dtype=np.float32)
        common = sparse.csr_matrix((ones, rows[known], indptr), shape=(len(bounds) - 1, len(dense))) @ dense  # (s, b)
        union = self.sizes[seeds, None] + sizes
        union -= common
        np.maximum(union, 1.0, out=union)
        return np.asarray(np.divide(common, union, out=common))


class CosineToSeeds(SeedSimilarity):
    """Cosine of user embeddings.

    Args:
        seeds: (seeds, d).
        item, items, to_seeds, block: as in `SeedSimilarity`.
    """

    columns = ("embedding",)

    def __init__(
        self, seeds: NDArray[Any], item: NDArray[Any], items: int, to_seeds: ToSeeds, *, block: int = BLOCK
    ) -> None:
        super().__init__(item, items, to_seeds, block)
        # 1 − s loses digits for a cosine near 1, and float32 products differ with the shape of the block.
        self.dtype: type[np.floating[Any]] = np.float64 if to_seeds == "probability" else np.float32
        self.seeds = unit_rows(seeds, self.dtype)  # (seeds, d)

    @classmethod
    def from_arrays(cls, arrays: Arrays, block: int) -> CosineToSeeds:
        """The arrays as `cosine_state` gives them."""
        item = np.asarray(arrays["item"])
        return cls(arrays["seeds"], item, int(arrays["items"]), _to_seeds(arrays), block=block)

    def _rows(self, users: pa.RecordBatch | pa.Table) -> NDArray[Any]:
        return matrix(users, "embedding", self.seeds.shape[1])

    def _block(self, rows: NDArray[Any]) -> Floats:
        return unit_rows(rows, self.dtype).T

    def _similarities(self, block: Floats, seeds: slice) -> Floats:
        return self.seeds[seeds] @ block


def jaccard_state(space: FeatureSpace, seeds: pa.Table, items: int, to_seeds: ToSeeds) -> ScorerState:
    """The scorer for these seeds.

    Args:
        space: what the features are.
        seeds: (item_index, the columns of the space), sorted by item.
        items: how many there are; each has a seed.
        to_seeds: how similarities become one score.
    """
    found = space.matrix(seeds)
    arrays = {"indices": found.indices, "indptr": found.indptr, "space": space.as_array()}
    arrays |= {"item": scalars(seeds, "item_index"), "items": np.array(items), "to_seeds": np.array(to_seeds)}
    return ScorerState(JaccardToSeeds, arrays)


def cosine_state(seeds: pa.Table, items: int, to_seeds: ToSeeds) -> ScorerState:
    """The scorer for these seeds.

    Args:
        seeds: (item_index, embedding), sorted by item.
        items: how many there are; each has a seed.
        to_seeds: how similarities become one score; for the mean, each item's seeds are collapsed to one vector.
    """
    item, rows = scalars(seeds, "item_index"), matrix(seeds, "embedding")
    if to_seeds == "mean":
        starts = CosineToSeeds(rows, item, items, to_seeds).starts
        sums = np.add.reduceat(unit_rows(rows), starts[:-1], axis=0)
        return ScorerState(MeanCosine, {"means": (sums / np.diff(starts)[:, None]).astype(np.float32)})
    arrays = {"seeds": rows, "item": item, "items": np.array(items), "to_seeds": np.array(to_seeds)}
    return ScorerState(CosineToSeeds, arrays)


def _to_seeds(arrays: Arrays) -> ToSeeds:
    found: ToSeeds = str(arrays["to_seeds"])  # type: ignore[assignment]
    return found

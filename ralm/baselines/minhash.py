"""MinHash signatures of feature sets and their buckets: users of one bucket probably have similar features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Words = NDArray[np.uint64]

# The increment and the multipliers of SplitMix64.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
# The signature of a row without features; a hash has this value with a chance of 2^-64.
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
# The first key of the bands, after the keys of the hash functions.
_BAND_KEYS = 1 << 32


def mix64(words: Words) -> Words:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014, section 5), a bijection of 64-bit words, of the same shape.

    Features are numbered by frequency: a linear hash (multiply-shift) of neighbouring numbers is far from min-wise
    independent, this one is not linear.
    """
    mixed = (words ^ (words >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


def s_curve(similarity: Any, bands: int, rows: int) -> NDArray[np.float64]:
    """The chance 1 − (1 − s^r)^b that two sets of Jaccard similarity s share a bucket, of the same shape.

    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.2.
    """
    found: NDArray[np.float64] = 1.0 - (1.0 - np.asarray(similarity, np.float64) ** rows) ** bands
    return found


@dataclass(frozen=True)
class MinHash:
    """b bands of r MinHashes: all hashes of a band must agree (AND), in any band (OR).

    Attributes:
        bands: b.
        rows: r.
        seed: the same seed, bands and rows give the same buckets on any machine.

    Example:
        >>> sets = sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]))
        >>> buckets = MinHash(bands=4, rows=2, seed=1).buckets(sets)
        >>> (buckets[0] == buckets[1]).all(), (buckets[0] == buckets[2]).any()
        (True, False)
    """

    bands: int
    rows: int
    seed: int

    @property
    def hashes(self) -> int:
        """H = b · r."""
        return self.bands * self.rows

    def signatures(self, features: sparse.csr_matrix) -> Words:
        """The least hash of each row's features, by H functions h_i(x) = mix64(k_i + (x + 1) γ) with random keys k_i.

        Two rows agree in one place with a chance of their Jaccard similarity (Broder 1997).

        Args:
            features: (n, features), binary.

        Returns:
            (n, H); `EMPTY` in rows without features.
        """
        lengths = np.diff(features.indptr)
        found = np.full((features.shape[0], self.hashes), EMPTY, dtype=np.uint64)
        filled = np.flatnonzero(lengths)
        if not len(filled):
            return found
        starts = features.indptr[:-1][filled]  # rows without features lie between two equal starts
        # Users share most features: each is hashed once.
        known, places = np.unique(features.indices, return_inverse=True)
        words = (known.astype(np.uint64) + np.uint64(1)) * _GAMMA
        for number, key in enumerate(self._keys(0, self.hashes)):
            found[filled, number] = np.minimum.reduceat(mix64(words + key)[places], starts)
        return found

    def buckets(self, features: sparse.csr_matrix) -> NDArray[np.int64]:
        """A 64-bit bucket id for each row and band.

        The band is hashed in: ids of different bands differ, so that an id alone identifies a bucket.

        Args:
            features: (n, features), binary.

        Returns:
            (n, bands). The ids of rows without features mean nothing: such rows belong in no bucket.
        """
        signatures = self.signatures(features).reshape(-1, self.bands, self.rows)
        found = np.broadcast_to(self._keys(_BAND_KEYS, self.bands), signatures.shape[:2])
        for row in range(self.rows):
            found = mix64(found * _GAMMA + signatures[:, :, row])
        return found.view(np.int64)

    def _keys(self, start: int, count: int) -> Words:
        """Outputs `start` to `start + count` of the SplitMix64 generator of this seed."""
        numbers = np.arange(start + 1, start + count + 1, dtype=np.uint64)
        state: Words = mix64(np.array([self.seed], dtype=np.int64).view(np.uint64))
        return mix64(state + numbers * _GAMMA)

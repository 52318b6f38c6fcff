"""A number per vector, in numpy as `xxhash64` of an `array<float>` gives it in Spark: equal vectors have equal numbers.

Spark folds XXH64 of four bytes over the elements, the hash so far being the seed (first 42); both zeros are one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_P1, _P2, _P3, _P5 = (
    np.uint64(prime) for prime in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)
)
_SEED = 42


def vector_keys(vectors: NDArray[Any]) -> NDArray[np.int64]:
    """(n,) of float32 vectors (n, d)."""
    bits = (np.asarray(vectors, np.float32) + np.float32(0)).view(np.uint32).astype(np.uint64)  # -0.0 + 0.0 is 0.0
    found = np.full(len(bits), _SEED, np.uint64)
    for column in bits.T:
        found = _folded(column, found)
    return found.view(np.int64)


def _folded(element: NDArray[np.uint64], seed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    found: NDArray[np.uint64] = (seed + _P5 + np.uint64(4)) ^ (element * _P1)
    found = ((found << np.uint64(23)) | (found >> np.uint64(41))) * _P2 + _P3
    found = (found ^ (found >> np.uint64(33))) * _P2
    found = (found ^ (found >> np.uint64(29))) * _P3
    found ^= found >> np.uint64(32)
    return found

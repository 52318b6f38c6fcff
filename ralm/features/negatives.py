"""Log-uniform negatives of positives, drawn by hash: the same for a user and positive in any batch."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FILTER_BITS = 22


def uniform(*keys: NDArray[Any] | int) -> NDArray[np.float64]:
    """Numbers uniform on [0, 1), 53 bits, of integer keys that broadcast: the finaliser of SplitMix64, key by key."""
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            state = _mixed(state + np.asarray(key).astype(np.uint64) * _STEP + _STEP)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Steele, Lea and Flood (2014), 'Fast splittable pseudorandom number generators', with Stafford's constants."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def log_uniform_rank(r: NDArray[np.float64], items: int) -> Integers:
    """Rank k in [0, items) with p(k) = [log(k+2) - log(k+1)] / log(D+1), D = items, for r uniform on [0, 1).

    The inverse of the distribution function: k = floor((D+1)^r) - 1, clamped to D - 1 (design, section 4).
    """
    ranks: Integers = np.minimum(np.exp(r * np.log(items + 1.0)).astype(np.int64), items) - 1
    return ranks


def draw_negatives(
    users: Integers,
    positives: Integers,
    known: tuple[Integers, Integers],
    items: int,
    count: int,
    redraws: int,
    seed: int,
) -> Integers:
    """Negatives of each positive, item indices of 1 … items that are not known of the user.

    A draw that hits a known item is redrawn up to `redraws` times; then the next free index after the first draw is
    taken.

    Args:
        users: (n,) hashes of the user ids.
        positives: (n, P) item indices, 0-padded.
        known: the flat known indices of all rows (total,), and each row's end there (n,); a row has fewer than `items`
            distinct ones, repeated or not.
        items: D, the size of the vocabulary.
        count: negatives per positive.
        redraws: tries before the nearest free index.
        seed: of the draws.

    Returns:
        (n, P, count); 0 where there is no positive.
    """
    salt = int.from_bytes(hashlib.sha256(f"negative/{seed}".encode()).digest()[:8], "little")
    draws = np.arange(count)
    blocked = _Known(*known, items)
    found = log_uniform_rank(uniform(salt, users[:, None, None], positives[:, :, None], draws), items) + 1
    found[positives == 0] = 0
    rows = np.broadcast_to(np.arange(len(users))[:, None, None], found.shape)
    hit = np.flatnonzero(blocked.contains(rows, found))
    row, column, draw = np.unravel_index(hit, found.shape)
    first = found[row, column, draw]
    left = np.arange(len(hit))
    redrawn = first.copy()
    for attempt in range(1, redraws + 1):
        if not len(left):
            break
        keys = users[row[left]], positives[row[left], column[left]], draw[left]
        redrawn[left] = log_uniform_rank(uniform(salt, *keys, attempt), items) + 1
        left = left[blocked.contains(row[left], redrawn[left])]
    redrawn[left] = first[left]
    while len(left):
        redrawn[left] = redrawn[left] % items + 1
        left = left[blocked.contains(row[left], redrawn[left])]
    found[row, column, draw] = redrawn
    return found


class _Known:
    """Which items are known of a row: a filter of a few bytes per key, and a search for the values that pass it."""

    def __init__(self, values: Integers, ends: Integers, items: int) -> None:
        rows = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        self.items = items
        self.keys = np.unique(rows * (items + 1) + values)
        self.filled = np.zeros(1 << _FILTER_BITS, bool)
        self.filled[self._slot(self.keys)] = True

    def contains(self, rows: Integers, values: Integers) -> NDArray[np.bool_]:
        """Whether the values are known of the rows, elementwise."""
        keys = rows * (self.items + 1) + values
        found: NDArray[np.bool_] = self.filled[self._slot(keys)]
        some = np.nonzero(found)
        asked = keys[some]
        place = np.minimum(np.searchsorted(self.keys, asked), max(0, len(self.keys) - 1))
        found[some] = self.keys[place] == asked
        return found

    def _slot(self, keys: Integers) -> NDArray[np.uint64]:
        with np.errstate(over="ignore"):
            return (keys.astype(np.uint64) * _STEP) >> np.uint64(64 - _FILTER_BITS)

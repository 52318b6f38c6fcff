"""How many users an exposure threshold lets through: the share asked for, promised by a probe, and realised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, betabinom

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Realised:
    """The share of users outside the probe who are at or above a threshold.

    Attributes:
        share: in the sample.
        low, high: the 95 % interval of the share of all users (Clopper and Pearson 1934).
        users: in the sample.
    """

    share: float
    low: float
    high: float
    users: int


def realised_share(scores: Scores, cutoff: float, level: float = 0.95) -> Realised | None:
    """The share of a sample at or above the cutoff; None without a sample.

    Args:
        scores: (n,), published scores of candidates that were not probed.
        cutoff: the threshold.
        level: of the interval.
    """
    users = len(scores)
    if users == 0:
        return None
    above, tail = int((scores >= cutoff).sum()), (1 - level) / 2
    low = 0.0 if above == 0 else float(beta.ppf(tail, above, users - above + 1))
    high = 1.0 if above == users else float(beta.ppf(1 - tail, above + 1, users - above))
    return Realised(above / users, low, high, users)


def promised_shares(fraction: float, probe: int, users: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of the share of `users` other users that a threshold from a probe lets through, by chance alone.

    The share of all users at or above the r-th largest of n probed scores is Beta(r, n − r + 1) distributed, whatever
    the scores' distribution if it is continuous (David and Nagaraja, Order Statistics, 2.1); how many further users
    are is therefore beta-binomial.

    Args:
        fraction: asked for; r = ⌈fraction · probe⌉.
        probe: n.
        users: the number of other users.
        level: of the interval.

    Raises:
        ValueError: no users, or a fraction out of range.
    """
    if probe < 1 or users < 1 or not 0 < fraction <= 1:
        raise ValueError(
            f"threshold: probe, users >= 1 and a fraction in (0, 1] expected: {probe}, {users}, {fraction}"
        )
    rank = max(1, math.ceil(fraction * probe - 1e-9))
    tail = (1 - level) / 2
    low, high = betabinom.ppf([tail, 1 - tail], users, rank, probe - rank + 1)
    return float(low / users), float(high / users)

"""Held-out seeds: some seeds are hidden, all users are ranked by their likeness to the others, where are the hidden?

It needs no labels: a good list finds its own hidden people near the top. The share of hidden seeds in the best s of all
users estimates which share of people like the seeds an audience of that size holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from ralm.evaluation.array_metrics import below

Doubles = NDArray[np.float64]

# The seeds are hidden in so many turns, a fifth each time: every one once.
TURNS = 5
# Sizes of an audience that are looked at, as shares of all users.
SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
# With fewer hidden seeds nothing is said.
LEAST_HIDDEN = 5


@dataclass(frozen=True)
class Size:
    """What an audience of one size can be expected to hold.

    Attributes:
        share: of all users, the best ones.
        users: how many they are.
        score: the lowest score among them.
        found: share of the hidden seeds among them.
        low: lower end of its 95 % interval (Wilson 1927).
        high: upper end.
        lift: how many times as many people like the seeds as among as many random users: found / share.
        margin: the same for the users whom this size adds to the size before it.
    """

    share: float
    users: int
    score: float
    found: float
    low: float
    high: float
    lift: float
    margin: float


def places(hidden: Doubles, others: Doubles) -> Doubles:
    """The share of other users who are better than each hidden seed (n,), ties half.

    Args:
        hidden: (n,) scores of hidden seeds; −inf is not a candidate, behind all.
        others: (m,) scores of a random sample of the other users, by the same scorer.
    """
    return np.asarray(1.0 - below(hidden, np.sort(others)) / max(1, len(others)), np.float64)


def sizes(where: Doubles, scores: Doubles, candidates: int, shares: Sequence[float] = SHARES) -> list[Size]:
    """What to expect of audiences of several sizes; empty with too few hidden seeds or other users.

    Args:
        where: (n,) `places` of all hidden seeds.
        scores: (m,) scores of a sample of the candidates by all seeds.
        candidates: users whom an audience is chosen from.
        shares: of the candidates, rising; those of less than ten users in the sample or one in all are left out.
    """
    if len(where) < LEAST_HIDDEN or not len(scores):
        return []
    found: list[Size] = []
    ordered = np.sort(scores)[::-1]
    before, share_before = 0.0, 0.0
    for share in shares:
        if share * len(scores) < 10 or share * candidates < 1:
            continue
        hits = int((where < share).sum())
        part = hits / len(where)
        span = binomtest(hits, len(where)).proportion_ci(method="wilson")
        cut = float(ordered[min(len(ordered), round(share * len(ordered))) - 1])
        margin = (part - before) / (share - share_before)
        users = round(share * candidates)
        found.append(Size(share, users, cut, part, float(span.low), float(span.high), part / share, margin))
        before, share_before = part, share
    return found


def at_share(found: Sequence[Size], share: float) -> Size | None:
    """The size of this share, if it is among them."""
    return next((size for size in found if abs(size.share - share) < 1e-9), None)


def largest_with_lift(found: Sequence[Size], lift: float) -> Size | None:
    """The largest size whose users are at least `lift` times as like the seeds as random users; None: there is none."""
    return next((size for size in reversed(found) if size.lift >= lift), None)

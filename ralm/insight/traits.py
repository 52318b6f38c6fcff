"""Who people are: the features that a group has more often than everyone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralm.baselines.information_value import information_value

# A feature is shown only if so many people of the group have it: fewer say nothing, and would be recognisable.
LEAST_PEOPLE = 10


@dataclass(frozen=True)
class Traits:
    """Features of one group, the most telling first; all arrays are (features,).

    Attributes:
        feature: its number.
        share: of the group with the feature.
        everyone: share of everyone with it.
        lift: share / everyone.
        low: lower end of the lift's 95 % interval (Katz et al. 1978).
    """

    feature: NDArray[np.int64]
    share: NDArray[np.float64]
    everyone: NDArray[np.float64]
    lift: NDArray[np.float64]
    low: NDArray[np.float64]


def traits(
    feature: NDArray[np.integer],
    having: NDArray[np.integer],
    people: int,
    everyone_having: NDArray[np.integer],
    everyone: int,
    most: int,
    least_people: int = LEAST_PEOPLE,
) -> Traits:
    """The features that set a group apart, by Information Value: frequent in it, and more so than elsewhere.

    Args:
        feature: (features,) their numbers.
        having: (features,) people of the group with the feature.
        people: of the group.
        everyone_having: (features,) users of a random sample of everyone with it.
        everyone: users of that sample.
        most: features that are given, at most.
        least_people: a cell of fewer people of the group is left out.

    Returns:
        Features whose lift is above 1 with its whole 95 % interval.
    """
    c, m = np.asarray(having, np.float64), np.asarray(everyone_having, np.float64) + 0.5
    p, q = c / max(1, people), m / (max(1, everyone) + 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = p / q
        error = np.sqrt(np.maximum(1 / c - 1 / max(1, people) + 1 / m - 1 / (max(1, everyone) + 1.0), 0.0))
        low = lift * np.exp(-1.96 * error)
        inner = np.clip(p, 0.0, 1.0 - 0.5 / (max(1, people) + 1.0))
        value = np.where(c > 0, information_value(np.maximum(inner, 1e-12), np.minimum(q, 1 - 1e-12)), 0.0)
    kept = np.flatnonzero((np.asarray(having) >= least_people) & (low > 1.0))
    order = kept[np.lexsort([np.asarray(feature)[kept], -value[kept]])][:most]
    return Traits(np.asarray(feature, np.int64)[order], p[order], q[order], lift[order], low[order])

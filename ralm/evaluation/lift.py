"""Lift: how much more often delivered users convert than a random hold-out arm, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import binomtest
from scipy.stats.contingency import relative_risk

# Fewer users per arm, or fewer in both who converted, or who did not, and no figure is worth its interval.
LEAST_USERS, LEAST_CONVERTED = 30, 10
# Converted users that each arm needs for a relative lift: with fewer, its interval covers too little.
LEAST_FOR_RATIO = 5


@dataclass(frozen=True)
class Lift:
    """What a hold-out arm says of a delivery.

    Attributes:
        absolute: delivered share who converted − held-out share.
        low: lower end of its interval (Newcombe, "Interval Estimation for the Difference between Independent
            Proportions", Statistics in Medicine 1998, method 10: from the Wilson intervals of both shares).
        high: upper end.
        relative: delivered share / held-out share − 1; None: fewer than `LEAST_FOR_RATIO` converted in an arm.
        relative_low: lower end of its interval (Katz et al., Biometrics 1978, on the logarithm of the ratio).
        relative_high: upper end.
    """

    absolute: float
    low: float
    high: float
    relative: float | None
    relative_low: float | None
    relative_high: float | None


def lift(converted: int, delivered: int, held_converted: int, held_out: int, level: float = 0.95) -> Lift:
    """Lift of counts.

    Args:
        converted: delivered users who converted.
        delivered: users of the delivered arm, who count whether or not they were reached.
        held_converted: held-out users who converted.
        held_out: users of the hold-out arm.
        level: coverage of the intervals.

    Raises:
        ValueError: an arm is empty, or more users converted than there are.
    """
    if not (0 <= converted <= delivered and 0 <= held_converted <= held_out and delivered and held_out):
        raise ValueError(f"lift: {converted} of {delivered} and {held_converted} of {held_out} users cannot be")
    p, q = converted / delivered, held_converted / held_out
    own = binomtest(converted, delivered).proportion_ci(level, method="wilson")
    other = binomtest(held_converted, held_out).proportion_ci(level, method="wilson")
    low = p - q - math.hypot(p - own.low, other.high - q)
    high = p - q + math.hypot(own.high - p, q - other.low)
    if min(converted, held_converted) < LEAST_FOR_RATIO:
        return Lift(p - q, low, high, None, None, None)
    ratio = relative_risk(converted, delivered, held_converted, held_out)
    span = ratio.confidence_interval(level)
    return Lift(p - q, low, high, float(ratio.relative_risk) - 1, float(span.low) - 1, float(span.high) - 1)


def too_small(converted: int, delivered: int, held_converted: int, held_out: int) -> str | None:
    """Why these counts are too few to say anything of lift, in words; None: they are enough."""
    few = [name for name, users in (("delivered", delivered), ("held out", held_out)) if users < LEAST_USERS]
    if few:
        return f"fewer than {LEAST_USERS} users were {' and '.join(few)}"
    both = converted + held_converted
    if both < LEAST_CONVERTED:
        return f"fewer than {LEAST_CONVERTED} users converted in both arms together"
    if delivered + held_out - both < LEAST_CONVERTED:
        return f"all but fewer than {LEAST_CONVERTED} users converted"
    return None

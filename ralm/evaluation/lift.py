"""Lift: how much more often delivered users convert than a random hold-out arm, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import binomtest
from scipy.stats.contingency import relative_risk


@dataclass(frozen=True)
class Lift:
    """What a hold-out arm says of a delivery.

    Attributes:
        absolute: delivered share who converted − held-out share.
        low: lower end of its interval (Newcombe, "Interval Estimation for the Difference between Independent
            Proportions", Statistics in Medicine 1998, method 10: from the Wilson intervals of both shares).
        high: upper end.
        relative: delivered share / held-out share − 1; None: nobody held out converted.
        relative_low: lower end of its interval (Katz et al., Biometrics 1978, on the logarithm of the ratio); −1 if
            nobody delivered converted.
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
    if not held_converted:
        return Lift(p - q, low, high, None, None, None)
    ratio = relative_risk(converted, delivered, held_converted, held_out)
    span = ratio.confidence_interval(level)
    ends = [float(end) - 1 if math.isfinite(end) else None for end in (span.low, span.high)]
    return Lift(p - q, low, high, float(ratio.relative_risk) - 1, *ends)

"""Lift: how much more often delivered users convert than a random hold-out arm, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import binomtest

# Fewer users per arm, or fewer in both who converted, or who did not, and no figure is worth its interval.
LEAST_USERS, LEAST_CONVERTED = 30, 10


@dataclass(frozen=True)
class Lift:
    """What a hold-out arm says of a delivery.

    Attributes:
        absolute: delivered share who converted − held-out share.
        low: lower end of its interval (Newcombe, "Interval Estimation for the Difference between Independent
            Proportions", Statistics in Medicine 1998, method 10: from the Wilson intervals of both shares).
        high: upper end.
        relative: delivered share / held-out share − 1; None: nobody held out converted.
        relative_low: lower end of its interval (Donner and Zou, "Closed-form confidence intervals for functions of the
            normal mean and standard deviation", Statistical Methods in Medical Research 2012, from the same Wilson
            intervals): the ratio θ from which on p − θ q could be 0.
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
    ends = [float(end) for end in (own.low, own.high, other.low, other.high)]
    low = p - q - math.hypot(p - ends[0], ends[3] - q)
    high = p - q + math.hypot(ends[1] - p, q - ends[2])
    if not held_converted:
        return Lift(p - q, low, high, None, None, None)
    return Lift(
        p - q, low, high, p / q - 1, _ratio(p, q, ends[0], ends[3], -1) - 1, _ratio(p, q, ends[1], ends[2], 1) - 1
    )


def _ratio(p: float, q: float, own: float, other: float, sign: int) -> float:
    """The end of the interval of p / q by one end of that of p and the opposite one of that of q; sign: −1, the lower.

    It solves (p − θ q)² = (p − own)² + θ² (q − other)².
    """
    product, by = p * q, other * (2 * q - other)
    left = own * (2 * p - own)
    if by == 0:  # the quadratic term of θ is 0
        return left / (2 * product) if product else 0.0
    return (product + sign * math.sqrt(max(0.0, product**2 - left * by))) / by


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

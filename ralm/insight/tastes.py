"""Users as points whose nearness means a common taste: the space in which seeds are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.models.plda import Plda

Doubles = NDArray[np.float64]


def taste_directions(model: Plda, users: NDArray[Any]) -> tuple[Doubles, Doubles]:
    """What makes tastes of users: a user x is at (x − mean) · directions, scaled to length 1.

    In the closed form's coordinates users have variance 1 and items the variance D. Of two users of one item, a
    coordinate is shared to the part D / (1 + D): that is its weight in their likeness. What the users of all items have
    in common – that they are active, for the most part – is taken out: it makes nobody alike. Users of later dates
    spread wider than those that the model was fitted on, so the unit of each coordinate is taken from `users`.

    Args:
        model: the closed form.
        users: (n, d), a random sample of all users of the date.

    Returns:
        mean (d,) and directions (d, d).
    """
    mean = users.mean(axis=0, dtype=np.float64)
    spread = ((users - mean) @ model.basis).std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    between = model.between / spread**2
    weights = np.sqrt(between / (1.0 + between)) / spread
    common = weights * model.prior
    length = float(np.linalg.norm(common))
    directions = model.basis * weights
    if length > 0:
        unit = common / length
        directions = directions - np.outer(directions @ unit, unit)
    return mean, directions


def tastes(users: NDArray[Any], mean: Doubles, directions: Doubles) -> Doubles:
    """Users (n, d) as points (n, d) of length 1; one without any trait stays at zero."""
    points = (np.asarray(users, np.float64) - mean) @ directions
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12))

"""Users as points whose nearness means a common taste: the space in which seeds are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.models.plda import Plda

Doubles = NDArray[np.float64]


def taste_directions(model: Plda, users: NDArray[Any]) -> tuple[Doubles, Doubles]:
    """What makes tastes of users: a user x is at (x − mean) · directions, scaled to length 1.

    The space is the metric in which the closed form compares a user with a seed: directions in which items hardly
    differ, or users hardly do, count little. What the users of all items have in common – that they are active, for the
    most part – is taken out: it makes nobody alike.

    Args:
        model: the closed form.
        users: (n, d), a random sample of all users of the date.

    Returns:
        mean (d,) and directions (d, d).
    """
    rotation = model.rotation(len(model.mean))
    directions = model.basis @ rotation
    common = model.prior @ rotation
    length = float(np.linalg.norm(common))
    if length > 0:
        unit = common / length
        directions = directions - np.outer(directions @ unit, unit)
    return users.mean(axis=0, dtype=np.float64), directions


def tastes(users: NDArray[Any], mean: Doubles, directions: Doubles) -> Doubles:
    """Users (n, d) as points (n, d) of length 1; one without any trait stays at zero."""
    points = (np.asarray(users, np.float64) - mean) @ directions
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12))

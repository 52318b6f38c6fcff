"""The figures of an online test: what each arm did, and how it differs from the control over several worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

# Variety is also counted over so many impressions per user: more impressions alone give more names.
RAREFIED = 8
# Metric -> its meaning; a lower `gini` is more even, of all others more is better.
METRICS = {
    "exposure": "items shown per user",
    "ctr": "clicks per item shown",
    "clicks": "clicks per user",
    "tail_share": "share of the exposure outside an arm's most shown tenth of the items",
    "common_tail": "share of the exposure outside the tenth of the items that all arms together show most",
    "gini": "Gini of the exposure over items: 0 is even",
    "categories": "distinct categories among what a user was shown",
    f"categories@{RAREFIED}": f"distinct categories among {RAREFIED} items that a user was shown",
    "tags": "distinct topics among what a user was shown",
    f"tags@{RAREFIED}": f"distinct topics among {RAREFIED} items that a user was shown",
}


@dataclass(frozen=True)
class Change:
    """An arm's metric relative to the control's: the mean of arm / control − 1 over worlds, with its 95 % interval.

    `low` and `high` are NaN with a single world.
    """

    policy: str
    metric: str
    value: float
    low: float
    high: float
    worlds: int


def relative_changes(worlds: Sequence[Mapping[str, Mapping[str, float]]], control: str) -> list[Change]:
    """Every arm against the control, metric by metric; the interval is Student's over worlds.

    A metric is left out if a world lacks it (NaN) or its control has none of it.

    Args:
        worlds: for each world, policy -> metric -> value.
        control: the policy that the others are compared with.

    Raises:
        ValueError: no world, or a world without the control.
    """
    if not worlds or any(control not in world for world in worlds):
        raise ValueError(f"A/B: every world needs the control '{control}'")
    policies = [policy for policy in worlds[0] if policy != control]
    changes = []
    for policy in policies:
        for metric in worlds[0][control]:
            pairs = np.array([(world[policy][metric], world[control][metric]) for world in worlds])
            if not np.isfinite(pairs).all() or not pairs[:, 1].all():
                continue
            found = pairs[:, 0] / pairs[:, 1] - 1
            half = np.nan
            if len(found) > 1:
                half = float(t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
            mean = float(found.mean())
            changes.append(Change(policy, metric, mean, mean - half, mean + half, len(found)))
    return changes

"""From one value per item to published figures: means with intervals, and paired differences between systems."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ralm.evaluation.bootstrap import interval, paired_difference

KEYS = ("system", "segment", "metric")


def summarise(per_item: pd.DataFrame, resamples: int, seed: int, keys: Sequence[str] = KEYS) -> pd.DataFrame:
    """The mean over items of each metric of each system, with its interval.

    Args:
        per_item: the key columns, item_id, value; one row per item.
        resamples: of the bootstrap over items.
        seed: of the bootstrap.
        keys: columns that name a group.

    Returns:
        The keys, value, low, high (NaN for a single item), items.
    """
    rows = []
    for key, group in per_item.sort_values([*keys, "item_id"]).groupby(list(keys), sort=True):
        mean, low, high = interval(group["value"].to_numpy(dtype="float64"), resamples, seed)
        rows.append((*key, mean, low, high, len(group)))
    return pd.DataFrame(rows, columns=[*keys, "value", "low", "high", "items"])


def compare(
    per_item: pd.DataFrame, system: str, resamples: int, seed: int, keys: Sequence[str] = ("segment", "metric")
) -> pd.DataFrame:
    """The paired difference `system` − baseline for every other system, over the items that both have.

    Args:
        per_item: system, the key columns, item_id, value; one row per item.
        system: the system that is compared with all others.
        resamples: of the bootstrap over items.
        seed: of the bootstrap.
        keys: columns besides the system that name a group.

    Returns:
        system, baseline, the keys, mean, low, high, items; groups without a common item are left out.
    """
    by = [*keys, "item_id"]
    own = per_item[per_item["system"] == system][[*by, "value"]]
    others = per_item[per_item["system"] != system][["system", *by, "value"]].rename(columns={"system": "baseline"})
    pairs = others.merge(own, on=by, suffixes=("_baseline", "_system")).sort_values(["baseline", *by])
    rows = []
    for key, group in pairs.groupby(["baseline", *keys], sort=True):
        mean, low, high = paired_difference(
            group["value_system"].to_numpy(dtype="float64"),
            group["value_baseline"].to_numpy(dtype="float64"),
            resamples,
            seed,
        )
        rows.append((system, *key, mean, low, high, len(group)))
    return pd.DataFrame(rows, columns=["system", "baseline", *keys, "mean", "low", "high", "items"])

"""How many seeds RALM needs to rank an item's users better than the cold start does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import pandas as pd

from ralm.report.data import Difference, MetricRow

BOUNDS = (1, 10, 30, 100)
SEGMENTS = (
    *(f"{low} to {high - 1} seeds" for low, high in pairwise(BOUNDS)),
    f"{BOUNDS[-1]} seeds or more",
)


def by_seeds(values: pd.DataFrame, counts: Mapping[str, int], metric: str = "item_auc") -> pd.DataFrame:
    """A metric of all users again, in segments by the item's number of seeds.

    Args:
        values: item_id, segment, metric, value, …
        counts: item -> seeds; other items are left out.
        metric: the first figure of the protocol.
    """
    own = values[(values["segment"] == "all") & (values["metric"] == metric)]
    place = pd.cut(own["item_id"].map(counts), [*BOUNDS, float("inf")], right=False, labels=list(SEGMENTS))
    return own.assign(segment=place.astype(object))[place.notna()]


def switch_lines(
    rows: Sequence[MetricRow], differences: Sequence[Difference], name: str, metric: str = "item_auc"
) -> Iterator[str]:
    """One line per segment: RALM, the system of this name, and their paired difference."""
    found = {(row.system, row.segment): row.value for row in rows if row.metric == metric}
    paired = {d.segment: d for d in differences if (d.baseline, d.metric) == (name, metric)}
    for segment in SEGMENTS:
        if segment in paired:
            d = paired[segment]
            yield (
                f"{segment:<20}{found['ralm', segment]:>10.4f}{found[name, segment]:>12.4f}{d.mean:>+12.4f} "
                f"[{d.low:+.4f}, {d.high:+.4f}]{d.items:>8,} items"
            )

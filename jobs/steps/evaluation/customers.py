"""What the evaluation says in customers: clicks among those shown, and the later clickers of each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.config import Config
from ralm.evaluation.clicks_at_top import clicks_at_top
from ralm.evaluation.first_figure import non_clicks_are_sampled
from ralm.evaluation.metric_names import recall_name
from ralm.report.findings import ShownRates

# Of the users whom an item was shown to, the best-ranked that are looked at.
BEST = 0.1


@dataclass(frozen=True)
class Customers:
    """Of the system of production.

    Attributes:
        rates: clicks among those shown; None: the log has no real non-clicks, or nothing was judged.
        share: of all users, in which later clickers were looked for.
        found: item_id -> (share of its later clickers who were there, later clickers).
    """

    rates: ShownRates | None = None
    share: float = 0.05
    found: Mapping[str, tuple[float, int]] = field(default_factory=dict)


def customers_of(
    config: Config, pairs: DataFrame, held_out: DataFrame, values: pd.DataFrame, items: Mapping[str, Sequence[str]]
) -> Customers:
    """Count them for one system.

    Args:
        config: the configuration.
        pairs: (item_id, label, score) of the judged pairs.
        held_out: (item_id, user_id) of the later clickers.
        values: (item_id, segment, metric, value) of the system.
        items: protocol -> its items; of the first that has any, clicks among those shown are counted.
    """
    share = config.scoring.audience.top_fraction
    rows = held_out.groupBy("item_id").count().collect()  # the judged items: evaluation.max_items per protocol
    clickers = {row["item_id"]: row["count"] for row in rows}
    own = values[(values["metric"] == recall_name(share)) & (values["segment"] == "all")]
    found = {item: (float(value), clickers[item]) for item, value in zip(own["item_id"], own["value"], strict=True)}
    rates = None if non_clicks_are_sampled(config) else _rates(pairs, items)
    return Customers(rates, share, found)


def _rates(pairs: DataFrame, items: Mapping[str, Sequence[str]]) -> ShownRates | None:
    protocol = next((name for name, listed in items.items() if listed), None)
    if protocol is None:
        return None
    shown = pairs.where(F.col("item_id").isin(list(items[protocol])))
    counted = clicks_at_top(shown, BEST).agg(
        F.count("*").alias("items"), *(F.sum(name).alias(name) for name in ("best", "best_clicks", "people", "clicks"))
    )
    row = counted.first()
    if row is None or not row["items"]:
        return None
    return ShownRates(protocol, row["items"], BEST, row["best"], row["best_clicks"], row["people"], row["clicks"])

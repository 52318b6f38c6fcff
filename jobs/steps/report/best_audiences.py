"""The report's best audiences: how many later clickers an earlier audience of the same item held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scipy.stats import binomtest

from jobs.steps.report.exposure import of_production
from ralm.report.findings import BestAudience, Found
from ralm.runs.step import RunningStep

LISTED = 5
# Fewer later clickers tell nothing of one item.
LEAST_CLICKERS = 10


def best_audiences(step: RunningStep, found: Mapping[str, tuple[float, int]], share: float) -> Found:
    """The audiences of production, the best first by the lower end of what was found; unjudged ones by their seeds.

    Args:
        step: the running step.
        found: item_id -> (share of its later clickers among the best users as of A2, later clickers).
        share: how large a part of all users those were.
    """
    seeds = step.at("item_seeds", as_of=step.context.dates.a3, purpose="production").select("item_id", "seed_count")
    items = step.read("items").select("item_id", "categories", "title", "url", "image")
    sizes = of_production(step, "audiences").groupBy("item_id").count()
    rows = sizes.join(items, "item_id").join(seeds, "item_id", "left").collect()  # the scored items
    every = []
    for row in rows:
        about = (row["item_id"], row["title"], row["url"], row["categories"] or [], row["count"])
        one = BestAudience(*about, row["seed_count"] or 0, share, image=row["image"])
        value, clickers = found.get(row["item_id"], (0.0, 0))
        if clickers >= LEAST_CLICKERS:
            hits = round(value * clickers)
            span = binomtest(hits, clickers).proportion_ci(method="wilson")
            low, high = float(span.low), float(span.high)
            one = replace(one, found=hits / clickers, low=low, high=high, clickers=clickers)
        every.append(one)
    every.sort(key=lambda one: (one.found is None, -(one.low or 0.0), -one.seeds, one.item_id))
    return Found(len(every), every[:LISTED])

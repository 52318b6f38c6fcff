"""Score all users against items with any system and write the results.

For one system and date it writes `audiences`, `thresholds`, `score_histograms` and `recommendations`; for your own list
of seeds all but the last.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.steps.audiences.delivery import held_out, in_interval, too_small
from jobs.steps.audiences.held_scores import HeldScores
from jobs.steps.audiences.holdouts import write_holdouts
from jobs.steps.audiences.ranking import LeftOut, Ranking, rank_users
from jobs.steps.audiences.recommendations import recommendation_rows
from jobs.steps.audiences.scored_users import Scored
from jobs.steps.audiences.thresholds import write_histograms, write_thresholds
from ralm.config import Scoring
from ralm.config.names import LIST_BUCKET
from ralm.evaluation.array_metrics import top_size
from ralm.runs.context import Context
from ralm.runs.step import RunningStep
from ralm.scoring.thresholds import exposure_threshold
from ralm.warehouse.once import Except
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import matching

ITEM_BUCKETS = range(2**31 - 1)


def write_audiences(
    step: RunningStep,
    system: str,
    scored: Scored | HeldScores,
    seeds: DataFrame | None,
    own_list: str | None = None,
    *,
    only_items: bool = False,
    between: Sequence[float] | None = None,
    hold_out: float | None = None,
    least: Mapping[str, float] | None = None,
) -> None:
    """Rank all users for the items and replace the tables' rows of this system, of this list, or of these items.

    Args:
        step: its date is `as_of`; its counts get items, users, passes and audience rows.
        system: as in the column `system`.
        scored: users, items, scorer.
        seeds: (item_id, user_id) of scored users who are not candidates; None: everyone is a candidate.
        own_list: item id of your own list of seeds, the only item; the system's other audiences stay.
        only_items: keep the rows of the system's other items, and the recommendations.
        between: from which share of the ranking to which; None: the best, as `scoring.audience` says.
        hold_out: share of each audience that goes to `holdouts` instead; None: `scoring.hold_out`.
        least: item -> score from which users are in its audience, all of them; None: as `scoring.audience` says.
    """
    scoring, seed = step.context.config.scoring, step.context.config.seed
    sample = scored.sample(max(scoring.sample, scoring.probe), seed)
    where: dict[str, Any] = {"as_of": step.as_of, "system": system}
    if only_items:
        where["item_id"] = list(scored.items)
    probe = sample[: scoring.probe]
    probed = [scores[np.isfinite(scores)] for scores in probe.T]  # -inf: not a candidate
    cutoffs = [exposure_threshold(scores, scoring.probe_fraction) if len(scores) else np.inf for scores in probed]
    if least is not None and scoring.audience.mode == "threshold":
        cutoffs = [least[item] for item in scored.items]
    others = [scores[np.isfinite(scores)] for scores in sample[scoring.probe :].T]
    place = where
    if own_list is not None:
        place = where | {"item_id": [own_list]}
    elif not only_items:
        place = where | {"item_id": Except(_lists(step, system))}
    write_thresholds(step, system, scored.items, probed, cutoffs, others, place)
    write_histograms(step, system, scored.items, sample, place)
    recommended = scoring.recommendations if own_list is None and not only_items else 0
    cuts = np.array(cutoffs) if scoring.audience.mode == "threshold" else None
    cuts = cuts if least is None else np.array([least[item] for item in scored.items])
    ranking = _rank(scored, scoring, sample, cuts, seeds, recommended, between)
    audiences = audience_rows(ranking, system, step.as_of, step.record.started_at, scored.users)
    if between is not None:
        audiences = in_interval(audiences, (between[0], between[1]))
    share = scoring.hold_out if hold_out is None else hold_out
    held = held_out(share, seed)
    delivered = audiences.where(~held) if share else audiences
    shown = ~F.col("item_id").isin(too_small(step, delivered, scored.items, own_list=own_list is not None))
    write_holdouts(step, audiences.where(held & shown) if share else None, place)
    audiences = delivered.where(shown)
    part: dict[str, Any] = {"item_bucket": ITEM_BUCKETS}
    if own_list is not None:
        audiences = audiences.withColumn("item_bucket", F.lit(LIST_BUCKET))
        part = {"item_bucket": LIST_BUCKET, "item_id": own_list}
    step.replace("audiences", audiences, "audience rows", **where, **part)
    step.context.warehouse.create("recommendations")  # readers find the table even if none are asked for
    if recommended:
        step.replace("recommendations", recommendation_rows(step, system, ranking, scored.items, share), **where)
    step.counts |= {"items": len(scored.items), "users": scored.users, "passes": ranking.passes}


def _lists(step: RunningStep, system: str) -> tuple[str, ...]:
    """Names of your own lists that have an audience of this system and date: their thresholds stay."""
    warehouse = step.context.warehouse
    if not warehouse.exists("audiences"):
        return ()
    keys = {"as_of": step.as_of, "system": system, "item_bucket": LIST_BUCKET}
    rows = matching(warehouse.read("audiences"), keys).select("item_id").distinct().collect()  # one per list
    return tuple(sorted(row["item_id"] for row in rows))


def made_by(context: Context, table: str, item: str) -> list[str]:
    """The systems with rows of an item's audience as of A3 in `audiences` or `holdouts`."""
    if not context.warehouse.exists(table):
        return []
    rows = context.warehouse.read(table)
    rows = rows.where((F.col("as_of") == F.lit(context.dates.a3)) & (F.col("item_id") == item))
    return sorted(row["system"] for row in rows.select("system").distinct().collect())


def clear_audiences(step: RunningStep, system: str, items: Sequence[str] | None = None) -> None:
    """Delete the rows of a system, or of some of its items, that another system spreads from now on."""
    where: dict[str, Any] = {"as_of": step.as_of, "system": system}
    if items is not None:
        where["item_id"] = list(items)
    names = ["audiences", "thresholds", "score_histograms"]
    later = ("recommendations", "holdouts") if items is None else ("holdouts",)
    names += [name for name in later if step.context.warehouse.exists(name)]
    for name in names:
        empty = step.context.spark.createDataFrame([], TABLES[name].schema(step.context.warehouse.user_id))
        kept: dict[str, Any] = {"item_bucket": ITEM_BUCKETS} if name == "audiences" else {}
        if name in ("thresholds", "score_histograms", "holdouts") and items is None:
            kept = {"item_id": Except(_lists(step, system))}
        step.replace(name, empty, part="cleared", **(where | kept))


def audience_rows(
    ranking: Ranking, system: str, as_of: dt.date | None, scored_at: dt.datetime, users: int
) -> DataFrame:
    """The rows of `audiences` for a ranking of all `users`."""
    return ranking.best.select(
        F.lit(as_of).alias("as_of"),
        "item_id",
        "user_id",
        "score",
        (1 - (F.col("rank") - 1) / F.lit(users)).alias("percentile"),
        F.lit(system).alias("system"),
        F.lit(scored_at).alias("scored_at"),
        F.col("bucket").alias("item_bucket"),
    )


def _rank(
    scored: Scored | HeldScores,
    scoring: Scoring,
    sample: NDArray[np.float64],
    cuts: NDArray[np.float64] | None,
    seeds: DataFrame | None,
    recommended: int,
    between: Sequence[float] | None,
) -> Ranking:
    audience = scoring.audience
    left_out = None if seeds is None else LeftOut.of(seeds)
    counts = left_out.counts if left_out else {}
    candidates = {item: max(0, scored.users - counts.get(item, 0)) for item in scored.items}
    wanted = {
        item: min(audience.top_n, count) if audience.mode == "top_n" else top_size(count, audience.top_fraction)
        for item, count in candidates.items()
    }
    if between is not None:  # places of all who are scored, as in `percentile`
        most = math.ceil(between[1] * scored.users - 1e-9)
        wanted, cuts = {item: min(most, count) for item, count in candidates.items()}, None
    if isinstance(scored, HeldScores):  # of a list, whose seeds are no candidates
        return scored.ranking(wanted, cuts)
    return rank_users(scored, sample, wanted, left_out, cuts, recommended)

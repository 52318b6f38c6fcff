"""Whether a log can be split by its times: who of the labelled users did something before; decided when it is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.config import Dates, Ingest
from ralm.dates import SENTINEL_DAYS
from ralm.features.hashing import chosen
from ralm.midnights import LEAST_PART, MOST_WITHOUT_HISTORY, Chosen, Midnights, candidates, choose

# Rows of the logs that are looked at, all those of some users; of a billion users with 100 rows each, 20,000 users.
SAMPLED_ROWS = 2_000_000
# What the record of an ingest keeps: the days on which pairs lie by hash, or the midnights, as days since 1970-01-01.
BY_HASH = "days by hash"
_CUTS = ("day of A0", "day of A1", "day of A2")
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Split:
    """How a log is split.

    Attributes:
        by_hash: times are replaced by days by hash.
        chosen: the best midnights, if they were looked for.
        said: the reason in a sentence or two, empty if there was nothing to decide.
    """

    by_hash: bool
    chosen: Chosen | None = None
    said: str = ""

    @property
    def outcome(self) -> tuple[bool, float, str]:
        """As a check: whether it can be learnt from, the share of labels on users without a history, the sentence."""
        without = self.chosen.without_history if self.chosen else None
        passed = self.by_hash or self.chosen is None or self.chosen.learnable
        return passed, 0.0 if without is None else without, self.said

    @property
    def facts(self) -> dict[str, int]:
        """What the record of the ingest keeps of it."""
        if self.by_hash:
            return {BY_HASH: SENTINEL_DAYS}
        midnights = self.chosen.midnights if self.chosen else None
        return {name: (day - _EPOCH).days for name, day in zip(_CUTS, midnights or (), strict=False)}


def found_midnights(facts: Mapping[str, int]) -> Midnights | None:
    """A0, A1 and A2 that an ingest chose, from its record."""
    if any(name not in facts for name in _CUTS):
        return None
    a0, a1, a2 = (_EPOCH + dt.timedelta(days=facts[name]) for name in _CUTS)
    return a0, a1, a2


def may_lose_times(settings: Ingest, dates: Dates) -> bool:
    """Whether ingest decides: times are named, and neither `ingest.untimed` nor `dates` say what to do with them."""
    return settings.untimed == "auto" and settings.timed and dates.given is None


def decide(events: DataFrame, impressions: DataFrame, settings: Ingest, dates: Dates, rows: int, seed: int) -> Split:
    """Look for midnights that split the log, if no dates are set.

    Args:
        events: (user_id, domain, event_time).
        impressions: (user_id, shown_at); every row is a label.
        rows: of both, good and bad.
    """
    if dates.given is not None or not settings.timed:
        return Split(not settings.timed)
    best = measure(events, impressions, rows, seed, None if dates.a3 == "end" else dates.a3)
    by_hash = settings.untimed == "auto" and not best.learnable
    return Split(by_hash, best, _said(best, by_hash))


def measure(events: DataFrame, impressions: DataFrame, rows: int, seed: int, until: dt.date | None = None) -> Chosen:
    """The best midnights, by the rows of sampled users (one pass over the logs; small sums come to the driver).

    Args:
        events: (user_id, event_time).
        impressions: (user_id, shown_at).
        rows: of both, roughly.
        seed: of the sample.
        until: impressions from this midnight on are left out.
    """
    share = min(1.0, SAMPLED_ROWS / max(1, rows))
    acted = events.select("user_id", F.to_date("event_time").alias("day"), F.lit(False).alias("label"))
    shown = impressions.select("user_id", F.to_date("shown_at").alias("day"), F.lit(True).alias("label"))
    if until is not None:
        shown = shown.where(F.col("day") < F.lit(until))
    both = acted.unionByName(shown)
    sample = (both if share == 1 else both.where(chosen("split", seed, share, "user_id"))).persist()
    try:
        per_day = sample.groupBy("label", "day").count().collect()
        labels = {row["day"]: row["count"] for row in per_day if row["label"]}
        first_event = min((row["day"] for row in per_day if not row["label"]), default=None)
        midnights = candidates(labels, first_event)
        return choose(labels, midnights, _cells(sample, midnights) if midnights else None)
    finally:
        sample.unpersist()


def _cells(sample: DataFrame, midnights: Sequence[dt.date]) -> dict[tuple[int, int], int]:
    """Labels by the places of their users' first events and their own (see `ralm.midnights.place`)."""

    def place(day: str) -> Column:
        at = F.size(F.filter(F.array(*map(F.lit, midnights)), lambda midnight: midnight <= F.col(day)))
        return F.when(F.col(day).isNull(), len(midnights) + 1).otherwise(at)

    first = sample.where(~F.col("label")).groupBy("user_id").agg(F.min("day").alias("first"))
    joined = sample.where("label").join(first, "user_id", "left")
    found = joined.groupBy(place("first").alias("first"), place("day").alias("own")).count().collect()
    return {(row["first"], row["own"]): row["count"] for row in found}


def _said(best: Chosen, by_hash: bool) -> str:
    if best.midnights is None:
        why = "the log has no three midnights with impressions before, between and after them"
    elif not best.even:
        why = f"the log has no three midnights with {LEAST_PART:.0%} of the impressions between any two"
    else:
        without = best.without_history or 0.0
        if without > MOST_WITHOUT_HISTORY:
            least = int(100 * without)
            why = f"at any dates, at least {least}% of the labels of a part are of users who did nothing before it"
        else:
            why = f"up to {without:.0%} of the labels of a part are of users who did nothing before it"
    if by_hash:
        return (
            f"{why}: times are replaced by days by hash, so that histories, seeds and labels are parts of each user's "
            "pairs (ingest.untimed: false keeps the times)"
        )
    kept = "times are kept"
    if best.midnights is not None:
        a0, a1, a2 = best.midnights
        kept += f", A0 {a0}, A1 {a1}, A2 {a2}"
    advice = "" if best.learnable else "; with ingest.untimed: true the log is split by hash"
    return f"{why}: {kept}{advice}"

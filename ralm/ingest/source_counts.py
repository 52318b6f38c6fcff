"""What one pass over the sources counts: rows by reason, notes on ids, busy ids, spans of times, domains, clicks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from ralm.ingest.ids import SAID
from ralm.ingest.mapping import NOTE, REASON, Mapped
from ralm.spark.errors import user_errors
from ralm.spark.frames import union

# Frequent ids are found by a sketch of so many of them per group: memory is bounded, shares are exact to 0.4 %.
_TRACKED, _NAMED, _DOMAINS = 1_000, 3, 100
# No log is older; an epoch that is read by a wrong unit lies before it.
OLD = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
_TIMES = ("event_time", "shown_at", "seen_at")


@dataclass(frozen=True)
class Ids:
    """Ids of the good rows: how many there are (roughly), and the rows of the most frequent ones."""

    distinct: int
    frequent: Mapping[str, int]


@dataclass(frozen=True)
class Span:
    """Times of the good rows, in seconds since 1970: first, 5th and 95th percentile, last; `old` ones before 1990."""

    first: float
    low: float
    high: float
    last: float
    old: int


@dataclass(frozen=True)
class SourceCount:
    """The rows of a source: all of them, and the bad ones by reason (duplicates are not bad).

    Attributes:
        source: its place under `ingest`.
        rows: all of them.
        bad: reason -> rows.
        notes: note on an id -> rows, good or bad.
        ids: column -> its ids.
        span: of the log's times; None: it has none.
        domains: behaviour domain -> rows.
        clicks: clicked rows of impressions.
    """

    source: str
    rows: int
    bad: dict[str, int]
    notes: dict[str, int] = field(default_factory=dict)
    ids: dict[str, Ids] = field(default_factory=dict)
    span: Span | None = None
    domains: dict[str, int] = field(default_factory=dict)
    clicks: int = 0

    @property
    def good(self) -> int:
        """Rows that go into the tables, unless they repeat others."""
        return self.rows - sum(self.bad.values())

    @property
    def bad_share(self) -> float:
        """Share of the rows that go to quarantine."""
        return sum(self.bad.values()) / self.rows if self.rows else 0.0

    @property
    def said(self) -> dict[str, tuple[int, str]]:
        """Note -> rows, and what it means."""
        means = {note: next(text for kind, text in SAID.items() if note.startswith(kind)) for note in self.notes}
        return {note: (rows, means[note]) for note, rows in self.notes.items()}


def count_sources(sources: Iterable[Mapped]) -> list[SourceCount]:
    """All rows and the bad ones of every source, in one pass over the columns that the mapping reads.

    Raises:
        DataError: a file that cannot be read, an expression that fails on a value.
    """
    mapped = list(sources)
    expressions = {setting: text for m in mapped for setting, text in m.expressions.items()}
    with user_errors("ingest", expressions):
        together = union(_looked_at(m) for m in mapped)
        found = [
            row.asDict(recursive=True) for row in together.groupBy("source", REASON, NOTE).agg(*_counts()).collect()
        ]
    return [_of(m, [row for row in found if row["source"] == m.source]) for m in mapped]


def _looked_at(mapped: Mapped) -> DataFrame:
    """source, reason, note, and of good rows: user, thing, at (seconds), domain, clicked."""
    frame = mapped.rows

    def good(name: str | None, kind: str) -> Column:
        value = F.lit(None) if name is None else F.col(name)
        return F.when(F.col(REASON).isNull(), value).cast(kind)

    return frame.select(
        F.lit(mapped.source).alias("source"),
        REASON,
        NOTE,
        good(_first(frame, "user_id"), "string").alias("user"),
        good(_thing(frame), "string").alias("thing"),
        good(_first(frame, *_TIMES), "double").alias("at"),
        good(_first(frame, "domain"), "string").alias("domain"),
        good(_first(frame, "clicked"), "boolean").alias("clicked"),
    )


def _first(frame: DataFrame, *names: str) -> str | None:
    return next((name for name in names if name in frame.columns), None)


def _thing(frame: DataFrame) -> str | None:
    """What a log is about; a table of items has each of them once, so nothing of them is counted."""
    return _first(frame, "item_id", "feature_id") if "user_id" in frame.columns else None


def _counts() -> list[Column]:
    sketches = [F.expr(f"approx_top_k({name}, {_NAMED}, {_TRACKED})").alias(f"{name}s") for name in ("user", "thing")]
    return [
        F.count("*").alias("rows"),
        *sketches,
        F.approx_count_distinct("user").alias("distinct_users"),
        F.approx_count_distinct("thing").alias("distinct_things"),
        F.expr(f"approx_top_k(domain, {_DOMAINS}, {_TRACKED})").alias("domains"),
        F.min("at").alias("first"),
        F.percentile_approx("at", [0.05, 0.95], 1_000).alias("between"),
        F.max("at").alias("last"),
        F.count_if(F.col("at") < F.lit(OLD.timestamp())).alias("old"),
        F.count_if("clicked").alias("clicks"),
    ]


def _of(mapped: Mapped, groups: list[dict[str, Any]]) -> SourceCount:
    bad: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    for row in groups:
        if row[REASON] is not None:
            bad[row[REASON]] += row["rows"]
        if row[NOTE] is not None:
            notes[row[NOTE]] += row["rows"]
    good = [row for row in groups if row[REASON] is None]
    timed = [row for row in good if row["first"] is not None]
    span = None
    if timed:
        most = max(timed, key=lambda row: row["rows"])
        span = Span(
            min(row["first"] for row in timed),
            most["between"][0],
            most["between"][1],
            max(row["last"] for row in timed),
            sum(row["old"] for row in timed),
        )
    counted = {"user": _first(mapped.frame, "user_id"), "thing": _thing(mapped.frame)}
    return SourceCount(
        mapped.source,
        sum(row["rows"] for row in groups),
        dict(sorted(bad.items())),
        dict(sorted(notes.items())),
        {
            column: Ids(max((row[f"distinct_{name}s"] for row in good), default=0), _frequent(good, f"{name}s"))
            for name, column in counted.items()
            if column is not None
        },
        span,
        _frequent(good, "domains"),
        sum(row["clicks"] for row in good),
    )


def _frequent(groups: list[dict[str, Any]], sketch: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for row in groups:
        for found in row[sketch] or []:
            if found["item"] is not None:
                total[found["item"]] += found["count"]
    return dict(total.most_common())

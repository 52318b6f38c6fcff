"""What the counts of the sources say: which ids were mended or are busy, which times cannot be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ralm.config import Config, Source
from ralm.config.time_formats import EPOCHS
from ralm.errors import ConfigError
from ralm.ingest.ids import UNMATCHED
from ralm.ingest.source_counts import OLD, SourceCount, Span
from ralm.ingest.value_kinds import EXCEL_DAYS, excel_time

# An id that a source's mean id has a tenth of is not busy, whatever its share: campaigns have few items.
TIMES_THE_MEAN = 10
# So few users in so many rows are no users, but kinds of devices, or days; one user, or one item, tells nothing.
FEW_USERS, MANY_ROWS, SOME_ROWS = 5, 200, 20
# Events may end before the impressions begin, but not by this many days.
FAR = 366
NO_CLICKS = "no row is a click: look at the expression `clicked`"
ONLY_CLICKS = "every row is a click: leave `clicked` out, then non-clicks are sampled (ingest.sampled_negatives)"


@dataclass(frozen=True)
class Check:
    """A data check with its outcome, as the table `checks` holds it."""

    name: str
    passed: bool
    value: float
    detail: str


def source_at(config: Config, place: str) -> Source:
    """The source at a place under `ingest`, such as `events[0]`."""
    assert config.ingest is not None
    name, _, number = place.removesuffix("]").partition("[")
    if name == "events":
        return config.ingest.events[int(number)]
    if name == "impressions":
        return config.ingest.all_impressions[int(number or 0)]
    return getattr(config.ingest, name)  # type: ignore[no-any-return]


def findings(config: Config, counts: Sequence[SourceCount]) -> list[Check]:
    """A check per thing to tell, those that did not pass first.

    Ids that were mended pass; busy ids, two units of time in a column, fields without an event, and impressions of
    which all or none are clicks do not.
    """
    found = [
        check
        for count in counts
        for check in (*_mended(count), *_busy(config, count), *_few(count), *_two_units(config, count))
    ]
    found += [*_empty_domains(config, counts), *_clicks(config, counts), *_late_events(config, counts)]
    return sorted(found, key=lambda check: check.passed)


def check_times(config: Config, counts: Sequence[SourceCount]) -> None:
    """Refuse sources whose times cannot be: of a wrong unit, or far from the impressions.

    Raises:
        ConfigError: all such sources, each with the unit that would fit.
    """
    if config.ingest is None or not config.ingest.timed:
        return
    problems = []
    shown = [count.span for count in counts if count.source.startswith("impressions") and count.span is not None]
    for count in counts:
        if count.span is None:
            continue
        source, setting = source_at(config, count.source), f"ingest.{count.source}.time_format"
        if wrong := wrong_unit(source, count.span, setting):
            problems.append(wrong)
        elif count.source.startswith("events") and shown and _apart(count.span, shown) > FAR:
            near = _unit_near(source, count.span, shown)
            hint = f"; {_raw(source, count.span):.0f} looks like {_WORDS[near]}: set {near}" if near else ""
            problems.append(
                f"{setting}: the times ({_days(count.span)}) do not meet those of the impressions "
                f"({', '.join(map(_days, shown))}){hint or '; look at time_format and the expression of event_time'}"
            )
    if problems:
        raise ConfigError("; ".join(problems) + "; nothing was written")


def wrong_unit(source: Source, span: Span, setting: str) -> str | None:
    """What is wrong if a log's epochs are of another unit than its source says; None: nothing is."""
    unit = _likely_unit(source, span)
    if unit is None:
        return _days_of_excel(source, span, setting)
    read = source.time_formats[0]
    return (
        f"{setting}: {_raw(source, span):.0f} looks like {_WORDS[unit]}, as {read} it is {_day(span.low)}: set {unit}"
    )


def _days_of_excel(source: Source, span: Span, setting: str) -> str | None:
    """What is wrong if all seconds since 1970 are as many as the days that Excel counts from 1899 to our time."""
    low, high = EXCEL_DAYS
    if source.time_formats != ["epoch_s"] or not low <= span.first <= span.last <= high:
        return None
    return (
        f"{setting}: {span.first:.0f} looks like Excel's count of days, as epoch_s it is {_day(span.first)}: leave it "
        f"out, and write {excel_time('column')}"
    )


_WORDS = {"epoch_s": "seconds", "epoch_ms": "milliseconds", "epoch_us": "microseconds", "epoch_ns": "nanoseconds"}


def _raw(source: Source, span: Span) -> float:
    return span.low * EPOCHS[source.time_formats[0]]


def _other_units(source: Source, span: Span) -> Iterator[tuple[str, float]]:
    """(unit, the 5th percentile of the times by it) of the units that a source with one unit does not name."""
    formats = source.time_formats
    if len(formats) == 1 and formats[0] in EPOCHS:
        for unit, per_second in EPOCHS.items():
            if unit != formats[0]:
                yield unit, _raw(source, span) / per_second


def _likely_unit(source: Source, span: Span) -> str | None:
    """The unit by which the times of a log are of our days, if by its own nearly all lie before 1990."""
    if span.high >= OLD.timestamp() or span.low <= 0:
        return None
    latest = dt.datetime.now(dt.UTC).timestamp() + 86_400
    return next((unit for unit, at in _other_units(source, span) if OLD.timestamp() <= at <= latest), None)


def _unit_near(source: Source, span: Span, shown: Sequence[Span]) -> str | None:
    for unit, at in _other_units(source, span):
        if any(s.low - FAR * 86_400 <= at <= s.high + FAR * 86_400 for s in shown):
            return unit
    return None


def _apart(span: Span, others: Sequence[Span]) -> float:
    """Days between a span and the nearest of others; 0 if they meet."""
    return min(max(0.0, other.low - span.high, span.low - other.high) / 86_400 for other in others)


def _day(at: float) -> str:
    return f"{dt.datetime(1970, 1, 1) + dt.timedelta(seconds=at):%Y-%m-%d}"


def _days(span: Span) -> str:
    return f"{_day(span.low)} to {_day(span.high)}"


def _mended(count: SourceCount) -> list[Check]:
    """What was done to ids; rows that found no row to join pass while they are not the most."""
    return [
        Check(
            f"ids:{count.source}",
            not note.startswith(UNMATCHED) or rows <= count.rows / 2,
            rows / count.rows,
            f"{rows:,} of {count.rows:,} rows, {note}: {said}",
        )
        for note, (rows, said) in count.said.items()
    ]


def _busy(config: Config, count: SourceCount) -> list[Check]:
    assert config.ingest is not None
    found = []
    for column, ids in count.ids.items():
        for name, rows in ids.frequent.items():
            share = rows / max(1, count.good)
            if share > max(config.ingest.busy_id_share, TIMES_THE_MEAN / max(1, ids.distinct)):
                found.append(
                    Check(
                        f"busy_id:{count.source}",
                        False,
                        share,
                        f"{column} '{name}' has {share:.0%} of {count.good:,} rows: if it stands for a missing id, "
                        "name it in ingest.null_markers; if it is a robot or a test, leave it out with `where`",
                    )
                )
    return found


def _few(count: SourceCount) -> list[Check]:
    found = []
    for column, few in (("user_id", FEW_USERS), ("item_id", 2)):
        ids = count.ids.get(column)
        enough = few if count.good >= MANY_ROWS else 2 if count.good >= SOME_ROWS else 0
        if ids is not None and ids.distinct < enough:
            things = f"{column.removesuffix('_id')}{'s' if ids.distinct > 1 else ''}"
            named = ", ".join(ids.frequent)
            detail = (
                f"{count.good:,} rows are of {ids.distinct} {things} ({named}): is {column} mapped to the right column?"
            )
            found.append(Check(f"{column.removesuffix('_id')}s:{count.source}", False, ids.distinct, detail))
    return found


def _two_units(config: Config, count: SourceCount) -> list[Check]:
    span = count.span
    if (
        span is None
        or not 0 < span.old < count.good
        or not set(source_at(config, count.source).time_formats) & {*EPOCHS}
    ):
        return []
    share = span.old / count.good
    detail = f"{span.old:,} of {count.good:,} times lie before 1990: a column of two units is read by a list of them, "
    return [Check(f"times:{count.source}", False, share, detail + "such as time_format: [epoch_s, epoch_ms]")]


def _late_events(config: Config, counts: Sequence[SourceCount]) -> list[Check]:
    """Events that all come after the last impression say nothing about anyone when something was shown."""
    assert config.ingest is not None
    shown = [count.span for count in counts if count.source.startswith("impressions") and count.span is not None]
    if not shown or not config.ingest.timed:
        return []
    last = max(span.last for span in shown)
    return [
        Check(
            f"times:{count.source}",
            False,
            (count.span.first - last) / 86_400,
            f"all events ({_days(count.span)}) are after the last impression ({_day(last)}): no history holds them",
        )
        for count in counts
        if count.source.startswith("events") and count.span is not None and count.span.first > last
    ]


def _empty_domains(config: Config, counts: Sequence[SourceCount]) -> list[Check]:
    filled: dict[str, int] = {}
    for count in counts:
        if count.source.startswith("events"):
            domain = getattr(source_at(config, count.source), "domain", None)
            for name, rows in ({domain: count.good} if domain else count.domains).items():
                filled[name] = filled.get(name, 0) + rows
    wanted = dict.fromkeys([*[field.domain for field in config.fields.history], *config.fields.item_domains])
    there = ", ".join(f"{name} {rows:,}" for name, rows in list(filled.items())[:10])
    return [
        Check(f"domain:{name}", False, 0.0, f"no event is of the domain '{name}' (fields); there are {there or 'none'}")
        for name in wanted
        if not filled.get(name)
    ]


def _clicks(config: Config, counts: Sequence[SourceCount]) -> list[Check]:
    found = []
    for count in counts:
        if (
            count.source.startswith("impressions")
            and "clicked" in source_at(config, count.source).columns
            and count.good
        ):
            share = count.clicks / count.good
            if share in (0, 1):
                detail = f"of {count.good:,} impressions {ONLY_CLICKS if share else NO_CLICKS}"
                found.append(Check(f"clicks:{count.source}", False, share, detail))
    return found

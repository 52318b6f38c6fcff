"""The whole of ingest: configured sources -> users, items, events, impressions and quarantine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.config import Config, Ingest, Source
from ralm.config.auto import sampled_negatives
from ralm.errors import ConfigError, DataError, RalmError
from ralm.ingest.findings import Check, check_times, findings
from ralm.ingest.items import item_targets, items_table, one_item, seen_items
from ralm.ingest.logs import (
    complete_events,
    complete_impressions,
    event_targets,
    events_table,
    impression_targets,
    impressions_table,
)
from ralm.ingest.mapping import Mapped, Target, map_source
from ralm.ingest.quarantine import check_shares, default_not_after, duplicates, free, quarantined, read_once
from ralm.ingest.read import read_source
from ralm.ingest.sampled_negatives import sample_negatives
from ralm.ingest.source_counts import SourceCount, count_sources
from ralm.ingest.split import Split, decide
from ralm.ingest.users import one_profile, user_targets, users_table
from ralm.spark.errors import user_errors

EVENT_KEY = ["user_id", "domain", "feature_id", "event_time"]
IMPRESSION_KEY = ["user_id", "item_id", "shown_at"]


@dataclass(frozen=True)
class IngestResult:
    """The tables as lazy frames, and what the pass over the sources found.

    `counts` holds `<source>.rows` and `<source>.<reason>` of the bad rows; duplicates are only in `quarantine`: they
    are found while the tables are computed. `expressions` are the user's SQL texts by setting, for `user_errors`
    around the writes. `split` says whether times were kept; `told` is what the user should know of the sources.
    `sources` are kept on the executors' disks until `free`.
    """

    users: DataFrame
    items: DataFrame
    events: DataFrame
    impressions: DataFrame
    quarantine: DataFrame
    counts: dict[str, int]
    checks: list[Check]
    expressions: dict[str, str]
    split: Split
    told: list[str]
    sources: list[Mapped]

    def free(self) -> None:
        """Give back the room on the executors' disks; the frames can still be read, from the files."""
        free(self.sources)


@dataclass(frozen=True)
class _Sources:
    users: Mapped | None
    items: Mapped | None
    events: list[Mapped]
    impressions: list[Mapped]

    def all(self) -> list[Mapped]:
        return [m for m in (self.users, self.items, *self.events, *self.impressions) if m is not None]

    def logs(self) -> list[Mapped]:
        return [*self.events, *self.impressions]


def ingest(
    spark: SparkSession, config: Config, *, run_id: str = "", not_after: dt.datetime | None = None
) -> IngestResult:
    """Map every source, refuse bad input, and give the four tables and the quarantine.

    One pass over the files is made here, one over what it kept if no dates are set, and one that looks for repeated
    rows; no table is written.

    Args:
        run_id: written into the quarantine's rows.
        not_after: the moment of the run (UTC), if the configuration names no other.

    Raises:
        ConfigError: columns, expressions, types or fields that do not fit the files: all at once; times that cannot be.
        MissingInputError: a path without files.
        DataError: an unreadable file, a failing expression, a source without rows or with too many bad ones.
    """
    settings = config.ingest
    if settings is None:
        raise ConfigError("ingest: the section is missing; this configuration simulates its data")
    notes: list[str] = []
    sources = _map_all(spark, config, settings, settings.not_after or not_after or default_not_after(), notes)
    try:
        return _tables(config, settings, sources, run_id, notes)
    except BaseException:
        free(sources.all())
        raise


def _tables(config: Config, settings: Ingest, sources: _Sources, run_id: str, notes: list[str]) -> IngestResult:
    counts = count_sources(sources.all())
    check_shares(sources.all(), counts, settings.max_bad_share)
    check_times(config, counts)
    split = _split(config, settings, sources, counts)
    refused = [quarantined(mapped) for mapped in sources.all()]
    refused += _found(duplicates(sources.events, EVENT_KEY, []))
    refused += _found(duplicates(sources.impressions, IMPRESSION_KEY, [F.col("clicked").desc()]))

    # Sampled non-clicks add neither users nor items, so both come from what was read.
    logs = [mapped.good for mapped in sources.logs()]
    if split.by_hash and settings.timed:  # the times still tell what is a duplicate, and when items were first seen
        sources = _by_hash(sources, settings, config.seed)
    events = _union([mapped.good for mapped in sources.events]).distinct()
    # Of two rows for one impression, keep the click.
    _one_kind_per_item(settings, sources)
    rows = _shown(sources, settings)
    shown = rows.groupBy(*IMPRESSION_KEY).agg(F.max("clicked").alias("clicked"), F.min("domain").alias("domain"))

    profiles = catalogue = None
    if sources.users is not None and settings.users is not None:
        profiles, again = one_profile(sources.users, settings.users)
        refused += _found(again)
    if sources.items is not None and settings.items is not None:
        catalogue, again = one_item(sources.items, settings.items)
        refused += _found(again)
    users = users_table(profiles, _union([log.select("user_id") for log in logs]), config.fields)
    items = items_table(catalogue, seen_items(logs, config.fields.item_domains))

    if "clicked" not in settings.impressions.columns:
        clicks = sum(c.rows for c in counts if c.source.startswith("impressions"))
        drawing = sampled_negatives(settings, clicks, untimed=split.by_hash)
        negatives = sample_negatives(shown, drawing, config.seed, untimed=split.by_hash)
        negatives = negatives.withColumn("clicked", F.lit(False))
        shown = shown.unionByName(_with_domains(negatives, shown, settings))
    return IngestResult(
        users=users,
        items=items,
        events=events_table(events),
        impressions=impressions_table(shown),
        quarantine=_union(refused).withColumn("run_id", F.lit(run_id)),
        counts={f"{c.source}.rows": c.rows for c in counts}
        | {f"{c.source}.{reason}": bad for c in counts for reason, bad in c.bad.items()},
        checks=[
            Check(
                f"bad_share:{c.source}",
                True,
                c.bad_share,
                ", ".join(f"{reason}: {bad}" for reason, bad in c.bad.items()) or f"{c.rows} rows, none bad",
            )
            for c in counts
        ]
        + ([Check("split", *split.outcome)] if split.said else [])
        + (told := findings(config, counts)),
        told=notes + [f"{check.name.partition(':')[2]}: {check.detail}" for check in told],
        expressions={setting: text for mapped in sources.all() for setting, text in mapped.expressions.items()},
        split=split,
        sources=sources.all(),
    )


def _found(rows: DataFrame | None) -> list[DataFrame]:
    return [] if rows is None else [rows]


def _shown(sources: _Sources, settings: Ingest) -> DataFrame:
    """The good rows of all impressions, each with the domain of its source."""
    pairs = zip(sources.impressions, settings.all_impressions, strict=True)
    return _union([mapped.good.withColumn("domain", F.lit(source.domain)) for mapped, source in pairs])


def _with_domains(negatives: DataFrame, shown: DataFrame, settings: Ingest) -> DataFrame:
    """Sampled non-clicks with the domain in which their item is shown."""
    domains = {source.domain for source in settings.all_impressions}
    if len(domains) == 1:
        return negatives.withColumn("domain", F.lit(domains.pop()))
    return negatives.join(shown.groupBy("item_id").agg(F.min("domain").alias("domain")), "item_id")


def _one_kind_per_item(settings: Ingest, sources: _Sources) -> None:
    """An id that names a thing in one domain and another thing in the next would be one item."""
    if len({source.domain for source in settings.all_impressions}) == 1:
        return
    with user_errors("ingest.impressions"):
        items = _shown(sources, settings).groupBy("item_id").agg(F.collect_set("domain").alias("domains"))
        twice = items.where(F.size("domains") > 1).first()
    if twice is not None:
        raise DataError(
            f"ingest.impressions: item {twice['item_id']} is shown in {' and '.join(sorted(twice['domains']))}: an id "
            f"names one item; write concat('<kind>:', id) in `columns` of each source, or give both the same `domain`"
        )


def _split(config: Config, settings: Ingest, sources: _Sources, counts: list[SourceCount]) -> Split:
    """Whether the log keeps its times; histories are of the events in the configured domains."""
    domains = [field.domain for field in config.fields.history]
    events = _union([mapped.good for mapped in sources.events]).where(F.col("domain").isin(domains))
    rows = sum(count.rows for count in counts if count.source.startswith(("events", "impressions")))
    expressions = {setting: text for mapped in sources.all() for setting, text in mapped.expressions.items()}
    with user_errors("ingest", expressions):
        shown = _union([mapped.good.select("user_id", "shown_at") for mapped in sources.impressions])
        return decide(events, shown, settings, config.dates, rows, config.seed)


def _by_hash(sources: _Sources, settings: Ingest, seed: int) -> _Sources:
    """The same rows on the sentinel days of their pairs."""
    events = [
        complete_events(mapped, source, seed, by_hash=True)
        for mapped, source in zip(sources.events, settings.events, strict=True)
    ]
    impressions = [
        complete_impressions(mapped, source, seed, by_hash=True)
        for mapped, source in zip(sources.impressions, settings.all_impressions, strict=True)
    ]
    return replace(sources, events=events, impressions=impressions)


def _map_all(
    spark: SparkSession, config: Config, settings: Ingest, not_after: dt.datetime, notes: list[str]
) -> _Sources:
    """Read and map every source; the problems of all sources make one error."""
    found, errors = map_sources(spark, config, settings, not_after, say=notes.append)
    if errors:
        raise type(errors[0])("; ".join(str(error) for error in errors)) from errors[0]
    named = {mapped.source: read_once(mapped) for mapped, _ in found}
    events = [named[f"events[{number}]"] for number in range(len(settings.events))]
    shown = [mapped for name, mapped in named.items() if name.startswith("impressions")]
    return _Sources(named.get("users"), named.get("items"), events, shown)


def map_sources(
    spark: SparkSession,
    config: Config,
    settings: Ingest,
    not_after: dt.datetime,
    sample: Callable[[DataFrame], DataFrame] = lambda raw: raw,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[tuple[Mapped, Source]], list[RalmError]]:
    """Read and map every source: those that can be mapped, and what is wrong with the others.

    Args:
        spark: the session.
        config: the configuration.
        settings: its section `ingest`.
        not_after: times after this (UTC) are 'future'.
        sample: applied to the raw rows of each source.
        say: gets what a person should know of the files.
    """
    errors: list[RalmError] = []
    found: list[tuple[Mapped, Source]] = []

    def add(
        source: Source,
        setting: str,
        targets: Callable[[], list[Target]],
        complete: Callable[[Mapped], Mapped] = lambda mapped: mapped,
        separator: str | None = None,
    ) -> None:
        try:
            mapped = map_source(
                sample(read_source(spark, source, config.data_root, setting, say)),
                source,
                targets(),
                setting,
                not_after=not_after,
                separator=separator,
                markers=settings.null_markers,
            )
            found.append((complete(mapped), source))
        except RalmError as error:
            errors.append(error)

    uid, fields, seed = config.user_id_type, config.fields, config.seed
    if settings.users is not None:
        add(settings.users, "ingest.users", lambda: user_targets(settings.users, fields, uid))
    else:
        try:
            user_targets(None, fields, uid)
        except RalmError as error:
            errors.append(error)
    if (catalogue := settings.items) is not None:
        add(catalogue, "ingest.items", lambda: item_targets(catalogue), separator=catalogue.category_separator)
    for number, source in enumerate(settings.events):
        add(
            source,
            f"ingest.events[{number}]",
            partial(event_targets, source, uid),
            partial(complete_events, source=source, seed=seed),
        )
    for place, shown in enumerate(settings.all_impressions):
        setting = f"ingest.impressions[{place}]" if settings.more_impressions else "ingest.impressions"
        completed = partial(complete_impressions, source=shown, seed=seed)
        add(shown, setting, partial(impression_targets, shown, uid), completed)
    return found, errors


def _union(frames: list[DataFrame]) -> DataFrame:
    return reduce(lambda a, b: a.unionByName(b), frames)

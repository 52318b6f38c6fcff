"""The whole of ingest: configured sources -> users, items, events, impressions and quarantine."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.config import Config, EventSource, ImpressionSource, Ingest
from ralm.config.auto import sampled_negatives
from ralm.errors import ConfigError, DataError
from ralm.ingest.findings import Check, check_times, findings
from ralm.ingest.items import items_table, one_item, seen_items
from ralm.ingest.logs import events_table, impressions_table
from ralm.ingest.mapping import Mapped
from ralm.ingest.meeting import meetings
from ralm.ingest.quarantine import check_shares, default_not_after, duplicates, free, quarantined
from ralm.ingest.sampled_negatives import sample_negatives
from ralm.ingest.source_counts import SourceCount, count_sources
from ralm.ingest.sources import Sources, by_hash, map_all, without_users
from ralm.ingest.split import Split, decide
from ralm.ingest.users import one_profile, users_table
from ralm.spark.errors import user_errors
from ralm.spark.frames import union
from ralm.warehouse.forgotten import Forgotten


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
class Counted:
    """All sources, read once and counted.

    Attributes:
        sources: without users who were forgotten.
        counts: of their rows.
        notes: what the user should know of their files.
        read: the same with all rows, as they stand on the executors' disks.
        forgotten: source -> rows of users who were forgotten, where there are any.
    """

    sources: Sources
    counts: list[SourceCount]
    notes: list[str]
    read: list[Mapped]
    forgotten: dict[str, int]


def counted(
    spark: SparkSession, config: Config, settings: Ingest, not_after: dt.datetime, gone: Forgotten | None = None
) -> Counted:
    """Map every source and count its rows, in one pass; refuse those that cannot be right.

    Raises:
        RalmError: as `ingest` does.
    """
    notes: list[str] = []
    read = map_all(spark, config, settings, not_after, notes)
    try:
        sources, forgotten = (read, {}) if gone is None else without_users(read, gone)
        counts = count_sources(sources.all())
        check_shares(sources.all(), counts, settings.max_bad_share)
        check_times(config, counts)
    except BaseException:
        free(read.all())
        raise
    return Counted(sources, counts, notes, read.all(), forgotten)


def ingest(
    spark: SparkSession,
    config: Config,
    *,
    run_id: str = "",
    not_after: dt.datetime | None = None,
    gone: Forgotten | None = None,
) -> IngestResult:
    """Map every source, refuse bad input, and give the four tables and the quarantine.

    One pass over the files is made here, one over what it kept if no dates are set, and one that looks for repeated
    rows; no table is written.

    Args:
        run_id: written into the quarantine's rows.
        not_after: the moment of the run (UTC), if the configuration names no other.
        gone: users who were forgotten: their rows are left out, and counted; None: nobody was.

    Raises:
        ConfigError: columns, expressions, types or fields that do not fit the files: all at once; times that cannot be.
        MissingInputError: a path without files.
        DataError: an unreadable file, a failing expression, a source without rows or with too many bad ones.
    """
    settings = config.ingest
    if settings is None:
        raise ConfigError("ingest: the section is missing; this configuration simulates its data")
    found = counted(spark, config, settings, settings.not_after or not_after or default_not_after(), gone)
    try:
        return _tables(config, settings, found, run_id)
    except BaseException:
        free(found.read)
        raise


def _tables(config: Config, settings: Ingest, found: Counted, run_id: str) -> IngestResult:
    sources, counts = found.sources, found.counts
    split = _split(config, settings, sources, counts)
    refused = [quarantined(mapped) for mapped in sources.all()]
    refused += _found(duplicates(sources.events, EventSource.key_columns, []))
    refused += _found(duplicates(sources.impressions, ImpressionSource.key_columns, [F.col("clicked").desc()]))

    # Sampled non-clicks add neither users nor items, so both come from what was read.
    logs = [mapped.good for mapped in sources.logs()]
    if split.by_hash and settings.timed:  # the times still tell what is a duplicate, and when items were first seen
        sources = by_hash(sources, settings, config.seed)
    events = union([mapped.good for mapped in sources.events]).distinct()
    # Of two rows for one impression, keep the click.
    _one_kind_per_item(settings, sources)
    rows = _shown(sources, settings)
    shown = rows.groupBy(*ImpressionSource.key_columns).agg(
        F.max("clicked").alias("clicked"), F.min("domain").alias("domain")
    )

    profiles = catalogue = None
    if sources.users is not None and settings.users is not None:
        profiles, again = one_profile(sources.users, settings.users)
        refused += _found(again)
    if sources.items is not None and settings.items is not None:
        catalogue, again = one_item(sources.items, settings.items)
        refused += _found(again)
    domains = config.fields.item_domains
    said = findings(config, counts)
    said += meetings(sources.users, sources.items, sources.logs(), domains, counts, same_files=settings.one_log)
    said += [
        Check(f"forgotten:{source}", True, rows, f"{rows:,} rows of users who were forgotten are left out")
        for source, rows in found.forgotten.items()
    ]
    users = users_table(profiles, union([log.select("user_id") for log in logs]), config.fields)
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
        quarantine=union(refused).withColumn("run_id", F.lit(run_id)),
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
        + said,
        told=found.notes + [f"{check.name.partition(':')[2]}: {check.detail}" for check in said],
        expressions={setting: text for mapped in sources.all() for setting, text in mapped.expressions.items()},
        split=split,
        sources=found.read,
    )


def _found(rows: DataFrame | None) -> list[DataFrame]:
    return [] if rows is None else [rows]


def _shown(sources: Sources, settings: Ingest) -> DataFrame:
    """The good rows of all impressions, each with the domain of its source."""
    pairs = zip(sources.impressions, settings.all_impressions, strict=True)
    return union([mapped.good.withColumn("domain", F.lit(source.domain)) for mapped, source in pairs])


def _with_domains(negatives: DataFrame, shown: DataFrame, settings: Ingest) -> DataFrame:
    """Sampled non-clicks with the domain in which their item is shown."""
    domains = {source.domain for source in settings.all_impressions}
    if len(domains) == 1:
        return negatives.withColumn("domain", F.lit(domains.pop()))
    return negatives.join(shown.groupBy("item_id").agg(F.min("domain").alias("domain")), "item_id")


def _one_kind_per_item(settings: Ingest, sources: Sources) -> None:
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


def _split(config: Config, settings: Ingest, sources: Sources, counts: list[SourceCount]) -> Split:
    """Whether the log keeps its times; histories are of the events in the configured domains."""
    domains = [field.domain for field in config.without_excluded().fields.history]
    events = union([mapped.good for mapped in sources.events]).where(F.col("domain").isin(domains))
    rows = sum(count.rows for count in counts if count.source.startswith(("events", "impressions")))
    expressions = {setting: text for mapped in sources.all() for setting, text in mapped.expressions.items()}
    with user_errors("ingest", expressions):
        shown = union([mapped.good.select("user_id", "shown_at") for mapped in sources.impressions])
        return decide(events, shown, settings, config.dates, rows, config.seed)

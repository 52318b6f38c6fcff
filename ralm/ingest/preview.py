"""What ingest would make of its sources, from a sample of each: for `--dry-run`, which writes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import Config, Source
from ralm.errors import DataError, RalmError
from ralm.ingest.findings import Check, check_times, findings
from ralm.ingest.mapping import Mapped
from ralm.ingest.meeting import meetings
from ralm.ingest.quarantine import DUPLICATE, count_repeated, default_not_after, free, hint, quarantined, read_once
from ralm.ingest.read import CORRUPT, source_path
from ralm.ingest.sampling import WHOLE, Sample
from ralm.ingest.source_counts import SourceCount, count_sources
from ralm.ingest.sources import map_sources

SHOWN = 5
_WIDTH = 28


@dataclass(frozen=True)
class Preview:
    """The lines to print, and the error with which ingest would stop, if it would by this sample."""

    lines: list[str]
    error: RalmError | None = None


def preview(
    spark: SparkSession, config: Config, *, not_after: dt.datetime | None = None, whole: int = WHOLE
) -> Preview:
    """Open every source, map a sample of it, and say what was found.

    Args:
        spark: the session.
        config: with a section `ingest`.
        not_after: the moment of the run (UTC), if the configuration names no other.
        whole: bytes of a source up to which all of its rows are looked at.
    """
    settings = config.ingest
    assert settings is not None
    latest = settings.not_after or not_after or default_not_after()
    notes: list[str] = []
    sources, errors = map_sources(
        spark, config, settings, latest, sample=lambda: Sample(spark, whole), say=notes.append
    )
    lines, counts = [], []
    for mapped, source, sample in sources:
        assert sample is not None
        with sample.pieces():
            kept = read_once(mapped)
            try:
                count = count_sources([kept])[0]
                lines += _about(kept, source, count, config, sample)
                counts.append(count)
            except RalmError as error:
                errors.append(error)
            finally:
                free([kept])
    lines += [f"! {note}" for note in dict.fromkeys(notes)]
    told = findings(config, counts)
    if not errors and all(sample is not None and sample.looked_at is None for *_, sample in sources):
        told += _meetings([mapped for mapped, *_ in sources], config, counts)
    lines += [f"! {check.name.partition(':')[2]}: {check.detail}" for check in told]
    try:
        check_times(config, counts)
    except RalmError as error:
        errors.append(error)
    errors += _too_many(counts, settings.max_bad_share)
    if not errors:
        return Preview(lines)
    return Preview(lines, type(errors[0])("; ".join(str(error) for error in errors)))


def _meetings(sources: Sequence[Mapped], config: Config, counts: Sequence[SourceCount]) -> list[Check]:
    tables = {mapped.source: mapped for mapped in sources}
    logs = [mapped for name, mapped in tables.items() if name not in ("users", "items")]
    one_log = config.ingest is not None and config.ingest.one_log
    domains = config.fields.item_domains
    return meetings(tables.get("users"), tables.get("items"), logs, domains, counts, same_files=one_log)


def _about(mapped: Mapped, source: Source, count: SourceCount, config: Config, sample: Sample) -> list[str]:
    columns = [name for name in mapped.frame.schema["_row"].dataType.fieldNames() if name != CORRUPT]  # type: ignore[attr-defined]
    kept = "" if source.where is None else " that `where` keeps"
    place = source.table or source_path(source, config.data_root)
    lines = [
        f"# ingest.{mapped.source}: {place} ({source.format}): {', '.join(columns)}",
        f"{count.rows:,} rows{kept}: {count.good:,} good, {count.bad_share:.1%} would go to quarantine; {sample}",
    ]
    for reason, rows in count.bad.items():
        lines.append(f"  {reason}: {rows:,}, for example {_example(mapped, reason)}")
        lines += [f"    {said}" for said in [hint(mapped, reason)] if said]
    if again := count_repeated(mapped, source.key):
        lines.append(f"  {DUPLICATE}: {again:,} of the good rows repeat {', '.join(source.key)}; one of each stays")
    for column, ids in [(column, ids) for column, ids in count.ids.items() if ids.distinct]:
        busiest = ", ".join(f"{name} {rows:,}" for name, rows in ids.frequent.items())
        lines.append(f"{column}: about {ids.distinct:,} of them; most rows: {busiest}")
    timed = config.ingest is None or config.ingest.timed
    if count.span is not None and timed:
        since, until = (
            dt.datetime(1970, 1, 1) + dt.timedelta(seconds=at) for at in (count.span.first, count.span.last)
        )
        lines.append(f"times: {since:%Y-%m-%d %H:%M:%S} to {until:%Y-%m-%d %H:%M:%S} (UTC)")
    if count.domains and mapped.source.startswith("events"):
        lines.append("events by domain: " + ", ".join(f"{name} {rows:,}" for name, rows in count.domains.items()))
    if mapped.source.startswith("impressions"):
        share = count.clicks / max(1, count.good)
        sampled = "" if "clicked" in source.columns else " (no `clicked`: every row is a click, non-clicks are sampled)"
        lines.append(f"clicks: {share:.1%} of the good rows{sampled}")
    return lines + _rows(mapped)


def _rows(mapped: Mapped) -> list[str]:
    good = mapped.good
    names = [name for name in mapped.frame.columns if not name.startswith("_")]
    found = good.select(*[F.col(name).cast("string").alias(name) for name in names]).take(SHOWN)
    cells = [names, *[["" if cell is None else str(cell)[:_WIDTH] for cell in row] for row in found]]
    widths = [max(len(row[place]) for row in cells) for place in range(len(names))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    ]


def _example(mapped: Mapped, reason: str) -> str:
    row = quarantined(mapped).where(F.col("reason") == reason).select("row").first()
    return str(row[0])[:200] if row else ""


def _too_many(counts: Sequence[SourceCount], limit: float) -> list[RalmError]:
    found: list[RalmError] = []
    for count in counts:
        if count.rows == 0:
            found.append(DataError(f"ingest.{count.source}: no rows in the sample; look at `path` and `where`"))
        elif count.bad_share > limit:
            text = f"ingest.{count.source}: {count.bad_share:.1%} of the sample is bad, more than max_bad_share"
            remedy = "mend the mapping, leave such rows out by `where`, or raise ingest.max_bad_share"
            found.append(DataError(f"{text} {limit:.1%}: ingest would stop; {remedy}"))
    return found

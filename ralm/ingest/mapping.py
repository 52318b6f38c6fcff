"""A source's raw rows -> the columns of a table, by the configured column names and SQL expressions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Literal

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DataType

from ralm.config import Source
from ralm.config.sources import NULL_MARKERS
from ralm.config.time_formats import EPOCHS, ISO, without_weekday
from ralm.errors import ConfigError
from ralm.ingest import casts
from ralm.ingest.expressions import (
    CORRUPT,
    ELEMENT,
    FAILED,
    LOST,
    UNJOINED,
    Bound,
    bind,
    brief,
    column_of,
    lost_characters,
    together,
)  # fmt: skip
from ralm.ingest.ids import UNMATCHED, WINDOWS
from ralm.ingest.names import mentioned
from ralm.ingest.read import expressions
from ralm.spark.errors import short_message

Kind = Literal["id", "label", "number", "flag", "time", "categories"]

REASON = "_reason"
NOTE = "_note"
ROW = "_row"
UNREADABLE = "unreadable row"
# Parquet's calendars differ before this day, and no log or catalogue is older.
EARLIEST = "1900-01-01"


@dataclass(frozen=True)
class Target:
    """A column of a table: how it is read, and whether a row needs it.

    `type` is the id's type; `future` says whether times after the moment of ingest are bad (publication dates may lie
    ahead).
    """

    name: str
    kind: Kind
    required: bool = True
    type: str = "string"
    future: bool = True


@dataclass(frozen=True)
class Mapped:
    """A source after its mapping.

    `frame` holds the targets, `_reason` (null for a good row), `_note` (what was done to an id, or is wrong with it)
    and `_row` (struct of the raw columns); `expressions` are the SQL texts by setting, for the messages of errors that
    come when the frame is computed. `causes` are, by the reason of rows on which an expression fails, its setting and a
    frame that stops with Spark's own words; `unread` are, by the reason of times that cannot be read, the setting of
    their form, the forms that it has, and a frame of them.

    `kept` is the frame as it stands on the executors' disks once it has been computed, `_row` of bad rows only and as
    JSON; None: every use reads and maps the source anew.
    """

    source: str
    frame: DataFrame
    expressions: dict[str, str] = field(default_factory=dict)
    causes: dict[str, tuple[str, DataFrame]] = field(default_factory=dict)
    unread: dict[str, tuple[str, list[str], DataFrame]] = field(default_factory=dict)
    kept: DataFrame | None = None

    @property
    def rows(self) -> DataFrame:
        """The targets, `_reason`, `_note` and a `_row` of whatever form."""
        return self.frame if self.kept is None else self.kept

    @property
    def good(self) -> DataFrame:
        """The rows that passed, without the raw ones."""
        return self.rows.where(F.col(REASON).isNull()).drop(REASON, NOTE, ROW)

    def changed(self, change: Callable[[DataFrame], DataFrame]) -> Mapped:
        """With other rows."""
        kept = None if self.kept is None else change(self.kept)
        return replace(self, frame=change(self.frame), kept=kept)

    def with_columns(self, columns: dict[str, Column]) -> Mapped:
        """With more targets, or others in place of them."""
        kept = None if self.kept is None else self.kept.withColumns(columns)
        return replace(self, frame=self.frame.withColumns(columns), kept=kept)


def map_source(
    raw: DataFrame,
    source: Source,
    targets: list[Target],
    setting: str,
    *,
    not_after: dt.datetime,
    separator: str | None = None,
    markers: Sequence[str] = NULL_MARKERS,
) -> Mapped:
    """Keep the rows that `where` accepts and compute the targets; a row with a missing or invalid value gets a reason.

    Args:
        targets: the columns wanted, all of them mapped in `source.columns`.
        setting: the source's place in the configuration, such as `ingest.events[0]`.
        not_after: times after this (UTC) are 'future'.
        separator: splits a string of categories.
        markers: texts that stand for a missing value.

    Raises:
        ConfigError: columns that do not exist, expressions that do not parse, types that cannot be mapped, a bad
            time zone or pattern: all of them in one message.
    """
    problems = _time_problems(raw.sparkSession, source, setting)
    kept, fails = raw, dict[str, tuple[str, Bound]]()
    reasons: list[Column] = []

    def bound(text: str, name: str, where: str) -> Bound | None:
        found = bind(raw, text, where, source.place, problems)
        if found is not None and found.fails is not None:
            reason = f"invalid {name} (`{brief(text)}` fails)"
            fails[reason] = where, found
            reasons.append(F.when(found.fails, reason))
        return found

    if source.where is not None:
        condition = bound(source.where, "where", f"{setting}.where")
        if condition is not None and not isinstance(condition.kind, BooleanType):
            problems.append(f"{setting}.where: a condition (boolean) is needed, found {condition.kind.simpleString()}")
        elif condition is not None:
            # What cannot be read, or decided on, is no row that the condition leaves out.
            broken = [F.col(name).isNotNull() for name in (CORRUPT, FAILED) if name in raw.columns]
            undecided = [condition.fails] if condition.fails is not None else []
            kept = raw.where(reduce(lambda a, b: a | b, [condition.value, *undecided, *broken]))

    once = _Once()
    values: list[Column] = []
    unread: dict[str, tuple[str, list[str], DataFrame]] = {}
    notes: list[Column] = []
    for target in targets:
        where = f"{setting}.columns.{target.name}"
        text = source.columns[target.name]
        found = bound(text, target.name, where)
        if found is None:
            continue
        try:
            cast = _cast(found.value, found.kind, target, source, separator, markers)
        except casts.UnmappableTypeError as error:
            problems.append(f"{where}: `{text}` is {found.kind.simpleString()}, expected {error}")
            continue
        if target.kind == "time":
            bad = kept.where(cast.present & cast.value.isNull()).select(found.value.cast("string").alias("value"))
            unread[f"invalid {target.name}"] = f"{setting}.time_format", source.time_formats or [ISO], bad
        cast = casts.Cast(once(cast.value), once(cast.present), None if cast.done is None else once(cast.done))
        values.append(cast.value.alias(target.name))
        reasons += _reasons(target, once(found.value), cast, not_after, source)
        notes += [] if cast.done is None else [F.concat(cast.done, F.lit(f" {target.name}"))]
    if problems:
        raise ConfigError(together(problems))

    if UNJOINED in raw.columns:
        notes.append(F.concat(F.lit(f"{UNMATCHED} "), UNJOINED))
    if FAILED in raw.columns:
        reasons.insert(0, F.col(FAILED))
    if CORRUPT in raw.columns:
        reasons.insert(0, F.when(F.col(CORRUPT).isNotNull(), UNREADABLE))
        notes = [F.when(F.col(CORRUPT).isNull(), said) for said in notes]
    reason = F.coalesce(*reasons, F.lit(None).cast("string"))
    row = F.struct(*[column_of(name).alias(name) for name in _shown(raw, source)])
    note = F.coalesce(*notes, F.lit(None).cast("string"))
    frame = kept.withColumns(once.columns).select(*values, reason.alias(REASON), note.alias(NOTE), row.alias(ROW))
    texts = {f"{setting}.columns.{target.name}": source.columns[target.name] for target in targets}
    texts |= {f"{setting}.{key}": text for key in ("where", "explode") if (text := getattr(source, key))}
    causes = {
        reason: (where, kept.where(found.fails).select(found.plain.alias("value")))
        for reason, (where, found) in fails.items()
        if found.fails is not None
    }
    return Mapped(setting.removeprefix("ingest."), frame, texts, causes, unread)


class _Once:
    """Columns that are computed ahead, one time a row: reasons and notes name each of them several times.

    Spark would else compute them wherever they are named, since most names stand behind a condition.
    """

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}

    def __call__(self, column: Column) -> Column:
        name = f"_ralm_{len(self.columns)}"
        self.columns[name] = column
        return F.col(name)


def _shown(raw: DataFrame, source: Source) -> list[str]:
    """The columns that quarantine shows: all cells of a text, and of typed columns those that the mapping reads.

    A column that nobody needs is not read, so that it can stop nothing.
    """
    names = [name for name in raw.columns if name not in (FAILED, UNJOINED)]
    if source.is_text:
        return names
    return [name for name in names if name == ELEMENT or mentioned(name, expressions(source))] or names[:1]


def _cast(
    raw: Column, kind: DataType, target: Target, source: Source, separator: str | None, markers: Sequence[str]
) -> casts.Cast:
    if target.kind == "id":
        return casts.cast_id(raw, kind, target.type, markers)
    if target.kind == "label":
        return casts.cast_label(raw, kind, markers)
    if target.kind == "number":
        return casts.cast_number(raw, kind, markers)
    if target.kind == "flag":
        return casts.cast_flag(raw, kind)
    if target.kind == "categories":
        return casts.cast_categories(raw, kind, separator, markers)
    return casts.cast_time(raw, kind, source.time_formats, source.time_zone, markers)


def _reasons(target: Target, raw: Column, cast: casts.Cast, not_after: dt.datetime, source: Source) -> list[Column]:
    """The reasons for which a value is refused; `raw` is small where `cast.value` is a large expression."""
    name = target.name
    reasons = [F.when(cast.present & cast.value.isNull(), f"invalid {name}")]
    lost = lost_characters(name, source.is_text)
    if target.kind in ("id", "label") and target.type == "string":
        reasons.insert(0, F.when(raw.cast("string").contains(LOST), lost))
    if target.kind == "categories":
        reasons.append(F.when(F.exists(cast.value, lambda category: category.contains(LOST)), lost))
    if target.kind == "id" and target.type == "string":
        text = raw.cast("string")
        broken = text.contains("\n") & text.rlike(r"\S\s*\n\s*\S")
        reasons.append(F.when(broken, f"invalid {name} (a line break in it)"))
        letters = "letters of windows-1252 read as ISO-8859-1: set options: {encoding: windows-1252}"
        beyond_ascii = F.octet_length(text) != F.length(text)
        reasons.insert(0, F.when(beyond_ascii & text.rlike(WINDOWS), f"invalid {name} ({letters})"))
        reasons.append(F.when(text.contains("\0"), f"invalid {name} (a zero byte in it)"))
    if target.required:
        reasons.insert(0, F.when(~cast.present, f"null {name}"))
    if target.kind == "time":
        named = raw.cast("string").rlike(casts.SHORT_ZONE)
        remedy = "the short name of a zone may mean several: write replace(column, ' EST', '-05:00')"
        reasons.insert(0, F.when(cast.present & cast.value.isNull() & named, f"invalid {name} ({remedy})"))
        reasons.append(F.when(cast.value < F.lit(EARLIEST).cast("timestamp"), f"invalid {name}"))
        if target.future:
            limit = F.lit(not_after.isoformat()).cast("timestamp")
            reasons.append(F.when(cast.value > limit, f"future {name}"))
    return reasons


def _time_problems(spark: SparkSession, source: Source, setting: str) -> list[str]:
    """What is wrong with the time zone and the pattern, found before any row is read."""
    tried: list[tuple[str, Column]] = []
    if source.time_zone != "UTC":
        tried.append(("time_zone", F.to_utc_timestamp(F.timestamp_seconds(F.lit(0)), source.time_zone)))
    for text in source.time_formats:
        if text not in (*EPOCHS, ISO):
            pattern = F.lit(without_weekday(text)[0])
            tried.append(("time_format", F.try_to_timestamp(F.lit("2024-01-01"), pattern)))
    problems = []
    for key, column in tried:
        try:
            spark.range(1).select(column).collect()
        except PySparkException as error:
            problems.append(f"{setting}.{key}: {short_message(str(error))}")
    return problems

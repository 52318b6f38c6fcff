"""A source's raw rows -> the columns of a table, by the configured column names and SQL expressions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DataType

from ralm.config import Source
from ralm.config.sources import NULL_MARKERS
from ralm.config.time_formats import EPOCHS, ISO, without_weekday
from ralm.errors import ConfigError
from ralm.ingest import casts
from ralm.ingest.read import CORRUPT
from ralm.spark.errors import short_message

Kind = Literal["id", "label", "number", "flag", "time", "categories"]

REASON = "_reason"
NOTE = "_note"
ROW = "_row"
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
    and `_row` (struct of the raw columns); `expressions` are the SQL texts by
    setting, for the messages of errors that come when the frame is computed.
    """

    source: str
    frame: DataFrame
    expressions: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> DataFrame:
        """The rows that passed, without the raw ones."""
        return self.frame.where(F.col(REASON).isNull()).drop(REASON, NOTE, ROW)


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
        markers: texts that stand for a missing id, number or time.

    Raises:
        ConfigError: columns that do not exist, expressions that do not parse, types that cannot be mapped, a bad
            time zone or pattern: all of them in one message.
    """
    problems = _time_problems(raw.sparkSession, source, setting)
    kept = raw
    if source.where is not None:
        bound = _bind(raw, source.where, f"{setting}.where", source.path, problems)
        if bound is not None and not isinstance(bound[1], BooleanType):
            problems.append(f"{setting}.where: a condition (boolean) is needed, found {bound[1].simpleString()}")
        elif bound is not None:
            kept = raw.where(bound[0])

    values: dict[str, Column] = {}
    reasons: list[Column] = []
    notes: list[Column] = []
    for target in targets:
        where = f"{setting}.columns.{target.name}"
        text = source.columns[target.name]
        bound = _bind(raw, text, where, source.path, problems)
        if bound is None:
            continue
        try:
            cast = _cast(bound[0], bound[1], target, source, separator, markers)
        except casts.UnmappableTypeError as error:
            problems.append(f"{where}: `{text}` is {bound[1].simpleString()}, expected {error}")
            continue
        values[target.name] = cast.value
        reasons += _reasons(target, cast, not_after)
        notes += [] if cast.done is None else [F.concat(cast.done, F.lit(f" {target.name}"))]
    if problems:
        raise ConfigError("; ".join(problems))

    if CORRUPT in raw.columns:
        reasons.insert(0, F.when(F.col(CORRUPT).isNotNull(), "unreadable row"))
    reason = F.coalesce(*reasons, F.lit(None).cast("string"))
    row = F.struct(*[_column(name).alias(name) for name in raw.columns])
    note = F.coalesce(*notes, F.lit(None).cast("string"))
    columns = [value.alias(name) for name, value in values.items()]
    frame = kept.select(*columns, reason.alias(REASON), note.alias(NOTE), row.alias(ROW))
    expressions = {f"{setting}.columns.{target.name}": source.columns[target.name] for target in targets}
    if source.where is not None:
        expressions[f"{setting}.where"] = source.where
    return Mapped(setting.removeprefix("ingest."), frame, expressions)


def _cast(
    raw: Column, kind: DataType, target: Target, source: Source, separator: str | None, markers: Sequence[str]
) -> casts.Cast:
    if target.kind == "id":
        return casts.cast_id(raw, kind, target.type, markers)
    if target.kind == "label":
        return casts.cast_label(raw, kind)
    if target.kind == "number":
        return casts.cast_number(raw, kind, markers)
    if target.kind == "flag":
        return casts.cast_flag(raw, kind)
    if target.kind == "categories":
        return casts.cast_categories(raw, kind, separator)
    return casts.cast_time(raw, kind, source.time_formats, source.time_zone, markers)


def _reasons(target: Target, cast: casts.Cast, not_after: dt.datetime) -> list[Column]:
    name = target.name
    reasons = [F.when(cast.present & cast.value.isNull(), f"invalid {name}")]
    if target.required:
        reasons.insert(0, F.when(~cast.present, f"null {name}"))
    if target.kind == "time":
        reasons.append(F.when(cast.value < F.lit(EARLIEST).cast("timestamp"), f"invalid {name}"))
        if target.future:
            limit = F.lit(not_after.isoformat()).cast("timestamp")
            reasons.append(F.when(cast.value > limit, f"future {name}"))
    return reasons


def _column(name: str) -> Column:
    return F.col("`" + name.replace("`", "``") + "`")


def _bind(raw: DataFrame, text: str, setting: str, path: str, problems: list[str]) -> tuple[Column, DataType] | None:
    """The column that a setting names or computes, with its type; None and one more problem if it is missing."""
    exact = [name for name in raw.columns if name == text] or [n for n in raw.columns if n.lower() == text.lower()]
    # Spark takes a bare `user` or `current_date` for a function if no column has that name.
    bare = re.fullmatch(r"(?!(?i:true|false|null)$)[A-Za-z_]\w*", text)
    if bare and not exact:
        problems.append(_missing(text, raw, setting, path))
        return None
    try:
        column = _column(exact[0]) if exact else F.expr(text)
        return column, raw.select(column.alias("value")).schema[0].dataType
    except AnalysisException as error:
        condition = error.getCondition() or ""
        if condition.startswith(("UNRESOLVED_COLUMN", "UNRESOLVED_MAP_KEY")):
            name = (error.getMessageParameters() or {}).get("objectName", text).replace("`", "")
            problems.append(_missing(name, raw, setting, path))
        else:
            problems.append(f"{setting}: `{text}`: {short_message(str(error))}")
    return None


def _missing(name: str, raw: DataFrame, setting: str, path: str) -> str:
    available = ", ".join(column for column in raw.columns if column != CORRUPT)
    return f"{setting}: column '{name}' not found in {path}; its columns: {available}"


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

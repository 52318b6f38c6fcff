"""Raw values -> values of the tables' types, one row at a time and without ever throwing.

Each cast gives the value (null if there is none) and tells a missing raw value from an invalid one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    AtomicType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DoubleType,
    FloatType,
    IntegralType,
    NullType,
    NumericType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from ralm.config.sources import NULL_MARKERS
from ralm.config.time_formats import EPOCHS, ISO, with_and_without, without_weekday
from ralm.ingest import letters
from ralm.ingest.ids import LEADING, SCIENTIFIC, is_missing, keeps_digits, read_id, stripped, typed_id, whole

# Where a column has epochs of several units, one is taken for what it is only between these years.
_LIKELY = ("1990-01-01", "2100-01-01")


# CST, IST and BST are each the time of several countries, and Java takes one of them: after the time of day, only UTC,
# GMT, regions (Europe/Berlin) and offsets are read.
SHORT_ZONE = r":\d{2}([.,]\d+)?\s*([AaPp][Mm])?\s*(?!(UTC|GMT|UT|AM|PM)(?![A-Za-z/]))[A-Z]{2,5}(?![A-Za-z/_])"
# A cell that is a list by itself, as JSON, Python or Postgres write it.
_LISTED = r"^\s*(\[.*\]|\{.*\})\s*$"
_BRACKETS = r"^\s*[\[{]|[\]}]\s*$"
_QUOTES = r"^[\s\"']+|[\s\"']+$"
# Blanks that exports leave round a label.
_ROUND = " \t\r\n\u00a0"


class UnmappableTypeError(Exception):
    """A raw type that cannot give a value of the target; the message says what is expected instead."""


@dataclass(frozen=True)
class Cast:
    """A target value, and whether the raw value was there at all (`present` and a null value: invalid).

    `done` names what was done to the value or is wrong with it (`ralm.ingest.ids.SAID`).
    """

    value: Column
    present: Column
    done: Column | None = None


def _present(raw: Column, kind: DataType, markers: Sequence[str] = ()) -> Column:
    """Not null, not a blank string or a marker, not NaN: empty CSV cells are missing values."""
    if isinstance(kind, StringType):
        return raw.isNotNull() & ~is_missing(stripped(raw), markers)
    if isinstance(kind, FloatType | DoubleType):
        return raw.isNotNull() & ~F.isnan(raw)
    return raw.isNotNull()


def cast_id(raw: Column, kind: DataType, target: str, markers: Sequence[str] = NULL_MARKERS) -> Cast:
    """An id as `target` (string or bigint), by the rules of `ralm.ingest.ids`; a string that is no bigint is invalid.

    Raises:
        UnmappableTypeError: times, booleans, arrays, structs.
    """
    if not whole(kind):
        raise UnmappableTypeError(f"a string or a whole number; {_as_id(kind)}")
    found = read_id(raw, kind, markers)
    if target == "string":
        return Cast(found.value, found.present, found.done)
    typed = typed_id(found.value, target)
    padded = typed.isNull() & found.value.try_cast(target).isNotNull()
    return Cast(typed, found.present, F.when(padded, LEADING).otherwise(found.done))


def _as_id(kind: DataType) -> str:
    """How a value that is no id gives one."""
    if isinstance(kind, BinaryType):
        return "write hex(…) of bytes, or cast(… AS string) if they are text"
    if isinstance(kind, ArrayType):
        return "name the array under `explode`, or flatten(…) of an array of arrays"
    if isinstance(kind, StructType):
        return f"name one of its fields: {', '.join(kind.names[:5])}"
    return "write cast(… AS string) if it is an id"


def cast_label(raw: Column, kind: DataType, markers: Sequence[str] = NULL_MARKERS) -> Cast:
    """A categorical value as a string, without blanks round it; a marker of missing values is none.

    Raises:
        UnmappableTypeError: arrays, maps, structs, bytes.
    """
    if not isinstance(kind, AtomicType | NullType) or isinstance(kind, BinaryType):
        raise UnmappableTypeError("a single value")
    present = _present(raw, kind, markers)
    text = letters.as_seen(F.trim(raw, F.lit(_ROUND))) if isinstance(kind, StringType) else raw.cast("string")
    return Cast(F.when(present, text), present)


def cast_number(raw: Column, kind: DataType, markers: Sequence[str] = NULL_MARKERS) -> Cast:
    """A finite double; infinities are invalid.

    Raises:
        UnmappableTypeError: anything but numbers, booleans and strings.
    """
    if not isinstance(kind, NumericType | BooleanType | StringType | NullType):
        raise UnmappableTypeError("a number or a string of one")
    present = _present(raw, kind, markers)
    number = _double(stripped(raw)) if isinstance(kind, StringType) else raw.try_cast("double")
    return Cast(F.when(present & (F.abs(number) < float("inf")), number), present)


def _double(text: Column) -> Column:
    """The number that a text is; Java would also take 12d and 1f for numbers."""
    return F.when(~text.rlike(r"[\d.][dDfF]$"), text.try_cast("double"))


def cast_flag(raw: Column, kind: DataType) -> Cast:
    """A boolean: the numbers 1 and 0; strings as Spark reads them (true/false, yes/no, t/f, y/n, 1/0), 1.0, 0.0.

    Raises:
        UnmappableTypeError: anything but booleans, numbers and strings.
    """
    if not isinstance(kind, BooleanType | NumericType | StringType | NullType):
        raise UnmappableTypeError("a boolean, a number or a string such as 'true'")
    present = _present(raw, kind)
    flag = raw.try_cast("boolean")
    if not isinstance(kind, BooleanType | NullType):  # pandas writes 1.0 where some cells are empty
        number = raw.cast("double") if isinstance(kind, NumericType) else _double(stripped(raw))
        from_number = F.when(number.isin(0.0, 1.0), number == 1)
        flag = from_number if isinstance(kind, NumericType) else F.coalesce(flag, from_number)
    return Cast(F.when(present, flag), present)


def cast_categories(raw: Column, kind: DataType, separator: str | None, markers: Sequence[str] = NULL_MARKERS) -> Cast:
    """array<string> of distinct categories; a missing value gives an empty array.

    A text that is a list by itself (`["a", "b"]`, `['a', 'b']`, `{a,b}`) is read as one, whatever the separator.

    Raises:
        UnmappableTypeError: a separator with something other than a string, or a map, struct or nested array.
    """
    if isinstance(kind, ArrayType) and isinstance(kind.elementType, AtomicType):
        found = raw.cast("array<string>")
    elif isinstance(kind, StringType):
        cells = F.array(raw) if separator is None else F.split(raw, re.escape(separator))
        found = F.when(raw.rlike(_LISTED), _elements(raw)).otherwise(cells)
    elif isinstance(kind, AtomicType | NullType) and separator is None:
        found = F.array(raw.cast("string"))
    else:
        raise UnmappableTypeError("an array of values, or a string" if separator is None else "a string to split")
    trimmed = F.transform(found, lambda category: letters.as_seen(F.trim(category)))
    kept = F.filter(trimmed, lambda category: category.isNotNull() & ~is_missing(category, markers))
    return Cast(F.coalesce(F.array_distinct(kept), F.array().cast("array<string>")), _present(raw, kind, markers))


def _elements(text: Column) -> Column:
    """The elements of a list in a cell: as JSON, or between commas, without brackets and quotes."""
    parts = F.split(F.regexp_replace(text, _BRACKETS, ""), ",")
    bare = F.transform(parts, lambda part: F.regexp_replace(part, _QUOTES, ""))
    return F.coalesce(F.from_json(text, "array<string>"), bare)


def cast_time(
    raw: Column,
    kind: DataType,
    time_format: str | Sequence[str] | None,
    zone: str,
    markers: Sequence[str] = NULL_MARKERS,
) -> Cast:
    """A timestamp; `zone` applies to values without a zone (the session's zone is UTC).

    Args:
        raw: the column.
        kind: its type.
        time_format: 'epoch_s', 'epoch_ms', 'epoch_us', 'epoch_ns', 'iso', a Spark datetime pattern, or several of them,
            of which the first that fits a value reads it; None or empty: timestamps, dates and ISO-8601.
        zone: of values without a zone.
        markers: texts of missing times.

    Raises:
        UnmappableTypeError: a type that the format cannot read.
    """
    formats = [time_format] if isinstance(time_format, str) else list(time_format or [ISO])
    present = _present(raw, kind, markers)
    if isinstance(kind, NullType):
        return Cast(raw.cast("timestamp"), present)
    text = stripped(raw) if isinstance(kind, StringType) else raw
    several = len(formats) > 1
    found = [_time(text, kind, one, zone, likely=several) for one in formats]
    return Cast(F.when(present, F.coalesce(*found)), present)


def _time(raw: Column, kind: DataType, time_format: str, zone: str, *, likely: bool) -> Column:
    """The time by one format, null where it does not fit."""
    if time_format in EPOCHS:
        moment = _epoch(raw, kind, time_format)
        return F.when(moment.between(*[F.lit(day).cast("timestamp") for day in _LIKELY]), moment) if likely else moment
    if time_format == ISO:
        return _iso(raw, kind, zone)
    if not isinstance(kind, StringType | IntegralType):
        raise UnmappableTypeError(f"a string of the pattern '{time_format}'; leave time_format out for timestamps")
    pattern, weekday = without_weekday(time_format)
    text = raw.cast("string")
    text = F.regexp_replace(text, r"^\p{L}+[.,]?\s*", "") if weekday else text
    # Where a zone is optional, whether a value has one is known by which of the patterns fits.
    patterns = with_and_without(pattern) if _carries_zone(pattern) else [pattern]
    return F.coalesce(*(_by_pattern(text, one, zone) for one in patterns))


def _by_pattern(text: Column, pattern: str, zone: str) -> Column:
    parsed = F.try_to_timestamp(text, F.lit(pattern))
    if _names_zone(pattern):
        return F.when(~text.rlike(SHORT_ZONE), parsed)
    return parsed if _carries_zone(pattern) else _in_zone(parsed, zone)


def _epoch(raw: Column, kind: DataType, unit: str) -> Column:
    if not isinstance(kind, NumericType | StringType):
        raise UnmappableTypeError(f"a number ({unit}); leave time_format out for timestamps and ISO-8601")
    # Whole seconds up to 12 digits (33,000 years) and microseconds; wider ones are null, never an overflow.
    number = raw.try_cast("decimal(32,6)")
    if isinstance(kind, StringType):  # 1.7041E+12 has lost its seconds
        number = F.when(~raw.rlike(SCIENTIFIC) | keeps_digits(raw), number)
    seconds = (number / F.lit(EPOCHS[unit])).try_cast("decimal(18,6)")
    return seconds.try_cast("timestamp")


def _iso(raw: Column, kind: DataType, zone: str) -> Column:
    if isinstance(kind, TimestampType):
        return raw
    if isinstance(kind, TimestampNTZType | DateType):
        return _in_zone(raw.cast("timestamp"), zone)
    if isinstance(kind, StringType):
        raw = F.replace(raw, F.lit(","), F.lit("."))  # a fraction of a second after a comma
        # Spark also reads '10:30' (today!) and '2024' as times: accept only what starts with a full date.
        dated = raw.rlike(r"^\d{4}-\d{1,2}-\d{1,2}")
        zoned = raw.rlike(r"[T ]\d{1,2}[\d:.]*\s*[A-Za-z+\-]")
        parsed = raw.try_cast("timestamp")
        dated &= ~raw.rlike(SHORT_ZONE)
        # Spark reads a zone after seconds only.
        whole_minutes = F.regexp_replace(raw, r"([T ]\d{1,2}:\d{2})(?=\s*[A-Za-z+\-])", "$1:00").try_cast("timestamp")
        return F.when(dated, F.when(zoned, whole_minutes).otherwise(_in_zone(parsed, zone)))
    raise UnmappableTypeError(
        "a timestamp, a date or an ISO-8601 string; for numbers set time_format: epoch_s (_ms, _us, _ns)"
    )


def _in_zone(time: Column, zone: str) -> Column:
    return time if zone == "UTC" else F.to_utc_timestamp(time, zone)


def _names_zone(pattern: str) -> bool:
    return "z" in re.sub(r"'[^']*'", "", pattern)


def _carries_zone(pattern: str) -> bool:
    return re.search(r"[VzOXxZ]", re.sub(r"'[^']*'", "", pattern)) is not None

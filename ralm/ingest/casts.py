"""Raw values -> values of the tables' types, one row at a time and without ever throwing.

Each cast gives the value (null if there is none) and tells a missing raw value from an invalid one.
"""

from __future__ import annotations

import re
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
    DecimalType,
    DoubleType,
    FloatType,
    IntegralType,
    NullType,
    NumericType,
    StringType,
    TimestampNTZType,
    TimestampType,
)


class UnmappableTypeError(Exception):
    """A raw type that cannot give a value of the target; the message says what is expected instead."""


@dataclass(frozen=True)
class Cast:
    """A target value, and whether the raw value was there at all (`present` and a null value: invalid)."""

    value: Column
    present: Column


def _present(raw: Column, kind: DataType) -> Column:
    """Not null, not a blank string, not NaN: empty CSV cells are missing values."""
    if isinstance(kind, StringType):
        return raw.isNotNull() & (F.trim(raw) != "")
    if isinstance(kind, FloatType | DoubleType):
        return raw.isNotNull() & ~F.isnan(raw)
    return raw.isNotNull()


def cast_id(raw: Column, kind: DataType, target: str) -> Cast:
    """An id as it came, as `target` (string or bigint); a string that is not a bigint is invalid.

    Raises:
        UnmappableTypeError: floating numbers (1e9 and 1000000000 would be two ids), times, arrays, structs.
    """
    whole = isinstance(kind, IntegralType) or (isinstance(kind, DecimalType) and kind.scale == 0)
    if not (whole or isinstance(kind, StringType | NullType)):
        raise UnmappableTypeError("a string or a whole number; cast it in the expression")
    present = _present(raw, kind)
    return Cast(F.when(present, raw.try_cast(target)), present)


def cast_label(raw: Column, kind: DataType) -> Cast:
    """A categorical value as a string.

    Raises:
        UnmappableTypeError: arrays, maps, structs, bytes.
    """
    if not isinstance(kind, AtomicType | NullType) or isinstance(kind, BinaryType):
        raise UnmappableTypeError("a single value")
    present = _present(raw, kind)
    return Cast(F.when(present, raw.cast("string")), present)


def cast_number(raw: Column, kind: DataType) -> Cast:
    """A finite double; infinities are invalid.

    Raises:
        UnmappableTypeError: anything but numbers, booleans and strings.
    """
    if not isinstance(kind, NumericType | BooleanType | StringType | NullType):
        raise UnmappableTypeError("a number or a string of one")
    present = _present(raw, kind)
    number = raw.try_cast("double")
    if isinstance(kind, StringType):
        present &= ~F.lower(F.trim(raw)).isin("nan")
    return Cast(F.when(present & (F.abs(number) < float("inf")), number), present)


def cast_flag(raw: Column, kind: DataType) -> Cast:
    """A boolean: numbers are true unless 0; strings as Spark reads them (true/false, yes/no, t/f, y/n, 1/0).

    Raises:
        UnmappableTypeError: anything but booleans, numbers and strings.
    """
    if not isinstance(kind, BooleanType | NumericType | StringType | NullType):
        raise UnmappableTypeError("a boolean, a number or a string such as 'true'")
    present = _present(raw, kind)
    flag = (raw != 0) if isinstance(kind, NumericType) else raw.try_cast("boolean")
    return Cast(F.when(present, flag), present)


def cast_categories(raw: Column, kind: DataType, separator: str | None) -> Cast:
    """array<string> of distinct categories; a missing value gives an empty array.

    Raises:
        UnmappableTypeError: a separator with something other than a string, or a map, struct or nested array.
    """
    if isinstance(kind, ArrayType) and isinstance(kind.elementType, AtomicType):
        found = raw.cast("array<string>")
    elif isinstance(kind, StringType) and separator is not None:
        found = F.split(raw, re.escape(separator))
    elif isinstance(kind, AtomicType | NullType) and separator is None:
        found = F.array(raw.cast("string"))
    else:
        raise UnmappableTypeError("an array of values, or a string" if separator is None else "a string to split")
    trimmed = F.transform(found, lambda category: F.trim(category))
    kept = F.filter(trimmed, lambda category: category.isNotNull() & (category != ""))
    return Cast(F.coalesce(F.array_distinct(kept), F.array().cast("array<string>")), _present(raw, kind))


def cast_time(raw: Column, kind: DataType, time_format: str | None, zone: str) -> Cast:
    """A timestamp; `zone` applies to values without a zone (the session's zone is UTC).

    Args:
        time_format: 'epoch_s', 'epoch_ms', a Spark datetime pattern, or None for timestamps, dates and ISO-8601.

    Raises:
        UnmappableTypeError: a type that the format cannot read.
    """
    present = _present(raw, kind)
    if isinstance(kind, NullType):
        return Cast(raw.cast("timestamp"), present)
    if time_format in ("epoch_s", "epoch_ms"):
        if not isinstance(kind, NumericType | StringType):
            raise UnmappableTypeError(f"a number ({time_format}); leave time_format out for timestamps and ISO-8601")
        # Whole seconds up to 12 digits (33,000 years) and microseconds; wider ones are null, never an overflow.
        scale = 1_000 if time_format == "epoch_ms" else 1
        seconds = (raw.try_cast("decimal(22,6)") / F.lit(scale)).try_cast("decimal(18,6)")
        return Cast(F.when(present, seconds.try_cast("timestamp")), present)
    if time_format is not None:
        if not isinstance(kind, StringType | IntegralType):
            raise UnmappableTypeError(f"a string of the pattern '{time_format}'; leave time_format out for timestamps")
        parsed = F.try_to_timestamp(raw.cast("string"), F.lit(time_format))
        return Cast(F.when(present, parsed if _carries_zone(time_format) else _in_zone(parsed, zone)), present)
    if isinstance(kind, TimestampType):
        return Cast(raw, present)
    if isinstance(kind, TimestampNTZType | DateType):
        return Cast(_in_zone(raw.cast("timestamp"), zone), present)
    if isinstance(kind, StringType):
        # Spark also reads '10:30' (today!) and '2024' as times: accept only what starts with a full date.
        dated = raw.rlike(r"^\s*\d{4}-\d{1,2}-\d{1,2}")
        zoned = raw.rlike(r"[T ]\d{1,2}[\d:.]*\s*[A-Za-z+\-]")
        parsed = raw.try_cast("timestamp")
        return Cast(F.when(present & dated, F.when(zoned, parsed).otherwise(_in_zone(parsed, zone))), present)
    raise UnmappableTypeError(
        "a timestamp, a date or an ISO-8601 string; for numbers set time_format: epoch_s or epoch_ms"
    )


def _in_zone(time: Column, zone: str) -> Column:
    return time if zone == "UTC" else F.to_utc_timestamp(time, zone)


def _carries_zone(pattern: str) -> bool:
    return re.search(r"[VzOXxZ]", re.sub(r"'[^']*'", "", pattern)) is not None

"""Times in nanoseconds inside structs and lists of Parquet files (pandas' default), which Spark reads as numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructField, StructType, TimestampNTZType, TimestampType

# A column of Parquet, and whether its times are of UTC.
NANOS = re.compile(r"^\w+ int64 .* \(TIMESTAMP\(NANOS,(true|false)\)\)$")


@dataclass(frozen=True)
class Times:
    """How a column becomes one with times, cut to microseconds, and the type that it then has."""

    convert: Callable[[Column], Column]
    kind: DataType


def times_of(field: Any, kind: DataType) -> Times | None:
    """What is to be done to a column; None: it has no times in nanoseconds.

    Args:
        field: Parquet's type of the column (`org.apache.parquet.schema.Type`).
        kind: Spark's type of it, in which nanoseconds are bigint.
    """
    if found := NANOS.match(str(field.toString())):
        utc = found[1] == "true"
        return Times(lambda column: _time(column, utc=utc), TimestampType() if utc else TimestampNTZType())
    if field.isPrimitive():
        return None
    group = field.asGroupType()
    if isinstance(kind, StructType):
        return _of_struct(group, kind)
    if isinstance(kind, ArrayType) and group.getFieldCount() == 1:
        repeated = group.getType(0)
        if not repeated.isPrimitive() and repeated.asGroupType().getFieldCount() == 1:
            inner = times_of(repeated.asGroupType().getType(0), kind.elementType)
            if inner is not None:
                convert = inner.convert
                return Times(lambda column: F.transform(column, convert), ArrayType(inner.kind, kind.containsNull))
    return None


def _of_struct(group: Any, kind: StructType) -> Times | None:
    parts = {str(part.getName()): part for part in (group.getType(place) for place in range(group.getFieldCount()))}
    inner = {one.name: times_of(parts[one.name], one.dataType) for one in kind.fields if one.name in parts}
    if not any(inner.values()):
        return None

    def convert(column: Column) -> Column:
        fields = []
        for one in kind.fields:
            value, times = column.getField(one.name), inner.get(one.name)
            fields.append((value if times is None else times.convert(value)).alias(one.name))
        return F.when(column.isNotNull(), F.struct(*fields))

    kinds = [
        StructField(one.name, times.kind if (times := inner.get(one.name)) is not None else one.dataType)
        for one in kind.fields
    ]
    return Times(convert, StructType(kinds))


def _time(nanoseconds: Column, *, utc: bool) -> Column:
    micros = F.floor(nanoseconds.cast("decimal(20,0)") / F.lit(1000)).cast("bigint")
    time = F.timestamp_micros(micros)
    return time if utc else time.cast("timestamp_ntz")

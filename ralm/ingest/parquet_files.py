"""Parquet files -> raw rows: each file by its own footer, so that no file decides how another one is read."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    AtomicType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    IntegralType,
    LongType,
    NullType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from ralm.errors import DataError
from ralm.ingest.files import SourceFile
from ralm.ingest.heads import first_bytes
from ralm.ingest.names import mentioned
from ralm.ingest.nested_times import NANOS, Times, times_of
from ralm.ingest.recognition import foreign
from ralm.spark.errors import short_message, user_errors
from ralm.spark.frames import union

_READERS = 16
_BITS: dict[type[DataType], int] = {ByteType: 8, ShortType: 16, IntegerType: 32, LongType: 64}
_DAMAGED = re.compile(
    r"not a Parquet file|[Ff]ooter|corrupt|parquet\.\S*Exception|can not read|EOFException|magic number"
)
_NOTHING = re.compile(r" \((UNKNOWN|NULL)\)$")


@dataclass(frozen=True)
class Columns:
    """The columns of a file: what Spark reads, what becomes of it, and why others are left out."""

    read: StructType
    types: dict[str, DataType]
    nanos: set[str]
    nested: dict[str, Times]
    unreadable: dict[str, str]


def read_parquet(
    spark: SparkSession, files: list[SourceFile], where: str, options: dict[str, str], texts: list[str]
) -> DataFrame:
    """The rows of Parquet files; the columns that expressions name are widened to a common type if nothing is lost.

    Times in nanoseconds are cut to microseconds. Values of folders named key=value are text.

    Args:
        where: the place, for messages.
        texts: the expressions over the columns, to know which of them are needed.

    Raises:
        DataError: a file that is no Parquet; a needed column whose types do not meet, that cannot be read, or that a
            file lacks.
    """

    def footer(file: SourceFile) -> tuple[str, Any, int]:
        with user_errors(where):
            return _footer(spark, file, where)

    with ThreadPoolExecutor(_READERS) as pool:
        footers = list(pool.map(footer, files))
    schemas = {kind: schema for kind, schema, _ in footers}
    filled = [(file, kind) for file, (kind, _, rows) in zip(files, footers, strict=True) if rows]
    filled = filled or [(files[0], footers[0][0])]
    groups: dict[tuple[str, tuple[str, ...], str], list[SourceFile]] = defaultdict(list)
    for file, kind in filled:
        groups[file.base, file.keys, kind].append(file)
    found = {kind: _columns(spark, schemas[kind]) for kind in {kind for _, kind in filled}}
    common = _common(groups, found, where, texts)
    frames = [
        _load(spark, base, keys, alike, found[kind], common, options) for (base, keys, kind), alike in groups.items()
    ]
    return union(frames, missing=True)


def _footer(spark: SparkSession, file: SourceFile, where: str) -> tuple[str, Any, int]:
    """(schema as text, schema, rows)."""
    jvm = spark._jvm
    assert jvm is not None
    conf = spark.sparkContext._jsc.hadoopConfiguration()
    parquet = jvm.org.apache.parquet.hadoop
    try:
        place = parquet.util.HadoopInputFile.fromPath(jvm.org.apache.hadoop.fs.Path(file.path), conf)
        reader = parquet.ParquetFileReader.open(place)
    except Py4JJavaError as error:
        if _DAMAGED.search(_told(error)):
            first = first_bytes(spark, file.path, 512)
            if (what := foreign(first)) and not first.startswith(b"PAR1"):
                raise DataError(f"{where}: the file {file.name} is {what}") from error
            raise DataError(
                f"{where}: the file {file.name} cannot be read; it is damaged, or no Parquet file: replace it, or give "
                "its `format` (csv, tsv, jsonl, text, delta)"
            ) from error
        raise
    try:
        schema = reader.getFooter().getFileMetaData().getSchema()
        return str(schema.toString()), schema, int(reader.getRecordCount())
    finally:
        reader.close()


def _told(error: Py4JJavaError) -> str:
    """What the exception and its causes say, without where they come from."""
    lines, cause = [], error.java_exception
    while cause is not None:
        lines.append(str(cause.toString()))
        cause = cause.getCause()
    return "\n".join(lines)


def _columns(spark: SparkSession, schema: Any) -> Columns:
    jvm = spark._jvm
    assert jvm is not None
    convert = jvm.org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter(
        spark._jsparkSession.sessionState().conf()
    )
    named = Counter(str(schema.getFieldName(place)).lower() for place in range(schema.getFieldCount()))
    read, types, nanos, unreadable = [], dict[str, DataType](), set[str](), dict[str, str]()
    nested: dict[str, Times] = {}
    for place in range(schema.getFieldCount()):
        field = schema.getType(place)
        name, text = str(field.getName()), str(field.toString())
        if named[name.lower()] > 1:
            unreadable[name] = "another column has this name in other letters"
            continue
        single = jvm.java.util.ArrayList()
        single.add(field)
        try:
            text_of_type = convert.convert(jvm.org.apache.parquet.schema.MessageType("columns", single)).json()
        except (PySparkException, Py4JJavaError) as error:
            unreadable[name] = short_message(str(error))
            continue
        found = StructType.fromJson(json.loads(text_of_type)).fields[0].dataType
        if _NOTHING.search(text):
            types[name] = NullType()
            continue
        read.append(StructField(name, found))
        types[name] = found
        if exact := NANOS.match(text):
            nanos.add(name)
            types[name] = TimestampType() if exact[1] == "true" else TimestampNTZType()
        elif "TIMESTAMP(NANOS" in text and (times := times_of(field, found)) is not None:
            nested[name], types[name] = times, times.kind
    return Columns(StructType(read), types, nanos, nested, unreadable)


def _common(
    groups: dict[tuple[str, tuple[str, ...], str], list[SourceFile]],
    found: dict[str, Columns],
    where: str,
    texts: list[str],
) -> dict[str, DataType]:
    """The type of each column over all files."""
    common: dict[str, tuple[DataType, str]] = {}
    every = {name.lower(): name for columns in found.values() for name in (*columns.types, *columns.unreadable)}
    for (_, keys, kind), files in groups.items():
        columns, first = found[kind], files[0].name
        place = where if where.endswith(first) else f"{where}: {first}"
        own = {name.lower() for name in (*columns.types, *columns.unreadable, *keys)}
        for name, why in columns.unreadable.items():
            if mentioned(name, texts):
                raise DataError(f"{place}: column {name} cannot be read: {why}: write it in another way")
        for lower, name in every.items():
            if lower not in own and mentioned(name, texts):
                raise DataError(f"{place}: no column '{name}', which others have: make them alike, or give two sources")
        for name, kept in columns.types.items():
            before = common.get(name.lower())
            if before is None or isinstance(before[0], NullType):
                common[name.lower()] = kept, first
                continue
            wide = widened(before[0], kept)
            if wide is None and mentioned(name, texts):
                raise DataError(
                    f"{place}: column {name} is {kept.simpleString()}, but {before[0].simpleString()} in "
                    f"{before[1]}: write them alike ({_remedy((kept, before[0]))})"
                )
            # What nobody needs is kept as text for the quarantine if it can be.
            text = isinstance(kept, AtomicType) and isinstance(before[0], AtomicType)
            common[name.lower()] = wide or (StringType() if text else NullType()), before[1]
    return {name: kind for name, (kind, _) in common.items()}


def widened(one: DataType, other: DataType) -> DataType | None:
    """The type that holds both without loss; None if there is none."""
    if one == other or isinstance(other, NullType):
        return one
    if isinstance(one, NullType):
        return other
    pair = (one, other)
    if all(isinstance(kind, IntegralType) for kind in pair):
        return max(pair, key=lambda kind: _BITS[type(kind)])
    if all(isinstance(kind, FloatType | DoubleType) for kind in pair):
        return DoubleType()
    if any(isinstance(kind, DoubleType) for kind in pair):
        rest = next(kind for kind in pair if not isinstance(kind, DoubleType))
        return DoubleType() if _BITS.get(type(rest), 64) <= 32 else None
    if any(isinstance(kind, DecimalType) for kind in pair):
        return _decimal(pair)
    # A day begins by a clock: with times of UTC it would be another day than with those of the source's zone.
    if {type(one), type(other)} == {DateType, TimestampNTZType}:
        return TimestampNTZType()
    return None


def _remedy(pair: tuple[DataType, DataType]) -> str:
    if any(not isinstance(kind, AtomicType) for kind in pair):
        return "or give them as two sources, each with a path of its own"
    if all(isinstance(kind, DateType | TimestampType | TimestampNTZType) for kind in pair):
        return "days and times without a zone go together, with a zone times alone; or give two sources"
    return "whole numbers as bigint, ids as text"


def _decimal(pair: tuple[DataType, DataType]) -> DataType | None:
    digits = {8: 3, 16: 5, 32: 10, 64: 19}
    sizes = []
    for kind in pair:
        if isinstance(kind, DecimalType):
            sizes.append((kind.precision - kind.scale, kind.scale))
        elif type(kind) in _BITS:
            sizes.append((digits[_BITS[type(kind)]], 0))
        else:
            return None
    whole, scale = max(size[0] for size in sizes), max(size[1] for size in sizes)
    return DecimalType(whole + scale, scale) if whole + scale <= 38 else None


def _load(
    spark: SparkSession,
    base: str,
    keys: tuple[str, ...],
    files: list[SourceFile],
    columns: Columns,
    common: dict[str, DataType],
    options: dict[str, str],
) -> DataFrame:
    folders = {key.lower() for key in keys}
    own = [field for field in columns.read.fields if field.name.lower() not in folders]
    schema = StructType([*own, *[StructField(key, StringType()) for key in keys]])
    reader = spark.read.schema(schema).options(**options).option("__globPaths__", "false").option("basePath", base)
    rows = reader.format("parquet").load([file.path for file in files])
    chosen = [_value(field.name, columns, common[field.name.lower()]) for field in own]
    chosen += [
        (F.lit(None) if common[name.lower()] == kind else F.lit(None).cast(common[name.lower()])).alias(name)
        for name, kind in columns.types.items()
        if isinstance(kind, NullType) and name.lower() not in folders
    ]
    return rows.select(*chosen, *[_column(key) for key in keys])


def _value(name: str, columns: Columns, kind: DataType) -> Column:
    value = _column(name)
    if name in columns.nanos:
        # pandas' default; the tables keep microseconds. The session's zone is UTC, so a time without a zone stays.
        value = F.timestamp_micros(F.expr(f"{_quoted(name)} div 1000")).cast(columns.types[name])
    elif name in columns.nested:
        value = columns.nested[name].convert(value)
    if isinstance(kind, NullType):
        return F.lit(None).alias(name)
    return (value if columns.types[name] == kind else value.cast(kind)).alias(name)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _column(name: str) -> Column:
    return F.col(_quoted(name))

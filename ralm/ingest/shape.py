"""Raw rows in the shape that a mapping needs: one row per element of an array, and columns of other files joined."""

from __future__ import annotations

from functools import reduce
from pathlib import PurePath

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StringType

from ralm.config import Join
from ralm.errors import ConfigError, DataError
from ralm.ingest.expressions import (
    CORRUPT,
    ELEMENT,
    FAILED,
    LOST,
    UNJOINED,
    bind,
    brief,
    column_of,
    lost_characters,
    missing,
)  # fmt: skip
from ralm.ingest.files import Say
from ralm.ingest.ids import is_missing, read_id, stripped, whole
from ralm.ingest.names import mentioned
from ralm.spark.errors import user_errors

_FOUND = "_found"


def with_elements(raw: DataFrame, text: str, setting: str, place: str) -> DataFrame:
    """One row per element of an array, with the element in the column `element`; empty elements are no rows.

    A row on which the expression fails, or that cannot be read, stays one row, with its reason in `_failed`.

    Raises:
        ConfigError: the expression does not fit the columns, or is no array; a column `element` is there already.
    """
    problems: list[str] = []
    bound = bind(raw, text, f"{setting}.explode", place, problems)
    if bound is None:
        raise ConfigError("; ".join(problems))
    if not isinstance(bound.kind, ArrayType):
        raise ConfigError(
            f"{setting}.explode: `{text}` is {bound.kind.simpleString()}, expected an array, such as "
            f"{_array_of(text, bound.kind)}"
        )
    if ELEMENT in [name.lower() for name in raw.columns]:
        raise ConfigError(f"{setting}.explode: {place} has a column '{ELEMENT}' already: rename it in the files")
    element = bound.kind.elementType
    filled = F.filter(bound.value, lambda part: _filled(part, element))
    fails = bound.fails if bound.fails is not None else F.lit(False)
    lost = bound.value.isNull() & _texts_filled(raw, text)
    failed = F.when(fails, f"invalid explode (`{brief(text)}` fails)")
    failed = failed.when(lost, f"invalid explode (`{brief(text)}` gives nothing)")
    kept = fails | lost | F.col(CORRUPT).isNotNull() if CORRUPT in raw.columns else fails | lost
    nothing = F.array(F.lit(None).cast(element))
    rows = raw.withColumn(FAILED, failed)
    return rows.withColumn(ELEMENT, F.explode(F.when(kept, nothing).otherwise(filled)))


def _array_of(text: str, kind: DataType) -> str:
    """An expression that makes an array of a value that is none."""
    if isinstance(kind, MapType):
        return f"map_keys({text}), or map_entries({text}) with element.key and element.value"
    return f"split({text}, ' ')" if isinstance(kind, StringType) else f"array({text})"


def _filled(part: Column, kind: object) -> Column:
    return part.isNotNull() & (F.trim(part) != "") if isinstance(kind, StringType) else part.isNotNull()


def _texts_filled(raw: DataFrame, text: str) -> Column:
    """Whether an expression has only texts to read, and all of them are there."""
    named = [field for field in raw.schema.fields if field.name != CORRUPT and mentioned(field.name, [text])]
    if not named or not all(isinstance(field.dataType, StringType) for field in named):
        return F.lit(False)
    there = [F.coalesce(~is_missing(stripped(column_of(field.name))), F.lit(False)) for field in named]
    return reduce(lambda a, b: a & b, there)


def with_joined(raw: DataFrame, other: DataFrame, join: Join, setting: str, say: Say, *, is_text: bool) -> DataFrame:
    """Every raw row with the columns of the other row that has the same keys.

    Where there is none, they are null, and `_unjoined` is the name of the file.

    Keys are compared as ids are read (12.0 is 12, without the blanks round it); those in which characters were lost
    equal nothing, and their row gets its reason in `_failed`. Two passes over the other rows are made here.

    Args:
        other: rows that repeat each other are one.
        say: takes how many other rows cannot be read.
        is_text: whether the raw rows come from text, in some encoding.

    Raises:
        ConfigError: a column that is not there, or there twice.
        DataError: several different rows of the same key.
    """
    problems = []
    for name in join.on:
        problems += [missing(name, rows, f"{setting}.on", join.place) for rows in (raw, other) if not _find(rows, name)]
    for name in join.columns:
        if not _find(other, name):
            problems.append(missing(name, other, f"{setting}.columns", join.place))
        elif _find(raw, name):
            problems.append(f"{setting}.columns: '{name}' is a column of the source already: leave it out")
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    keys = [f"_key{place}" for place in range(len(join.on))]
    good = other.where(F.col(CORRUPT).isNull()) if CORRUPT in other.columns else other
    chosen = [column_of(_find(other, name) or name).alias(name) for name in join.columns]
    looked_up = good.select(*[_key(good, name).alias(key) for name, key in zip(join.on, keys, strict=True)], *chosen)
    looked_up = looked_up.dropna(subset=keys).distinct()
    lost = reduce(lambda a, b: a | b, [F.coalesce(_lost(other, name), F.lit(False)) for name in join.on])
    with user_errors(f"{setting}.path: {join.place}"):
        unread = other.where(lost | F.col(CORRUPT).isNotNull() if CORRUPT in other.columns else lost).count()
    if unread:
        say(f"{setting}: {unread:,} rows of {PurePath(join.place).name} cannot be read, and join none")
    with user_errors(f"{setting}.path: {join.place}"):
        twice = looked_up.groupBy(*keys).count().where("count > 1").first()
    if twice is not None:
        values = ", ".join(f"{name} {twice[key]}" for name, key in zip(join.on, keys, strict=True))
        raise DataError(
            f"{setting}: {join.place} has {twice['count']} different rows for {values}: one row per key is needed, or "
            f"fewer `columns`"
        )
    keyed = raw.withColumns({key: _key(raw, name) for name, key in zip(join.on, keys, strict=True)})
    joined = keyed.join(looked_up.withColumn(_FOUND, F.lit(True)), keys, "left")
    missed = F.when(F.col(_FOUND).isNull(), F.lit(PurePath(join.place).name))
    if UNJOINED in raw.columns:
        missed = F.coalesce(UNJOINED, missed)
    joined = joined.withColumn(UNJOINED, missed).drop(*keys, _FOUND)
    reasons = [F.when(_lost(raw, name), lost_characters(name, is_text)) for name in join.on]
    return joined.withColumn(FAILED, F.coalesce(*([F.col(FAILED)] if FAILED in raw.columns else []), *reasons))


def _key(rows: DataFrame, name: str) -> Column:
    """A key by the rule of ids; nothing stands for a missing one, since NA may be a country."""
    kind = rows.schema[_find(rows, name) or name].dataType
    text = read_id(column_of(_find(rows, name) or name), kind, ()).value if whole(kind) else F.trim(_text(rows, name))
    return F.when(~_lost(rows, name), text)


def _lost(rows: DataFrame, name: str) -> Column:
    return _text(rows, name).contains(LOST)


def _text(rows: DataFrame, name: str) -> Column:
    return column_of(_find(rows, name) or name).cast("string")


def _find(rows: DataFrame, name: str) -> str | None:
    exact = [column for column in rows.columns if column == name]
    return next(iter(exact or [column for column in rows.columns if column.lower() == name.lower()]), None)

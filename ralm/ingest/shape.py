"""Raw rows in the shape that a mapping needs: one row per element of an array, and columns of other files joined."""

from __future__ import annotations

from pathlib import PurePath

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DoubleType, FloatType, StringType

from ralm.config import Join
from ralm.errors import ConfigError, DataError
from ralm.ingest.expressions import CORRUPT, ELEMENT, FAILED, UNJOINED, bind, brief, column_of, missing
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
            f"{setting}.explode: `{text}` is {bound.kind.simpleString()}, expected an array, such as split({text}, ' ')"
        )
    if ELEMENT in [name.lower() for name in raw.columns]:
        raise ConfigError(f"{setting}.explode: {place} has a column '{ELEMENT}' already: rename it in the files")
    element = bound.kind.elementType
    filled = F.filter(bound.value, lambda part: _filled(part, element))
    fails = bound.fails if bound.fails is not None else F.lit(False)
    kept = fails | F.col(CORRUPT).isNotNull() if CORRUPT in raw.columns else fails
    nothing = F.array(F.lit(None).cast(element))
    rows = raw.withColumn(FAILED, F.when(fails, F.lit(f"invalid explode (`{brief(text)}` fails)")))
    return rows.withColumn(ELEMENT, F.explode(F.when(kept, nothing).otherwise(filled)))


def _filled(part: Column, kind: object) -> Column:
    return part.isNotNull() & (F.trim(part) != "") if isinstance(kind, StringType) else part.isNotNull()


def with_joined(raw: DataFrame, other: DataFrame, join: Join, setting: str) -> DataFrame:
    """Every raw row with the columns of the other row that has the same keys.

    Where there is none, they are null, and `_unjoined` is the name of the file.

    Keys are compared as text without the blanks round it. One pass over the other rows is made here.

    Args:
        other: rows that repeat each other are one.

    Raises:
        ConfigError: a column that is not there, or there twice; keys that are floating numbers.
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
    kinds = [
        (name, rows.schema[found].dataType) for name in join.on for rows in (raw, other) if (found := _find(rows, name))
    ]
    problems += [
        f"{setting}.on: {name} is {kind.simpleString()}, expected text or a whole number"
        for name, kind in kinds
        if isinstance(kind, FloatType | DoubleType)
    ]
    if problems:
        raise ConfigError("; ".join(dict.fromkeys(problems)))
    keys = [f"_key{place}" for place in range(len(join.on))]
    good = other.where(F.col(CORRUPT).isNull()) if CORRUPT in other.columns else other
    chosen = [column_of(_find(other, name) or name).alias(name) for name in join.columns]
    looked_up = good.select(*[_key(good, name).alias(key) for name, key in zip(join.on, keys, strict=True)], *chosen)
    looked_up = looked_up.dropna(subset=keys).distinct()
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
    lost = F.when(F.col(_FOUND).isNull(), F.lit(PurePath(join.place).name))
    if UNJOINED in raw.columns:
        lost = F.coalesce(UNJOINED, lost)
    return joined.withColumn(UNJOINED, lost).drop(*keys, _FOUND)


def _key(rows: DataFrame, name: str) -> Column:
    return F.trim(column_of(_find(rows, name) or name).cast("string"))


def _find(rows: DataFrame, name: str) -> str | None:
    exact = [column for column in rows.columns if column == name]
    return next(iter(exact or [column for column in rows.columns if column.lower() == name.lower()]), None)

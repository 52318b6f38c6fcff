"""Your own list of users: read from a file or table of any usual form, as text ids."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.ingest.expressions import column_of
from ralm.ingest.files import SourceFile
from ralm.ingest.ids import EXACT, LOST_DIGITS, read_id, stripped, trimmed, whole, without_formula
from ralm.ingest.json_text import parsed
from ralm.ingest.list_columns import id_column
from ralm.ingest.list_content import Cells, read_cells
from ralm.ingest.list_files import ListFile, is_parquet, list_files, read_bytes
from ralm.ingest.parquet_files import read_parquet
from ralm.spark.errors import user_errors
from ralm.warehouse.warehouse import is_delta

SHOWN = 3
NO_VALUE = "no number of 0 or more; values are such numbers"


@dataclass(frozen=True)
class UserList:
    """A list as it was read.

    Attributes:
        ids: (id, first): ids as text without white space at their ends, null where there is none; `first`: the cell is
            in the first line of its file, which may be a header: it is an id if it is a known user. Where a column of
            values was asked for also `value` double, 0 or more; null in a first line without a number.
        source: the list's name, for messages.
        form: what it was taken for, for messages.
        column: as asked for; None: `user_id`, or the only one.
    """

    ids: DataFrame
    source: str
    form: str
    column: str | None = None

    def head(self) -> list[str]:
        """The first ids as read."""
        rows = self.ids.where(F.col("id").isNotNull() & ~F.col("first")).limit(SHOWN).collect()
        return [row["id"] for row in rows]


def read_user_list(spark: SparkSession, source: str, column: str | None = None, value: str | None = None) -> UserList:
    """A list of users; what a file is follows from its content, not from its name.

    Args:
        spark: the session.
        source: a Delta table's path, a file or folder (Parquet, CSV with any separator, text with one id per line,
            JSON lines, a JSON array, Excel; also packed, also in UTF-16), or the name of a table of the catalog.
        column: which column, by its name, or by its place from 1 where there is no header line; default: `user_id`, or
            the only one.
        value: a further column, of numbers; None: only ids are read.

    Raises:
        MissingInputError: there is no such file or table.
        ConfigError: a column is missing, or there are several and none was named.
        DataError: the file is damaged or of no known form, its ids have lost digits, or a value is no number.
    """
    if is_delta(spark, source):
        return _of_frame(spark.read.format("delta").load(source), source, column, value, "a Delta table")
    files = list_files(spark, source, say=print)
    if files:
        return _of_files(spark, files, source, column, value)
    if _is_path(spark, source):
        return UserList(_frame(spark, [], [], None if value is None else []), source, "an empty folder")
    if "/" not in source and spark.catalog.tableExists(source):
        return _of_frame(spark.table(source), source, column, value, "a table of the catalog")
    raise MissingInputError(f"list {source}: no such file, Delta table or table of the catalog")


def _is_path(spark: SparkSession, source: str) -> bool:
    jvm = spark._jvm
    assert jvm is not None
    path = jvm.org.apache.hadoop.fs.Path(source)
    return bool(path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).exists(path))


def _of_files(
    spark: SparkSession, files: list[ListFile], source: str, column: str | None, value: str | None
) -> UserList:
    parquet = [file for file in files if is_parquet(spark, file)]
    if parquet and len(parquet) < len(files):
        raise DataError(f"list {source}: Parquet and other files in one folder; give one of them")
    if parquet:
        with user_errors(f"list {source}"):
            return _of_frame(_parquet(spark, parquet, source, column, value), source, column, value, "Parquet")
    ids: list[str] = []
    first: list[bool] = []
    values: list[float | None] = []
    form = ""
    for file, content in zip(files, read_bytes(spark, files, source), strict=True):
        name = source if len(files) == 1 else file.path
        cells = read_cells(content, name)
        form = form or cells.form
        own = _ids(cells, name, column)
        ids += own
        first += [cells.names is None and at == 0 for at in range(len(own))]
        values += [] if value is None else _values(cells, name, value)
    frame = _frame(spark, ids, first, None if value is None else values)
    return UserList(frame, source, form or "an empty file", column)


def _parquet(
    spark: SparkSession, files: list[ListFile], source: str, column: str | None, value: str | None
) -> DataFrame:
    """The rows of Parquet files, all of which have the columns that are read."""
    where = f"list {source}"
    every = [SourceFile(file.path, file.size, file.changed, file.path.rpartition("/")[0]) for file in files]
    names = read_parquet(spark, every, where, {}, []).columns
    asked = [column] if value is None else [column, value]
    wanted = [names[id_column(names, name, f"{source} (Parquet)")] for name in asked]
    return read_parquet(spark, every, where, {}, wanted)


def _ids(cells: Cells, name: str, column: str | None) -> list[str]:
    if not cells.rows:
        return []
    names = cells.rows[0] if cells.names is None else cells.names
    place = id_column(names, column, f"{name} ({cells.form})", numbered=cells.names is None)
    raw = [row[place] if place < len(row) else "" for row in cells.rows]
    if cells.names is not None and (inner := next(filter(_holds_others, raw), None)):
        raise DataError(
            f"list {name}: {names[place]} is a list or an object: {inner[:60]}; write one id in each line, such as by "
            f"jq -c '.{names[place]}[]'"
        )
    if cells.ascii_only:
        strange = next((text for text in raw if not text.isascii()), None)
        if strange is not None:
            raise DataError(
                f"list {name}: not UTF-8, and ids hold other letters than ASCII ({strange}): save it as UTF-8"
            )
    return [without_formula(trimmed(text)) for text in raw]


def _holds_others(text: str) -> bool:
    """Whether a value of JSON is a list or an object; an id may stand in braces."""
    try:
        return text[:1] in ("[", "{") and isinstance(parsed(text), list | dict)
    except ValueError:
        return False


def _values(cells: Cells, name: str, value: str) -> list[float | None]:
    """The numbers of a column, one per row; None in a first line that may be a header."""
    if not cells.rows:
        return []
    names = cells.rows[0] if cells.names is None else cells.names
    place = id_column(names, value, f"{name} ({cells.form})", numbered=cells.names is None)
    found: list[float | None] = []
    for at, row in enumerate(cells.rows):
        text = trimmed(row[place]) if place < len(row) else ""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and number >= 0:
            found.append(number)
        elif cells.names is None and at == 0:
            found.append(None)
        else:
            raise DataError(f"list {name}: column {value}: '{text}' in row {at + 1} is {NO_VALUE}")
    return found


def _frame(spark: SparkSession, ids: list[str], first: list[bool], values: list[float | None] | None) -> DataFrame:
    # Bounded by the size of the files that the driver reads (`read_bytes`).
    columns = {"id": pa.array([text or None for text in ids], pa.string()), "first": pa.array(first, pa.bool_())}
    if values is None:
        return spark.createDataFrame(pa.table(columns), "id string, first boolean")
    columns["value"] = pa.array(values, pa.float64())
    return spark.createDataFrame(pa.table(columns), "id string, first boolean, value double")


def _of_frame(frame: DataFrame, source: str, column: str | None, value: str | None, form: str) -> UserList:
    chosen = frame.columns[id_column(frame.columns, column, f"{source} ({form})")]
    field = column_of(chosen)
    kind = next(found.dataType for found in frame.schema.fields if found.name == chosen)
    kept: list[Column] = []
    if value is not None:
        named = frame.columns[id_column(frame.columns, value, f"{source} ({form})")]
        number = column_of(named).try_cast("double")
        wrong = frame.where(~F.coalesce((number >= 0) & (number < math.inf), F.lit(False))).select(column_of(named))
        if (row := wrong.first()) is not None:
            raise DataError(f"list {source}: column {named}: '{row[0]}' is {NO_VALUE}")
        kept.append(number.alias("value"))
    ids = _as_text(frame, field, kind, f"list {source}: column {chosen}", kept)
    return UserList(ids, source, f"{form}, column {chosen} ({kind.simpleString()})")


def _as_text(frame: DataFrame, field: Column, kind: DataType, what: str, kept: list[Column]) -> DataFrame:
    """(id, first, `kept`) of a column: texts and decimals as they are, since a known user may be called so."""
    if not whole(kind):
        raise ConfigError(f"{what} is {kind.simpleString()}; ids are text or whole numbers")
    text = stripped(field.cast("string"))
    if type(kind) in EXACT:
        found = read_id(field, kind)
        row = frame.where(found.done == LOST_DIGITS).select(field).first()
        if row is not None:
            raise DataError(
                f"{what} is {kind.simpleString()}, and {row[0]} is no id: too long for its digits to be exact, or no "
                "whole number; write ids as text or whole numbers"
            )
        text = found.value
    return frame.select(F.when(text != "", text).alias("id"), F.lit(False).alias("first"), *kept)

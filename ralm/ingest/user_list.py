"""Your own list of users: read from a file or table, matched to the known users, and reported on."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.warehouse.warehouse import is_delta

SHA256 = r"^[0-9a-fA-F]{64}$"


@dataclass(frozen=True)
class ListReport:
    """How a list met the known users.

    Attributes:
        read: rows of the list.
        empty: rows without an id.
        duplicates: rows that repeat an earlier id.
        matched: ids of known users.
        unmatched: ids of unknown users.
    """

    read: int
    empty: int
    duplicates: int
    matched: int
    unmatched: int

    def __str__(self) -> str:
        return (
            f"{self.read:,} ids read, {self.empty:,} empty, {self.duplicates:,} duplicates, {self.matched:,} matched, "
            f"{self.unmatched:,} unmatched"
        )


def read_user_list(spark: SparkSession, source: str, column: str | None = None) -> DataFrame:
    """The ids of a list, as strings, in the column `id`.

    Args:
        spark: the session.
        source: a Delta table's path, a Parquet or CSV file or folder (with a header), a text file (one id per line), or
            the name of a table of the catalog.
        column: which column; default `user_id`, or the only one.

    Raises:
        MissingInputError: there is no such file or table.
        ConfigError: the column is missing, or there are several and none was named.
    """
    frame = _open(spark, source)
    names = frame.columns
    chosen = column or ("user_id" if "user_id" in names else names[0])
    if chosen not in names or (column is None and chosen != "user_id" and len(names) > 1):
        raise ConfigError(f"list {source}: name its column of user ids with --column; it has {', '.join(names)}")
    text = F.trim(F.col(f"`{chosen}`").cast("string"))
    return frame.select(F.when(text != "", text).alias("id"))


def _open(spark: SparkSession, source: str) -> DataFrame:
    if is_delta(spark, source):
        return spark.read.format("delta").load(source)
    if _exists(spark, source):
        kind = source.rstrip("/").rsplit(".", 1)[-1].lower()
        if kind == "csv":
            return spark.read.csv(source, header=True)
        return spark.read.parquet(source) if kind == "parquet" else spark.read.text(source)
    if "/" not in source and spark.catalog.tableExists(source):
        return spark.table(source)
    raise MissingInputError(f"list {source}: no such file, Delta table or table of the catalog")


def _exists(spark: SparkSession, source: str) -> bool:
    jvm = spark._jvm
    assert jvm is not None
    path = jvm.org.apache.hadoop.fs.Path(source)
    return bool(path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).exists(path))


def user_key(user_id: str, hashed: bool) -> Column:
    """What an id of a list is compared with: the user id as text, or its SHA-256 in lower-case hexadecimal digits."""
    text = F.col(user_id).cast("string")
    return F.sha2(text, 256) if hashed else text


def match_users(ids: DataFrame, users: DataFrame, source: str, *, hashed: bool) -> tuple[DataFrame, ListReport]:
    """The known users of a list.

    The list is shuffled once to find duplicates, then joined to the users; only the list may be broadcast.

    Args:
        ids: of `read_user_list`.
        users: (user_id), all known users, each once.
        source: the list's name, for the errors.
        hashed: the ids are SHA-256 digests.

    Returns:
        (user_id), persisted, and the report.

    Raises:
        DataError: the list is empty, or `hashed` was asked for and an id is not a SHA-256 digest.
    """
    text = F.lower("id") if hashed else F.col("id")
    counted = ids.groupBy(text.alias("key")).count()
    known = users.select("user_id", user_key("user_id", hashed).alias("key"))
    joined = counted.join(known, "key", "left").persist()
    row = joined.agg(
        F.sum("count").alias("read"),
        F.sum(F.when(F.col("key").isNull(), F.col("count")).otherwise(0)).alias("empty"),
        F.count("key").alias("distinct"),
        F.count("user_id").alias("matched"),
        F.count_if(~F.col("key").rlike(SHA256)).alias("plain"),
    ).first()
    assert row is not None
    if not row["read"]:
        raise DataError(f"list {source}: it holds no ids")
    if hashed and row["plain"]:
        raise DataError(f"list {source}: {row['plain']:,} ids are not SHA-256 digests of 64 hexadecimal digits")
    report = ListReport(
        read=row["read"],
        empty=row["empty"],
        duplicates=row["read"] - row["empty"] - row["distinct"],
        matched=row["matched"],
        unmatched=row["distinct"] - row["matched"],
    )
    return joined.where(F.col("user_id").isNotNull()).select("user_id"), report

"""A session, and tables that may not be there."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ralm.errors import MissingInputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def loaded(load: Callable[[str], DataFrame], path: str, missing: str) -> DataFrame:
    """What a reader loads; its columns are looked up, so that a path without a table is found here."""
    from pyspark.errors import AnalysisException

    try:
        frame = load(path)
        frame.columns  # noqa: B018
    except AnalysisException as error:
        raise MissingInputError(missing) from error
    return frame


def folder_of(spark: SparkSession, place: str) -> str:
    """The folder of a warehouse: of a path itself, of a schema the one that its table `releases` lies in.

    Args:
        spark: the session.
        place: a path, or catalog.schema: a name with a dot and without a slash. If no such schema has the table, it is
            taken for a path.
    """
    from pyspark.errors import AnalysisException

    if "/" in place or "." not in place.strip("."):
        return place.rstrip("/")
    table = ".".join(f"`{part.replace('`', '``')}`" for part in [*place.split("."), "releases"])
    try:
        detail = spark.sql(f"DESCRIBE DETAIL {table}").first()
    except AnalysisException:
        return place
    assert detail is not None
    return str(detail["location"]).rpartition("/")[0].removeprefix("file:")


def meant(item: str, known: DataFrame) -> str:
    """The nearest ones of 10,000 known items (item_id), as the end of an error."""
    names = [row["item_id"] for row in known.distinct().limit(10_000).collect()]
    near = difflib.get_close_matches(item, names, 3)
    return f"; meant: {', '.join(near)}?" if near else f"; items() lists those that have one ({len(names):,})"


def some_session(place: str) -> SparkSession:
    """The active session; otherwise that of the server in Spark's own SPARK_REMOTE, or a new one on this machine.

    Args:
        place: what it is to read; on S3, the variables of the environment lead to it (`AWS_ENDPOINT_URL`, …).
    """
    from pyspark.sql import SparkSession

    found = SparkSession.getActiveSession()
    if found is not None:
        return found
    if "SPARK_REMOTE" in os.environ:
        return SparkSession.builder.getOrCreate()
    from ralm.config import Spark, Storage
    from ralm.config.storage import SCHEME
    from ralm.spark.session import get_session

    return get_session("ralm", Spark(), Storage() if place.startswith(SCHEME) else None)

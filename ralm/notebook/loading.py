"""A session, and tables that may not be there."""

from __future__ import annotations

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


def some_session() -> SparkSession:
    """The active session; otherwise that of the server in Spark's own SPARK_REMOTE, or a new one on this machine."""
    from pyspark.sql import SparkSession

    found = SparkSession.getActiveSession()
    if found is not None:
        return found
    if "SPARK_REMOTE" in os.environ:
        return SparkSession.builder.getOrCreate()
    from ralm.config import Spark
    from ralm.spark.session import get_session

    return get_session("ralm", Spark())

"""The Spark session of the kinds of input that need one."""

from __future__ import annotations

from functools import cache

from pyspark.sql import SparkSession

from ralm.config import Spark
from ralm.spark.session import get_session


@cache
def session() -> SparkSession:
    """One for all inputs, which are small."""
    conf = {"spark.sql.codegen.wholeStage": "false", "spark.ui.enabled": "false"}
    return get_session("fuzz", Spark(master="local[2]", shuffle_partitions=1, driver_memory="2g", conf=conf))

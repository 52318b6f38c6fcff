"""The Spark session that every job and test uses."""

from __future__ import annotations

import os
import sys

from delta import configure_spark_with_delta_pip
from pyspark.sql import SparkSession

from ralm.config import Spark

# Delta 4.4 depends on older versions of libraries that Spark brings itself: 75 MB that each application would copy to
# its executors. Only Delta's own jars, and Unity Catalog's, are kept.
PROVIDED = (
    "com.fasterxml.jackson.*:*",
    "com.github.luben:*",
    "com.google.code.findbugs:*",
    "commons-logging:*",
    "commons-pool:*",
    "io.airlift:*",
    "javax.annotation:*",
    "org.apache.hadoop:*",
    "org.apache.logging.log4j:*",
    "org.apache.parquet:*",
    "org.locationtech.jts:*",
    "org.roaringbitmap:*",
    "org.slf4j:*",
    "org.xerial.snappy:*",
)
REQUIRED = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Times in the tables are UTC whatever the machine's zone.
    "spark.sql.session.timeZone": "UTC",
    # petastorm and pyarrow read the files themselves and would see the deleted rows of a file with a deletion vector.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Nanoseconds, pandas' default, stop Spark's reader otherwise; ralm/ingest/parquet_files.py makes times of them.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Statistics for the columns that readers filter on; embeddings come later in the schemas.
    "spark.databricks.delta.properties.defaults.dataSkippingNumIndexedCols": "8",
}


def under_spark_submit() -> bool:
    """Whether this process was started by spark-submit, which decides master, memory and packages."""
    return "SPARK_SUBMIT_MODE" in os.environ or "PYSPARK_GATEWAY_PORT" in os.environ


def get_session(name: str, settings: Spark) -> SparkSession:
    """The session of an application called `name`; created if there is none.

    Under spark-submit only SQL settings are added; from plain Python (tests, notebooks) the master, the driver's
    memory and Delta's jars are set too.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    for key, value in REQUIRED.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.sql.shuffle.partitions", str(settings.shuffle_partitions))
    if not under_spark_submit():
        builder = (
            builder.master(settings.master or "local[*]")
            .config("spark.driver.memory", settings.driver_memory)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
        )
        builder = configure_spark_with_delta_pip(builder).config("spark.jars.excludes", ",".join(PROVIDED))
    for key, value in settings.conf.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark

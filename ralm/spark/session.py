"""The Spark session that every job and test uses."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from delta import configure_spark_with_delta_pip
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from ralm.config import Spark, Storage
from ralm.config.fixed_spark import FIXED
from ralm.errors import ConfigError
from ralm.spark.jars import LISTED, fetched, record
from ralm.spark.jvm import class_archive, class_path, java_options
from ralm.spark.s3 import EXCLUDED, s3_coordinates, use_s3

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
    "org.apache.hadoop:hadoop-client*",
    "org.apache.logging.log4j:*",
    "org.apache.parquet:*",
    "org.locationtech.jts:*",
    "org.roaringbitmap:*",
    "org.slf4j:*",
    "org.xerial.snappy:*",
    *EXCLUDED,
)


def under_spark_submit() -> bool:
    """Whether this process was started by spark-submit, which decides master, memory and packages."""
    return "SPARK_SUBMIT_MODE" in os.environ or "PYSPARK_GATEWAY_PORT" in os.environ


def on_one_machine(spark: SparkSession) -> bool:
    """Whether tasks run in the driver's own JVM, on `local[…]`: its cores, files and memory are theirs."""
    master = spark.sparkContext.master or ""
    return re.fullmatch(r"local(\[[^\]]*\])?", master) is not None


def _with_delta(builder: SparkSession.Builder, local: bool, s3: bool, conf: Mapping[str, str]) -> SparkSession.Builder:
    """Delta's jars: on one machine those fetched for this environment, without asking Ivy at every start.

    Those of S3, and the packages of `conf`, always come through Ivy, from its cache after the first time.
    """
    more = s3_coordinates().split(",") if s3 else []
    given = {name: conf[name] for name in LISTED if conf.get(name)}
    more += [given["spark.jars.packages"]] if "spark.jars.packages" in given else []
    builder = builder.config("spark.jars.excludes", ",".join(PROVIDED))
    for name, entries in given.items():
        builder = builder.config(name, entries)
    if not (local and (jars := fetched(record()))):
        return configure_spark_with_delta_pip(builder, more)
    if more:
        builder = builder.config("spark.jars.packages", ",".join(more))
    # How much data will come is not known here: both compilers, as Java has them by default.
    options = java_options(small=False, archive=class_archive())
    return (
        builder.config("spark.jars", ",".join(filter(None, [jars, given.get("spark.jars")])))
        .config("spark.driver.extraClassPath", class_path(jars))
        .config("spark.driver.extraJavaOptions", options)
    )


def get_session(name: str, settings: Spark, storage: Storage | None = None) -> SparkSession:
    """The session of an application called `name`; created if there is none.

    Under spark-submit only SQL settings are added; from plain Python (tests, notebooks) the master, the driver's
    memory and Delta's jars are set too.

    Args:
        name: of the application.
        settings: of the section `spark`.
        storage: the S3 server, if it is used (`Config.s3`).

    Raises:
        ConfigError: the settings change what the tables rely on, or a key to S3 is not there.
    """
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(name)
    for key, value in FIXED.items():
        builder = builder.config(key, value)
    # With it, each call of the Python API asks the JVM four things more, to name its line in an error.
    builder = builder.config("spark.python.sql.dataFrameDebugging.enabled", "false")
    builder = builder.config("spark.sql.shuffle.partitions", str(settings.shuffle_partitions))
    if not under_spark_submit():
        master = settings.master or "local[*]"
        if master.startswith("local"):
            # As in conf/spark/local.conf; each of Delta's 50 tasks would write its source code anew.
            builder = builder.config("spark.databricks.delta.snapshotPartitions", "2")
        builder = (
            builder.master(master)
            .config("spark.driver.memory", settings.driver_memory)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
        )
        builder = _with_delta(builder, master.startswith("local"), storage is not None, settings.conf)
    for key, value in ({} if storage is None else use_s3(storage)).items():
        builder = builder.config(key, value)
    for key, value in settings.conf.items():
        if key in LISTED:  # joined to ours, above or by spark-submit's command line
            continue
        if key in FIXED and value.lower() != FIXED[key].lower():
            raise ConfigError(f"spark.conf: {key} is fixed to {FIXED[key]}, found {value}; leave it out")
        builder = builder.config(key, value)
    before = signal.getsignal(signal.SIGINT)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    # PySpark prints each exception of an expression as JSON with its whole stack, before the job's own line; py4j
    # prints a traceback for each call that Ctrl-C breaks off.
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.getLogger("py4j").setLevel(logging.CRITICAL + 1)
    if under_spark_submit():
        _keep_ctrl_c(before)
    return spark


def _keep_ctrl_c(handler: Any) -> None:
    """Let Ctrl-C do what it did before there was a session.

    PySpark's handler asks the JVM to cancel its jobs, in the middle of the call that it breaks off, which fails; py4j
    prints the tracebacks of both, by the root logger. In a notebook, which goes on, that handler stays.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handler)
    logging.getLogger().addFilter(_not_of_py4j)


def _not_of_py4j(record: logging.LogRecord) -> bool:
    return "py4j" not in record.pathname

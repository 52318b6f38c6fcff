"""Failures in Spark end as one line that names the innermost cause, the file and what to do."""

import logging
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from ralm.errors import DataError, MissingInputError, RalmError
from ralm.spark.causes import innermost
from ralm.spark.errors import user_errors

pytestmark = pytest.mark.spark


class FromJvmError(Py4JJavaError):
    """As py4j raises it, without asking the JVM for the stack."""

    def __init__(self, java: Any) -> None:
        Exception.__init__(self, "An error occurred while calling o176136.save.")
        self.java_exception = java

    def __str__(self) -> str:
        return f"An error occurred while calling o176136.save.\n: {self.java_exception.toString()}"


def failed(spark: SparkSession, message: str, kind: str = "java.io.IOException") -> FromJvmError:
    """As Spark wraps what fails in a task."""
    jvm: Any = spark._jvm
    made = jvm
    for part in kind.split("."):
        made = getattr(made, part)
    wrapped = "[TASK_WRITE_FAILED] Task failed while writing rows to file:/w/x."
    task = jvm.org.apache.spark.SparkException(wrapped, made(message))
    return FromJvmError(jvm.org.apache.spark.SparkException("Job aborted due to stage failure", task))


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("No space left on device", "ingest: No space left on device: /w/x; free some space there"),
        ("/w/y/part-0.parquet (Permission denied)", "ingest: Permission denied: /w/y/part-0.parquet; give this user"),
        ("/w/_models/a (Read-only file system)", "ingest: Read-only file system: /w/_models/a; give a place"),
        ("Mkdirs failed to create file:/w/z", "ingest: Mkdirs failed to create file:/w/z; see whether"),
    ],
)
def test_what_the_machine_refuses(spark: SparkSession, message: str, said: str) -> None:
    """Case 92b."""
    with pytest.raises(RalmError) as told, user_errors("ingest"):
        raise failed(spark, message)
    assert str(told.value).startswith(said)
    assert "\n" not in str(told.value)
    assert "damaged" not in str(told.value)


def test_another_application_is_named(spark: SparkSession) -> None:
    """Case 93."""
    for message in (
        "[DELTA_PROTOCOL_CHANGED] The protocol version of the Delta table has been changed by a concurrent update.",
        "[DELTA_CONCURRENT_APPEND.WITH_PARTITION_HINT] Files were added",
        "[DELTA_METADATA_CHANGED] The metadata was changed",
        "[CONCURRENT_STREAM_LOG_UPDATE] Concurrent update to the log.",
    ):
        told = r"build: another application writes to this warehouse; .*when it has ended"
        with pytest.raises(RalmError, match=told), user_errors("build"):
            raise failed(spark, message)
    # Delta quotes the commit that came first, whose user metadata are JSON in JSON.
    quoted = r"""[DELTA_CONCURRENT_APPEND] Conflicting commit: {"userMetadata":"{\"run_id\": \"publish/-/ab12\"}"}"""
    with pytest.raises(RalmError, match=r"another application \(run publish/-/ab12\) writes"), user_errors("build"):
        raise failed(spark, quoted)


def test_the_innermost_cause_is_shown(spark: SparkSession) -> None:
    error = failed(spark, "the disk caught fire")
    assert innermost(error) == "IOException: the disk caught fire"
    with pytest.raises(Py4JJavaError), user_errors("x"):
        raise error


def test_sound_files_are_not_called_broken(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and nothing else")
    damaged = r"events: the file .*cut\.parquet cannot be read; it is damaged"
    with pytest.raises(DataError, match=damaged), user_errors("events"):
        spark.read.parquet(str(tmp_path / "cut.parquet")).collect()
    both = tmp_path / "both"
    spark.sql("SELECT 1 AS n").write.parquet(str(both))
    spark.sql("SELECT 'a' AS n").write.mode("append").parquet(str(both))
    with pytest.raises(DataError) as told, user_errors("events"):
        spark.read.schema("n int").parquet(str(both)).collect()
    assert "damaged" not in str(told.value)
    assert "column n is BINARY, and int is expected, as in the other files" in str(told.value)
    with pytest.raises(MissingInputError), user_errors("events"):
        spark.read.parquet(str(tmp_path / "none"))


def test_spark_prints_no_stack_of_its_own(spark: SparkSession, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RalmError), user_errors("x"):
        spark.range(1).selectExpr("no_such_column + 1").collect()
    with pytest.raises(DataError), user_errors("x"):
        spark.sql("SELECT CAST('a' AS int)").collect()
    assert capfd.readouterr().err == ""
    assert not logging.getLogger("py4j").isEnabledFor(logging.ERROR)

"""Reading the files of a source: Parquet, CSV, TSV or JSON lines, as raw rows."""

from __future__ import annotations

import re

from pyspark.sql import DataFrame, SparkSession

from ralm.config import Source
from ralm.errors import DataError
from ralm.spark.errors import user_errors

# Cells stay text until the mapping casts them: guessed types differ between the files of one log.
_TEXT = {"header": "true", "inferSchema": "false", "quote": '"', "escape": '"'}
_DEFAULTS: dict[str, tuple[str, dict[str, str]]] = {
    "parquet": ("parquet", {}),
    "csv": ("csv", _TEXT),
    "tsv": ("csv", _TEXT | {"sep": "\t"}),
    "jsonl": ("json", {"primitivesAsString": "true"}),
}
CORRUPT = "_corrupt_record"


def source_path(source: Source, data_root: str) -> str:
    """The source's location: absolute paths and URLs as they are, others under `data_root`."""
    if re.match(r"^([A-Za-z][A-Za-z0-9+.-]*:|/)", source.path):
        return source.path
    return f"{data_root.rstrip('/')}/{source.path}"


def read_source(spark: SparkSession, source: Source, data_root: str, setting: str) -> DataFrame:
    """The raw rows of a source; `source.options` override the reader's defaults.

    Args:
        setting: the source's place in the configuration, such as `ingest.events[0]`, for messages.

    Raises:
        MissingInputError: no file at the path.
        DataError: a file that is not of the given format, or empty.
    """
    path = source_path(source, data_root)
    reader, options = _DEFAULTS[source.format]
    with user_errors(f"{setting}.path: {path}"):
        raw = spark.read.options(**(options | source.options)).format(reader).load(path)
    if not [name for name in raw.columns if name != CORRUPT]:
        raise DataError(f"{setting}.path: {path}: no columns found; the file is empty or not {source.format}")
    return raw


def listing(spark: SparkSession, source: Source, data_root: str) -> list[tuple[str, int, int]]:
    """`path_listing` of the source's files."""
    return path_listing(spark, source_path(source, data_root))


def path_listing(spark: SparkSession, path: str) -> list[tuple[str, int, int]]:
    """(path, bytes, time of change) of the files that match: another listing means another input; may be empty."""
    jvm = spark._jvm
    assert jvm is not None
    pattern = jvm.org.apache.hadoop.fs.Path(path)
    system = pattern.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    found = []
    for status in system.globStatus(pattern) or []:
        files = system.listFiles(status.getPath(), True)
        while files.hasNext():
            file = files.next()
            found.append((str(file.getPath()), int(file.getLen()), int(file.getModificationTime())))
    return sorted(found)

"""The files of a list: found by their literal name first, then by a pattern, and read whole by the driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from ralm.errors import ConfigError, DataError
from ralm.ingest.files import STRAY, is_marker, refuse_broken_links, refuse_hidden, some
from ralm.ingest.heads import first_bytes
from ralm.ingest.list_content import LARGEST
from ralm.spark.errors import user_errors

PARQUET = b"PAR1"


@dataclass(frozen=True)
class ListFile:
    """A file: its path, its size in bytes, and the time of its last change in milliseconds."""

    path: str
    size: int
    changed: int


def list_files(spark: SparkSession, source: str, say: Callable[[str], None] | None = None) -> list[ListFile]:
    """The files at a path or under a folder, or those that a pattern finds; [] if none.

    Hidden ones are left out, unfinished ones too unless nothing else is there; this is said.

    A name with [ ] { } or * is that file if there is one of this name.

    Raises:
        ConfigError: a pattern with **, which would find the files of one level alone; only hidden files.
        DataError: a link to a file that is not there.
    """
    jvm: Any = spark._jvm
    path = jvm.org.apache.hadoop.fs.Path(source)
    system = path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
    with user_errors(f"list {source}"):
        if "**" in source and not system.exists(path):
            raise ConfigError(f"list {source}: ** is no pattern here: a folder is read with its sub-folders")
        found = [system.getFileStatus(path)] if system.exists(path) else list(system.globStatus(path) or [])
        refuse_broken_links(found, f"list {source}")
        files, hidden = [], []
        for status in found:
            if status.isFile():
                files.append(status)
                continue
            inside = system.listFiles(status.getPath(), True)
            prefix = str(status.getPath())
            while inside.hasNext():
                file = inside.next()
                name = str(file.getPath())
                if any(part.startswith(("_", ".")) for part in name.removeprefix(prefix).split("/")):
                    hidden += [] if is_marker(name) else [name]
                elif file.getLen():
                    files.append(file)
    if not files:
        refuse_hidden(hidden, f"list {source}")
    paths = {str(file.getPath()) for file in files}
    stray = {path for path in paths if STRAY.search(path)}
    stray = set() if stray == paths else stray
    files = [file for file in files if str(file.getPath()) not in stray]
    left = [*hidden, *stray]
    if left and say is not None:
        say(f"list {source}: {len(left)} files are left out as hidden or unfinished: {some(left)}")
    named = [ListFile(str(f.getPath()), int(f.getLen()), int(f.getModificationTime())) for f in files]
    return sorted(named, key=lambda file: file.path)


def list_state(spark: SparkSession, source: str) -> str:
    """What tells whether a list changed: its files with sizes and times, or nothing for a table of the catalog."""
    return str(list_files(spark, source))


def is_parquet(spark: SparkSession, file: ListFile) -> bool:
    """Whether a file begins as Parquet does, whatever its name."""
    return first_bytes(spark, file.path, 4) == PARQUET


def read_bytes(spark: SparkSession, files: list[ListFile], source: str) -> list[bytes]:
    """The contents of files.

    Raises:
        DataError: they are larger than the driver should hold.
    """
    size = sum(file.size for file in files)
    if size > LARGEST // 4:
        raise DataError(f"list {source}: {size >> 20:,} MiB; write a list over {LARGEST >> 22} MiB as Parquet or Delta")
    with user_errors(f"list {source}"):
        return [first_bytes(spark, file.path, file.size) for file in files]

"""Parquet files as Spark lists them, opened and read by pyarrow: in training ranks and in Python workers.

Rows that Spark reads go to Python through the JVM, array elements one by one; pyarrow reads them directly into Arrow's
memory, which takes a third of the time in a job that does little else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from ralm.errors import ConfigError

# Rows per batch, as many as Spark sends at once.
ROWS = 10_000


def plain_path(file: str) -> tuple[str, str]:
    """The (scheme, path) of a file as Spark lists it.

    Spark's names are not percent-encoded: a `%3A` in them is in the name on disk, so nothing is ever unquoted.
    Hadoop's name `s3a` becomes `s3`.
    """
    match = re.match(r"^([A-Za-z][A-Za-z0-9+.-]+):(.*)$", file)
    if match is None:
        return "file", file
    scheme, rest = match.group(1).lower(), match.group(2)
    if scheme == "file":
        return scheme, "/" + rest.lstrip("/")
    return ("s3" if scheme in ("s3a", "s3n") else scheme), rest


def open_filesystem(files: Sequence[str]) -> tuple[pafs.FileSystem, list[str]]:
    """The file system that holds the files, and their paths in it.

    S3 follows the usual environment: `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and the others.

    Raises:
        ConfigError: the files lie on different file systems.
    """
    parsed = [plain_path(file) for file in files]
    schemes = {scheme for scheme, _ in parsed}
    if len(schemes) > 1:
        raise ConfigError(f"the files lie on several file systems {sorted(schemes)}; keep a table on one")
    if schemes == {"file"}:
        return pafs.LocalFileSystem(), [path for _, path in parsed]
    scheme = schemes.pop()
    netloc = urlsplit(f"{scheme}:{parsed[0][1]}").netloc
    filesystem, _ = pafs.FileSystem.from_uri(f"{scheme}://{netloc}/")
    if scheme == "hdfs":  # the name node is part of the file system, not of the path
        return filesystem, ["/" + path.removeprefix("//").partition("/")[2] for _, path in parsed]
    return filesystem, [path.removeprefix("//") for _, path in parsed]


def file_batches(file: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of a file on a file system that pyarrow knows (local, hdfs, s3), in batches.

    Args:
        file: as Spark lists it.
        columns: that are read.
    """
    filesystem, paths = open_filesystem([file])
    with filesystem.open_input_file(paths[0]) as source:
        # One thread: Spark has given the task only one core.
        yield from pq.ParquetFile(source).iter_batches(ROWS, columns=list(columns), use_threads=False)

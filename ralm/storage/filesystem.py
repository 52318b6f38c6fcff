"""The file systems of paths as Spark and Hadoop name them, opened by pyarrow."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ralm.errors import ConfigError

if TYPE_CHECKING:  # whoever reads mounted files alone needs no pyarrow
    import pyarrow.fs as pafs


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
        ConfigError: the files lie on different file systems, or on one that pyarrow does not know.
    """
    import pyarrow.fs as pafs

    parsed = [plain_path(file) for file in files]
    schemes = {scheme for scheme, _ in parsed}
    if len(schemes) > 1:
        raise ConfigError(f"the files lie on several file systems {sorted(schemes)}; keep a table on one")
    if schemes == {"file"}:
        return pafs.LocalFileSystem(), [path for _, path in parsed]
    scheme = schemes.pop()
    netloc = urlsplit(f"{scheme}:{parsed[0][1]}").netloc
    variables = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
    filesystem = _connected(f"{scheme}://{netloc}/", os.getpid(), variables)
    if scheme == "hdfs":  # the name node is part of the file system, not of the path
        return filesystem, ["/" + path.removeprefix("//").partition("/")[2] for _, path in parsed]
    return filesystem, [path.removeprefix("//") for _, path in parsed]


@lru_cache(maxsize=8)
def _connected(url: str, process: int, variables: tuple[tuple[str, str], ...]) -> pafs.FileSystem:
    """A client per process, since its threads do not survive a fork, and per environment that it follows."""
    from pyarrow import ArrowInvalid
    from pyarrow.fs import FileSystem

    try:
        return FileSystem.from_uri(url)[0]
    except ArrowInvalid as error:
        scheme = url.partition(":")[0]
        raise ConfigError(
            f"{scheme}: is no file system that models and training files can be read from; known are s3a, gs, abfss, "
            "hdfs, and paths that all machines mount (such as /dbfs/… for dbfs:/…)"
        ) from error

"""Copies of remote files on this machine, fetched once per content: its processes share them.

They lie in the folder for temporary files, where they are named by URL and content; a copy that nobody has asked for
in a day is removed by the next fetch.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow.fs as pafs

CHUNK = 8 * 2**20
KEPT_SECONDS = 86_400.0
# So often is a file read that others replace meanwhile.
TRIES = 50


def copies_folder() -> Path:
    """Where this user's copies lie: a folder that nobody else can write to."""
    folder = Path(tempfile.gettempdir()) / f"ralm-copies-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user; set TMPDIR to a folder of your own")
    return folder


def copy_of(url: str, filesystem: pafs.FileSystem, path: str) -> Path:
    """A local copy of a remote file, fetched if this machine has none of its present content.

    Args:
        url: of the file.
        filesystem: that holds it.
        path: of the file there.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it is replaced again and again while it is read.
    """
    copy = _named(url, _tag(filesystem, path))
    with copy.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes wait for one fetch
        if copy.exists():
            os.utime(copy)
            return copy
        _remove_old()
        temporary = copy.with_suffix(".tmp")
        with temporary.open("wb") as sink:
            tag = read_whole(filesystem, path, sink)
        final = _named(url, tag)  # another one than was asked for, if the file was replaced meanwhile
        temporary.replace(final)
    return final


def read_whole(filesystem: pafs.FileSystem, path: str, sink: IO[bytes]) -> str:
    """Write a remote file's content to `sink`, and return its tag.

    A reader asks for the size and then for parts: what was replaced in between is read anew.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it is replaced again and again.
    """
    tag = _tag(filesystem, path)
    for _ in range(TRIES):
        sink.seek(0)
        sink.truncate()
        with filesystem.open_input_file(path) as source:
            shutil.copyfileobj(source, sink, CHUNK)
        before, tag = tag, _tag(filesystem, path)
        if before == tag:
            return tag
    raise OSError(f"{path}: replaced {TRIES} times while it was read")


def _named(url: str, tag: str) -> Path:
    key = hashlib.sha256(f"{url}\0{tag}".encode()).hexdigest()[:24]
    return copies_folder() / f"{key}{PurePosixPath(url).suffix}"


def _tag(filesystem: pafs.FileSystem, path: str) -> str:
    """What changes with the content: the store's own tag, elsewhere size and time of the last change."""
    with filesystem.open_input_file(path) as source:
        metadata = {key.lower(): value for key, value in (source.metadata() or {}).items()}
    if tag := metadata.get("etag"):
        return str(tag)
    info = filesystem.get_file_info(path)
    return f"{info.size} {info.mtime_ns}"


def _remove_old() -> None:
    """Mapped copies stay readable to those who have them open."""
    before = time.time() - KEPT_SECONDS
    for path in copies_folder().iterdir():
        try:
            if path.suffix != ".lock" and path.stat().st_mtime < before:
                path.unlink()
        except FileNotFoundError:  # another process was faster
            continue

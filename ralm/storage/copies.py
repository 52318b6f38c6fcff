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
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.fs as pafs

CHUNK = 8 * 2**20
KEPT_SECONDS = 86_400.0


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
    """
    with filesystem.open_input_file(path) as source:
        key = hashlib.sha256(f"{url}\0{_content(filesystem, path, source)}".encode()).hexdigest()[:24]
        copy = copies_folder() / f"{key}{Path(path).suffix}"
        with (copies_folder() / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # other processes wait for one fetch
            if not copy.exists():
                _remove_old()
                temporary = copy.with_name(f"{key}.tmp")
                with temporary.open("wb") as sink:
                    shutil.copyfileobj(source, sink, CHUNK)
                temporary.replace(copy)
            os.utime(copy)
    return copy


def _content(filesystem: pafs.FileSystem, path: str, opened: Any) -> str:
    """What changes with the content: the store's own tag, elsewhere size and time of the last change."""
    metadata = {key.lower(): value for key, value in (opened.metadata() or {}).items()}
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

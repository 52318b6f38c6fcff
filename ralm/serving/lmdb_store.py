"""A release in LMDB files on a mounted folder."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import lmdb

from ralm.errors import DataError
from ralm.serving.manifest import Layer, Manifest
from ralm.serving.store import Store, shard_of

# LMDB's own limit.
LONGEST_KEY = 511
# An LMDB file may grow to this size; it takes only as much disk as it holds.
MAP_SIZE = 2**38
# LMDB lets a process open a file once: all stores of the process share what is open. Keyed on the file, not its name.
_LOCK = threading.Lock()
_OPEN: WeakValueDictionary[tuple[int, int, int], Opened] = WeakValueDictionary()


class Opened:
    """An open LMDB file, closed when the last store that reads it lets it go."""

    def __init__(self, path: Path) -> None:
        self.environment = lmdb.open(
            str(path), readonly=True, subdir=False, lock=False, readahead=False, create=False, max_readers=1024
        )

    def __del__(self) -> None:
        if hasattr(self, "environment"):
            self.environment.close()


def opened(path: Path) -> Opened:
    """The open file, shared by all stores and threads of the process."""
    for tries in range(100):
        found = path.stat()
        key = (os.getpid(), found.st_dev, found.st_ino)
        with _LOCK:
            held = _OPEN.get(key)
            if held is not None:
                return held
            try:
                _OPEN[key] = held = Opened(path)
                return held
            except lmdb.Error:
                if tries == 99:
                    raise
        time.sleep(0.001)  # its last reader is closing it right now
    raise AssertionError


class LmdbStore(Store):
    """A folder with one LMDB file per shard, and `manifest.json`, which is replaced by a rename.

    Args:
        path: the folder; all machines must mount it if Spark's executors write it.
    """

    def __init__(self, path: str) -> None:
        self.folder = Path(path)
        self.url = str(self.folder)
        self.environments: dict[Path, Opened] = {}

    def manifest(self) -> Manifest | None:
        """The current release; None before the first export."""
        try:
            return Manifest.load((self.folder / "manifest.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def publish(self, manifest: Manifest) -> None:
        """Rename the new manifest over the old one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".manifest.{uuid.uuid4().hex}"
        temporary.write_text(manifest.dump(), encoding="utf-8")
        os.replace(temporary, self.folder / "manifest.json")

    def write(self, kind: str, layer: Layer, shard: int, records: Iterable[tuple[str, bytes]]) -> int:
        """Write a file under a temporary name and rename it.

        Raises:
            DataError: a key is longer than `LONGEST_KEY` bytes.
        """
        final = self._file(kind, layer, shard)
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.with_name(f".{final.name}.{uuid.uuid4().hex}")
        environment = lmdb.open(str(temporary), map_size=MAP_SIZE, subdir=False, lock=False, sync=False)
        try:
            with environment.begin(write=True) as transaction:
                for key, record in records:
                    encoded = key.encode()
                    if not 0 < len(encoded) <= LONGEST_KEY:
                        raise DataError(f"serving: id '{key[:40]}' has {len(encoded)} bytes, 1 to {LONGEST_KEY} fit")
                    transaction.put(encoded, record)
            environment.sync(True)
            count = int(environment.stat()["entries"])
        except BaseException:
            temporary.unlink()
            raise
        finally:
            environment.close()
        os.replace(temporary, final)
        return count

    def read(self, kind: str, layer: Layer, keys: Sequence[str]) -> list[bytes | None]:
        """The records of keys, from the files of their shards."""
        found: list[bytes | None] = []
        for key in keys:
            environment = self._open(self._file(kind, layer, shard_of(key, layer.shards)))
            if environment is None or len(key.encode()) > LONGEST_KEY or not key:
                found.append(None)
                continue
            with environment.begin(buffers=False) as transaction:
                found.append(transaction.get(key.encode()))
        return found

    def layers(self) -> set[str]:
        """Names of the folders."""
        root = self.folder / "layers"
        return {path.name for path in root.iterdir()} if root.exists() else set()

    def drop(self, layer: str) -> None:
        """Unlink a layer's files; readers that have them open can go on."""
        folder = self.folder / "layers" / layer
        for path in [path for path in self.environments if path.is_relative_to(folder)]:
            del self.environments[path]
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()

    def _file(self, kind: str, layer: Layer, shard: int) -> Path:
        return self.folder / "layers" / layer.name / f"{kind}-{shard:05d}.lmdb"

    def _open(self, path: Path) -> lmdb.Environment | None:
        """A file's environment; None if the shard has no key."""
        if path not in self.environments:
            if not path.exists():
                return None
            self.environments[path] = opened(path)
        return self.environments[path].environment

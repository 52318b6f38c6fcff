"""A release in LMDB files in a folder: a mounted one, or one of an object store, from which readers fetch shards."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import lmdb

from ralm.errors import DataError
from ralm.serving.manifest import Layer, Manifest, loaded
from ralm.serving.store import Store, shard_of
from ralm.storage.path import StoragePath

# LMDB's own limit.
LONGEST_KEY = 511
# An LMDB file may grow to this size; it takes only as much disk as it holds.
MAP_SIZE = 2**38
# LMDB lets a process open a file once: all stores of the process share what is open. Keyed on the file, not its name.
_LOCK = threading.Lock()
_OPEN: WeakValueDictionary[tuple[int, int, int], Opened] = WeakValueDictionary()


def _damaged(path: Path, why: str) -> DataError:
    return DataError(f"serving.store: {path} is damaged: {why}; run job 'export_serving' with --full")


class Opened:
    """An open LMDB file, closed when the last store that reads it lets it go."""

    def __init__(self, path: Path) -> None:
        self.environment = lmdb.open(
            str(path), readonly=True, subdir=False, lock=False, readahead=False, create=False, max_readers=1024
        )
        pages, size = self.environment.info()["last_pgno"] + 1, self.environment.stat()["psize"]
        if pages * size != path.stat().st_size:  # reading on would end the process by SIGBUS
            raise _damaged(path, f"it has {path.stat().st_size:,} bytes, not the {pages * size:,} that were written")

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
            except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError) as error:
                raise _damaged(path, str(error)) from error
            except lmdb.Error as error:
                if tries == 99:
                    raise _damaged(path, str(error)) from error
        time.sleep(0.001)  # its last reader is closing it right now
    raise AssertionError


class LmdbStore(Store):
    """A folder with one LMDB file per shard, and `manifest.json`, which is replaced by a rename.

    Args:
        path: the folder, which Spark's executors write and readers read: on a file system that all of them reach.
    """

    def __init__(self, path: str) -> None:
        self.folder = StoragePath.at(path)
        self.url = self.folder.path
        self.environments: dict[StoragePath, Opened] = {}

    def manifest(self) -> Manifest | None:
        """The current release; None before the first export."""
        try:
            text = (self.folder / "manifest.json").read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return None
        return loaded(text, self.shown)

    def publish(self, manifest: Manifest) -> None:
        """Put the new manifest in the place of the old one."""
        (self.folder / "manifest.json").write_text(manifest.dump())

    def write(self, kind: str, layer: Layer, shard: int, records: Iterable[tuple[str, bytes]]) -> int:
        """Write a file, which is whole or not there.

        Raises:
            DataError: a key is longer than `LONGEST_KEY` bytes.
        """
        counts: list[int] = []
        self._file(kind, layer, shard).write(lambda path: counts.append(_write(path, records)))
        return counts[0]

    def read(self, kind: str, layer: Layer, keys: Sequence[str]) -> list[bytes | None]:
        """The records of keys, from the files of their shards."""
        found: list[bytes | None] = []
        for key in keys:
            environment = self._open(self._file(kind, layer, shard_of(key, layer.shards)))
            if environment is None or len(key.encode()) > LONGEST_KEY or not key:
                found.append(None)
                continue
            try:
                with environment.begin(buffers=False) as transaction:
                    found.append(transaction.get(key.encode()))
            except lmdb.Error as error:
                raise _damaged(Path(environment.path()), str(error)) from error
        return found

    def layers(self) -> set[str]:
        """Names of the folders."""
        return {place.name for place in (self.folder / "layers").children()}

    def drop(self, layer: str) -> None:
        """Unlink a layer's files; readers that have them open can go on."""
        folder = self.folder / "layers" / layer
        for place in [place for place in self.environments if place.path.startswith(f"{folder}/")]:
            del self.environments[place]
        folder.remove()

    def copy_to(self, folder: Path) -> None:
        """Copy the whole store into a new folder of this machine."""
        for layer in (self.folder / "layers").children():
            target = folder / "layers" / layer.name
            target.mkdir(parents=True)
            for file in layer.children():
                shutil.copyfile(file.local(), target / file.name)
        (folder / "manifest.json").write_bytes((self.folder / "manifest.json").read_bytes())

    def _file(self, kind: str, layer: Layer, shard: int) -> StoragePath:
        return self.folder / "layers" / layer.name / f"{kind}-{shard:05d}.lmdb"

    def _open(self, place: StoragePath) -> lmdb.Environment | None:
        """A file's environment; None if the shard has no key."""
        if place not in self.environments:
            try:
                self.environments[place] = opened(place.local())
            except FileNotFoundError:
                return None
        return self.environments[place].environment


def _write(path: Path, records: Iterable[tuple[str, bytes]]) -> int:
    """Write a new LMDB file; how many records it holds."""
    environment = lmdb.open(str(path), map_size=MAP_SIZE, subdir=False, lock=False, sync=False)
    try:
        with environment.begin(write=True) as transaction:
            for key, record in records:
                encoded = key.encode()
                if not 0 < len(encoded) <= LONGEST_KEY:
                    raise DataError(f"serving: id '{key[:40]}' has {len(encoded)} bytes, 1 to {LONGEST_KEY} fit")
                transaction.put(encoded, record)
        environment.sync(True)
        found = environment.stat()
        # Readers tell a file that was cut off by its size: also free pages at its end count.
        os.truncate(path, (environment.info()["last_pgno"] + 1) * found["psize"])
        return int(found["entries"])
    finally:
        environment.close()

"""Key-value stores behind one interface: LMDB files on a mounted folder, or a Redis server."""

from __future__ import annotations

import os
import uuid
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import lmdb
import redis

from ralm.errors import ConfigError, DataError, MissingInputError
from ralm.serving.manifest import Layer, Manifest

# LMDB's own limit.
LONGEST_KEY = 511
# An LMDB file may grow to this size; it takes only as much disk as it holds.
MAP_SIZE = 2**38
_REDIS_BATCH = 1_000


def shard_of(key: str, shards: int) -> int:
    """The shard of a key; in Spark SQL, `crc32(key) % shards`."""
    return zlib.crc32(key.encode()) % shards


class Store(ABC):
    """Layers of records under one manifest."""

    url: str

    @abstractmethod
    def manifest(self) -> Manifest | None:
        """The manifest of the current release; None before the first export."""

    @abstractmethod
    def publish(self, manifest: Manifest) -> None:
        """Make a release the current one, for all readers at once; its layers must exist."""

    @abstractmethod
    def write(self, kind: str, layer: Layer, shard: int, records: Iterable[tuple[str, bytes]]) -> int:
        """Write one shard of a layer, or replace it. Returns how many records it holds."""

    @abstractmethod
    def read(self, kind: str, layer: Layer, keys: Sequence[str]) -> list[bytes | None]:
        """The records of keys, None for keys that the layer lacks."""

    @abstractmethod
    def layers(self) -> set[str]:
        """Names of all layers, including those of unfinished exports."""

    @abstractmethod
    def drop(self, layer: str) -> None:
        """Remove a layer."""

    def lookup(self, manifest: Manifest, kind: str, keys: Sequence[str]) -> list[bytes | None]:
        """The records of keys in a release: each from the newest layer that has it; None: unknown."""
        found: list[bytes | None] = [None] * len(keys)
        open_ = list(range(len(keys)))
        for layer in manifest.layers.get(kind, ()):
            records = self.read(kind, layer, [keys[place] for place in open_])
            for place, record in zip(open_, records, strict=True):
                found[place] = record
            open_ = [place for place in open_ if found[place] is None]
            if not open_:
                break
        return [record or None for record in found]


class LmdbStore(Store):
    """A folder with one LMDB file per shard, and `manifest.json`, which is replaced by a rename.

    Args:
        path: the folder; all machines must mount it if Spark's executors write it.
    """

    def __init__(self, path: str) -> None:
        self.folder = Path(path)
        self.url = str(self.folder)
        self.environments: dict[Path, lmdb.Environment] = {}

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
            self.environments.pop(path).close()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()

    def _file(self, kind: str, layer: Layer, shard: int) -> Path:
        return self.folder / "layers" / layer.name / f"{kind}-{shard:05d}.lmdb"

    def _open(self, path: Path) -> lmdb.Environment | None:
        """A file's environment, opened once per process; None if the shard has no key."""
        if path not in self.environments:
            if not path.exists():
                return None
            self.environments[path] = lmdb.open(
                str(path), readonly=True, subdir=False, lock=False, readahead=False, create=False
            )
        return self.environments[path]


class RedisStore(Store):
    """A Redis database: one hash per shard, and the manifest under one key.

    Args:
        url: redis://[user:password@]host:port/database, or rediss:// or unix://.
        prefix: of all keys.
    """

    def __init__(self, url: str, prefix: str = "ralm") -> None:
        self.url = url
        self.prefix = prefix
        self.client = redis.Redis.from_url(url)

    def manifest(self) -> Manifest | None:
        """The current release; None before the first export.

        Raises:
            MissingInputError: no server answers.
        """
        try:
            text = self.client.get(f"{self.prefix}:manifest")
        except redis.ConnectionError as error:
            raise MissingInputError(f"serving.store {self.url}: no Redis server answers ({error})") from error
        return None if text is None else Manifest.load(bytes(text).decode())  # type: ignore[arg-type]

    def publish(self, manifest: Manifest) -> None:
        """Set the key that readers read first."""
        self.client.set(f"{self.prefix}:manifest", manifest.dump())

    def write(self, kind: str, layer: Layer, shard: int, records: Iterable[tuple[str, bytes]]) -> int:
        """Fill a hash under a temporary name and rename it."""
        final, temporary = self._hash(kind, layer, shard), f"{self.prefix}:writing:{uuid.uuid4().hex}"
        count = 0
        part: dict[Any, Any] = {}
        for key, record in records:
            part[key] = record
            count += 1
            if len(part) == _REDIS_BATCH:
                self.client.hset(temporary, mapping=part)
                part.clear()
        if part:
            self.client.hset(temporary, mapping=part)
        if count:
            with self.client.pipeline(transaction=True) as together:
                together.rename(temporary, final)
                together.sadd(f"{self.prefix}:layers", layer.name)
                together.sadd(f"{self.prefix}:layer:{layer.name}", final)
                together.execute()
        return count

    def read(self, kind: str, layer: Layer, keys: Sequence[str]) -> list[bytes | None]:
        """The records of keys, in one round trip."""
        with self.client.pipeline(transaction=False) as together:
            for key in keys:
                together.hget(self._hash(kind, layer, shard_of(key, layer.shards)), key)
            return list(together.execute())

    def layers(self) -> set[str]:
        """Names of all layers."""
        return {name.decode() for name in self.client.smembers(f"{self.prefix}:layers")}  # type: ignore[union-attr]

    def drop(self, layer: str) -> None:
        """Unlink a layer's hashes; the server frees them in the background."""
        listed = f"{self.prefix}:layer:{layer}"
        hashes = self.client.smembers(listed)
        self.client.unlink(*hashes, listed)
        self.client.srem(f"{self.prefix}:layers", layer)

    def _hash(self, kind: str, layer: Layer, shard: int) -> str:
        return f"{self.prefix}:{layer.name}:{kind}:{shard}"


def open_store(url: str) -> Store:
    """The store of a URL: redis://…, rediss://…, unix://…, or the path of a folder for LMDB.

    Raises:
        ConfigError: another scheme.
    """
    scheme, separator, _ = url.partition("://")
    if scheme in ("redis", "rediss", "unix"):
        return RedisStore(url)
    if separator and scheme != "file":
        raise ConfigError(f"serving.store {url}: expected redis://host:port/database or the path of a folder")
    return LmdbStore(url.removeprefix("file://").removeprefix("file:"))

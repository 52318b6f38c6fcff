"""A release in a Redis database."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import redis

from ralm.errors import ConfigError, MissingInputError
from ralm.serving.manifest import Layer, Manifest, loaded
from ralm.serving.store import Store, shard_of

_REDIS_BATCH = 1_000


class RedisStore(Store):
    """A Redis database: one hash per shard, and the manifest under one key.

    Args:
        url: redis://[user:password@]host:port/database, or rediss:// or unix://.
        prefix: of all keys.

    Raises:
        ConfigError: the URL is none.
    """

    def __init__(self, url: str, prefix: str = "ralm") -> None:
        self.url = url
        self.prefix = prefix
        try:
            self.client = redis.Redis.from_url(url)
        except ValueError as error:
            raise ConfigError(
                f"serving.store {self.shown}: not the URL of a Redis server (in passwords, / @ : # are %2F %40 %3A %23)"
            ) from error

    def manifest(self) -> Manifest | None:
        """The current release; None before the first export.

        Raises:
            MissingInputError: no server answers.
        """
        try:
            text = self.client.get(f"{self.prefix}:manifest")
        except redis.ConnectionError as error:
            raise MissingInputError(f"serving.store {self.shown}: no Redis server answers ({error})") from error
        return None if text is None else loaded(bytes(text).decode(errors="replace"), self.shown)  # type: ignore[arg-type]

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

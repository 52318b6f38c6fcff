"""What a key-value store of a release does, whatever it is."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from ralm.errors import masked
from ralm.serving.manifest import Layer, Manifest


def shard_of(key: str, shards: int) -> int:
    """The shard of a key; in Spark SQL, `crc32(key) % shards`."""
    return zlib.crc32(key.encode()) % shards


class Store(ABC):
    """Layers of records under one manifest."""

    url: str

    @property
    def shown(self) -> str:
        """The URL for messages, without its password."""
        return masked(self.url)

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

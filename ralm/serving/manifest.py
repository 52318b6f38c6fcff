"""Which layers of a store make one release.

A layer is immutable: an export writes new ones beside the old ones and then replaces the manifest, in one step. A layer
of what changed lies over the layers that it was compared with; an empty record in it means that the key is gone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

KINDS = ("users", "items", "model")


@dataclass(frozen=True)
class Layer:
    """Records of one kind.

    Attributes:
        name: unique in the store.
        shards: parts that its keys are dealt out to, by crc32.
    """

    name: str
    shards: int


@dataclass(frozen=True)
class Manifest:
    """A release in a store.

    Attributes:
        release: its id in `releases`.
        layers: kind -> layers, newest first.
        sources: what the layers were made from, for the next export to compare with.
        before: names of the layers that the manifest before this one had, which its readers may still read.
    """

    release: str
    layers: Mapping[str, tuple[Layer, ...]]
    sources: Mapping[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()

    @property
    def names(self) -> set[str]:
        """Names of its layers."""
        return {layer.name for layers in self.layers.values() for layer in layers}

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def load(text: str) -> Manifest:
        """From JSON."""
        content = json.loads(text)
        layers = {kind: tuple(Layer(**layer) for layer in found) for kind, found in content["layers"].items()}
        return Manifest(content["release"], layers, content["sources"], tuple(content["before"]))

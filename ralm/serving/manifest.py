"""Which layers of a store make up a release.

A layer is immutable: an export writes new layers next to the old ones, then replaces the manifest in one step. A layer
of changes lies over the layers that it was compared with; an empty record in it means that the key was deleted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from ralm.errors import DataError

KINDS = ("users", "items", "model")


@dataclass(frozen=True)
class Layer:
    """Records of one kind.

    Attributes:
        name: unique in the store.
        shards: number of parts among which crc32 divides its keys.
    """

    name: str
    shards: int


@dataclass(frozen=True)
class Manifest:
    """A release in a store.

    Attributes:
        release: its id in `releases`.
        layers: kind -> layers, newest first.
        sources: what the layers were made from, for comparison by the next export.
        before: names of the layers of the previous manifest, which readers may still use.
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
        """From JSON.

        Raises:
            ValueError, LookupError, TypeError, AttributeError: it is none.
        """
        content = json.loads(text)
        layers = {kind: tuple(Layer(**layer) for layer in found) for kind, found in content["layers"].items()}
        return Manifest(content["release"], layers, content["sources"], tuple(content["before"]))


def loaded(text: str, store: str) -> Manifest:
    """The manifest that a store holds.

    Raises:
        DataError: the text is none.
    """
    try:
        return Manifest.load(text)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"serving.store {store}: its manifest is damaged ({error!r}); run job 'export_serving' with --full"
        ) from error

"""What a store holds of a user, an item and a model, as bytes: little-endian float32 after a short header."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_HEADER = struct.Struct("<IId")


@dataclass(frozen=True)
class UserRecord:
    """A target user.

    Attributes:
        bias: the part of the score that depends on the user alone.
        embedding: (h,), unit length; with the closed form (h + d,), the user's coordinates after it.
    """

    bias: float
    embedding: Floats

    @staticmethod
    def decode(content: bytes) -> UserRecord:
        """The record of a row of `encode_users`."""
        values = np.frombuffer(content, "<f4")
        return UserRecord(float(values[0]), values[1:])


def encode_users(bias: NDArray[Any], embedding: NDArray[Any]) -> NDArray[np.float32]:
    """(n, 1 + h), with the closed form (n, 1 + h + d): one row per user; the row's bytes are the user's record."""
    return np.concatenate([np.asarray(bias, "<f4")[:, None], np.asarray(embedding, "<f4")], axis=1)


@dataclass(frozen=True)
class ItemRecord:
    """An item's clusters after the seeds' tower.

    Attributes:
        cutoff: exposure threshold of the published score; NaN where the item has none.
        global_embedding: (h,), unit length; zeros where the item has no cluster.
        shares: (k,), of the seeds; 0 is an absent cluster.
        centroids: (k, h), unit length.
        direction: (d,), of the closed form, times its weight; (0,) for a model without it.
    """

    cutoff: float
    global_embedding: Floats
    shares: Floats
    centroids: Floats
    direction: Floats

    def encode(self) -> bytes:
        """The record as bytes."""
        k, h = self.centroids.shape
        parts = (self.global_embedding, self.shares, self.centroids, self.direction)
        return _HEADER.pack(k, h, self.cutoff) + b"".join(np.asarray(part, "<f4").tobytes() for part in parts)

    @staticmethod
    def decode(content: bytes) -> ItemRecord:
        """The record of these bytes."""
        k, h, cutoff = _HEADER.unpack_from(content)
        values = np.frombuffer(content, "<f4", offset=_HEADER.size)
        first, last = h + k, h + k + k * h
        return ItemRecord(cutoff, values[:h], values[h:first], values[first:last].reshape(k, h), values[last:])


@dataclass(frozen=True)
class ModelRecord:
    """The parts of the look-alike model that a score needs.

    Attributes:
        alpha: weight of the global attention's cosine.
        beta: weight of the local attention's cosine.
        attention: (h, h), W of the local attention's logits E W e.
    """

    alpha: float
    beta: float
    attention: Floats

    def encode(self) -> bytes:
        """The record as bytes."""
        head = np.array([self.alpha, self.beta], "<f4")
        return head.tobytes() + np.asarray(self.attention, "<f4").tobytes()

    @staticmethod
    def decode(content: bytes) -> ModelRecord:
        """The record of these bytes."""
        values = np.frombuffer(content, "<f4")
        width = int(np.sqrt(len(values) - 2))
        return ModelRecord(float(values[0]), float(values[1]), values[2:].reshape(width, width))

"""Online serving: a release in a key-value store, and a scorer that reads only the store (no Spark, no torch)."""

from ralm.serving.scorer import Answer, Scorer
from ralm.serving.stores import open_store

__all__ = ["Answer", "Scorer", "open_store"]

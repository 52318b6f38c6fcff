"""What a scoring run needs, as files that worker processes memory-map: weights, centroids, sizes, cuts."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.errors import MissingInputError
from ralm.scoring.kmeans import Floats, Ints
from ralm.scoring.scorer import Scorer

MARKER = "_SUCCESS"


@dataclass(frozen=True)
class ScoringBundle:
    """The items of one scoring run and the model that scores them.

    Attributes:
        weights: name -> array, as `ralm.models.lookalike.export_weights` gives them.
        centroids: (items, k, d), raw.
        sizes: (items, k); 0 is absent.
        item_ids: one id a row of `centroids`; scoring UDFs name items by their row.
        cuts: (items,), the lowest published score that is emitted; None: nothing is emitted by score.
    """

    weights: dict[str, NDArray[Any]]
    centroids: Floats
    sizes: Ints
    item_ids: list[str]
    cuts: NDArray[np.float64] | None = None

    @staticmethod
    def load(path: str) -> ScoringBundle:
        """A bundle that `write_scoring_bundle` wrote; centroids stay on disk until they are read.

        Raises:
            MissingInputError: there is no complete bundle at the path.
        """
        folder = Path(path.removeprefix("file:"))
        if not (folder / MARKER).exists():
            raise MissingInputError(
                f"scoring bundle {path}: not found on this machine; it must lie where all machines mount it"
            )
        with np.load(folder / "weights.npz") as arrays:
            weights = {name: arrays[name] for name in arrays.files}
        return ScoringBundle(
            weights,
            np.load(folder / "centroids.npy", mmap_mode="r"),
            np.load(folder / "sizes.npy", mmap_mode="r"),
            json.loads((folder / "item_ids.json").read_text(encoding="utf-8")),
            np.load(folder / "cuts.npy") if (folder / "cuts.npy").exists() else None,
        )


def write_scoring_bundle(
    path: str,
    weights: Mapping[str, NDArray[Any]],
    centroids: Floats,
    sizes: Ints,
    item_ids: Sequence[str],
    cuts: NDArray[np.float64] | None = None,
) -> str:
    """Write a bundle under a temporary name and rename it; a bundle at the path is replaced. Returns the path.

    Raises:
        ValueError: the arrays do not have the same number of items.
    """
    counts = {len(centroids), len(sizes), len(item_ids), len(centroids) if cuts is None else len(cuts)}
    if len(counts) > 1:
        raise ValueError(f"scoring bundle: numbers of items differ: {sorted(counts)}")
    final = Path(path.removeprefix("file:"))
    temporary = final.with_name(f".{final.name}.{uuid.uuid4().hex}")
    temporary.mkdir(parents=True)
    with (temporary / "weights.npz").open("wb") as target:
        np.savez(target, **{name: np.asarray(value) for name, value in weights.items()})
    np.save(temporary / "centroids.npy", np.ascontiguousarray(centroids, dtype=np.float32))
    np.save(temporary / "sizes.npy", np.ascontiguousarray(sizes, dtype=np.int32))
    (temporary / "item_ids.json").write_text(json.dumps(list(item_ids)), encoding="utf-8")
    if cuts is not None:
        np.save(temporary / "cuts.npy", np.ascontiguousarray(cuts, dtype=np.float64))
    # Its content makes the marker different for every write, for readers that cache by it.
    (temporary / MARKER).write_text(uuid.uuid4().hex, encoding="utf-8")
    if final.exists():
        shutil.rmtree(final)
    os.replace(temporary, final)
    return path


def cached_scorer(path: str, block: int) -> tuple[Scorer, NDArray[np.float64] | None]:
    """The scorer and the cuts of a bundle, built once a process and version of the bundle.

    Raises:
        MissingInputError: there is no complete bundle at the path.
    """
    marker = Path(path.removeprefix("file:")) / MARKER
    return _built(path, block, marker.read_text(encoding="utf-8") if marker.exists() else "")


@lru_cache(maxsize=2)
def _built(path: str, block: int, version: str) -> tuple[Scorer, NDArray[np.float64] | None]:
    bundle = ScoringBundle.load(path)
    return Scorer(bundle.weights, bundle.centroids, bundle.sizes, block=block), bundle.cuts

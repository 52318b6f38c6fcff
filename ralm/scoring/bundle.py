"""The input of a scoring run, as files that worker processes memory-map: a scorer's arrays, its items, their cuts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ralm.errors import MissingInputError
from ralm.scoring.contract import BatchScorer, ScorerState, scorer_class
from ralm.storage.damage import unless_damaged
from ralm.storage.path import StoragePath

MARKER = "_SUCCESS"


@dataclass(frozen=True)
class ScoringBundle:
    """The items of one scoring run and the state of the system that scores them.

    Attributes:
        state: the scorer.
        item_ids: one id per item; scoring UDFs name items by their row.
        cuts: (items,), the lowest published score that is emitted; None: nothing is emitted by score.
    """

    state: ScorerState
    item_ids: list[str]
    cuts: NDArray[np.float64] | None = None

    @staticmethod
    def load(path: str) -> ScoringBundle:
        """A bundle that `write_scoring_bundle` wrote; arrays stay on disk until they are read.

        Raises:
            MissingInputError: there is no complete bundle at the path.
            DataError: a file of it is damaged.
        """
        folder = StoragePath.at(path)
        if not (folder / MARKER).exists():
            raise MissingInputError(
                f"scoring bundle {path}: not found on this machine; it must lie on a file system that all machines "
                "reach"
            )
        with unless_damaged(f"scoring bundle {path}", "run the job again, which writes it anew"):
            described: dict[str, Any] = json.loads((folder / "bundle.json").read_text())
            arrays = {name: np.load((folder / f"{name}.npy").local(), mmap_mode="r") for name in described["arrays"]}
            cuts = np.load((folder / "cuts.npy").local()) if described["cut"] else None
            return ScoringBundle(ScorerState(scorer_class(described["scorer"]), arrays), described["item_ids"], cuts)


def write_scoring_bundle(
    path: str, state: ScorerState, item_ids: Sequence[str], cuts: NDArray[np.float64] | None = None
) -> str:
    """Write a bundle, its marker last; a bundle at the path is replaced. Returns the path.

    Raises:
        ValueError: there is not one cut per item.
    """
    if cuts is not None and len(cuts) != len(item_ids):
        raise ValueError(f"scoring bundle: {len(cuts)} cuts for {len(item_ids)} items")
    described = {
        "scorer": state.name,
        "arrays": list(state.arrays),
        "item_ids": list(item_ids),
        "cut": cuts is not None,
    }

    def build(folder: Path) -> None:
        for name, array in state.arrays.items():
            np.save(folder / f"{name}.npy", np.ascontiguousarray(array).reshape(np.shape(array)))
        (folder / "bundle.json").write_text(json.dumps(described), encoding="utf-8")
        if cuts is not None:
            np.save(folder / "cuts.npy", np.ascontiguousarray(cuts, dtype=np.float64))
        # The marker's content differs for every write, for readers that cache by it.
        (folder / MARKER).write_text(uuid.uuid4().hex, encoding="utf-8")

    StoragePath.at(path).write_folder(build, MARKER)
    return path


def cached_scorer(path: str, block: int) -> tuple[BatchScorer, NDArray[np.float64] | None]:
    """The scorer and the cuts of a bundle, built once per process and version of the bundle.

    Raises:
        MissingInputError: there is no complete bundle at the path.
    """
    try:
        version = (StoragePath.at(path) / MARKER).read_text()
    except FileNotFoundError:
        version = ""
    return _built(path, block, version)


@lru_cache(maxsize=2)
def _built(path: str, block: int, version: str) -> tuple[BatchScorer, NDArray[np.float64] | None]:
    bundle = ScoringBundle.load(path)
    return bundle.state.build(block), bundle.cuts

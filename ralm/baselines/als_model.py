"""The folder of a fitted ALS: the features' factors, which workers memory-map, and what they were fitted on.

factors.npy, gram.npy   Y (features, f) float32; Y'Y (f, f) float64
als.json                `AlsModel`, written last: a folder without it does not count
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.fold_in import gram_of
from ralm.config import Als
from ralm.errors import MissingInputError
from ralm.training.checkpoints import model_folder

MARKER = "als.json"


class AlsModel(BaseModel):
    """What the factors were fitted on, and how."""

    model_config = ConfigDict(frozen=True)

    settings: Als
    vocabulary_version: str
    space: FeatureSpace


def write_als(path: str, model: AlsModel, factors: NDArray[np.float32]) -> None:
    """Write a fitted model; each file is whole or not there.

    Args:
        path: the model's folder.
        model: what the factors were fitted on.
        factors: (features, f), one row per column of the space.
    """
    folder = model_folder(path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).unlink(missing_ok=True)
    for name, array in (("factors", factors), ("gram", gram_of(factors))):
        temporary = folder / f".{name}.{os.getpid()}.npy"
        np.save(temporary, array)
        temporary.replace(folder / f"{name}.npy")
    temporary = folder / f".{MARKER}.{os.getpid()}"
    temporary.write_text(model.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(folder / MARKER)


@lru_cache(maxsize=4)
def read_als(path: str) -> AlsModel:
    """What a model was fitted on.

    Raises:
        MissingInputError: there is no finished model.
    """
    return AlsModel.model_validate_json(_marker(path).read_text(encoding="utf-8"))


@lru_cache(maxsize=2)
def als_arrays(path: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The factors (features, f), on disk until they are read, and their Gram matrix (f, f); raises like `read_als`."""
    folder = _marker(path).parent
    return np.load(folder / "factors.npy", mmap_mode="r"), np.load(folder / "gram.npy")


def _marker(path: str) -> Path:
    marker = model_folder(path) / MARKER
    if not marker.exists():
        raise MissingInputError(f"ALS model {path}: not found on this machine; it must lie where all machines mount it")
    return marker

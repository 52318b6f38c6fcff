"""The folder of a fitted ALS: the features' factors, which workers memory-map, and what they were fitted on.

factors.npy, gram.npy   Y (features, f) float32; Y'Y (f, f) float64
als.json                `AlsModel`, written last: a folder without it does not count
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ralm.baselines.array_folder import read_array, read_description, write_folder
from ralm.baselines.feature_space import FeatureSpace
from ralm.baselines.fold_in import gram_of
from ralm.config import Als

MARKER = "als.json"
KIND = "ALS model"


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
    write_folder(path, MARKER, model, {"factors": factors, "gram": gram_of(factors)})


@lru_cache(maxsize=4)
def read_als(path: str) -> AlsModel:
    """What a model was fitted on.

    Raises:
        MissingInputError: there is no finished model.
    """
    return AlsModel.model_validate_json(read_description(path, MARKER, KIND))


@lru_cache(maxsize=2)
def als_arrays(path: str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The factors (features, f), on disk until they are read, and their Gram matrix (f, f); raises like `read_als`."""
    return read_array(path, "factors", MARKER, KIND), np.asarray(read_array(path, "gram", MARKER, KIND))

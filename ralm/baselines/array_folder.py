"""A fitted model as a folder: arrays that workers memory-map, and a description that is written last."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ralm.errors import MissingInputError
from ralm.training.checkpoints import model_folder


def write_folder(path: str, marker: str, description: BaseModel, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a model; each file is whole or not there.

    Args:
        path: the model's folder.
        marker: the file of the description; a folder without it does not count.
        description: what the model was fitted on.
        arrays: name -> array, one file each.
    """
    folder = model_folder(path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / marker).unlink(missing_ok=True)
    for name, array in arrays.items():
        temporary = folder / f".{name}.{os.getpid()}.npy"
        np.save(temporary, array)
        temporary.replace(folder / f"{name}.npy")
    temporary = folder / f".{marker}.{os.getpid()}"
    temporary.write_text(description.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(folder / marker)


def marked_file(path: str, marker: str, what: str) -> Path:
    """The description of a written model.

    Raises:
        MissingInputError: there is no finished model.
    """
    found = model_folder(path) / marker
    if not found.exists():
        raise MissingInputError(f"{what} {path}: not found on this machine; it must lie where all machines mount it")
    return found

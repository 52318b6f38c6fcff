"""A fitted model as a folder: arrays that workers memory-map, and a description that is written last."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ralm.errors import MissingInputError
from ralm.storage.damage import unless_damaged
from ralm.storage.path import StoragePath


def write_folder(path: str, marker: str, description: BaseModel, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a model; each file is whole or not there.

    Args:
        path: the model's folder.
        marker: the file of the description; a folder without it does not count.
        description: what the model was fitted on.
        arrays: name -> array, one file each.
    """
    folder = StoragePath.at(path)
    (folder / marker).remove()
    for name, array in arrays.items():
        (folder / f"{name}.npy").write(partial(np.save, arr=array))
    (folder / marker).write_text(description.model_dump_json(indent=1))


def read_description(path: str, marker: str, what: str) -> str:
    """The description of a written model, JSON.

    Raises:
        MissingInputError: there is no finished model.
    """
    try:
        return (StoragePath.at(path) / marker).read_text()
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{what} {path}: not found on this machine; it must lie on a file system that all machines reach"
        ) from error


def read_array(path: str, name: str, marker: str, what: str) -> NDArray[Any]:
    """An array of a written model, on disk until it is read; raises like `read_description`."""
    read_description(path, marker, what)
    with unless_damaged(f"{what} {path}", "run the job that makes it again, by --force"):
        found: NDArray[Any] = np.load((StoragePath.at(path) / f"{name}.npy").local(), mmap_mode="r")
    return found

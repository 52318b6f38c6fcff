"""Model folders and the checkpoints in them: the only place that knows their layout.

    <output>/checkpoint_<digest>_<epoch>/   model.pt, optimizer.pt, _SUCCESS (JSON metadata with both files' SHA-256)
    <output>/model.pt, weights.npz, _SUCCESS   the finished model; weights.npz for look-alike models only
    <output>/mean-<date>.npy                   the users' mean raw embedding as of a date (look-alike models)

A file is whole or missing, whatever file system holds the folder (`StoragePath`); a folder without the marker
`_SUCCESS`, which is written last, does not count, and neither does one whose files are not those that the marker names.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ralm.errors import MissingInputError
from ralm.models.lookalike import LookalikeModel
from ralm.models.user_model import UserModel
from ralm.models.weights import centred
from ralm.storage.damage import unless_damaged
from ralm.storage.path import StoragePath
from ralm.training.specs import LookalikeTrainingSpec, UserTrainingSpec

MARKER = "_SUCCESS"
MODEL = "model.pt"
OPTIMIZER = "optimizer.pt"
WEIGHTS = "weights.npz"
KEPT = 2

State = dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: its folder and what its marker says."""

    folder: StoragePath
    metadata: dict[str, Any]

    def model_state(self, device: str = "cpu") -> State:
        """The model's state_dict."""
        state: State = torch.load((self.folder / MODEL).local(), map_location=device, weights_only=True)
        return state

    def optimizer_states(self, device: str = "cpu") -> list[State]:
        """One state_dict per optimizer."""
        states: list[State] = torch.load((self.folder / OPTIMIZER).local(), map_location=device, weights_only=True)
        return states


def _mark(folder: StoragePath, metadata: dict[str, Any]) -> None:
    (folder / MARKER).write_text(json.dumps(metadata, indent=1, sort_keys=True))


def _read_marker(folder: StoragePath) -> dict[str, Any] | None:
    try:
        metadata = json.loads((folder / MARKER).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return metadata if isinstance(metadata, dict) else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(folder: StoragePath, metadata: dict[str, Any]) -> str | None:
    """The first file that is not as it was when the folder was marked; None: all are. Older markers name no files."""
    for name, sha256 in metadata.get("files", {}).items():
        try:
            if _sha256((folder / name).local()) != sha256:
                return str(folder / name)
        except FileNotFoundError:
            return str(folder / name)
    return None


def _number(folder: StoragePath) -> int:
    return int(folder.name.rpartition("_")[2])


def _checkpoints(output: StoragePath, digest: str) -> list[StoragePath]:
    """Folders of checkpoints of a digest, complete or not, oldest first."""
    found = [p for p in output.children(f"checkpoint_{digest}_*") if re.fullmatch(r"\d+", p.name.rpartition("_")[2])]
    return sorted(found, key=_number)


def save_checkpoint(
    output: str,
    digest: str,
    epoch: int,
    model: State,
    optimizers: list[State],
    metadata: dict[str, Any],
    best: int | None = None,
) -> StoragePath:
    """Save a checkpoint, its marker last; delete those older than the last `KEPT` of the same digest, except the best.

    Args:
        output: model folder.
        digest: of the training's spec.
        epoch: epochs done.
        model: state_dict.
        optimizers: state_dicts.
        metadata: JSON content of the marker.
        best: the epoch whose checkpoint is always kept.
    """
    root = StoragePath.at(output)
    final = root / f"checkpoint_{digest}_{epoch:04d}"
    final.remove()  # a crash may have left it without its marker
    files: dict[str, str] = {}
    for name, content in ((MODEL, model), (OPTIMIZER, optimizers)):

        def save(path: Path, name: str = name, content: Any = content) -> None:
            torch.save(content, path)
            files[name] = _sha256(path)

        (final / name).write(save)
    _mark(final, {**metadata, "digest": digest, "epoch": epoch, "files": files})
    for old in _checkpoints(root, digest)[:-KEPT]:
        if _number(old) != best:
            old.remove()
    return final


def latest_checkpoint(output: str, digest: str, epoch: int | None = None) -> Checkpoint | None:
    """The last complete checkpoint of a digest in a model folder, or that of a given epoch; None if there is none.

    One with a damaged file is left out, with a line that names the file.
    """
    for folder in reversed(_checkpoints(StoragePath.at(output), digest)):
        if epoch is not None and _number(folder) != epoch:
            continue
        metadata = _read_marker(folder)
        if metadata is None:
            continue
        damaged = _damaged(folder, metadata)
        if damaged is None:
            return Checkpoint(folder, metadata)
        print(
            f"checkpoint {damaged}: damaged since it was written; an earlier one is taken, if there is any", flush=True
        )
    return None


def publish(
    output: str,
    checkpoint: StoragePath,
    spec: State,
    weights: dict[str, NDArray[np.generic]] | None = None,
    history: list[dict[str, Any]] | None = None,
) -> None:
    """Make a checkpoint the finished model of its folder; delete leftovers and all other checkpoints except the last.

    Args:
        output: model folder.
        checkpoint: complete, in this folder.
        spec: JSON content of the training's spec.
        weights: plain arrays for scorers, written as `weights.npz`.
        history: of all epochs, if the checkpoint is not of the last epoch.
    """
    root = StoragePath.at(output)
    (root / MARKER).remove()
    (root / MODEL).write(lambda path: shutil.copyfile((checkpoint / MODEL).local(), path))
    metadata = _read_marker(checkpoint) or {}
    files = {name: sha256 for name, sha256 in metadata.get("files", {}).items() if name == MODEL}
    if weights is not None:

        def save(path: Path) -> None:
            np.savez(path, allow_pickle=False, **weights)
            files[WEIGHTS] = _sha256(path)

        (root / WEIGHTS).write(save)
    if history is not None:
        metadata["history"] = history
    _mark(root, {**metadata, "checkpoint": checkpoint.name, "spec": spec, "files": files})
    kept = {checkpoint, *_checkpoints(root, metadata.get("digest", ""))[-1:]}
    for other in [*root.children("checkpoint_*"), *root.children(".*.tmp*")]:
        if other not in kept:
            other.remove()


def finished(path: str) -> dict[str, Any]:
    """The metadata of a finished model: spec, digest, epoch, history, name of its checkpoint.

    Raises:
        MissingInputError: there is no finished model.
        DataError: a file of it is damaged (what reads the model, not what reads only its metadata).
    """
    folder = StoragePath.at(path)
    metadata = _read_marker(folder)
    if metadata is None or not (folder / MODEL).exists():
        raise MissingInputError(f"model {path}: no finished model in this folder; run the training that makes it")
    return metadata


def last_of(path: str) -> Checkpoint:
    """The checkpoint that a finished model was made from, optimizers included.

    Raises:
        MissingInputError: there is no finished model.
    """
    metadata = finished(path)
    return Checkpoint(StoragePath.at(path) / metadata["checkpoint"], metadata)


def reading(path: str) -> AbstractContextManager[None]:
    """Read a finished model; what is damaged is said in one line, as a DataError."""
    return unless_damaged(f"model {path}", "restore the folder from a copy, or train again by --force")


def _checked(path: str, name: str) -> Path:
    """A file of a finished model, if it is the one that the marker names."""
    folder = StoragePath.at(path)
    named = {file: sha256 for file, sha256 in finished(path).get("files", {}).items() if file == name}
    if (folder / name).exists() and _damaged(folder, {"files": named}):
        raise ValueError(f"{name} is not the file that was written")
    return (folder / name).local()


def _state(path: str, device: str) -> State:
    state: State = torch.load(_checked(path, MODEL), map_location=device, weights_only=True)
    return state


def load_user_spec(path: str) -> UserTrainingSpec:
    """The spec that a finished user model was trained with; raises like `finished`."""
    with reading(path):
        return UserTrainingSpec.model_validate(finished(path)["spec"])


def load_lookalike_spec(path: str) -> LookalikeTrainingSpec:
    """The spec that a finished look-alike model was trained with; raises like `finished`."""
    with reading(path):
        return LookalikeTrainingSpec.model_validate(finished(path)["spec"])


def load_user_model(path: str, device: str = "cpu") -> UserModel:
    """A finished user model in eval mode; raises like `finished`."""
    spec = load_user_spec(path)
    with reading(path):
        model = UserModel(spec.fields, spec.model, spec.merge, spec.item_count)
        model.load_state_dict(_state(path, device))
        return model.to(device).eval()


def load_lookalike(path: str, device: str = "cpu") -> LookalikeModel:
    """A finished look-alike model in eval mode; raises like `finished`."""
    spec = load_lookalike_spec(path)
    with reading(path):
        model = LookalikeModel(spec.input_dim, spec.model, spec.pooling, spec.closed_form is not None)
        model.load(_state(path, device))
        return model.to(device).eval()


def load_weights(path: str) -> dict[str, NDArray[np.generic]]:
    """The plain arrays of a finished look-alike model (`models.weights.export_weights`); raises like `finished`."""
    finished(path)
    with reading(path), np.load(_checked(path, WEIGHTS)) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _mean_file(path: str, as_of: dt.date | str) -> StoragePath:
    return StoragePath.at(path) / f"mean-{as_of}.npy"


def write_mean(path: str, as_of: dt.date, mean: NDArray[Any]) -> None:
    """Keep the mean raw embedding (d,) of all users as of a date beside a finished look-alike model."""
    _mean_file(path, as_of).write(lambda file: np.save(file, mean.astype(np.float32), allow_pickle=False))


def dated_weights(path: str, as_of: dt.date | str | None) -> dict[str, NDArray[np.generic]]:
    """`load_weights`, closed form and tower centred on the users of a date: they all move as their histories grow.

    Raises:
        MissingInputError: there is no finished model, or no target was embedded as of the date.
    """
    found = load_weights(path)
    if "closed_mean" not in found:
        return found
    assert as_of is not None
    file = _mean_file(path, as_of)
    if not file.exists():
        raise MissingInputError(f"model {path}: no mean of the users of {as_of}; run job 'embed_targets'")
    with reading(path):
        return centred(found, np.load(file.local()))

"""Trainings whose files, checkpoints, models and events are all on a real S3 server."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs as pafs
import pytest
import torch

from ralm.storage.filesystem import open_filesystem
from ralm.storage.path import StoragePath
from ralm.training import loop
from ralm.training.checkpoints import finished, load_lookalike, load_user_model, load_weights
from ralm.training.lookalike import train_lookalike
from ralm.training.tensorboard_events import Events
from ralm.training.user import train_user_model
from tests.s3_server import leading_to, make_bucket, s3_server
from tests.training.toy_data import lookalike_spec, user_spec


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address, leading_to(address):
        make_bucket(address, "bucket")
        yield "s3a://bucket"


def moved(spec: Any, folder: Path, url: str) -> Any:
    """The spec with all its files under a URL, and nothing left on this machine."""
    filesystem, (path,) = open_filesystem([url])
    pafs.copy_files(str(folder), path, pafs.LocalFileSystem(), filesystem)
    shutil.rmtree(folder)
    text = spec.model_dump_json().replace(f"file:{folder}", url).replace(str(folder), url)
    return type(spec).model_validate_json(text)


def test_a_user_model_that_resumes(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = user_spec(tmp_path / "here")
    expected = train_user_model(here)
    spec = moved(user_spec(tmp_path / "there"), tmp_path / "there", f"{bucket}/user")
    spec = spec.model_copy(update={"tensorboard": f"{bucket}/user/events"})
    save = loop.save_checkpoint

    def save_and_die(*arguments: Any) -> StoragePath:
        path = save(*arguments)
        if arguments[2] == 2:
            raise KeyboardInterrupt
        return path

    with monkeypatch.context() as dying:
        dying.setattr(loop, "save_checkpoint", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train_user_model(spec)
    model = StoragePath.at(spec.output)
    (model / "checkpoint_unfinished" / "model.pt").write_text("half")
    result = train_user_model(spec)
    assert result["history"] == expected["history"]
    a, b = load_user_model(here.output).state_dict(), load_user_model(spec.output).state_dict()
    assert all(torch.equal(a[name], b[name]) for name in a)
    names = [place.name for place in model.children()]
    assert names == ["_SUCCESS", StoragePath.at(result["checkpoint"]).name, "model.pt"]
    assert finished(spec.output)["epoch"] == 3
    with StoragePath.at(spec.tensorboard).copied() as events:
        assert Events(events).scalars("val_auc").steps.tolist() == [8, 16, 24]
    assert list(tmp_path.rglob("s3a:*")) == []


def test_a_look_alike_model_over_centroids_that_are_fetched(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    here = lookalike_spec(tmp_path / "here", pairs=2_000)
    spec = moved(lookalike_spec(tmp_path / "there", pairs=2_000), tmp_path / "there", f"{bucket}/lookalike")
    assert train_lookalike(here)["history"] == train_lookalike(spec)["history"]
    assert not load_lookalike(spec.output).training
    for name, array in load_weights(here.output).items():
        np.testing.assert_array_equal(load_weights(spec.output)[name], array)

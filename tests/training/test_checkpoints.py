from pathlib import Path

import pytest
import torch

from ralm.errors import DataError, MissingInputError
from ralm.models.lookalike import LookalikeModel
from ralm.models.weights import export_weights
from ralm.scoring.bundle import ScoringBundle, write_scoring_bundle
from ralm.scoring.scorer import lookalike_state
from ralm.storage.path import StoragePath
from ralm.training import checkpoints
from ralm.training.checkpoints import (
    finished,
    latest_checkpoint,
    load_lookalike,
    load_weights,
    publish,
    save_checkpoint,
)
from tests.scoring.weights import random_items, random_weights
from tests.training.toy_data import lookalike_spec


def save(folder: Path, epoch: int, digest: str = "abc") -> StoragePath:
    return save_checkpoint(
        str(folder), digest, epoch, {"w": torch.full((3,), float(epoch))}, [{"lr": 1.0}], {"step": 9}
    )


def test_the_latest_complete_checkpoint_of_the_digest_counts(tmp_path: Path) -> None:
    assert latest_checkpoint(str(tmp_path), "abc") is None
    for epoch in (9, 10, 11):
        save(tmp_path, epoch)
    save(tmp_path, 12, digest="other")
    found = latest_checkpoint(f"file:{tmp_path}", "abc")
    assert found is not None
    assert found.metadata["epoch"] == 11
    assert found.metadata["step"] == 9
    assert found.model_state()["w"].tolist() == [11.0] * 3
    assert found.optimizer_states() == [{"lr": 1.0}]
    assert not (tmp_path / "checkpoint_abc_0009").exists()


@pytest.mark.parametrize("damage", ["no marker", "half a marker"])
def test_an_incomplete_checkpoint_is_ignored_and_replaced(tmp_path: Path, damage: str) -> None:
    save(tmp_path, 1)
    folder = save(tmp_path, 2).local()
    (folder / "model.pt").write_bytes(b"half a mod")
    if damage == "no marker":
        (folder / "_SUCCESS").unlink()
    else:
        (folder / "_SUCCESS").write_text('{"epoch": 2, "st')
    found = latest_checkpoint(str(tmp_path), "abc")
    assert found is not None
    assert found.metadata["epoch"] == 1
    save(tmp_path, 2)
    found = latest_checkpoint(str(tmp_path), "abc")
    assert found is not None
    assert found.model_state()["w"].tolist() == [2.0] * 3


@pytest.mark.parametrize("name", ["model.pt", "optimizer.pt"])
@pytest.mark.parametrize("damage", ["a byte", "half of it", "gone"])
def test_a_checkpoint_that_was_damaged_after_it_was_complete_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, damage: str
) -> None:
    save(tmp_path, 1)
    file = save(tmp_path, 2).local() / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    else:
        content[len(content) // 2] ^= 1
        file.write_bytes(content if damage == "a byte" else content[: len(content) // 2])
    found = latest_checkpoint(str(tmp_path), "abc")
    assert found is not None
    assert found.metadata["epoch"] == 1
    assert f"checkpoint {file}: damaged since it was written" in capsys.readouterr().out
    save(tmp_path, 2)
    found = latest_checkpoint(str(tmp_path), "abc")
    assert found is not None
    assert found.metadata["epoch"] == 2


def test_a_crash_while_saving_leaves_the_previous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1)

    def crash(content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(checkpoints.torch, "save", crash)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path, 2)
    found = latest_checkpoint(str(tmp_path), "abc")
    assert found is not None
    assert found.metadata["epoch"] == 1


def test_only_a_published_model_is_finished(tmp_path: Path) -> None:
    folder = save(tmp_path, 3)
    save(tmp_path, 1, digest="other")
    with pytest.raises(MissingInputError, match="no finished model"):
        finished(str(tmp_path))
    publish(str(tmp_path), folder, {"kind": "user"})
    assert finished(str(tmp_path))["spec"] == {"kind": "user"}
    assert finished(str(tmp_path))["epoch"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["_SUCCESS", folder.name, "model.pt"]


@pytest.mark.parametrize("name", ["model.pt", "weights.npz"])
@pytest.mark.parametrize("damage", ["a byte", "half of it", "another file", "gone"])
def test_a_finished_model_that_was_damaged_is_named(tmp_path: Path, name: str, damage: str) -> None:
    spec = lookalike_spec(tmp_path)
    model = LookalikeModel(spec.input_dim, spec.model, spec.pooling)
    saved = save_checkpoint(spec.output, spec.digest, 1, model.state_dict(), [], {"history": []})
    publish(spec.output, saved, spec.model_dump(mode="json"), export_weights(model))
    assert load_lookalike(spec.output).state_dict().keys() == model.state_dict().keys()
    assert load_weights(spec.output).keys() == export_weights(model).keys()
    file = Path(spec.output) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        file.unlink()
    else:
        other = (Path(spec.output) / ("model.pt" if name == "weights.npz" else "weights.npz")).read_bytes()
        file.write_bytes({"a byte": content, "half of it": content[: len(content) // 2], "another file": other}[damage])
    with pytest.raises((DataError, MissingInputError), match=f"model {spec.output}: .*train") as caught:
        (load_lookalike if name == "model.pt" else load_weights)(spec.output)
    assert isinstance(caught.value, MissingInputError) == (damage == "gone")


def test_a_bundle_that_was_cut_off_is_named(tmp_path: Path) -> None:
    path = write_scoring_bundle(
        str(tmp_path / "bundle"), lookalike_state(random_weights(), *random_items()), [f"i{item}" for item in range(6)]
    )
    (tmp_path / "bundle" / "centroids.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"scoring bundle .*/bundle: damaged .* run the job again"):
        ScoringBundle.load(path)

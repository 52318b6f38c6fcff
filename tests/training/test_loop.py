from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ralm.errors import DataError, MissingInputError
from ralm.models.losses import sample_users
from ralm.models.weights import export_weights
from ralm.storage.path import StoragePath
from ralm.training import loop
from ralm.training.checkpoints import (
    load_lookalike,
    load_lookalike_spec,
    load_user_model,
    load_user_spec,
    load_weights,
)
from ralm.training.lookalike import LookalikeObjective, train_lookalike
from ralm.training.petastorm_loader import PetastormLoader
from ralm.training.ranks import Rank
from ralm.training.user import train_user_model
from tests.training.toy_data import lookalike_spec, user_rows, user_spec


def same_weights(a: str, b: str) -> bool:
    first, second = (torch.load((StoragePath.at(path) / "model.pt").local()) for path in (a, b))
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch):
    """Makes a training die just after the checkpoint of an epoch."""

    def arm(epoch: int) -> None:
        save = loop.save_checkpoint

        def save_and_die(*arguments: Any) -> Path:
            path = save(*arguments)
            if arguments[2] == epoch:
                monkeypatch.setattr(loop, "save_checkpoint", save)
                raise KeyboardInterrupt
            return path

        monkeypatch.setattr(loop, "save_checkpoint", save_and_die)

    return arm


@pytest.mark.parametrize("merge", ["attention", "concat"])
def test_a_user_model_learns_who_reads_what(tmp_path: Path, merge: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = user_spec(tmp_path).model_copy(update={"merge": merge, "tensorboard": str(tmp_path / "events")})
    result = train_user_model(spec)
    assert [entry["epoch"] for entry in result["history"]] == [1, 2, 3]
    assert result["history"][-1]["step"] == 24
    assert result["history"][-1]["val_auc"] > 0.8
    assert result["history"][-1]["loss"] < result["history"][0]["loss"]
    assert result["rows"] == 3 * 400
    assert "[user model reading/" in capsys.readouterr().out

    model = load_user_model(spec.output)
    assert not model.training
    assert load_user_spec(spec.output) == spec
    rows = {name: torch.from_numpy(values) for name, values in user_rows(200, 2).items()}
    with torch.no_grad():
        logits, _ = model(rows)
    labels = np.zeros(logits.shape)
    labels[..., 0] = 1
    # What the training reported is what the loaded model does.
    assert roc_auc_score(labels.ravel(), logits.numpy().ravel()) == pytest.approx(result["history"][-1]["val_auc"])

    events = EventAccumulator(str(tmp_path / "events"), size_guidance={"histograms": 0})
    events.Reload()
    assert [e.step for e in events.Scalars("val_auc")] == [8, 16, 24]
    for name in ("reading", "shopping", "city", "numeric"):
        assert len(events.Histograms(f"field/{name}/table")) == 4
        assert events.Histograms(f"field/{name}/merge")[-1].step == 24


def test_a_training_reads_with_petastorm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = PetastormLoader.chunks
    epochs: list[int] = []

    def counted(loader: PetastormLoader, rng: np.random.Generator) -> Any:
        epochs.append(loader.rank_rows)
        return read(loader, rng)

    monkeypatch.setattr(PetastormLoader, "chunks", counted)
    spec = user_spec(tmp_path, loader="petastorm")
    result = train_user_model(spec)
    assert epochs.count(400) == 3
    assert result["rows"] == 3 * 400
    assert result["history"][-1]["val_auc"] > 0.8
    assert load_user_spec(spec.output).training.loader == "petastorm"


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, interrupt) -> None:
    spec = user_spec(tmp_path)
    whole = train_user_model(spec)
    cut = spec.model_copy(update={"output": str(tmp_path / "cut")})
    interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        train_user_model(cut)
    with pytest.raises(MissingInputError):
        load_user_model(cut.output)
    resumed = train_user_model(cut)
    assert resumed["history"] == whole["history"]
    assert resumed["rows"] == whole["rows"]
    assert same_weights(cut.output, spec.output)


def test_another_spec_is_not_resumed_from(tmp_path: Path, interrupt) -> None:
    spec = user_spec(tmp_path)
    interrupt(1)
    with pytest.raises(KeyboardInterrupt):
        train_user_model(spec)
    other = spec.model_copy(update={"seed": 8})
    assert other.digest != spec.digest
    train_user_model(other)
    fresh = other.model_copy(update={"output": str(tmp_path / "fresh")})
    train_user_model(fresh)
    assert same_weights(other.output, fresh.output)


def test_the_epoch_with_the_lowest_validation_loss_is_kept(tmp_path: Path) -> None:
    spec = user_spec(tmp_path)
    overfitting = {"epochs": 30, "learning_rate": 0.05}
    spec = spec.model_copy(update={"training": spec.training.model_copy(update=overfitting)})
    history = train_user_model(spec)["history"]
    losses = [entry["val_loss"] for entry in history]
    best = int(np.argmin(losses)) + 1
    assert best < 28, "the toy set must overfit, or this test says nothing"
    model = load_user_model(spec.output)
    rows = {name: torch.from_numpy(values) for name, values in user_rows(200, 2).items()}
    with torch.no_grad():
        assert float(model.loss(*model(rows))) == pytest.approx(min(losses), rel=1e-5)

    patient = spec.training.model_copy(update={"patience": 2})
    stopped = spec.model_copy(update={"training": patient, "output": str(tmp_path / "stopped")})
    assert train_user_model(stopped)["history"] == history[: best + 2]
    assert same_weights(stopped.output, spec.output)


def test_a_finished_training_does_nothing_again(tmp_path: Path) -> None:
    spec = user_spec(tmp_path)
    first = train_user_model(spec)
    before = (StoragePath.at(spec.output) / "model.pt").read_bytes()
    assert train_user_model(spec)["history"] == first["history"]
    assert (StoragePath.at(spec.output) / "model.pt").read_bytes() == before


@pytest.mark.parametrize("loss", ["sigmoid", "multiclass"])
def test_a_lookalike_model_learns_and_exports(tmp_path: Path, loss: str) -> None:
    spec = lookalike_spec(tmp_path)
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"loss": loss})})
    result = train_lookalike(spec)
    assert result["history"][-1]["val_auc"] > 0.93
    assert load_lookalike_spec(spec.output) == spec
    model = load_lookalike(spec.output)
    assert not model.training
    exported = load_weights(spec.output)
    for name, values in export_weights(model).items():
        np.testing.assert_array_equal(exported[name], values)


def test_the_same_rows_and_no_clicks_for_all_users_correct_nothing(tmp_path: Path) -> None:
    plain = train_lookalike(lookalike_spec(tmp_path, epochs=1))
    (tmp_path / "corrected").mkdir()
    spec = lookalike_spec(tmp_path / "corrected", epochs=1, more={"log_rows": np.float32(2.0), "clicked": [0, 0]})
    corrected = spec.model.model_copy(update={"logq": True})
    found = train_lookalike(spec.model_copy(update={"model": corrected, "clicked_words": 2}))
    for name in ("loss", "val_auc"):
        assert found["history"][0][name] == pytest.approx(plain["history"][0][name], abs=1e-5)


# With two draws the 60 rows of centroids are those of 30 items: row 34 is item 4 again, with other seeds.
@pytest.mark.parametrize(("draws", "rows"), [(1, [4, 9, 9]), (2, [34, 9, 39])])
def test_the_training_corrects_for_active_users_and_leaves_clickers_out(
    tmp_path: Path, draws: int, rows: list[int]
) -> None:
    spec = lookalike_spec(tmp_path)
    settings = {"logq": True, "loss": "multiclass", "negative_users": 50, "seed_draws": draws}
    spec = spec.model_copy(update={"model": spec.model.model_copy(update=settings), "clicked_words": 1})
    objective = LookalikeObjective(spec, Rank(0, 1, torch.device("cpu")))
    objective.model.eval()
    arrays = {
        "embedding": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32),
        "item_index": np.array(rows, dtype=np.int32),
        "label": np.array([1, 0, 0], dtype=np.float32),
        "log_rows": np.log(np.array([2, 30, 5], dtype=np.float32)),
        "clicked": np.array(
            [[0], [1 << 4], [1 << 9]], dtype=np.int32
        ),  # the second user has clicked the first one's item
    }
    batch = objective.prepare(arrays)
    logits = objective.lookalike(batch["embedding"], *objective.seeds_of(batch["row"][:1].expand(3)))
    own, _, other = (logits - batch["log_rows"]).tolist()
    # 50 draws among two other users, of whom only one counts
    torch.manual_seed(1)
    _, users, _ = sample_users(batch["label"], batch["item"], 50)
    drawn = int((users[0, 1:] == 2).sum())
    torch.manual_seed(1)
    loss = objective.loss(objective.model, batch).item()
    assert 0 < drawn < 50
    assert loss == pytest.approx(np.log(np.exp(own) + drawn * np.exp(other)) - own, rel=1e-4)
    weights = objective.evaluate(batch).weights
    assert weights is not None
    np.testing.assert_allclose(weights, [1, 1 / 30, 1 / 5], rtol=1e-5)


def test_a_click_on_the_item_of_another_draw_is_no_negative(tmp_path: Path) -> None:
    spec = lookalike_spec(tmp_path)
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"seed_draws": 2, "loss": "multiclass"})})
    objective = LookalikeObjective(spec, Rank(0, 1, torch.device("cpu")))
    arrays = {
        "embedding": np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32),
        "item_index": np.array([4, 34], dtype=np.int32),
        "label": np.ones(2, dtype=np.float32),
    }
    assert objective.loss(objective.model, objective.prepare(arrays)).item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(DataError, match="60 rows are not those of 7 draws"):
        LookalikeObjective(
            spec.model_copy(update={"model": spec.model.model_copy(update={"seed_draws": 7})}),
            Rank(0, 1, torch.device("cpu")),
        )


def test_a_round_goes_on_from_the_previous_one(tmp_path: Path) -> None:
    spec = lookalike_spec(tmp_path, epochs=1)
    first = train_lookalike(spec)
    second_spec = spec.model_copy(
        update={"output": str(tmp_path / "second"), "start_from": spec.output, "round_number": 2, "batches": 45}
    )
    second = train_lookalike(second_spec)
    assert [entry["step"] for entry in second["history"]] == [30, 45]
    assert second["history"][0]["loss"] < first["history"][0]["loss"]
    # Warm-started: the optimizer remembers the 30 steps of the first round.
    state = torch.load(Path(second["checkpoint"]) / "optimizer.pt")
    assert {int(s["step"]) for s in state[0]["state"].values()} == {75}


def test_the_learning_rate_falls_to_nothing_in_each_round(tmp_path: Path) -> None:
    spec = lookalike_spec(tmp_path, epochs=1, decay="linear")
    rate, steps = spec.training.learning_rate, 30
    first = train_lookalike(spec)
    again = {"output": str(tmp_path / "second"), "start_from": spec.output, "round_number": 2, "batches": 15}
    second = train_lookalike(spec.model_copy(update=again))
    for result, count in ((first, steps), (second, 15)):
        groups = torch.load(Path(result["checkpoint"]) / "optimizer.pt")[0]["param_groups"]
        assert groups[0]["initial_lr"] == pytest.approx(rate)
        assert groups[0]["lr"] == pytest.approx(rate / count)


def test_centroids_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    spec = lookalike_spec(tmp_path)
    with pytest.raises(MissingInputError, match="not found"):
        train_lookalike(spec.model_copy(update={"centroids": str(tmp_path / "nowhere.npy")}))
    np.save(tmp_path / "few.npy", np.load(spec.centroids)[:10])
    np.save(tmp_path / "few_sizes.npy", np.load(spec.sizes)[:10])
    with pytest.raises(DataError, match="do not fit"):
        train_lookalike(spec.model_copy(update={"centroids": str(tmp_path / "few.npy")}))
    few = {"centroids": str(tmp_path / "few.npy"), "sizes": str(tmp_path / "few_sizes.npy")}
    with pytest.raises(DataError, match="have 10 items"):
        train_lookalike(spec.model_copy(update=few))


def test_a_loss_that_is_not_a_number_stops_the_training(tmp_path: Path) -> None:
    spec = lookalike_spec(tmp_path)
    centroids = np.load(spec.centroids)
    centroids[:, 0] = np.nan
    np.save(spec.centroids, centroids)
    with pytest.raises(DataError, match="loss is nan"):
        train_lookalike(spec)

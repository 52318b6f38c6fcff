import io
import os
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from pyspark.sql import SparkSession

from ralm.config import Training
from ralm.errors import ConfigError, DataError, MissingInputError, RalmError
from ralm.storage.path import StoragePath
from ralm.training import loop
from ralm.training.checkpoints import load_user_model
from ralm.training.distributed import _Relay, check_slots, launch
from ralm.training.lookalike import train_lookalike
from ralm.training.ranks import threads
from ralm.training.specs import UserTrainingSpec
from ralm.training.user import train_user_model
from tests.training.toy_data import lookalike_spec, user_rows, user_spec


def train_but_die_once(spec: UserTrainingSpec) -> dict[str, Any]:
    """A training whose process is lost after the first epoch, the first time."""
    from ralm.training import loop

    flag = Path(spec.output).with_name("died")
    save = loop.save_checkpoint

    def save_and_die(*arguments: Any) -> Path:
        path = save(*arguments)
        if not flag.exists():
            flag.touch()
            os._exit(9)
        return path

    loop.save_checkpoint = save_and_die
    return train_user_model(spec)


def test_the_relay_passes_progress_and_keeps_failures() -> None:
    sink = io.StringIO()
    relay = _Relay(sink)
    relay.write("noise of torchrun\n[user model reading/attention] epoch 1/")
    relay.write("3 loss 0.1\nTraceback\nrank 1: [look-alike average round 1/3] x\n")
    assert sink.getvalue() == "[user model reading/attention] epoch 1/3 loss 0.1\n[look-alike average round 1/3] x\n"
    assert isinstance(relay.error(ValueError("a\nb")), RalmError)
    relay.write('ralm-failure {"kind": "DataError", "message": "one line"}\n')
    relay.write('ralm-failure {"kind": "RalmError", "message": "lost the other rank"}\n')
    error = relay.error(ValueError("a\nb"))
    assert isinstance(error, DataError)
    assert str(error) == "one line"


def test_dynamic_allocation_and_executors_do_not_go_together() -> None:
    settings = types.SimpleNamespace(get=lambda key, default=None: "true")
    with pytest.raises(ConfigError, match="dynamicAllocation"):
        check_slots(types.SimpleNamespace(conf=settings), 2, local_mode=False)  # type: ignore[arg-type]


@pytest.mark.spark
def test_too_few_slots_are_an_error_and_not_a_wait(spark: SparkSession) -> None:
    for local_mode in (True, False):
        check_slots(spark, 2, local_mode, patience_s=0)
        with pytest.raises(ConfigError, match=r"training.processes: 3 ranks") as caught:
            check_slots(spark, 3, local_mode, patience_s=0)
        assert "\n" not in str(caught.value)


def test_a_task_with_several_gpus_holds_as_many_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ralm.training.distributed._free_slots", lambda spark: 2)
    spark: Any = types.SimpleNamespace(conf=types.SimpleNamespace(get=lambda key, default=None: default))
    check_slots(spark, 8, local_mode=False, patience_s=0, ranks_per_task=4)
    with pytest.raises(ConfigError, match="lower it to 8"):
        check_slots(spark, 12, local_mode=False, patience_s=0, ranks_per_task=4)


def test_the_ranks_of_a_task_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))
    for cores, ranks, expected in (("8", "1", 8), ("8", "4", 2), ("1", "4", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", cores)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
        assert threads(Training(local_mode=False)) == expected


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.slow
def test_two_processes_train_what_one_trains(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Whole-data batches: a step sees the same rows in one process and in two.
    spec = user_spec(tmp_path, batch_size=400, epochs=8, processes=2)
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"dropout": 0.0})})
    alone = spec.model_copy(update={"output": str(tmp_path / "alone")})
    expected = train_user_model(alone)
    capsys.readouterr()
    result = launch(spark, train_but_die_once, spec, spec.training)
    shown = capsys.readouterr().out
    assert "launch 1 failed" in shown
    assert "resumed from epoch 1" in shown
    assert all(line.startswith("[user model reading/attention]") for line in shown.splitlines())

    assert result["rows"] == expected["rows"] == 8 * 400
    assert [entry["step"] for entry in result["history"]] == list(range(1, 9))
    got = [entry["val_loss"] for entry in result["history"]]
    assert got == pytest.approx([entry["val_loss"] for entry in expected["history"]], abs=1e-3)
    rows = {name: torch.from_numpy(values) for name, values in user_rows(50, 3).items()}
    users = [load_user_model(path).encode(rows).detach() for path in (spec.output, alone.output)]
    torch.testing.assert_close(*users, atol=5e-3, rtol=1e-2)
    assert (StoragePath.at(spec.output) / "_SUCCESS").exists()


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.slow
def test_a_ranks_error_arrives_as_one_line_and_is_not_tried_again(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = lookalike_spec(tmp_path).model_copy(update={"centroids": str(tmp_path / "nowhere.npy")})
    with pytest.raises(MissingInputError, match=r"^centroids .*nowhere.npy: not found; [^\n]*$"):
        launch(spark, train_lookalike, spec, Training(processes=2, retries=3))
    with pytest.raises(MissingInputError, match=r"^centroids .*nowhere.npy: not found; [^\n]*$"):
        launch(spark, train_lookalike, spec, Training(processes=1, retries=3))
    assert "launch" not in capsys.readouterr().out


def test_one_rank_trains_in_the_driver_and_goes_on_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = user_spec(tmp_path, batch_size=400, epochs=3, processes=1)
    expected = train_user_model(spec.model_copy(update={"output": str(tmp_path / "alone")}))
    save = loop.save_checkpoint

    def save_and_fail_once(*arguments: Any) -> Path:
        path = save(*arguments)
        if not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            raise RuntimeError("lost\nafter an epoch")
        return path

    monkeypatch.setattr(loop, "save_checkpoint", save_and_fail_once)
    no_session: Any = None  # a rank alone asks nothing of Spark
    result = launch(no_session, train_user_model, spec, spec.training)
    shown = capsys.readouterr().out
    assert "launch 1 failed: RuntimeError: lost after an epoch; trying again from the last checkpoint" in shown
    assert "resumed from epoch 1" in shown
    assert [entry["val_loss"] for entry in result["history"]] == [entry["val_loss"] for entry in expected["history"]]

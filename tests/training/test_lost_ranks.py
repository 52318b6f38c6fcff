"""Ranks that hang, and ranks whose files are unequal: a training ends within a bound, and no row is left out."""

import datetime as dt
import os
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from pyspark.sql import SparkSession

from ralm.training.checkpoints import load_user_model
from ralm.training.distributed import launch
from ralm.training.specs import UserTrainingSpec
from ralm.training.user import train_user_model
from tests.training.rank_processes import of_ranks
from tests.training.toy_data import user_rows, user_spec, write_files

PATIENCE_SECONDS = 5


def train_but_hang_once(spec: UserTrainingSpec) -> dict[str, Any]:
    """A training whose rank 1 stands still in its second epoch, the first time."""
    from ralm.training import loop, ranks

    ranks.PATIENCE = dt.timedelta(seconds=PATIENCE_SECONDS)
    flag = Path(spec.output).with_name("hung")
    epoch = loop.Run._epoch

    def hang(run: Any, *arguments: Any) -> float:
        if run.rank.number == 1 and run.epoch == 1 and not flag.exists():
            flag.write_text(str(os.getpid()))
            time.sleep(3600)
        return epoch(run, *arguments)

    loop.Run._epoch = hang
    return train_user_model(spec)


@pytest.mark.soak
@pytest.mark.spark
@pytest.mark.slow
def test_a_rank_that_hangs_is_ended_and_the_training_goes_on(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = user_spec(tmp_path, batch_size=100, epochs=3, processes=2)
    result = launch(spark, train_but_hang_once, spec, spec.training)
    shown = capsys.readouterr().out
    assert "launch 1 failed" in shown
    assert "resumed from epoch 1" in shown
    assert [entry["epoch"] for entry in result["history"]] == [1, 2, 3]
    assert not Path(f"/proc/{(tmp_path / 'hung').read_text()}").exists()


@pytest.mark.soak
def test_three_ranks_with_unequal_and_empty_files(tmp_path: Path) -> None:
    spec = user_spec(tmp_path, batch_size=60, epochs=2)
    rows = user_rows(400, 1)
    files = []
    for name, start, stop in (("a", 0, 10), ("b", 10, 150), ("c", 150, 400)):
        files += write_files(tmp_path / name, {column: values[start:stop] for column, values in rows.items()}, 1)
    empty = tmp_path / "empty.parquet"
    pq.write_table(pq.read_table(files[0].removeprefix("file:")).slice(0, 0), empty)
    spec = spec.model_copy(update={"train_files": [*files, f"file:{empty}"]})
    first, *others = of_ranks(3, tmp_path / "ranks", train_user_model, spec)
    assert others == [first, first]
    assert [entry["epoch"] for entry in first["history"]] == [1, 2]
    # The emptiest rank has ten rows, so an epoch has at most ten steps, and each rank reads all of its rows in them.
    assert first["history"][-1]["step"] <= 2 * 10
    probe = {name: torch.from_numpy(values) for name, values in user_rows(20, 3).items()}
    assert bool(torch.isfinite(load_user_model(spec.output).encode(probe)).all())

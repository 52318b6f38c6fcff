"""The same pipeline on two real executors, submitted as a user would, the training ranks on the executors."""

import subprocess
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.training.checkpoints import load_user_spec

pytestmark = [pytest.mark.spark, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.timeout(1500)
def test_the_pipeline_runs_on_two_executors(spark: SparkSession, tmp_path: Path) -> None:
    settings = [
        f"warehouse={tmp_path / 'wh'}",
        "user_training.local_mode=false",
        "user_training.processes=2",
        "lookalike_training.local_mode=false",
        "lookalike_training.processes=2",
        "lookalike.rounds=1",
    ]
    command = ["./spark-submit.sh", "pipeline", "--config", "conf/tiny.yaml"]
    command += [part for setting in settings for part in ("--set", setting)]
    command += ["--", "--master", "local-cluster[2,1,1024]", "--conf", "spark.executor.memory=1g"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    model = next((tmp_path / "wh" / "_models" / "user").iterdir())
    training = load_user_spec(str(model)).training
    assert (training.local_mode, training.processes) == (False, 2)
    audiences = spark.read.format("delta").load(str(tmp_path / "wh" / "audiences"))
    assert not audiences.isEmpty()
    assert (tmp_path / "wh" / "report.html").exists()

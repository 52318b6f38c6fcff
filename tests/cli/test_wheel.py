"""The wheel by itself, on a machine with Java: `ralm JOB --config FILE`."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.finished import TINY
from tests.wheel_environment import built_wheel, wheel_environment


@pytest.mark.long
def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    wheels = []
    for number, folder in enumerate(("here", "some where else")):
        wheels.append(built_wheel(tmp_path / folder, tmp_path / f"wheels{number}", SOURCE_DATE_EPOCH="1700000000"))
        time.sleep(2.1)  # the times that a zip file keeps are even seconds
    first, second = (wheel.read_bytes() for wheel in wheels)
    assert first == second
    assert built_wheel(tmp_path / "later", tmp_path / "wheels2", SOURCE_DATE_EPOCH="1800000000").read_bytes() != first


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_runs_a_job(tmp_path: Path) -> None:
    program = str(wheel_environment(tmp_path) / "bin" / "ralm")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    (tmp_path / "mine.yaml").write_bytes(TINY.read_bytes())

    def ralm(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert ralm("--help").startswith("usage: ralm JOB --config FILE")
    said = ralm("simulate", "--config", "mine.yaml", "--set", f"warehouse={tmp_path / 'warehouse'}")
    assert "simulate: 1,000 users" in said
    assert (tmp_path / "warehouse" / "users" / "_delta_log").is_dir()

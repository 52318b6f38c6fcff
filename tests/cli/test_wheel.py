"""The wheel by itself, on a machine with Java: `ralm JOB --config FILE`."""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def built(source: Path, wheels: Path, **environment: str) -> Path:
    """The wheel of a copy of the project."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("ralm", "jobs", "udfs", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [*build, "--wheel-dir", str(wheels), str(source)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    (wheel,) = wheels.glob("ralm-*.whl")
    return wheel


@pytest.mark.long
def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    wheels = []
    for number, folder in enumerate(("here", "some where else")):
        wheels.append(built(tmp_path / folder, tmp_path / f"wheels{number}", SOURCE_DATE_EPOCH="1700000000"))
        time.sleep(2.1)  # the times that a zip file keeps are even seconds
    first, second = (wheel.read_bytes() for wheel in wheels)
    assert first == second
    assert built(tmp_path / "later", tmp_path / "wheels2", SOURCE_DATE_EPOCH="1800000000").read_bytes() != first


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_runs_a_job(tmp_path: Path) -> None:
    """What the package depends on is taken from this environment; the package itself comes from the wheel."""
    wheel = built(tmp_path / "source", tmp_path)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True)
    (packages,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    (tmp_path / "mine.yaml").write_bytes((ROOT / "conf" / "tiny.yaml").read_bytes())

    def ralm(*arguments: str) -> str:
        program = str(tmp_path / "env" / "bin" / "ralm")
        done = subprocess.run([program, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert ralm("--help").startswith("usage: ralm JOB --config FILE")
    said = ralm("simulate", "--config", "mine.yaml", "--set", f"warehouse={tmp_path / 'warehouse'}")
    assert "simulate: 1,000 users" in said
    assert (tmp_path / "warehouse" / "users" / "_delta_log").is_dir()

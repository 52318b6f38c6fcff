"""The wheel by itself, on a machine with Java: `ralm JOB --config FILE`."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_wheel_runs_a_job(tmp_path: Path) -> None:
    """What the package depends on is taken from this environment; the package itself comes from the wheel."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("ralm", "jobs", "udfs", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("ralm-*.whl")
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

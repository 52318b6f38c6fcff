"""Completion, asked of a real bash."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    command = ["./spark-submit.sh", "--completion", "bash"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path_factory.mktemp("completion") / "ralm.bash"
    path.write_text(done.stdout)
    return path


def completed(script: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    line = " ".join(f"'{word}'" for word in words)
    asked = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _ralm; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-uc", f"source {script}; {asked}"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_jobs(script: Path) -> None:
    assert completed(script, "ralm", "score_") == {"score_pairs", "score_users"}
    assert {"pipeline", "status"} <= completed(script, "ralm", "")


def test_options_of_a_job_with_its_own(script: Path) -> None:
    assert completed(script, "ralm", "status", "--j") == {"--json"}
    assert completed(script, "ralm", "pipeline", "--d") == {"--debug", "--dry-run"}
    assert completed(script, "ralm", "publish", "--d") == {"--debug"}


def test_values(script: Path) -> None:
    assert completed(script, "ralm", "pipeline", "--progress", "") == {"bar", "lines", "json"}
    assert completed(script, "ralm", "--completion", "") == {"bash", "zsh"}
    assert completed(script, "ralm", "pipeline", "--config", "") == set()  # bash then completes files


@pytest.mark.long
@pytest.mark.parametrize("job", ["extend_audience", "refresh", "ingest"])
def test_the_options_are_those_of_the_help(script: Path, job: str) -> None:
    command = [sys.executable, f"jobs/{job}.py", "--help"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    columns = [line.strip().partition("   ")[0] for line in told.splitlines() if line.startswith("  -")]
    listed = [option for column in columns for option in re.findall(r"--[a-z-]+", column)]
    assert len(listed) > 6
    assert completed(script, "ralm", job, "--") == set(listed)


def test_an_unknown_shell() -> None:
    command = ["./spark-submit.sh", "--completion", "tcsh"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: --completion tcsh: known are bash and zsh\n")

"""The set-up: one line for a machine that lacks something, the Makefile's list, the lock file."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("bash", "sh", "make", "sed", "head", "dirname", "cat", "cksum", "cut", "expand")

Tools = Callable[..., dict[str, str]]


@pytest.fixture
def machine(tmp_path: Path) -> Tools:
    """Makes the environment of a machine with the basic tools and the given programs: name -> shell script."""

    def make(**programs: str) -> dict[str, str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        for tool in TOOLS:
            (folder / tool).symlink_to(shutil.which(tool) or pytest.fail(f"this machine has no {tool}"))
        for name, script in programs.items():
            path = folder / name.replace("_", ".")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        return {"PATH": str(folder), "HOME": str(tmp_path)}

    return make


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project without a virtual environment."""
    root = tmp_path / "clone"
    root.mkdir()
    for name in ("Makefile", "requirements.lock", "requirements-docs.lock", "setup.py"):
        shutil.copy(ROOT / name, root / name)
    shutil.copytree(ROOT / "conf", root / "conf")
    return root


def says(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-01-01' >&2"


PYTHON = f'exec "{Path(sys.executable).resolve()}" "$@"'
OLD_PYTHON = 'case "$1" in --version) echo "Python 3.8.10" ;; *) exit 1 ;; esac'


def run(command: list[str], root: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


@pytest.mark.parametrize("target", ["demo", "test", "venv", "jars"])
def test_make_without_java_says_one_line_before_anything_else(clone: Path, machine: Tools, target: str) -> None:
    done = run(["make", target], clone, machine(python3_11=PYTHON))
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Java is missing" in done.stderr
    assert "install Java 17" in done.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ({"java": says("1.8.0_392")}, ["is Java 8", "17 or 21"]),
        ({"java": says("11.0.2")}, ["is Java 11", "17 or 21"]),
        ({"java": says("24")}, ["is Java 24", "17 or 21"]),
        ({"java": "echo 'Unable to locate a Java Runtime.' >&2; exit 1"}, ["does not run", "install Java 17"]),
    ],
)
def test_a_wrong_java(clone: Path, machine: Tools, programs: dict[str, str], words: list[str]) -> None:
    done = run(["bash", "conf/check-machine.sh", "java"], clone, machine(**programs))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize("version", ["17.0.15", "17", "21.0.1", "21-ea"])
def test_a_java_that_fits(clone: Path, machine: Tools, version: str) -> None:
    done = run(["bash", "conf/check-machine.sh", "java"], clone, machine(java=says(version)))
    assert done.returncode == 0
    assert done.stdout.strip().endswith("bin/java")


def test_java_home_goes_before_the_path(clone: Path, machine: Tools, tmp_path: Path) -> None:
    environment = machine(java=says("17.0.1"))
    old = tmp_path / "old" / "bin"
    old.mkdir(parents=True)
    missing = run(["bash", "conf/check-machine.sh", "java"], clone, {**environment, "JAVA_HOME": str(old.parent)})
    assert missing.returncode == 1
    assert "JAVA_HOME is" in missing.stderr
    (old / "java").write_text(f"#!/bin/sh\n{says('11.0.1')}\n")
    (old / "java").chmod(0o755)
    wrong = run(["bash", "conf/check-machine.sh", "java"], clone, {**environment, "JAVA_HOME": str(old.parent)})
    assert wrong.returncode == 1
    assert f"{old}/java is Java 11" in wrong.stderr


def test_a_wrong_or_missing_python(clone: Path, machine: Tools) -> None:
    environment = machine(java=says("17.0.1"), python3=OLD_PYTHON)
    done = run(["make", "venv"], clone, environment)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Python 3.8.10 was found" in done.stderr
    assert "install Python 3.11" in done.stderr
    (Path(environment["PATH"]) / "python3").unlink()
    done = run(["make", "venv"], clone, environment)
    assert done.stderr.count("\n") == 1
    assert "No Python was found" in done.stderr


def test_make_docs_needs_python_alone(clone: Path, machine: Tools) -> None:
    planned = run(["make", "-n", "docs"], clone, machine(python3_11=PYTHON))  # no Java
    assert planned.returncode == 0, planned.stderr
    assert "requirements-docs.lock" in planned.stdout
    assert "requirements.lock" not in planned.stdout


def test_make_docs_without_python_says_one_line(clone: Path, machine: Tools) -> None:
    done = run(["make", "docs"], clone, machine(python3=OLD_PYTHON))
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1, done.stderr
    assert "install Python 3.11" in done.stderr


def test_a_python_without_venv(clone: Path, machine: Tools) -> None:
    stripped = 'case "$2" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac'
    done = run(["bash", "conf/check-machine.sh", "python"], clone, machine(python3_11=stripped))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "python3-venv" in done.stderr


def test_spark_submit_checks_java_too(machine: Tools) -> None:
    python = "exit 0"  # stands for a python3 that has pyspark, where there is no virtual environment
    done = run(
        ["bash", str(ROOT / "spark-submit.sh"), "pipeline", "--config", "x"], ROOT, machine(python3=python)
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Java is missing" in done.stderr


def test_make_lists_every_target() -> None:
    done = run(["make", "-s"], ROOT, dict(os.environ))
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    assert listed == {
        "help", "venv", "jars", "dist", "demo", "live", "ab", "compare", "ablations", "robust", "protocols", "bench",
        "lint", "test", "soak", "faults", "test-all", "test-fast", "notebooks", "docs", "sbom", "lock", "clean",
    }  # fmt: skip
    assert run(["make", "-s", "help"], ROOT, dict(os.environ)).stdout == done.stdout


def test_the_commit_hooks_run_what_make_lint_runs() -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == commands
    for hook in local["hooks"]:
        assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("system", False, True)


@pytest.mark.parametrize("name", ["requirements", "requirements-docs"])
def test_the_lock_file_pins_everything_and_names_no_place(name: str) -> None:
    text = (ROOT / f"{name}.lock").read_text()
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    pinned = r"[a-z0-9][a-z0-9._-]*==[^\s;]+( ; .+)?"
    assert [line for line in lines if not re.fullmatch(pinned, line)] == []
    assert "://" not in text
    assert not re.search(r"--(index|extra-index|find-links)", text)
    names = {line.partition("==")[0] for line in lines}
    wanted = {
        re.split(r"[<>=~!;\[\s]", line)[0].lower()
        for line in (ROOT / f"{name}.in").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert wanted - names == set()


@pytest.mark.parametrize("name", ["requirements", "requirements-docs"])
def test_every_direct_dependency_has_its_reason(name: str) -> None:
    reasons = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text().lower()
    direct = {
        re.split(r"[<>=~!;\[\s]", line)[0].lower()
        for line in (ROOT / f"{name}.in").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert {name for name in direct if f"`{name}" not in reasons} == set()

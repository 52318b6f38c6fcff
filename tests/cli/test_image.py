"""The Dockerfile and what it runs: conf/image.sh, here in a folder, since no engine is at hand."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ralm.spark.jars import artifact
from tests.finished import ROOT, TINY

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
KEPT = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"]


def stages() -> list[list[tuple[str, str]]]:
    """(instruction, what follows it) of each stage; lines that end in a backslash are joined."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, joined.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def test_the_command_runs_as_a_user_without_rights() -> None:
    *_, last = stages()
    names = [name for name, _ in last]
    said = dict(last)
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert int(said["USER"]) > 0
    assert f"--uid {said['USER']} " in said["RUN"]
    assert (json.loads(said["ENTRYPOINT"]), json.loads(said["CMD"])) == (["ralm"], ["--help"])
    assert said["ENV"] == "PATH=/opt/ralm/bin:$PATH"
    assert said["COPY"] == "--from=build /opt/ralm /opt/ralm"


def test_all_that_is_built_is_in_the_script_and_from_what_is_sent() -> None:
    base, build, last = stages()
    assert [rest for name, rest in build if name in ("RUN", "COPY")] == [
        ". /source", '/source/conf/image.sh /opt/ralm "$KIND"'
    ]  # fmt: skip
    assert build[0][1] == "base AS build"
    assert last[0][1] == "base"
    # The same Python and Java in both, as conf/check-machine.sh asks for them.
    assert base[0][1].startswith("python:3.11-slim")
    assert "openjdk-17-jre-headless" in dict(base)["RUN"]
    assert [name for name in KEPT if not (ROOT / name).exists()] == []
    script = (ROOT / "conf" / "image.sh").read_text() + (ROOT / "conf" / "install-wheel.sh").read_text()
    used = set(re.findall(r"\$root/(\w[\w.-]*)", script)) - {"dist", "build", "ralm.egg-info"}
    assert used <= set(KEPT)


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_folder_of_the_image_runs_a_job_by_itself(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "opt" / "ralm"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    source.mkdir()
    for name in KEPT:
        found = ROOT / name
        shutil.copytree(found, source / name, ignore=ignore) if found.is_dir() else shutil.copy(found, source)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    made = subprocess.run(
        ["bash", str(source / "conf" / "image.sh"), str(folder)], env=environment, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout + made.stderr
    jars = (folder / "delta-jars").read_text().strip().split(",")
    assert {Path(jar).parent for jar in jars} == {folder / "jars"}
    assert any(jar.endswith("{}-{}.jar".format(*artifact())) for jar in jars)
    shutil.rmtree(source)  # the image has the folder alone
    (tmp_path / "mine.yaml").write_bytes(TINY.read_bytes())
    plain = {"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    plain |= {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}

    def ralm(*arguments: str) -> str:
        done = subprocess.run(
            ["ralm", *arguments], cwd=tmp_path, env=plain, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert ralm("--help").startswith("usage: ralm JOB --config FILE")
    said = ralm("simulate", "--config", "mine.yaml", "--set", f"warehouse={tmp_path / 'warehouse'}")
    assert "simulate: 1,000 users" in said
    assert "resolving dependencies" not in said
    assert (tmp_path / "warehouse" / "users" / "_delta_log").is_dir()

"""`status` on warehouses in which it is known what is stale."""

import datetime as dt
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ralm.errors import MissingInputError, RalmError
from ralm.status.gathered import Status, gather
from ralm.status.page import WIDTH, as_json, page
from ralm.warehouse.without_spark import TableFiles
from tests.cli.test_submission import CONFIGURATION
from tests.status.worlds import DAY, NIGHT, record, write, write_runs

ROOT = Path(__file__).resolve().parents[2]
INGEST = record("ingest", outputs={"events": 0}, counts={"users": 1_000})
EMBED = record("embed_users", minute=1, as_of=DAY, inputs={"events": 0}, after={"ingest": INGEST.version})
SCORE = record("score_users", minute=2, as_of=DAY, after={f"embed_users as of {DAY}": EMBED.version})
SPLIT = record("measure_split", minute=1, as_of=DAY, counts={f"dates.a{n}": DAY.toordinal() for n in range(4)})


def release(path: Path, minute: int) -> None:
    at = NIGHT.replace(tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
    write(path, "releases", [{"release_id": "abc", "created_at": at, "as_of": DAY, "current": True}])


def found(path: Path) -> Status:
    return gather(TableFiles(str(path)), NIGHT + dt.timedelta(hours=3))


def stale(path: Path) -> dict[str, str]:
    return {one.what: one.why for one in found(path).stale}


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A night that ended well: three steps, a release, a table of events."""
    write_runs(tmp_path, INGEST, SPLIT, EMBED, SCORE)
    write(tmp_path, "events", [{"user_id": "u"}])
    release(tmp_path, minute=5)
    return tmp_path


def test_a_night_that_ended_well(night: Path) -> None:
    status = found(night)
    assert status.stale == []
    assert [(r.name, r.application, r.count("done")) for r in status.runs] == [("ralm pipeline tiny", "local-1", 4)]
    text = page(status)
    assert "abc as of 2024-01-11, published 2 h 55 min ago" in text
    assert "nothing is stale" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_a_step_that_was_outrun(night: Path) -> None:
    write_runs(night, replace(EMBED, attempt=2, started_at=NIGHT + dt.timedelta(minutes=9)))
    assert stale(night) == {f"score_users as of {DAY}": f"older than embed_users as of {DAY}, which ran again since"}


def test_another_night_makes_nothing_of_the_last_one_stale(night: Path) -> None:
    """`ingest` runs every night: what was made from the one before, for earlier dates, is history."""
    day = DAY + dt.timedelta(days=1)
    ingest = record("ingest", minute=1440, attempt=2, outputs={"events": 0})
    split = record("measure_split", minute=1441, as_of=day, counts={f"dates.a{n}": day.toordinal() for n in range(4)})
    write_runs(night, ingest, split)
    assert stale(night) == {}


@pytest.mark.parametrize(
    ("state", "words"), [("failed", "failed: table 'x': broken"), ("started", "has not ended: it runs, or was killed")]
)
def test_a_step_that_did_not_end_well(night: Path, state: str, words: str) -> None:
    write_runs(night, record("publish", state, minute=6, message="table 'x': broken"))
    assert words in stale(night)["publish"]
    assert words.split(":")[0] in page(found(night))


def test_rows_that_the_night_has_not_read(night: Path) -> None:
    write(night, "events", [{"user_id": "u2"}])
    assert stale(night) == {"table events": "1 commits that the night has not read"}


def test_audiences_that_are_not_published(tmp_path: Path) -> None:
    write_runs(tmp_path, SCORE)
    assert stale(tmp_path) == {"release": "there is none: run job 'publish'"}
    release(tmp_path, minute=1)
    assert "older than the audiences" in stale(tmp_path)["release"]


def test_runs_of_an_older_release_are_told_apart_by_gaps(tmp_path: Path) -> None:
    old = [replace(one, application=None, after=None) for one in (INGEST, EMBED, record("publish", minute=60))]
    write_runs(tmp_path, *old)
    assert [[r.step for r in run.steps] for run in found(tmp_path).runs] == [["publish"], ["ingest", "embed_users"]]


def test_json_says_the_same(night: Path) -> None:
    told = json.loads(as_json(found(night)))
    assert told["release"]["release_id"] == "abc"
    assert [step["step"] for step in told["runs"][0]["steps"]] == [
        "ingest",
        "measure_split",
        "embed_users",
        "score_users",
    ]


def test_nothing_ran_yet(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="nothing has run there yet"):
        found(tmp_path)


def test_a_damaged_log_is_one_line(night: Path) -> None:
    for file in (night / "runs" / "_delta_log").iterdir():
        file.write_text("{")
    with pytest.raises(RalmError, match="table 'runs': cannot be read"):
        found(night)


def test_the_command_starts_no_jvm(night: Path, tmp_path: Path) -> None:
    """A `java` that fails stands before the real one."""
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump({**CONFIGURATION, "warehouse": str(night)}))
    trap = tmp_path / "bin"
    trap.mkdir()
    (trap / "java").write_text("#!/bin/sh\necho a JVM was started >&2\nexit 1\n")
    (trap / "java").chmod(0o755)
    environment = {**os.environ, "PATH": f"{trap}:{os.environ['PATH']}", "JAVA_HOME": str(trap)}
    command = ["./spark-submit.sh", "status", "--config", str(config)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "score_users" in done.stdout


def test_the_verdict_is_of_the_newest_runs(night: Path) -> None:
    """A check that failed stays until its step has run again."""
    at = NIGHT.replace(tzinfo=dt.UTC)
    common = {"step": "check_health[inputs]", "name": "rows:events", "severity": "fail", "value": 1.0}
    failed = record("check_health[inputs]", "failed", minute=7, as_of=DAY, message="no rows")
    old = common | {"run_id": "other", "passed": False, "detail": "of another night", "checked_at": at}
    now = common | {"run_id": failed.run_id, "passed": False, "detail": "3 rows", "checked_at": at}
    write(night, "checks", [old, now])
    assert found(night).verdict is None  # the step that it is of is not there
    write_runs(night, failed)
    verdict = found(night).verdict
    assert verdict is not None
    assert (verdict.passed, verdict.wrong) == (0, [("rows:events", "3 rows")])
    assert "0 checks passed, 1 did not" in page(found(night))
    write_runs(night, record("check_health[inputs]", minute=9, as_of=DAY))
    write(night, "checks", [now | {"passed": True, "checked_at": at + dt.timedelta(minutes=9)}])
    again = found(night).verdict
    assert again is not None
    assert (again.passed, again.wrong) == (1, [])


@pytest.mark.parametrize("content", [None, b"", b"x" * 5_000])
def test_a_damaged_file_of_runs_is_said_in_one_line(night: Path, content: bytes | None) -> None:
    for file in (night / "runs").rglob("*.parquet"):
        file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(RalmError, match=r"table 'runs': a file of it is damaged or has gone at .*restore") as caught:
        found(night)
    assert str(caught.value).isprintable()

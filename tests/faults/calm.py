"""The same day without faults, run once and kept: where the jobs under fire begin, and what they are compared with."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from tests.faults.judge import Content, result
from tests.faults.plans import Calm, Writes
from tests.faults.process import Job
from tests.faults.reader import Reader
from tests.faults.world import DAY, Task, World


@dataclass(frozen=True)
class Undisturbed:
    """The same day without faults.

    Attributes:
        folder: holds the world as it was before each job.
        jobs: what each job did.
        results: what all tables hold after each job.
        releases: what readers saw: a content per release.
    """

    folder: Path
    jobs: dict[str, Calm]
    results: dict[str, dict[str, Content]]
    releases: list[dict[str, Content]]

    def begin(self, job: str, world: World) -> None:
        """Make a world as it was before a job."""
        shutil.copytree(self.folder / job, world.folder)


def undisturbed(
    spark: SparkSession, world: World, day: Sequence[Task] = DAY, seconds: float = float("inf")
) -> Undisturbed:
    """Run the day once; what came of it is kept in the world's folder, and taken from there the next time.

    Args:
        spark: a session for what happens in the world between jobs.
        world: where the jobs run.
        day: the jobs.
        seconds: begin no further job after so long.

    Returns:
        The day as far as it has come.
    """
    world.folder.mkdir(parents=True, exist_ok=True)
    kept = world.folder / "undisturbed.json"
    found: dict[str, Any] = {"jobs": [], "releases": [], "results": {}}
    if kept.exists():
        found = json.loads(kept.read_text(encoding="utf-8"))
    limit = time.monotonic() + seconds
    known = [job["job"] for job in found["jobs"]]
    for task in [task for task in day if task.job not in known]:
        if time.monotonic() > limit:
            break
        if task.before:
            task.before(spark, world)
        _keep(world, task.job)
        reader, job = Reader(world.warehouse), Job(task.command(world))
        code, taken = job.wait(), time.monotonic() - job.started
        reader.close()
        assert code == 0, job.lines[-5:]
        assert not reader.wrong, reader.wrong
        found["jobs"].append(asdict(Calm(task.job, _writes(world.warehouse, job.lines), taken)))
        seen = [{name: list(content) for name, content in one.items()} for one in reader.seen.values()]
        found["releases"] += [one for one in seen if one not in found["releases"]]
        found["results"][task.job] = result(world.warehouse)
        kept.write_text(json.dumps(found), encoding="utf-8")
        print(f"undisturbed: {task.job}: {taken:.0f} s", flush=True)
    loaded = json.loads(json.dumps(found))
    jobs = [Calm(one["job"], [tuple(step) for step in one["writes"]], one["seconds"]) for one in loaded["jobs"]]
    return Undisturbed(
        world.folder / "before",
        {job.job: job for job in jobs},
        {job: _contents(one) for job, one in loaded["results"].items()},
        [_contents(release) for release in loaded["releases"]],
    )


def _keep(world: World, job: str) -> None:
    """Copy the world as it is before a job."""
    kept = world.folder / "before" / job
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    if world.warehouse.exists():
        shutil.copytree(world.warehouse, kept / "wh")
    for path in world.folder.glob("*.txt"):
        shutil.copy(path, kept)


def _contents(loaded: dict[str, list[int]]) -> dict[str, Content]:
    return {name: (rows, hashed) for name, (rows, hashed) in loaded.items()}


def _writes(warehouse: Path, lines: Sequence[str]) -> Writes:
    """The steps that a job's lines say have begun, with the tables that `runs` says they wrote, in that order."""
    outputs: dict[str, list[str]] = {}
    for row in DeltaTable(str(warehouse / "runs")).to_pyarrow_table().to_pylist():
        if row["state"] == "done":
            title = row["step"] + (f" as of {row['as_of']}" if row["as_of"] else "")
            outputs[title] = list(dict(row["outputs"]))
    titles = [line.partition("] ")[2].removesuffix(" …") for line in lines if line.endswith(" …") and "] " in line]
    return [(title, outputs[title]) for title in titles if title in outputs]

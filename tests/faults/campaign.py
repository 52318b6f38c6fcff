"""A day under fire: each job is killed at point after point and begun again, until it ends; then all is compared."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from tests.faults.judge import Content, disagreements, done, result, written_twice
from tests.faults.points import BEGUN, FILES, LOG, MOMENT, SAID, Point, begun, commits
from tests.faults.process import Job
from tests.faults.reader import Reader
from tests.faults.world import DAY, Task, World

ENDED = "ended"
# Steps whose rows pass through workers of Python.
IN_PYTHON = ("build_user_fields", "embed_users", "cluster_seeds", "embed_targets", "score_users", "refresh")


@dataclass(frozen=True)
class Fault:
    """Who is killed, and where."""

    victim: str
    point: Point


@dataclass
class Blow:
    """What came of a fault.

    Attributes:
        task: the job that was hit.
        victim: who was killed; `ended`: nobody, the job came to its end.
        point: where.
        found: what was there afterwards: files without a log entry, a commit without an entry in the ledger, neither.
        code: the exit code of the job; -9: it was killed.
        seconds: from its start to its end.
        problems: what is wrong, if anything.
    """

    task: str
    victim: str
    point: str = ""
    found: str = ""
    code: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Undisturbed:
    """The same day without faults.

    Attributes:
        writes: job -> its steps in order, with the tables that each one writes.
        result: what all tables hold at the end.
        releases: what readers saw: a content per release.
    """

    writes: dict[str, list[tuple[str, list[str]]]]
    result: dict[str, Content]
    releases: list[dict[str, Content]]


def undisturbed(spark: SparkSession, world: World) -> Undisturbed:
    """Run the day once; what came of it is kept in the world's folder, and taken from there the next time."""
    kept = world.folder / "undisturbed.json"
    if not kept.exists():
        world.folder.mkdir(parents=True, exist_ok=True)
        reader, writes = Reader(world.warehouse), {}
        for task in DAY:
            if task.before:
                task.before(spark, world)
            job = Job(task.command(world))
            assert job.wait() == 0, job.lines[-5:]
            writes[task.job] = _writes(world.warehouse, job.lines)
        reader.close()
        assert not reader.wrong, reader.wrong
        found = Undisturbed(writes, result(world.warehouse), list(reader.seen.values()))
        kept.write_text(json.dumps(asdict(found)), encoding="utf-8")
    loaded = json.loads(kept.read_text(encoding="utf-8"))
    return Undisturbed(
        {job: [(step, tables) for step, tables in steps] for job, steps in loaded["writes"].items()},
        _contents(loaded["result"]),
        [_contents(release) for release in loaded["releases"]],
    )


def _contents(loaded: dict[str, list[int]]) -> dict[str, Content]:
    return {name: (rows, hashed) for name, (rows, hashed) in loaded.items()}


def _writes(warehouse: Path, lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The steps that a job's lines say have begun, with the tables that `runs` says they wrote."""
    outputs: dict[str, list[str]] = {}
    for row in DeltaTable(str(warehouse / "runs")).to_pyarrow_table().to_pylist():
        if row["state"] == "done":
            title = row["step"] + (f" as of {row['as_of']}" if row["as_of"] else "")
            outputs[title] = sorted(dict(row["outputs"]))
    titles = [line.partition("] ")[2].removesuffix(" …") for line in lines if line.endswith(" …") and "] " in line]
    return [(title, outputs.get(title, [])) for title in titles]


# What jobs without steps write, and say on the way.
WITHOUT_STEPS = {
    "update_seeds": [Point(FILES, "", "live_seeds"), Point(LOG, "", "live_seeds")],
    "refresh": [Point(FILES, "", "live_seeds"), Point(LOG, "", "live_seeds")],
    "export_serving": [Point(SAID, "users: "), Point(SAID, "items: ")],
}
Plan = Callable[[str, list[tuple[str, list[str]]], random.Random], Iterator[Fault]]


def driver_faults(job: str, writes: list[tuple[str, list[str]]], drawn: random.Random) -> Iterator[Fault]:
    """Every step at its begin, between files and log, and between log and ledger; then some random moments."""
    for point in WITHOUT_STEPS.get(job, ()):
        yield Fault("driver", point)
    for step, tables in writes:
        yield Fault("driver", Point(BEGUN, step, after=drawn.uniform(0, 1)))
        if step.startswith(IN_PYTHON):
            yield Fault("worker", Point(BEGUN, step, after=drawn.uniform(0.3, 1)))
        for table in tables:
            yield Fault("driver", Point(FILES, step, table))
            yield Fault("driver", Point(LOG, step, table))
    for _ in range(3):
        yield Fault("driver", Point(MOMENT, after=drawn.uniform(3, 20)))


def helper_faults(job: str, writes: list[tuple[str, list[str]]], drawn: random.Random) -> Iterator[Fault]:
    """An executor, a worker of Python or, where a model is trained, a rank: one of them in every step."""
    if not writes:
        yield Fault("executor", Point(MOMENT, after=drawn.uniform(8, 15)))
    for step, _ in writes:
        if step.startswith(("train_user_model", "train_lookalike")):
            yield Fault("rank", Point(BEGUN, step, after=drawn.uniform(4, 9)))
        else:
            yield Fault(drawn.choice(["executor", "worker"]), Point(BEGUN, step, after=drawn.uniform(0, 1.5)))


def _end(job: Job) -> tuple[int, list[str]]:
    """The exit code of a job, and whether it hung or left processes behind."""
    try:
        return job.wait(), []
    except TimeoutError as error:
        return -9, [str(error)]


class Campaign:
    """A day under fire; it can be broken off and goes on where it stopped.

    Args:
        spark: a session for what only Spark writes and reads.
        world: where the jobs run.
        calm: the same day without faults.
        seed: of the random moments.
        plan: the faults of a job, from its steps with the tables that they write.
    """

    def __init__(self, spark: SparkSession, world: World, calm: Undisturbed, plan: Plan, seed: int = 1) -> None:
        self.spark, self.world, self.calm, self.plan, self.seed = spark, world, calm, plan, seed
        world.folder.mkdir(parents=True, exist_ok=True)
        self.record = world.folder / "record.jsonl"
        self.blows: list[Blow] = []
        if self.record.exists():
            self.blows = [Blow(**json.loads(line)) for line in self.record.read_text(encoding="utf-8").splitlines()]
        self.known: dict[str, int] = {}

    def note(self, blow: Blow) -> None:
        """Keep a blow."""
        self.blows.append(blow)
        with self.record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(blow)) + "\n")
        what = f"{blow.victim} at {blow.point}: {blow.found}" if blow.victim != ENDED else ENDED
        told = "; ".join(blow.problems) or "right"
        print(f"{blow.task}: {what}, exit {blow.code} after {blow.seconds:.0f} s: {told}", flush=True)

    def faults(self, task: Task) -> list[Fault]:
        """Of a job, those that were not tried yet."""
        drawn = random.Random(f"{self.seed} {task.job}")
        every = list(self.plan(task.job, self.calm.writes[task.job], drawn))
        return every[sum(blow.task == task.job and blow.victim != ENDED for blow in self.blows) :]

    def run(self, seconds: float) -> bool:
        """Go on for a time; whether the day has ended."""
        limit = time.monotonic() + seconds
        for task in DAY:
            while not any(blow.task == task.job and blow.victim == ENDED for blow in self.blows):
                if time.monotonic() > limit:
                    return False
                marker = self.world.folder / f"before-{task.job}"
                if task.before and not marker.exists():
                    task.before(self.spark, self.world)
                    marker.touch()
                self._go(task, self.faults(task))
        return True

    def _go(self, task: Task, faults: list[Fault]) -> None:
        """Run the job once: until a fault kills its driver, or to its end; other processes may die on the way."""
        warehouse, before = self.world.warehouse, done(self.world.warehouse)
        reader = Reader(warehouse)
        job, blows = Job(task.command(self.world)), list[Blow]()
        for fault in faults:
            written = fault.point.reached(job, warehouse)
            if written is None:
                break
            hit = job.kill(fault.victim)
            blows.append(Blow(task.job, fault.victim if hit else f"no {fault.victim}", str(fault.point)))
            if hit and fault.victim == "driver":
                break
        code, problems = _end(job)
        reader.close()
        if blows and blows[-1].victim == "driver":
            assert written is not None
            blows[-1].found = self._found(fault.point, written, before)
        seconds = time.monotonic() - job.started
        if code == 0:
            blows.append(Blow(task.job, ENDED))
        elif not blows:
            raise RuntimeError(f"{task.job} ended with {code}, and nobody killed it: {job.lines[-5:]}")
        for blow in blows:
            blow.code, blow.seconds = code, seconds
        blows[-1].problems = [*problems, *self._judge(job, before), *reader.wrong, *self._unknown(reader)]
        if code not in (0, -9):
            blows[-1].problems += self._told(job)
        for blow in blows:
            self.note(blow)

    def _found(self, point: Point, written: int, before: dict[str, int]) -> str:
        """In what state the fault has left the step and the table that it was aimed at."""
        if point.kind == MOMENT:
            return ""
        if point.step in done(self.world.warehouse).keys() - before.keys():
            return "the step is in the ledger"
        if not point.table:
            return "the step is not in the ledger"
        commit = commits(self.world.warehouse / point.table) >= written
        return "log written, ledger not" if commit else "files written, log not"

    def _unknown(self, reader: Reader) -> list[str]:
        return [
            f"a release that the undisturbed day has not: {release}"
            for release, found in reader.seen.items()
            if found not in self.calm.releases
        ]

    def _judge(self, job: Job, before: dict[str, int]) -> list[str]:
        repeated = [title for title in before if title != "refresh" and begun(job.lines, title)]
        return [
            *(f"{title} was done, and is done again" for title in repeated),
            *disagreements(self.spark, self.world.warehouse, self.known),
            *written_twice(self.world.warehouse),
        ]

    def _told(self, job: Job) -> list[str]:
        """A job that fails says so in one line."""
        if any("Traceback" in line for line in job.lines):
            return [f"a traceback: {job.lines[-3:]}"]
        errors = [line for line in job.lines if line.startswith("error: ")]
        return [] if len(errors) == 1 else [f"{len(errors)} lines of errors: {job.lines[-3:]}"]

    def differences(self) -> list[str]:
        """Tables that do not hold what they hold after the undisturbed day."""
        now, calm = result(self.world.warehouse), self.calm.result
        return [
            f"{name}: {now.get(name)}, undisturbed {calm.get(name)}"
            for name in sorted(now.keys() | calm.keys())
            if now.get(name) != calm.get(name)
        ]

"""Jobs under fire: each is killed at point after point and begun again, until it ends; then all is compared."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pyspark.sql import SparkSession

from tests.faults.calm import Undisturbed
from tests.faults.judge import disagreements, done, result, versions, written_twice
from tests.faults.plans import Fault, Plan
from tests.faults.points import MOMENT, Point, begun, commits
from tests.faults.process import Job
from tests.faults.reader import Reader
from tests.faults.world import DAY, Task, World

ENDED = "ended"
# Where the driver is killed when the time that was given is over; the job goes on the next time.
OVER = "end of the time"
GRACE_SECONDS = 90.0


@dataclass
class Blow:
    """What came of a fault.

    Attributes:
        task: the job that was hit.
        victim: who was killed; `ended`: nobody, the job came to its end.
        point: where.
        kind: of the point.
        found: what was there afterwards: files without a log entry, a commit without an entry in the ledger, neither.
        code: the exit code of the job; -9: it was killed.
        seconds: from its start to its end.
        problems: what is wrong, if anything.
    """

    task: str
    victim: str
    point: str = ""
    kind: str = ""
    found: str = ""
    code: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


def _struck(fault: Fault, job: Job) -> bool:
    """Kill the victim as soon as there is one; whether there was any before the point had passed."""
    limit = time.monotonic() + 20
    while not job.kill(fault.victim):
        if not job.runs or fault.point.passed(job) or time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def _end(job: Job) -> tuple[int, list[str]]:
    """The exit code of a job, and whether it hung or left processes behind."""
    try:
        return job.wait(), []
    except TimeoutError as error:
        return -9, [str(error)]


class Campaign:
    """Jobs under fire, each in the world as it was before it on the undisturbed day.

    It can be broken off and goes on where it stopped.

    Args:
        spark: a session for what only Spark reads.
        world: has a world per job in its folder.
        calm: the same day without faults.
        seed: of the random moments.
        plan: the faults of a job, from what it does when nothing disturbs it.
        day: the jobs.
    """

    def __init__(
        self,
        spark: SparkSession,
        world: World,
        calm: Undisturbed,
        plan: Plan,
        day: Sequence[Task] = DAY,
        seed: int = 1,
    ) -> None:
        self.spark, self.world, self.calm, self.plan, self.day, self.seed = spark, world, calm, plan, day, seed
        world.folder.mkdir(parents=True, exist_ok=True)
        self.record = world.folder / "record.jsonl"
        self.blows: list[Blow] = []
        if self.record.exists():
            self.blows = [Blow(**json.loads(line)) for line in self.record.read_text(encoding="utf-8").splitlines()]
        self.known: dict[str, dict[str, int]] = {}

    def of(self, task: Task) -> World:
        """The world of a job."""
        return replace(self.world, folder=self.world.folder / task.job)

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
        every = list(self.plan(self.calm.jobs[task.job], drawn))
        tried = [b for b in self.blows if b.task == task.job and b.victim != ENDED and b.point != OVER]
        return every[len(tried) :]

    def run(self, seconds: float) -> bool:
        """Begin no job after so many seconds, and end the last one soon after; whether all jobs have ended."""
        limit = time.monotonic() + seconds
        for task in self.day:
            while not any(blow.task == task.job and blow.victim == ENDED for blow in self.blows):
                if time.monotonic() > limit:
                    return False
                if not self.of(task).folder.exists():
                    self.calm.begin(task.job, self.of(task))
                self._go(task, self.faults(task), limit)
        return True

    def _go(self, task: Task, faults: list[Fault], limit: float) -> None:
        """Run the job once: until a fault kills its driver, or to its end; other processes may die on the way."""
        world = self.of(task)
        if task.job not in self.known:  # what the job found is as the undisturbed day left it
            self.known[task.job] = versions(self.calm.folder / task.job / "wh")
        warehouse, before = world.warehouse, done(world.warehouse)
        reader = Reader(warehouse)
        job, blows = Job(task.command(world)), list[Blow]()
        over = threading.Timer(min(limit - time.monotonic() + GRACE_SECONDS, 1e6), job.kill, ("driver",))
        over.start()
        written = None
        for fault in faults:
            written = fault.point.reached(job, warehouse)
            if written is None and not job.runs:
                break
            hit = written is not None and _struck(fault, job)
            who = fault.victim if hit else f"no {fault.victim}"
            blows.append(Blow(task.job, who, str(fault.point), fault.point.kind))
            if hit and fault.victim == "driver":
                break
        code, problems = _end(job)
        over.cancel()
        reader.close()
        if blows and blows[-1].victim == "driver":
            assert written is not None
            blows[-1].found = self._found(warehouse, fault.point, written, before)
        elif code == -9 and time.monotonic() > limit:
            blows.append(Blow(task.job, "driver", OVER, MOMENT))
        seconds = time.monotonic() - job.started
        if code == 0:
            blows.append(Blow(task.job, ENDED))
            problems += self.differences(task)
        elif not blows:
            raise RuntimeError(f"{task.job} ended with {code}, and nobody killed it: {job.lines[-5:]}")
        for blow in blows:
            blow.code, blow.seconds = code, seconds
        blows[-1].problems = [*problems, *self._judge(task, job, before), *reader.wrong, *self._unknown(reader)]
        if code not in (0, -9):
            blows[-1].problems += self._told(job)
        for blow in blows:
            self.note(blow)

    def _found(self, warehouse: Path, point: Point, written: int, before: dict[str, int]) -> str:
        """In what state the fault has left the step and the table that it was aimed at."""
        if point.kind == MOMENT:
            return ""
        if point.step in done(warehouse).keys() - before.keys():
            return "the step is in the ledger"
        if not point.table:
            return "the step is not in the ledger"
        commit = commits(warehouse / point.table) >= written
        return "log written, ledger not" if commit else "files written, log not"

    def _unknown(self, reader: Reader) -> list[str]:
        return [
            f"a release that the undisturbed day has not: {release}"
            for release, found in reader.seen.items()
            if found not in self.calm.releases
        ]

    def _judge(self, task: Task, job: Job, before: dict[str, int]) -> list[str]:
        warehouse, calm = self.of(task).warehouse, self.calm.jobs[task.job]
        # What was done before the job began may be done again, if the undisturbed day does it again.
        earlier, again = done(self.calm.folder / task.job / "wh"), {title for title, _ in calm.writes}
        kept = [title for title, at in before.items() if title not in again or at != earlier.get(title)]
        repeated = [title for title in kept if title != "refresh" and begun(job.lines, title)]
        return [
            *(f"{title} was done, and is done again" for title in repeated),
            *disagreements(self.spark, warehouse, self.known[task.job]),
            *written_twice(warehouse),
        ]

    def _told(self, job: Job) -> list[str]:
        """A job that fails says so in one line."""
        if any("Traceback" in line for line in job.lines):
            return [f"a traceback: {job.lines[-3:]}"]
        errors = [line for line in job.lines if line.startswith("error: ")]
        return [] if len(errors) == 1 else [f"{len(errors)} lines of errors: {job.lines[-3:]}"]

    def differences(self, task: Task) -> list[str]:
        """Tables that do not hold what they hold after the job when nothing disturbs it; kept beside the record."""
        now, calm = result(self.of(task).warehouse), self.calm.results[task.job]
        every = sorted(now.keys() | calm.keys())
        found = [
            f"{name}: {now.get(name)}, undisturbed {calm.get(name)}"
            for name in every
            if now.get(name) != calm.get(name)
        ]
        kept = self.world.folder / "compared.json"
        compared = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        compared[task.job] = {"tables": len(every), "different": found}
        kept.write_text(json.dumps(compared), encoding="utf-8")
        return found

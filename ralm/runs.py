"""Steps that run once: each is recorded before it writes and after, skipped when done, resumed after a crash.

A step's token is a hash of its settings and of the versions of the steps before it: a step is done when its last
finished run carries the token that it would have now. `attempt` numbers the writes of a step; it is reserved in the
`runs` table before anything is written, reused by the retry of a crashed run (Delta then skips what is already
committed), and raised by other settings, other inputs or `--force`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ralm.config import Config
from ralm.dates import DateName, ResolvedDates, resolve_dates
from ralm.errors import DataError, MissingInputError, RalmError
from ralm.spark_errors import user_errors
from ralm.tables import Warehouse, append, replace


@dataclass
class Record:
    """One row of `runs`."""

    run_id: str
    step: str
    as_of: dt.date | None
    state: str
    token: str
    attempt: int
    config_hash: str
    inputs: dict[str, int]
    outputs: dict[str, int]
    counts: dict[str, int]
    started_at: dt.datetime
    ended_at: dt.datetime | None = None
    message: str | None = None

    @property
    def version(self) -> str:
        """A short version for what the run made: other settings, other inputs or `--force` give another one."""
        return hashlib.sha256(f"{self.token}#{self.attempt}".encode()).hexdigest()[:8]

    def row(self) -> tuple[Any, ...]:
        """The record in the column order of the table."""
        return tuple(vars(self).values())


class Ledger:
    """The `runs` table, read once an application and appended to by its driver.

    The end of a step is written with the start of the next one. A driver killed between the two leaves a finished step
    that looks interrupted: its run is resumed, and Delta skips what it had written.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.records: list[Record] = []
        self.pending: list[Record] = []
        if warehouse.exists("runs"):
            rows = warehouse.read("runs").collect()  # a few rows a step and run, never user-sized
            self.records = sorted((Record(**row.asDict()) for row in rows), key=lambda r: (r.attempt, r.started_at))

    def add(self, record: Record) -> None:
        """Note a record; it is written by the next `flush`."""
        self.records.append(record)
        self.pending.append(record)

    def flush(self) -> None:
        """Write what was noted, in one commit."""
        if self.pending:
            append(self.warehouse, "runs", [record.row() for record in self.pending])
            self.pending = []

    def last(self, step: str, as_of: dt.date | None, state: str | None = None) -> Record | None:
        """The newest record of a step and logical date."""
        for record in reversed(self.records):
            if record.step == step and record.as_of == as_of and state in (None, record.state):
                return record
        return None

    def attempts(self, step: str, as_of: dt.date | None) -> int:
        """The highest attempt reserved so far."""
        return max((r.attempt for r in self.records if r.step == step and r.as_of == as_of), default=0)


@dataclass(frozen=True)
class Step:
    """One unit of work with one logical date.

    Attributes:
        name: unique in the pipeline; a qualifier in brackets where a job makes several things.
        action: does the work: reads through the running step, writes through it.
        sections: the configuration sections that the result depends on.
        as_of: which of the four dates is its logical date, if any.
        after: names of the steps whose results it uses, with their dates.
        inputs: tables whose versions are pinned when it starts.
        extra: anything else that the result depends on (file listings).
    """

    name: str
    action: Callable[[RunningStep], None]
    sections: tuple[str, ...] = ()
    as_of: DateName | None = None
    after: tuple[tuple[str, DateName | None], ...] = ()
    inputs: tuple[str, ...] = ()
    extra: Callable[[], str] | None = None


class Filled:
    """Partitions that this application has seen or written rows in: looking again is a query of its own."""

    def __init__(self) -> None:
        self.since: dict[str, list[tuple[dict[str, Any], int]]] = {}

    def add(self, name: str, partition: dict[str, Any], version: int) -> None:
        """There are rows of these values in that version of the table."""
        self.since.setdefault(name, []).append((dict(partition), version))

    def forget(self, name: str) -> None:
        """Rows of the table went away."""
        self.since.pop(name, None)

    def has(self, name: str, keys: dict[str, Any], version: int) -> bool:
        """Whether rows of these values are known to be in that version."""
        return any(
            since <= version and all(column in partition and partition[column] == keys[column] for column in keys)
            for partition, since in self.since.get(name, ())
        )


class Context:
    """An application: its session, configuration, warehouse and ledger."""

    def __init__(
        self,
        spark: SparkSession,
        config: Config,
        *,
        force: bool = False,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.spark = spark
        self.config = config
        self.force = force
        path = config.warehouse_path
        # Executors work in other folders than the driver.
        self.warehouse = Warehouse(spark, path if ":/" in path else str(Path(path).resolve()), config.user_id_type)
        self.ledger = Ledger(self.warehouse)
        self.say = say or (lambda line: print(line, flush=True))
        self.times: list[tuple[str, float, dict[str, int]]] = []
        self.filled = Filled()

    @cached_property
    def dates(self) -> ResolvedDates:
        """The four dates, from the configuration and the impression log (partition values and file statistics)."""
        impressions = self.warehouse.read("impressions")
        by_day = {row[0]: row[1] for row in impressions.groupBy("shown_date").count().collect()}
        return resolve_dates(self.config.dates, by_day)

    def models(self, kind: str, version: str) -> str:
        """The folder of a model."""
        return f"{self.warehouse.path}/_models/{kind}/{version}"

    def date(self, name: DateName | None) -> dt.date | None:
        """One of the four dates, if any."""
        return None if name is None else self.dates[name]

    def require(self, name: str, as_of: DateName | None) -> Record:
        """The last finished run of a step.

        Raises:
            MissingInputError: it has not run.
        """
        record = self.ledger.last(name, self.date(as_of), "done")
        if record is None:
            job = name.partition("[")[0]
            when = f" for {self.dates[as_of]}" if as_of else ""
            raise MissingInputError(f"step '{name}'{when}: not in {self.warehouse.path}/runs; run job '{job}' first")
        return record


@dataclass
class RunningStep:
    """What a step's action sees: pinned inputs, exactly-once outputs, counts, progress."""

    context: Context
    step: Step
    record: Record
    as_of: dt.date | None
    outputs: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """A short version for what this step makes."""
        return self.record.version

    def read(self, name: str) -> DataFrame:
        """An input table at its pinned version."""
        if name not in self.record.inputs:
            raise KeyError(f"step '{self.step.name}' did not declare the input '{name}'")
        return self.context.warehouse.read(name, self.record.inputs[name])

    def at(self, name: str, **keys: Any) -> DataFrame:
        """The rows of an input table with the given values of its partition columns.

        Raises:
            MissingInputError: there are none.
        """
        frame = self.read(name)
        for column, value in keys.items():
            frame = frame.where(F.col(column) == F.lit(value))
        pinned = self.record.inputs[name]
        if self.context.filled.has(name, keys, pinned):
            return frame
        if frame.isEmpty():
            where = ", ".join(f"{column} = {value}" for column, value in keys.items())
            raise MissingInputError(f"table '{name}': no rows for {where}; run the job that makes it")
        self.context.filled.add(name, keys, pinned)
        return frame

    def replace(
        self, name: str, frame: DataFrame, label: str | None = None, part: str | None = None, **partition: Any
    ) -> None:
        """Replace one logical partition of a table exactly once.

        Args:
            name: the table.
            frame: its new rows.
            label: what the rows are, for the progress line.
            part: tells two writes of the step to the same partition apart.
            partition: partition column -> value; also another column -> list of its values.
        """
        where = ",".join(f"{column}={_named(column, value)}" for column, value in sorted(partition.items()))
        written = replace(
            self.context.warehouse,
            name,
            frame,
            partition,
            app_id=f"{self.step.name}/{name}/{where}" + (f"/{part}" if part else ""),
            attempt=self.record.attempt,
            run_id=self.record.run_id,
        )
        self.outputs[name] = written.version
        if written.rows:
            self.context.filled.add(name, partition, written.version)
        else:
            self.context.filled.forget(name)
        if not written.new:
            self.say(f"{name} {where}: already written by an earlier try of this run, kept")
        if label:
            self.counts[label] = self.counts.get(label, 0) + written.rows

    def refuse_empty(self, frame: DataFrame, message: str) -> None:
        """Stop before anything is written: replacing a partition by an empty frame would empty it.

        Raises:
            DataError: the frame, which should be cheap to begin, has no row.
        """
        if frame.isEmpty():
            raise DataError(message)

    def written(self, name: str) -> DataFrame:
        """A table at the version that this step's own write made."""
        return self.context.warehouse.read(name, self.outputs[name])

    def check(self, name: str, passed: bool, value: float | None = None, detail: str | None = None) -> None:
        """Record a data check with its outcome."""
        append(self.context.warehouse, "checks", [(self.record.run_id, self.step.name, name, passed, value, detail)])

    def say(self, line: str) -> None:
        """A line of progress under the step's own."""
        self.context.say(f"        {line}")

    def ended(self, state: str, message: str | None = None) -> Record:
        """The record of the end of this run."""
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        return Record(
            **{
                **vars(self.record),
                "state": state,
                "outputs": self.outputs,
                "counts": self.counts,
                "ended_at": now,
                "message": message,
            }
        )


def _named(column: str, value: Any) -> str:
    """A value as part of a write's name: Delta keeps every name for ever, and rounds list other items each time."""
    return "listed" if column == "item_id" and isinstance(value, list) else str(value)


def token(context: Context, step: Step) -> str:
    """The token that the step would have now."""
    content = {
        "step": step.name,
        "as_of": str(context.date(step.as_of)),
        "config": context.config.digest("name", "seed", *step.sections),
        "after": [context.require(name, as_of).version for name, as_of in step.after],
        "extra": step.extra() if step.extra else "",
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def state(context: Context, step: Step) -> tuple[str, Record | None]:
    """`done`, `resume` (a crashed run of the same token), or `run`, with the record that says so."""
    as_of = context.date(step.as_of)
    now = token(context, step)
    done = context.ledger.last(step.name, as_of, "done")
    last = context.ledger.last(step.name, as_of)
    if done is not None and done.token == now and last is not None and last.attempt == done.attempt:
        return "done", done
    if last is not None and last.token == now:
        return "resume", last
    return "run", last


def run_steps(context: Context, steps: Sequence[Step]) -> None:
    """Run the steps in order; the finished ones are named and skipped."""
    try:
        for position, step in enumerate(steps, start=1):
            _run_one(context, step, f"[{position:>2}/{len(steps)}]")
    finally:
        context.ledger.flush()


def _run_one(context: Context, step: Step, prefix: str) -> None:
    as_of = context.date(step.as_of)
    title = step.name + (f" as of {as_of}" if as_of else "")
    found, record = state(context, step)
    if found == "done" and not context.force:
        context.say(f"{prefix} {title}: done before, skipped")
        return
    resumed = found == "resume" and not context.force
    config_hash = context.config.digest("name", "seed", *step.sections)
    attempts = context.ledger.attempts(step.name, as_of)
    inputs = (
        dict(record.inputs)
        if resumed and record is not None
        else {name: context.warehouse.version(name) for name in step.inputs}
    )
    started = Record(
        run_id=f"{step.name}/{as_of or '-'}/{config_hash}",
        step=step.name,
        as_of=as_of,
        state="started",
        token=token(context, step),
        attempt=attempts if resumed else attempts + 1,
        config_hash=config_hash,
        inputs=inputs,
        outputs={},
        counts={},
        started_at=dt.datetime.now(dt.UTC).replace(tzinfo=None),
    )
    context.ledger.add(started)
    context.ledger.flush()  # the attempt is reserved before anything is written
    running = RunningStep(context, step, started, as_of)
    context.spark.sparkContext.setJobDescription(f"{prefix} {title}")
    context.say(f"{prefix} {title} …")
    clock = time.monotonic()
    try:
        with user_errors(title):
            step.action(running)
    except Exception as error:
        message = str(error) if isinstance(error, RalmError) else f"{type(error).__name__}: {error}"
        context.ledger.add(running.ended("failed", message.splitlines()[0][:1000] if message else ""))
        raise
    finally:
        context.spark.sparkContext.setJobDescription(None)  # type: ignore[arg-type]
    context.ledger.add(running.ended("done"))
    seconds = time.monotonic() - clock
    counts = ", ".join(f"{count:,} {what}" for what, count in running.counts.items())
    context.say(f"{prefix} {title}: {counts + ', ' if counts else ''}{seconds:.1f} s")
    context.times.append((title, seconds, dict(running.counts)))


def plan_steps(context: Context, steps: Sequence[Step]) -> list[tuple[str, str]]:
    """(step, what would happen): `skip`, `run`, or `run` because something before it runs."""
    plan: list[tuple[str, str]] = []
    dirty: set[str] = set()
    for step in steps:
        if context.force:
            what = "run (--force)"
        elif any(name in dirty for name, _ in step.after):
            what = "run (something before it runs)"
        else:
            try:
                found = state(context, step)[0]
            except MissingInputError:
                found = "run"
            what = {"done": "skip (done)", "resume": "run (resumes)", "run": "run"}[found]
        if not what.startswith("skip"):
            dirty.add(step.name)
        plan.append((step.name + (f" [{step.as_of}]" if step.as_of else ""), what))
    return plan

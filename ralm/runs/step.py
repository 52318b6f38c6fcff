"""A step, and what its action sees while it runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame

from ralm.dates import DateName
from ralm.errors import DataError, MissingInputError, RalmError, masked
from ralm.runs.context import Context
from ralm.runs.record import Record
from ralm.warehouse.forgotten import TABLE as FORGOTTEN
from ralm.warehouse.forgotten import forgotten_version
from ralm.warehouse.once import Commit, replace
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import matching


@dataclass(frozen=True)
class Step:
    """A unit of work with one logical date.

    Attributes:
        name: unique in the pipeline; with a qualifier in brackets if a job makes several things.
        action: does the work: reads through the running step, writes through it.
        sections: the configuration sections that the result depends on.
        as_of: which of the four dates is its logical date, if any.
        after: names of the steps whose results it uses, with their dates.
        inputs: tables whose versions are pinned when the step starts.
        extra: anything else that the result depends on (file listings).
        measured: whether its settings may follow from the data; not so for the steps that read and count the data.
        models: what it leaves beside tables: version of a run -> paths that are there once it is done.
    """

    name: str
    action: Callable[[RunningStep], None]
    sections: tuple[str, ...] = ()
    as_of: DateName | None = None
    after: tuple[tuple[str, DateName | None], ...] = ()
    inputs: tuple[str, ...] = ()
    extra: Callable[[], str] | None = None
    measured: bool = True
    models: Callable[[str], Sequence[str]] | None = None


@dataclass
class RunningStep:
    """What a step's action sees: pinned inputs, exactly-once outputs, counts, progress.

    Attributes:
        counts: what its line of progress and its record tell.
        facts: what only its record keeps, among the counts: numbers that later steps go by.
        resumed: whether an earlier try of the same run may have written already.
        names: of the writes that this run has made.
    """

    context: Context
    step: Step
    record: Record
    as_of: dt.date | None
    outputs: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    note: str | None = None
    facts: dict[str, int] = field(default_factory=dict)
    resumed: bool = False
    names: set[str] = field(default_factory=set)

    @property
    def version(self) -> str:
        """A short version of this step's result."""
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
        frame = matching(self.read(name), keys)
        pinned = self.record.inputs[name]
        if self.context.filled.has(name, keys, pinned):
            return frame
        # Of whole partitions, the log knows whether there are files.
        whole = set(keys) <= set(TABLES[name].partition)
        if not frame.inputFiles() if whole else frame.isEmpty():
            where = ", ".join(f"{column} = {value}" for column, value in keys.items())
            raise MissingInputError(f"table '{name}': no rows for {where}; run the job that makes it")
        self.context.filled.saw(name, keys, pinned)
        return frame

    def replace(
        self, name: str, frame: DataFrame, label: str | None = None, part: str | None = None, **partition: Any
    ) -> None:
        """Replace one logical partition of a table exactly once.

        Args:
            name: the table.
            frame: its new rows.
            label: what the rows are, for the progress line.
            part: distinguishes two writes of the step to the same partition.
            partition: partition column -> value, or any column -> list of its values.
        """
        where = ",".join(f"{column}={_named(column, value)}" for column, value in sorted(partition.items()))
        self._write(name, frame, label, where + (f"/{part}" if part else ""), partition)

    def rewrite(self, name: str, frame: DataFrame, since: int, label: str | None = None) -> None:
        """Replace all rows of a table by rows that follow from what it held.

        Args:
            name: the table.
            frame: its new rows.
            since: the version that they follow from.
            label: what the rows are, for the progress line.

        Raises:
            RalmError: another application has written to the table since that version. Nothing is written.
        """
        self._write(name, frame, label, "", {}, since)

    def _write(
        self,
        name: str,
        frame: DataFrame,
        label: str | None,
        where: str,
        partition: dict[str, Any],
        since: int | None = None,
    ) -> None:
        self.stop_if_forgotten()
        app_id = f"{self.step.name}/{name}/{where}"
        written = replace(
            self.context.warehouse,
            name,
            frame,
            partition,
            app_id=app_id,
            attempt=self.record.attempt,
            run_id=self.record.run_id,
            since=since,
        )
        if not written.new and app_id not in self.names:
            self._check_kept(name, written)
        self.stop_if_forgotten()
        self.names.add(app_id)
        self.outputs[name] = written.version
        self.context.filled.wrote(name, partition, written.version, written.rows if written.new else 0)
        if written.after is not None:
            self.say(f"{name} {where}: run {written.after} wrote to the table meanwhile; written again after it")
        if not written.new:
            self.say(f"{name} {where}: already written by an earlier try of this run, kept")
        if label:
            self.counts[label] = self.counts.get(label, 0) + written.rows

    def stop_if_forgotten(self) -> None:
        """What was read before users were forgotten must not be written after it.

        Raises:
            RalmError: users were forgotten since the run began.
        """
        if forgotten_version(self.context.warehouse) != self.record.inputs.get(FORGOTTEN, 0):
            raise RalmError(
                f"step '{self.step.name}': users were forgotten while it ran; run the same command again: it begins "
                "anew, without them"
            )

    def _check_kept(self, name: str, kept: Commit) -> None:
        """Rows that Delta kept in place of this run's must be those of an earlier try of the same run.

        Raises:
            RalmError: another application wrote them, or they are gone.
        """
        if not self.resumed or kept.run_id != self.record.run_id:
            raise RalmError(
                f"table '{name}': another application (run {kept.run_id}) has written the rows of step "
                f"'{self.step.name}' meanwhile; run the same command again when it has ended; if there is none, `runs` "
                "was restored: run it with --force"
            )
        lost = self.context.lineage.lost(name, kept.version)
        if lost is not None:
            raise RalmError(f"{lost} by an earlier try of step '{self.step.name}'; run it again with --force")

    def refuse_empty(self, frame: DataFrame, message: str) -> None:
        """Stop before anything is written if the frame is empty: replacing a partition by it would empty the partition.

        Raises:
            DataError: the frame has no row; its first row should be cheap to compute.
        """
        if frame.isEmpty():
            raise DataError(message)

    def written(self, name: str) -> DataFrame:
        """A table at the version that this step's own write created."""
        return self.context.warehouse.read(name, self.outputs[name])

    def check(self, name: str, passed: bool, value: float | None = None, detail: str | None = None) -> None:
        """Record a data check with its outcome."""
        self.check_all([(name, passed, value, detail)])

    def check_all(
        self, outcomes: Sequence[tuple[str, bool, float | None, str | None]], severity: str | None = None
    ) -> None:
        """Record data checks (name, passed, value, detail): they are written with the end of the step.

        Args:
            outcomes: of the checks.
            severity: what it means when one does not pass: `warn` or `fail`; None: it only tells.
        """
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        self.context.ledger.check(
            (self.record.run_id, self.step.name, name, passed, value, detail and masked(detail), severity, now)
            for name, passed, value, detail in outcomes
        )

    def say(self, line: str) -> None:
        """A line of progress under the step's own."""
        self.context.say(f"        {masked(line)}")

    def ended(self, state: str, message: str | None = None) -> Record:
        """The record of the end of this run."""
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        return Record(
            **{
                **vars(self.record),
                "state": state,
                "outputs": self.outputs,
                "counts": self.counts | self.facts,
                "ended_at": now,
                "message": None if message is None else masked(message),
            }
        )


def _named(column: str, value: Any) -> str:
    """A value as part of a write's name, 'listed' for listed items: Delta keeps every name for ever, and lists vary."""
    return "listed" if column == "item_id" and isinstance(value, list) else str(value)

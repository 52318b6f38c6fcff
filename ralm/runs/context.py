"""An application: its session, configuration, warehouse, ledger and dates."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ralm.config import Config, auto
from ralm.config.counts import DataCounts
from ralm.dates import DateName, ResolvedDates, resolve_dates
from ralm.errors import MissingInputError
from ralm.features.holdout import without_domains
from ralm.ingest.split import BY_HASH, found_midnights, may_lose_times
from ralm.runs.ledger import Ledger
from ralm.runs.record import Record
from ralm.warehouse.catalog import NamedTables
from ralm.warehouse.lineage import Lineage
from ralm.warehouse.once import Except
from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import Warehouse

Answer = TypeVar("Answer")


def _number(content: str) -> int:
    """A number for a text; below 2^60."""
    return int(hashlib.sha256(content.encode()).hexdigest()[:15], 16)


class Filled:
    """Partitions in which this application has seen or written rows: looking again is a query of its own.

    What was seen holds for that version of the table. What was written holds from its version on, until the application
    writes something of the table that may hold the same rows. Only single values are kept, no lists of items.
    """

    def __init__(self) -> None:
        self.known: dict[str, list[tuple[dict[str, Any], int, bool]]] = {}

    def saw(self, name: str, keys: dict[str, Any], version: int) -> None:
        """There are rows of these values in that version of the table."""
        self.known.setdefault(name, []).append((keys, version, False))

    def wrote(self, name: str, partition: dict[str, Any], version: int, rows: int) -> None:
        """A partition was replaced by so many rows."""
        values = {column: value for column, value in partition.items() if not isinstance(value, (list, range, Except))}
        kept = [entry for entry in self.known.get(name, ()) if any(entry[0].get(c, v) != v for c, v in values.items())]
        self.known[name] = [*kept, (values, version, True)] if rows else kept

    def has(self, name: str, keys: dict[str, Any], version: int) -> bool:
        """Whether rows of these values are known to be in that version."""
        return any(
            (since <= version if written else since == version)
            and all(column in partition and partition[column] == value for column, value in keys.items())
            for partition, since, written in self.known.get(name, ())
        )


# The step that counts what settings follow from, and the one that tells how the dates split the log.
MEASURE, SPLIT = "measure_data", "measure_split"
# The steps that make what they look at.
SOURCES = ("ingest", "simulate")
# What the latter's record keeps of the dates, as days of the calendar, and of what they were resolved from.
_DATES, _RESOLVED_FROM, _ASKED = ("a0", "a1", "a2", "a3"), "dates.from", "dates.asked"


class Context:
    """An application: its session, configuration, warehouse and ledger.

    Args:
        spark: its session.
        config: its configuration.
        force: do again what is done.
        say: prints a line.
        moving: whether dates that follow from the log move when it grows. Otherwise they stay where the last
            `measure_split` has put them: what a night has made is there for its own dates, not for those of a click
            that comes after midnight.

    Attributes:
        given: the configuration as it was written; `config` is the same with values for what is left to the data.
    """

    def __init__(
        self,
        spark: SparkSession,
        config: Config,
        *,
        force: bool = False,
        say: Callable[[str], None] | None = None,
        moving: bool = True,
    ) -> None:
        self.spark = spark
        self.moving = moving
        self.given = config
        self._resolved: tuple[Record | None, Config] | None = None
        self.force = force
        path = config.warehouse_path
        # Executors have other working folders than the driver.
        path = path if ":/" in path else str(Path(path).resolve())
        names = None if config.catalog is None else NamedTables(spark, config.catalog)
        self.warehouse = Warehouse(spark, path, config.user_id_type, names)
        self.ledger = Ledger(self.warehouse)
        self.lineage = Lineage(self.warehouse)
        # Without any record, `runs` is new or was lost: tables that are there may hold writes that it does not know.
        unknown = () if self.ledger.records else TABLES
        self.unrecorded = tuple(name for name in unknown if name != "runs" and self.warehouse.exists(name))
        self.say = say or (lambda line: print(line, flush=True))
        self.times: list[tuple[str, float, dict[str, int]]] = []
        self.filled = Filled()
        self._answers: dict[Callable[[Context], Any], Any] = {}

    def once(self, ask: Callable[[Context], Answer]) -> Answer:
        """What a function says of this application, asked a single time: all steps act on the same answer."""
        if ask not in self._answers:
            self._answers[ask] = ask(self)
        answer: Answer = self._answers[ask]
        return answer

    @property
    def application(self) -> str:
        """Name and id of the Spark application, for its logs."""
        running = self.spark.sparkContext
        return f"{running.appName} {running.applicationId}"

    @property
    def counts(self) -> DataCounts | None:
        """What was counted in the data; None: they were not read yet."""
        record = self.ledger.last(MEASURE, None, "done")
        return None if record is None else DataCounts.from_map(record.counts)

    @property
    def config(self) -> Config:
        """The configuration, with values for what is left to the data: plain defaults until the data are measured."""
        record = self.ledger.last(MEASURE, None, "done")
        if self._resolved is None or self._resolved[0] is not record:
            self._resolved = record, auto.resolve(self.given, self.counts, untimed=self.untimed)
        return self._resolved[1]

    def measured_config(self) -> Config:
        """The configuration, if no value of it waits for the data.

        Raises:
            MissingInputError: one does.
        """
        if self.ledger.last(MEASURE, None, "done") is None and (waiting := auto.pending(self.given)):
            source = "simulate" if self.given.simulate is not None else "ingest"
            raise MissingInputError(
                f"step '{MEASURE}': not in {self.warehouse.path}/runs; {', '.join(waiting[:3])} and others follow from "
                f"what it counts: run job '{source}' first"
            )
        return self.config

    @cached_property
    def dates(self) -> ResolvedDates:
        """The four dates, from the configuration and the impression log (partition values and file statistics).

        They are taken from the record of `measure_split` while tables and settings are those that they came from; while
        the settings are, if they are not to move.
        """
        found = [record.counts for record in self.ledger.records if record.step == SPLIT and record.state == "done"]
        kept = found[-1] if found else {}
        source = self._resolved_from  # before the tables are read: they may grow meanwhile
        if kept.get(_RESOLVED_FROM) == source or (not self.moving and kept.get(_ASKED) == self._asked):
            return ResolvedDates(*(dt.date.fromordinal(kept[f"dates.{name}"]) for name in _DATES))
        return self._resolve_dates()

    @property
    def dates_kept(self) -> dict[str, int]:
        """The dates as facts of a record, with what they were resolved from."""
        dates = self.dates
        days = {f"dates.{name}": getattr(dates, name).toordinal() for name in _DATES}
        return days | {_RESOLVED_FROM: self._resolved_from, _ASKED: self._asked}

    @property
    def _asked(self) -> int:
        """A number for what the dates follow from besides the rows of the log."""
        settings = self.config.digest("dates", "privacy.excluded_fields", "ingest")
        read = [record.version for record in self.ledger.records if record.step in SOURCES and record.state == "done"]
        return _number(f"{settings} {read[-1:]} {self.untimed} {found_midnights(self.ingested)}")

    @cached_property
    def _resolved_from(self) -> int:
        """A number for all that the dates follow from."""
        versions = [self.warehouse.version(name) for name in ("impressions", "events") if self.warehouse.exists(name)]
        return _number(f"{versions} {self._asked}")

    def _resolve_dates(self) -> ResolvedDates:
        impressions = self.warehouse.read("impressions")
        by_day = {row[0]: row[1] for row in impressions.groupBy("shown_date").count().collect()}
        first_event = found = None
        if self.config.dates.given is None and not self.untimed:
            found = found_midnights(self.ingested)
            if found is None and self.warehouse.exists("events"):
                events = without_domains(self.warehouse.read("events"), self.given.privacy.excluded_fields)
                row = events.agg(F.min("event_date")).first()
                first_event = row[0] if row else None
        return resolve_dates(self.config.dates, by_day, untimed=self.untimed, first_event=first_event, found=found)

    @property
    def ingested(self) -> Mapping[str, int]:
        """What the last finished `ingest` counted and decided; empty if there is none."""
        record = self.ledger.last("ingest", None, "done") if self.given.ingest is not None else None
        return {} if record is None else record.counts

    @property
    def untimed(self) -> bool:
        """Whether pairs lie on days by hash, because the configuration says so or `ingest` decided it."""
        settings = self.given.ingest
        if settings is None or not may_lose_times(settings, self.given.dates):
            return settings is not None and not settings.timed
        return self.ingested.get(BY_HASH, 0) > 0

    def models(self, kind: str, version: str) -> str:
        """The folder of a model."""
        return f"{self.warehouse.path}/_models/{kind}/{version}"

    def date(self, name: DateName | None) -> dt.date | None:
        """One of the four dates, if any."""
        return None if name is None else self.dates[name]

    def require(self, name: str, as_of: DateName | None) -> Record:
        """The last finished run of a step.

        Raises:
            MissingInputError: the step has not finished a run.
        """
        record = self.ledger.last(name, self.date(as_of), "done")
        if record is None:
            job = name.partition("[")[0]
            when = f" for {self.dates[as_of]}" if as_of else ""
            raise MissingInputError(f"step '{name}'{when}: not in {self.warehouse.path}/runs; run job '{job}' first")
        return record

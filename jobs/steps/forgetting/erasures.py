"""The table `erasures`: users leave every table, file and store, and what was touched is written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from jobs.steps.forgetting.files import erase_from_models, erase_from_pages
from jobs.steps.forgetting.forgotten import listed_ids, remember
from jobs.steps.forgetting.pins import export_without, pin_without
from jobs.steps.forgetting.tables import Leaving
from ralm.runs.context import Context
from ralm.warehouse.erase import vacuum
from ralm.warehouse.forgotten import forgotten
from ralm.warehouse.holders import LAST, holders
from ralm.warehouse.once import append

# Runs that began less long ago and have not ended may still be at work.
LATELY = dt.timedelta(days=1)
# Passes over tables that others write meanwhile.
PASSES = 3


@dataclass(frozen=True)
class Asked:
    """What `forget_users` was asked.

    Attributes:
        users: the list; None: those who were forgotten before, once more.
        column: of the list's ids.
        hashed: the list holds SHA-256 digests.
        vacuum_now: no earlier version is kept.
    """

    users: str | None = None
    column: str | None = None
    hashed: bool = False
    vacuum_now: bool = False


@dataclass
class Erasures:
    """One run: every part of it may be repeated, and a run that was killed is finished by the next one."""

    context: Context
    asked: Asked
    began: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC).replace(tzinfo=None))

    @property
    def days(self) -> float:
        """How long earlier versions are kept."""
        return 0.0 if self.asked.vacuum_now else self.context.config.privacy.retention_days

    @property
    def held_until(self) -> dt.datetime:
        """When no earlier version holds what is erased now."""
        return self.began + dt.timedelta(days=self.days)

    def run(self) -> None:
        """Forget the users.

        Raises:
            RalmError: the list cannot be read, or another application changed a table at the same moment.
        """
        context, asked, listed = self.context, self.asked, None
        if asked.users is not None:
            listed = listed_ids(context, asked.users, asked.column, asked.hashed).persist()
            context.say(f"{remember(context, listed):,} ids are new among those forgotten")
        users = forgotten(context.warehouse)
        if users is None:
            context.say("nobody was forgotten yet: give a list with --users")
            return
        self._say_running()
        leaving = Leaving(context.warehouse, users, listed)
        self._tables(leaving)
        if changed := pin_without(context):
            context.say(f"{changed:,} releases name the tables without them")
        for name in filter(context.warehouse.exists, holders()):
            vacuum(context.warehouse, name, self.days * 24)
        self._say_history()
        if store := export_without(context):
            self._note(store, 0, 0)

    def _say_history(self) -> None:
        if self.asked.vacuum_now:
            self.context.say("no earlier version of these tables is left")
            return
        self.context.say(
            f"versions replaced more than {self.days:g} days ago are gone; run forget_users without --users after "
            f"{self.held_until:%Y-%m-%d %H:%M} UTC to remove those that still hold the users"
        )

    def _tables(self, leaving: Leaving) -> None:
        """Tables that tell what of others is a user's come after them, so that a killed run can begin again."""
        warehouse, seen = self.context.warehouse, dict[str, int]()
        first = [name for name in holders() if name not in LAST]
        self._pass(leaving, first, seen)
        for touched in (erase_from_models(leaving), erase_from_pages(leaving)):
            for path, count in touched:
                self._note(path, count, 1)
        self._pass(leaving, LAST, seen)
        for _ in range(PASSES):  # written to by others since
            moved = [name for name, version in seen.items() if warehouse.version(name) != version]
            self._pass(leaving, moved, seen)

    def _pass(self, leaving: Leaving, names: Iterable[str], seen: dict[str, int]) -> None:
        for name in names:
            if not self.context.warehouse.exists(name):
                continue
            seen[name] = self.context.warehouse.version(name)
            if erased := leaving.erase(name):
                seen[name] = erased.version
                self._note(name, erased.rows, erased.files, erased.version)

    def _note(self, place: str, rows: int, files: int, version: int | None = None) -> None:
        until = None if version is None else self.held_until
        append(self.context.warehouse, "erasures", [(self.began, place, rows, files, version, until)])
        said = (
            f"{place}: {rows:,} rows in {files:,} files" if version is not None else f"{place}: written anew or removed"
        )
        if version is not None and not self.asked.vacuum_now:
            said += f"; versions before {version} hold them until {until:%Y-%m-%d %H:%M} UTC"
        self.context.say(said)

    def _say_running(self) -> None:
        last = {(record.step, record.as_of): record for record in self.context.ledger.records}
        for record in last.values():
            if record.state == "started" and self.began - record.started_at < LATELY:
                self.context.say(
                    f"step {record.step} began at {record.started_at:%Y-%m-%d %H:%M} UTC and has not ended: if it is "
                    "still at work it stops before it writes next; run forget_users again when it has stopped"
                )

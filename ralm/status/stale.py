"""What is not as the newest results would have it: unfinished steps, results of old inputs, an old release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ralm.runs.record import Record
from ralm.status.verdicts import newest_night

if TYPE_CHECKING:
    from ralm.warehouse.without_spark import TableFiles

SOURCES = ("users", "items", "events", "impressions")
SCORED = "score_users"


@dataclass(frozen=True)
class Stale:
    """One thing that is stale.

    Attributes:
        what: a step with its date, a table, or `release`.
        why: in words, with what to do where it is not `pipeline`.
    """

    what: str
    why: str


def stale(files: TableFiles, records: Sequence[Record], release: dict[str, Any] | None) -> list[Stale]:
    """Everything that is stale, the worst first.

    Args:
        files: the tables.
        records: of `runs`, oldest first.
        release: the current row of `releases`, if there is one.
    """
    newest = {record.title: record for record in records}
    done = {record.title: record for record in records if record.state == "done"}
    tonight = newest_night(records)
    return [
        *_unfinished(newest),
        *_outdated(newest, done, tonight),
        *_grown(files, tonight),
        *_unpublished(tonight, release),
    ]


def _unfinished(newest: dict[str, Record]) -> list[Stale]:
    found = []
    for title, record in newest.items():
        if record.state == "failed":
            found.append(Stale(title, f"failed: {record.message or 'no message'}"))
        elif record.state == "started":
            since = f"{record.started_at:%Y-%m-%d %H:%M}"
            found.append(Stale(title, f"began {since} UTC and has not ended: it runs, or was killed"))
    return found


def _outdated(newest: dict[str, Record], done: dict[str, Record], tonight: Sequence[Record]) -> list[Stale]:
    """Finished steps of the newest night that a step before them has outrun."""
    found = []
    for record in sorted(tonight, key=lambda r: r.started_at):
        if newest[record.title] is not record:
            continue
        after = (record.after or {}).items()
        later = [title for title, version in after if title in done and done[title].version != version]
        if later:
            found.append(Stale(record.title, f"older than {', '.join(later)}, which ran again since"))
    return found


def _grown(files: TableFiles, tonight: Sequence[Record]) -> list[Stale]:
    """Source tables with rows that the newest night has not read."""
    found = []
    for name in SOURCES:
        seen = [tables[name] for record in tonight for tables in (record.inputs, record.outputs) if name in tables]
        if seen and (commits := files.changed_since(name, max(seen))):
            found.append(Stale(f"table {name}", f"{commits:,} commits that the night has not read"))
    return found


def _unpublished(tonight: Sequence[Record], release: dict[str, Any] | None) -> list[Stale]:
    scored = [r.ended_at for r in tonight if r.step == SCORED and r.ended_at is not None]
    if not scored:
        return []
    if release is None:
        return [Stale("release", "there is none: run job 'publish'")]
    if release["created_at"] < max(scored):
        return [Stale("release", f"older than the audiences of {max(scored):%Y-%m-%d %H:%M} UTC: run job 'publish'")]
    return []

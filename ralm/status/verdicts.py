"""Whether the newest run is healthy, from its rows of `checks`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ralm.runs.record import Record

SPLIT = "measure_split"


@dataclass(frozen=True)
class Verdict:
    """The checks of the newest runs of all steps.

    Attributes:
        passed: how many passed.
        wrong: name, and what was found, of those that did not; `fail` first.
    """

    passed: int
    wrong: Sequence[tuple[str, str]]


def newest_night(records: Sequence[Record]) -> list[Record]:
    """The last finished runs of all steps without a date, and of those with a date of the newest night."""
    done = {record.title: record for record in records if record.state == "done"}
    split = max((r for r in done.values() if r.step == SPLIT), key=lambda r: r.started_at, default=None)
    if split is None:
        return list(done.values())
    kept = (split.counts.get(f"dates.{name}") for name in ("a0", "a1", "a2", "a3"))
    dates = {dt.date.fromordinal(day) for day in kept if day}
    return [record for record in done.values() if record.as_of is None or record.as_of in dates or not dates]


def judged(records: Sequence[Record]) -> list[Record]:
    """The runs of the newest night whose checks count: those that are done, and those that failed last."""
    newest = {record.title: record for record in records}
    return [*newest_night(records), *(record for record in newest.values() if record.state == "failed")]


def current_checks(checks: Sequence[Mapping[str, Any]], tonight: Sequence[Record]) -> list[Mapping[str, Any]]:
    """The rows of `checks` that runs have written; of a run that was repeated the last ones count."""
    runs = {record.run_id for record in tonight}
    ordered = sorted(checks, key=lambda row: row.get("checked_at") or dt.datetime.min)
    return list({(row["run_id"], row["name"]): row for row in ordered if row["run_id"] in runs}.values())


def verdict(checks: Sequence[Mapping[str, Any]], tonight: Sequence[Record]) -> Verdict | None:
    """The verdict on the newest night; None: nothing was checked.

    Args:
        checks: rows of `checks`.
        tonight: its runs.
    """
    current = current_checks(checks, tonight)
    if not current:
        return None
    wrong = [row for row in current if not row["passed"]]
    wrong.sort(key=lambda row: row.get("severity") != "fail")
    told = [(row["name"], row["detail"] or "") for row in wrong]
    return Verdict(len(current) - len(wrong), told)

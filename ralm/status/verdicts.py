"""Whether the newest run is healthy, from its rows of `checks`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ralm.runs.record import Record


@dataclass(frozen=True)
class Verdict:
    """The checks of the newest runs of all steps.

    Attributes:
        passed: how many passed.
        wrong: name, and what was found, of those that did not; `fail` first.
    """

    passed: int
    wrong: Sequence[tuple[str, str]]


def verdict(checks: Sequence[Mapping[str, Any]], tonight: Sequence[Record]) -> Verdict | None:
    """The verdict on the newest night; None: nothing was checked.

    Args:
        checks: rows of `checks`; of a run that was repeated the last ones count.
        tonight: its finished runs.
    """
    newest = {record.run_id for record in tonight}
    ordered = sorted(checks, key=lambda row: row.get("checked_at") or dt.datetime.min)
    current = {(row["run_id"], row["name"]): row for row in ordered if row["run_id"] in newest}
    if not current:
        return None
    wrong = [row for row in current.values() if not row["passed"]]
    wrong.sort(key=lambda row: row.get("severity") != "fail")
    told = [(row["name"], row["detail"] or "") for row in wrong]
    return Verdict(len(current) - len(wrong), told)

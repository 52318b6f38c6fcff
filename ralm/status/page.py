"""The status as text for a terminal of 80 columns, and as JSON."""

from __future__ import annotations

import datetime as dt
import json
import textwrap
from typing import Any

from ralm.durations import in_words
from ralm.runs.record import Record
from ralm.status.gathered import Run, Status

WIDTH, RUNS, LISTED = 80, 5, 8


def page(status: Status, runs: int = RUNS) -> str:
    """The status in lines of at most 80 columns, names of your own aside."""
    parts = [_fact("warehouse", status.warehouse), _release(status), *_health(status), ""]
    parts += [*_runs(status, runs), "", *_steps(status.runs[0]), "", *_stale(status)]
    return "\n".join(parts)


def as_json(status: Status, runs: int = RUNS) -> str:
    """The same for programs: one JSON object."""
    content = {
        "warehouse": status.warehouse,
        "now": status.now,
        "release": status.release and {key: status.release[key] for key in ("release_id", "as_of", "created_at")},
        "runs": [
            {"name": run.name, "application": run.application, "steps": [_step(r) for r in run.steps]}
            for run in status.runs[:runs]
        ],
        "stale": [vars(one) for one in status.stale],
        "checks": status.verdict and vars(status.verdict),
    }
    return json.dumps(content, default=str)


def _step(record: Record) -> dict[str, Any]:
    shown = ("step", "as_of", "state", "version", "attempt", "started_at", "ended_at", "counts", "outputs", "message")
    return {name: getattr(record, name) for name in shown}


def _fact(name: str, text: str) -> str:
    return f"{name:<11}{text}"


def _wrapped(text: str, indent: int = 2) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _release(status: Status) -> str:
    if status.release is None:
        return _fact("release", "none")
    age = in_words((status.now - status.release["created_at"]).total_seconds())
    return _fact("release", f"{status.release['release_id']} as of {status.release['as_of']}, published {age} ago")


def _health(status: Status) -> list[str]:
    found = status.verdict
    if found is None:
        return [_fact("health", "nothing was checked")]
    lines = [_fact("health", f"{found.passed} checks passed, {len(found.wrong)} did not")]
    for name, detail in found.wrong[:LISTED]:
        lines += _wrapped(f"  {name}: {detail}", 4)
    return lines


def _runs(status: Status, runs: int) -> list[str]:
    lines = [f"{'last runs (UTC)':<18}{'what':<32}{'steps':<18}{'took':>12}"]
    for run in status.runs[:runs]:
        states = [f"{count} {state}" for state in ("done", "failed", "started") if (count := run.count(state))]
        took = "–" if run.ended is None else in_words((run.ended - run.started).total_seconds())
        name = _cut(run.name.removeprefix("ralm ") or "(an older release)", 30)
        lines.append(f"{_minute(run.started):<18}{name:<32}{', '.join(states):<18}{took:>12}".rstrip())
    if len(status.runs) > runs:
        lines.append(f"and {len(status.runs) - runs:,} earlier runs")
    return lines


def _steps(run: Run) -> list[str]:
    lines = [f"{'steps of the last run':<30}{'as of':<11}{'state':<8}{'version':<9}{'took':>10}  rows"]
    for record in run.steps:
        took = "–" if record.ended_at is None else in_words((record.ended_at - record.started_at).total_seconds())
        as_of = record.as_of or "–"
        line = (
            f"{_cut(record.step, 29):<30}{as_of!s:<11}{record.state:<8}{record.version:<9}{took:>10}  {_rows(record)}"
        )
        lines.append(line.rstrip())
    return lines


def _rows(record: Record) -> str:
    """The first count of rows; numbers for later steps have a dot or a colon in their names."""
    counts = [count for name, count in record.counts.items() if "." not in name and ":" not in name]
    return f"{counts[0]:,}" if counts else ""


def _stale(status: Status) -> list[str]:
    if not status.stale:
        return ["nothing is stale"]
    lines = ["stale"]
    for one in status.stale[:LISTED]:
        lines += _wrapped(f"  {one.what}: {one.why}", 4)
    if len(status.stale) > LISTED:
        lines.append(f"  and {len(status.stale) - LISTED} more (--json lists all)")
    return [*lines, "`pipeline --dry-run` says which steps would run"]


def _minute(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"

"""The record of the days under fire as a table of docs/reliability.md: `python -m tests.faults --page`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.faults.campaign import ENDED, Blow
from tests.faults.points import BEGUN, FILES, LOG, MOMENT, SAID

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
START, END = "<!-- kills: by `python -m tests.faults --page` -->", "<!-- end of kills -->"
VICTIMS = {
    "driver": "driver (JVM and Python)",
    "worker": "worker of Python",
    "executor": "executor with its shuffle files",
    "rank": "training rank",
}
POINTS = {
    BEGUN: "in a step",
    FILES: "data files written, log not",
    LOG: "log written, ledger not",
    SAID: "between two parts of an export",
    MOMENT: "random moment",
}


def blows(folder: Path, world: str) -> list[Blow]:
    """What was noted in a world; nothing if it has no record."""
    record = folder / world / "record.jsonl"
    return (
        [Blow(**json.loads(line)) for line in record.read_text(encoding="utf-8").splitlines()]
        if record.exists()
        else []
    )


def killed(noted: Sequence[Blow]) -> list[Blow]:
    """Those in which a process was killed."""
    return [blow for blow in noted if blow.victim in VICTIMS]


def table(worlds: dict[str, list[Blow]]) -> str:
    """A line per world, job, victim and point, and a sum."""
    lines = ["| on | job | killed | point | kills | found afterwards | right |", "|---|---|---|---|---|---|---|"]
    every: list[Blow] = []
    for world, noted in worlds.items():
        hit = killed(noted)
        every += hit
        jobs = list(dict.fromkeys(blow.task for blow in noted))
        for job in jobs:
            for victim in VICTIMS:
                for kind in POINTS:
                    same = [blow for blow in hit if (blow.task, blow.victim, blow.kind) == (job, victim, kind)]
                    if same:
                        where = f"| {world} | `{job}` | {VICTIMS[victim]} | {POINTS[kind]} "
                        lines.append(f"{where}| {len(same)} | {_found(same)} | {_right(same)} |")
    ended = [f"`{blow.task}`" for noted in worlds.values() for blow in noted if blow.victim == ENDED]
    lines.append(f"| | **all** | | | **{len(every)}** | {len(ended)} jobs run to their end | {_right(every)} |")
    return "\n".join(lines)


def _found(same: Sequence[Blow]) -> str:
    counts: dict[str, int] = {}
    for blow in same:
        what = blow.found or ("the job went on" if blow.code == 0 else "one line of error" if blow.code > 0 else "–")
        counts[what] = counts.get(what, 0) + 1
    return ", ".join(f"{count} × {what}" for what, count in counts.items())


def _right(same: Sequence[Blow]) -> str:
    right = sum(not blow.problems for blow in same)
    return "all" if right == len(same) else f"{right} of {len(same)}"


def compared(folder: Path, world: str) -> str:
    """What came of the comparisons at the ends of the jobs."""
    kept = folder / world / "compared.json"
    if not kept.exists():
        return "no job has ended yet"
    found = json.loads(kept.read_text(encoding="utf-8"))
    told = [f"`{job}` {one['tables'] - len(one['different'])} of {one['tables']}" for job, one in found.items()]
    return f"tables and kinds of served records that hold what the undisturbed job left: {', '.join(told)}"


def write(folder: Path, names: Sequence[str]) -> None:
    """Put the table between its marks in the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    called = {name: "one JVM" if name == "local" else "executors" for name in names}
    shown = {called[name]: blows(folder, name) for name in names}
    ends = "\n".join(f"On {called[name]}, {compared(folder, name)}." for name in names)
    PAGE.write_text(f"{before}{START}\n\n{table(shown)}\n\n{ends}\n\n{END}{after}", encoding="utf-8")

"""The page docs/tables.md, made from the schemas: `python -m ralm.warehouse.tables_page` writes it anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ralm.warehouse.schemas import TABLES
from ralm.warehouse.table import FOLLOWED, Column, Table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tables.md"
STEPS = "jobs/steps"

INTRODUCTION = """\
# The tables

<!-- Written by `python -m ralm.warehouse.tables_page` from the schemas and from that module: change them, not this. -->

All are Delta tables under `<warehouse>/<table>`. Column names are the contract; the schemas with their constraints are
in [ralm/warehouse/schemas.py](../ralm/warehouse/schemas.py), and the descriptions below are also comments of the Delta
tables. Most derived tables carry `as_of`: a run never overwrites the rows of another date. Embeddings, clusters and
look-alike samples also carry the `model_version` that they come from: another model leaves them as they are. Audiences,
thresholds and metrics carry the name of the `system`: a later run for the same date replaces them. User ids are strings
or longs (`user_id_type`) and stay as they came: the type `uid` stands for either. Times are UTC. A0 to A3 are
[the four dates](dates.md).

**A consistent set**: read `releases` where `current`, then each table `versionAsOf` the version that it names.

**Scores**: the `score` of RALM is the [closed form](decisions/0011-the-closed-form.md)'s part, if there is one, +
α·cos(target, global embedding) + β·cos(target, local embedding) + bias, rounded to 1e-6; ties are ordered by user_id.
`percentile` = 1 − (rank − 1) / users scored.

**Files of `audiences`**: `item_bucket` follows from how large the audiences of a run are. Items with neighbouring ids
share a bucket of up to two million rows, so a file holds few items, and a condition on `item_id` alone opens few files.
Within a file the rows are in the order of item and score.
The audience of your own list of seeds (`extend_audience --seeds`) has the list's name as item_id and lies in the
partition `item_bucket = -1`, which the runs over items leave alone.
"""


class Place(NamedTuple):
    """Where tables are made, and why not in the file or folder of jobs/steps that bears their name."""

    paths: tuple[str, ...]
    reason: str


_SOURCES = Place(
    (f"{STEPS}/sources/simulated_world.py", f"{STEPS}/sources/ingested_logs.py"), "by either of the two sources"
)
_WORLD = Place((f"{STEPS}/world/living_world.py",), "by the built-in world as it goes on")
_REPORT = Place((f"{STEPS}/audience_reports",), "with the report that they belong to")
# Table -> its place, where the rule of `made_in` does not find it.
EXCEPTIONS = {
    "users": _SOURCES,
    "items": _SOURCES,
    "events": _SOURCES,
    "impressions": _SOURCES,
    "quarantine": Place((f"{STEPS}/sources/ingested_logs.py",), "by the source that refuses rows"),
    "recommendations": Place((f"{STEPS}/audiences/audiences.py",), "in the same pass over the users as the audiences"),
    "score_histograms": Place((f"{STEPS}/audiences/thresholds.py",), "from the same sample of users as the thresholds"),
    "feature_rankings": Place((f"{STEPS}/audiences/own_list.py",), "with the audience that a ranking explains"),
    "audience_sizes": _REPORT,
    "audience_groups": _REPORT,
    "audience_features": _REPORT,
    "comparisons": Place((f"{STEPS}/evaluation/compare.py",), "one write per system, whatever its cells"),
    "live_exposures": _WORLD,
    "live_items": _WORLD,
    "runs": Place(("ralm/runs/ledger.py",), "by the ledger, around every step"),
    "checks": Place(("ralm/runs/ledger.py",), "by the ledger, with the end of a step"),
}
# Table -> other files that write it -> what they write.
OTHER_WRITERS = {
    "items": {f"{STEPS}/world/living_world.py": "adds the new items of a round"},
    "impressions": {
        f"{STEPS}/sources/landed_files.py": "adds the rows of files that land",
        f"{STEPS}/world/living_world.py": "adds what a round showed",
    },
    "quarantine": {
        f"{STEPS}/sources/landed_files.py": "adds files that cannot be read and rows that the mapping refuses",
        f"{STEPS}/seeds/live_seeds.py": "adds clicks ahead of the clock",
    },
    "seed_clusters": {
        f"{STEPS}/lookalike/training.py": "writes the clusters of the training rounds",
        f"{STEPS}/refresh/round.py": "writes the clusters of items whose seeds changed",
    },
    "thresholds": {f"{STEPS}/audiences/audiences.py": "empties it for items that another system took over"},
    "score_histograms": {f"{STEPS}/audiences/audiences.py": "empties it for items that another system took over"},
    "comparisons": {f"{STEPS}/evaluation/comparison_pairs.py": "empties it when other pairs are drawn"},
    "metrics": {f"{STEPS}/world/ab_test.py": "writes the figures of the online test in the built-in world"},
}


def made_in(name: str) -> tuple[str, ...]:
    """Where a table is made, from the project's root: the file of jobs/steps of its name, else the folder.

    Raises:
        LookupError: neither is there, or several are, and `EXCEPTIONS` names no place.
    """
    if name in EXCEPTIONS:
        return EXCEPTIONS[name].paths
    files, folders = (list((ROOT / STEPS).rglob(pattern)) for pattern in (f"{name}.py", name))
    found = files or folders
    if len(found) != 1:
        raise LookupError(f"table '{name}': one file or folder of {STEPS} of that name expected, found {found}")
    return (found[0].relative_to(ROOT).as_posix(),)


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, _overview(), *map(_section, TABLES.values())])


def _overview() -> str:
    rows = [(f"[`{name}`](#{name})", table.description, _links(made_in(name))) for name, table in TABLES.items()]
    return _grid(("table", "what it holds", "made in"), rows)


def _section(table: Table) -> str:
    parts = [f"## {table.name}\n", f"{table.description}\n", "\n".join(f"- {fact}" for fact in _facts(table)) + "\n"]
    rows = [_row(column) for column in table.columns]
    if table.further:
        rows.append(("…", table.further, "", "yes"))
    return "\n".join([*parts, _grid(("column", "description", "type", "may be NULL"), rows)])


def _facts(table: Table) -> list[str]:
    facts = [f"made in {_links(made_in(table.name))}"]
    if table.name in EXCEPTIONS:
        facts[0] += f", {EXCEPTIONS[table.name].reason}"
    facts += [f"{_links([path])} {what}" for path, what in OTHER_WRITERS.get(table.name, {}).items()]
    if table.partition:
        facts.append(f"partitioned by {', '.join(f'`{column}`' for column in table.partition)}")
    facts += [f"checked: `{condition}`" for condition in table.conditions.values()]
    facts += [f"with `{FOLLOWED} = true`"] if table.followed else []
    return facts


def _row(column: Column) -> tuple[str, ...]:
    kind = column.type.removesuffix("!").replace(",", ", ")
    return f"`{column.name}`", column.description, f"`{kind}`", "" if column.required else "yes"


def _links(paths: Sequence[str]) -> str:
    return " or ".join(f"[{path.removeprefix(f'{STEPS}/')}](../{path})" for path in paths)


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, with a line break at its end."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

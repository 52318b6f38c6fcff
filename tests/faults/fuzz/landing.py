"""Mutated files that land in a folder: each is taken, rows that are bad in quarantine, or refused there as a whole."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import functions as F

from ralm.config import load_config
from ralm.runs.context import Context
from tests.faults.fuzz.rows import forms, spoil
from tests.faults.fuzz.session import session
from tests.faults.fuzz.trial import Case, Wrong
from tests.steps.sources.test_landed_files import START, Folder

FILES = 25
NAMES = ("uid", "article", "ts")
FORMS = {"jsonl": "JSON lines", "csv": "csv", "parquet": "Parquet"}


def _count(folder: Folder, item: str) -> int:
    """The rows of an item, in `impressions` and in quarantine."""
    warehouse = folder.context.warehouse
    good = warehouse.read("impressions").where(F.col("item_id") == item).count()
    bad = warehouse.read("quarantine").where(F.col("row").contains(f'"{item}"')).count()
    return int(good + bad)


def _judge(folder: Folder, path: Path, item: str, rows: int | None, refused: dict[str, str]) -> str:
    name = path.name
    if name in refused:
        if len(refused[name]) > 2_000 or "Traceback" in refused[name]:
            raise Wrong(f"the reason is no short line: {refused[name][:300]}")
        found = _count(folder, item)
        if found:
            raise Wrong(f"the file is refused, and {found} of its rows are there")
        return "refused, in quarantine"
    if rows is not None and (found := _count(folder, item)) != rows:
        raise Wrong(f"{found} rows are there, a plain reader counts {rows}")
    return "taken"


def _folder(place: Path, form: str) -> Folder:
    place.mkdir()
    folder = Folder(session(), place, form)
    settings = [*folder.settings, "stream.max_files=1000", "ingest.impressions.columns.clicked=ts > 0"]
    folder.context = Context(session(), load_config(folder.file, settings), say=folder.lines.append)
    return folder


def cases(drawn: random.Random) -> Iterator[Case]:
    """Files without end, some at a time; each has an item of its own."""
    number = 0
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folders = {form: _folder(Path(name) / form, form) for form in FORMS}
        while True:
            form = drawn.choice(list(FORMS))
            folder, landed = folders[form], []
            for _ in range(FILES):
                number += 1
                item = f"item{number:06}"
                values: list[tuple[object, ...]] = [(f"u{at % 5}", item, START + 60 * at) for at in range(20)]
                how, content, rows = spoil(forms(NAMES, values)[FORMS[form]], drawn)
                # An item in a bad cell is no longer told; a lost one is counted by nobody.
                rows = rows if content.count(item.encode()) == rows else None
                folder.land(f"{number}.{form}", content)
                landed.append((how, folder.path / f"{number}.{form}", item, rows, content))
            folder.land_only()
            refused = {
                json.loads(row)["path"].rpartition("/")[2]: reason
                for reason, row in folder.refused()
                if row.startswith('{"path"')
            }
            for how, path, item, rows, content in landed:
                given = (folder, path, item, rows, refused)
                yield Case(f"{form}, {how}", lambda given=given: _judge(*given), content)  # type: ignore[misc]

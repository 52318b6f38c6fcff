"""Damaged Delta tables, of which `status` says how they stand without Spark: their page, or one line."""

from __future__ import annotations

import datetime as dt
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ralm.status.gathered import gather
from ralm.status.page import as_json, page
from ralm.warehouse.without_spark import TableFiles
from tests.faults.fuzz.folders import spoil_a_file
from tests.faults.fuzz.trial import Case
from tests.status.worlds import DAY, NIGHT, record, write, write_runs


def _status(folder: Path) -> str:
    status = gather(TableFiles(str(folder)), NIGHT + dt.timedelta(hours=3))
    assert page(status)
    assert as_json(status)
    return "told"


def cases(drawn: random.Random) -> Iterator[Case]:
    """Warehouses without end."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        whole, copy = Path(name) / "whole", Path(name) / "copy"
        first = record("ingest", outputs={"events": 0}, counts={"users": 1_000})
        write_runs(whole, first, record("embed_users", minute=1, as_of=DAY, after={"ingest": first.version}))
        write(whole, "events", [{"user_id": "u"}])
        at = NIGHT.replace(tzinfo=dt.UTC)
        write(whole, "releases", [{"release_id": "abc", "created_at": at, "as_of": DAY, "current": True}])
        yield Case("as it is", lambda: _status(whole))
        while True:
            how = spoil_a_file(whole, copy, drawn)
            yield Case(how, lambda: _status(copy))

"""What other applications commit to a table while one writes to it: writes that Delta refuses are made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from ralm.errors import RalmError
from ralm.spark.causes import is_conflict
from ralm.warehouse.warehouse import Warehouse

# How often a write is tried in all. Each try finds the other's commit in place, so it fails only for yet another one.
TRIES = 3
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Written:
    """A commit of ours: what its user metadata and Delta's own metrics say.

    Attributes:
        version: of the table.
        rows: that it wrote.
        run_id: of the run that made it.
        write_id: unique to the call that made it.
    """

    version: int
    rows: int
    run_id: str
    write_id: str


def retried(write: Callable[[], Answer], refused: Callable[[], RalmError]) -> Answer:
    """Do a write; where Delta refuses it for another application's commit, do it again.

    Delta refuses a write whose table has changed in what the write read or replaces, and leaves nothing of it. What
    is written follows from pinned versions, so it is the same at the next try.

    Args:
        write: makes one commit.
        refused: the error if the last try is refused, too.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return write()
        except (PySparkException, Py4JJavaError) as error:
            if not is_conflict(error):
                raise
            if attempt == TRIES:
                raise refused() from error
    raise AssertionError("unreachable")


def other_run(warehouse: Warehouse, name: str, since: int, own: str) -> str | None:
    """The newest run that has committed to a table after a version and is not the call `own`; None: none says so."""
    if not warehouse.exists(name):
        return None
    rows = warehouse.history(name).where(F.col("version") > since).select("version", "userMetadata").collect()
    for row in sorted(rows, key=lambda row: -row["version"]):
        found = said(row["userMetadata"])
        if "run_id" in found and found.get("write_id") != own:
            return str(found["run_id"])
    return None


def said(metadata: str | None) -> dict[str, str]:
    """What a commit's user metadata say; empty for those of other software."""
    try:
        content = json.loads(metadata or "")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def writes_since(warehouse: Warehouse, name: str, since: int, until: int) -> list[dict[str, str]]:
    """What our commits to a table say of themselves, after one version up to another: app_id, run_id, attempt."""
    found = warehouse.commits(name, since, until)
    if found is None:
        rows = (
            warehouse.history(name).where(F.col("version").between(since + 1, until)).select("userMetadata").collect()
        )
        found = [(0, row.asDict()) for row in rows]
    every = [said(commit.get("userMetadata")) for _, commit in found]
    return [one for one in every if "app_id" in one]

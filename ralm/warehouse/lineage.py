"""Whether what was written to a table is still in it: not if the table was deleted, made anew, or restored."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from py4j.java_gateway import JavaClass
from pyspark.sql import functions as F

from ralm.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class _Commit:
    """A commit of a table; `back`: the version that it restored."""

    version: int
    back: int | None
    metadata: str


class Lineage:
    """Looks into Delta's logs, at each version of a table once."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._history: dict[str, tuple[int, int, list[_Commit]]] = {}
        self._transactions: dict[str, tuple[int, dict[str, int]]] = {}

    def lost(self, name: str, version: int) -> str | None:
        """Why a table does not hold the commit of a version any more; None: it does."""
        if not self.warehouse.exists(name):
            return f"table '{name}' is not there"
        at = self.warehouse.version(name)
        if at < version:
            return f"table '{name}' is at version {at}, before {version}, which was written"
        restores = {c.version: c.back for c in self._commits(name, version, at) if c.back is not None}
        while at > version:
            back = restores.get(at)
            if back is not None and back < version:
                return f"table '{name}' was restored to version {back}, before {version}, which was written"
            at = at - 1 if back is None else back
        return None

    def later_attempt(self, step: str, as_of: dt.date | None, outputs: Mapping[str, int]) -> int:
        """The highest attempt of a step and date among the commits after those that a record knows; 0: none.

        Args:
            step: its name.
            as_of: its date.
            outputs: table -> version that the record wrote. Only a table with newer commits is looked into.
        """
        found = 0
        for name, version in outputs.items():
            at = self.warehouse.version(name) if self.warehouse.exists(name) else -1
            for commit in self._commits(name, version, at):
                if (written := _written(commit.metadata)) is not None:
                    app, number = written
                    found = max(found, number if _belongs(app, step, name, as_of) else 0)
        return found

    def attempts(self, step: str, as_of: dt.date | None, tables: Iterable[str]) -> int:
        """The highest attempt of a step and date that tables know of; neither RESTORE nor time takes it back.

        It takes Delta some seconds per table to say so: for the rare case that `runs` cannot tell.
        """
        found = 0
        for name in tables:
            if self.warehouse.exists(name):
                known = self._known(name)
                found = max([found, *(n for app, n in known.items() if _belongs(app, step, name, as_of))])
        return found

    def _commits(self, name: str, since: int, at: int) -> list[_Commit]:
        """The commits of a table after a version that its log still has, looked up once per version."""
        if at <= since:
            return []
        first, last, found = self._history.get(name, (-1, -1, []))
        if last != at or since < first:
            read = self.warehouse.commits(name, since, at)
            found = self._from_history(name) if read is None else [_commit(*commit) for commit in read]
            self._history[name] = (0 if read is None else since), at, found
        return [commit for commit in found if commit.version > since]

    def _from_history(self, name: str) -> list[_Commit]:
        to = F.col("operationParameters")["version"].cast("long")
        back = F.when(F.col("operation") == "RESTORE", to).alias("back")
        rows = self.warehouse.history(name).select("version", back, "userMetadata").collect()
        return [_Commit(row["version"], row["back"], row["userMetadata"] or "") for row in rows]

    def _known(self, name: str) -> dict[str, int]:
        """Transaction name -> its highest number, from the log's current state."""
        at = self.warehouse.version(name)
        seen, found = self._transactions.get(name, (-1, {}))
        if seen != at:
            found = _transactions(self.warehouse, name)
            self._transactions[name] = at, found
        return found


def _commit(version: int, said: Mapping[str, Any]) -> _Commit:
    to = said.get("operationParameters", {}).get("version") if said.get("operation") == "RESTORE" else None
    return _Commit(version, None if to is None else int(to), said.get("userMetadata") or "")


def _belongs(app: str, step: str, name: str, as_of: dt.date | None) -> bool:
    """Whether a write's name is that of a step, for its date."""
    dated = re.search(r"\bas_of=(\d{4}-\d\d-\d\d)", app)
    return app.startswith(f"{step}/{name}/") and (as_of is None or dated is None or dated[1] == str(as_of))


def _written(metadata: str) -> tuple[str, int] | None:
    """(name, attempt) of a write of ours, from its commit's user metadata."""
    try:
        content = json.loads(metadata)
        return str(content["app_id"]), int(content["attempt"])
    except (ValueError, KeyError, TypeError):
        return None


def _transactions(warehouse: Warehouse, name: str) -> dict[str, int]:
    jvm = getattr(warehouse.spark, "_jvm", None)
    log = None if jvm is None else jvm.org.apache.spark.sql.delta.DeltaLog
    if jvm is None or not isinstance(log, JavaClass):  # Spark Connect and other builds of Delta
        return {}
    found = log.forTableWithSnapshot(warehouse.spark._jsparkSession, warehouse.table_path(name))._2().transactions()
    # One string for all: a call of the JVM per entry takes longer than Delta takes to read its log.
    text = found.mkString("", "\n", "")
    pairs = (line.rpartition(" -> ") for line in text.splitlines() if " -> " in line)
    return {app: int(number) for app, _, number in pairs}

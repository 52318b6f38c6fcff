"""Whether what was written to a table is still in it: not if the table was deleted, made anew, or restored."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

from py4j.java_gateway import JavaClass
from pyspark.sql import functions as F

from ralm.warehouse.schemas import TABLES
from ralm.warehouse.warehouse import Warehouse


class Lineage:
    """Looks into Delta's logs, at each version of a table once."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._restores: dict[str, tuple[int, dict[int, int]]] = {}
        self._transactions: dict[str, tuple[int, dict[str, int]]] = {}

    def lost(self, name: str, version: int) -> str | None:
        """Why a table does not hold the commit of a version any more; None: it does."""
        if not self.warehouse.exists(name):
            return f"table '{name}' is not there"
        at = self.warehouse.version(name)
        if at < version:
            return f"table '{name}' is at version {at}, before {version}, which was written"
        restores = self._restored(name, at) if at > version else {}
        while at > version:
            back = restores.get(at)
            if back is not None and back < version:
                return f"table '{name}' was restored to version {back}, before {version}, which was written"
            at = at - 1 if back is None else back
        return None

    def attempts(self, step: str, as_of: dt.date | None, tables: Iterable[str] = ()) -> int:
        """The highest attempt of a step and date that tables know of; RESTORE does not take it back.

        Args:
            step: its name.
            as_of: its date: writes that name another one are left out; None: it has none.
            tables: where to look; none: in all tables that are there.
        """
        found = 0
        for name in tuple(tables) or TABLES:
            if self.warehouse.exists(name):
                for app, number in self._known(name).items():
                    dated = re.search(r"\bas_of=(\d{4}-\d\d-\d\d)", app)
                    same_date = as_of is None or dated is None or dated[1] == str(as_of)
                    if app.startswith(f"{step}/{name}/") and same_date:
                        found = max(found, number)
        return found

    def _restored(self, name: str, at: int) -> dict[int, int]:
        """Version that a RESTORE made -> the version that it went back to."""
        seen, found = self._restores.get(name, (-1, {}))
        if seen != at:
            rows = self.warehouse.history(name).where("operation = 'RESTORE'")
            to = F.col("operationParameters")["version"].cast("long").alias("to")
            found = {row["version"]: row["to"] for row in rows.select("version", to).collect() if row["to"] is not None}
            self._restores[name] = at, found
        return found

    def _known(self, name: str) -> dict[str, int]:
        """Transaction name -> its highest number, from the log's current state."""
        at = self.warehouse.version(name)
        seen, found = self._transactions.get(name, (-1, {}))
        if seen != at:
            found = _transactions(self.warehouse, name)
            self._transactions[name] = at, found
        return found


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

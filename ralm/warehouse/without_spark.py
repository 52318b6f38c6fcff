"""Small Delta tables read by delta-rs: no JVM starts, so a command that only looks answers at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from ralm.config.locations import absolute, is_url
from ralm.errors import RalmError, checkpoint_advice

# Hadoop's settings of S3 -> the names that delta-rs knows.
_S3 = {
    "access.key": "AWS_ACCESS_KEY_ID",
    "secret.key": "AWS_SECRET_ACCESS_KEY",
    "session.token": "AWS_SESSION_TOKEN",
    "endpoint": "AWS_ENDPOINT_URL",
    "endpoint.region": "AWS_REGION",
}
_PREFIX = "spark.hadoop.fs.s3a."
# Commits of these change no row that readers see.
_UPKEEP = ("OPTIMIZE", "VACUUM", "SET TBLPROPERTIES", "CREATE TABLE", "ADD CONSTRAINT", "ADD COLUMNS", "CHANGE COLUMN")


class TableFiles:
    """The tables under one path, for looking at a few rows.

    Args:
        path: of the warehouse, on any file system that delta-rs knows.
        settings: `spark.conf`; of it, those of S3 count. Other stores take theirs from the environment.
    """

    def __init__(self, path: str, settings: Mapping[str, str] | None = None) -> None:
        self.path = absolute(path).rstrip("/")
        self.options = _options(self.path, settings or {})
        self._opened: dict[str, DeltaTable | None] = {}

    def table(self, name: str) -> DeltaTable | None:
        """A table; None: it is not there.

        Raises:
            RalmError: the store does not answer, or the table's log is damaged.
        """
        if name not in self._opened:
            try:
                self._opened[name] = DeltaTable(f"{self.path}/{name}", storage_options=self.options or None)
            except TableNotFoundError:
                self._opened[name] = None
            except (DeltaError, OSError) as error:
                found = " ".join(str(error).split())[:300]
                log = f"{self.path}/{name}/_delta_log"
                advice = f"; {checkpoint_advice(log)}" if "Checkpoint" in found or "Parquet" in found else ""
                raise RalmError(f"table '{name}': cannot be read at {self.path}/{name}: {found}{advice}") from error
        return self._opened[name]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """All rows of a small table; none if it is not there. Times are UTC without a zone, maps are dicts.

        Raises:
            RalmError: the table's log or a file of it is damaged.
        """
        table = self.table(name)
        if table is None:
            return []
        # Arrow's own scanner is slow at many small files by one thread; with more, the process may end with an abort.
        try:
            content = pa.table(QueryBuilder().register("rows", table).execute("SELECT * FROM rows").read_all())
        except BaseException as error:
            # delta-rs raises Exception itself, and panics of Rust, which are none.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            place = f"{self.path}/{name}"
            raise RalmError(
                f"table '{name}': a file of it is damaged or has gone at {place}: {str(error)[:300]}; restore the "
                "folder from a copy, or the table to a version before by RESTORE"
            ) from error
        maps = {field.name for field in content.schema if pa.types.is_map(field.type)}
        return [
            {column: dict(value) if column in maps and value is not None else _plain(value) for column, value in row}
            for row in (found.items() for found in content.to_pylist())
        ]

    def version(self, name: str) -> int | None:
        """The current version of a table; None: it is not there."""
        table = self.table(name)
        return None if table is None else int(table.version())

    def changed_since(self, name: str, version: int) -> int:
        """Commits after a version that may have changed rows; upkeep does not count."""
        table, now = self.table(name), self.version(name)
        if table is None or now is None or now <= version:
            return 0
        try:
            newer = table.history(now - version)
        except (DeltaError, OSError) as error:
            raise RalmError(f"table '{name}': its history cannot be read at {self.path}/{name}: {error}") from error
        return sum(found["version"] > version and found.get("operation") not in _UPKEEP for found in newer)


def _plain(value: Any) -> Any:
    return value.astimezone(dt.UTC).replace(tzinfo=None) if isinstance(value, dt.datetime) and value.tzinfo else value


def _options(path: str, settings: Mapping[str, str]) -> dict[str, str]:
    """What delta-rs needs to open a store, from the settings that Spark opens it with."""
    if not is_url(path) or not path.startswith(("s3a:", "s3:")):
        return {}
    given = {key.removeprefix(_PREFIX): value for key, value in settings.items() if key.startswith(_PREFIX)}
    found = {_S3[key]: value for key, value in given.items() if key in _S3}
    if found.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        found["AWS_ALLOW_HTTP"] = "true"
    return found

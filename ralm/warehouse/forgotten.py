"""Users who were forgotten: their rows are refused when they come in again.

What is kept of them is a salted hash of the id. Whoever holds the table can tell whether a given id was forgotten,
which is what an ingest has to do, and cannot list the ids; the salt is of this warehouse, so that tables of hashes made
elsewhere are of no use.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from ralm.warehouse.warehouse import Warehouse

TABLE = "forgotten"
# So many hashes are sent to all executors (some 200 MB); more are shuffled.
BROADCAST = 2_000_000


@dataclass(frozen=True)
class Forgotten:
    """Those who were forgotten.

    Attributes:
        hashes: (user_hash), each once.
        salt: of the hashes.
        version: of the table.
    """

    hashes: DataFrame
    salt: str
    version: int

    def key(self, user_id: str) -> str:
        """The hash of a user, in SQL over a column or expression; NULL for none."""
        return f"sha2(concat('{self.salt}', CAST({user_id} AS STRING)), 256)"

    def among(self, frame: DataFrame, user_id: str = "user_id") -> DataFrame:
        """The rows of these users."""
        return self._joined(frame, user_id, "left_semi")

    def without(self, frame: DataFrame, user_id: str = "user_id") -> DataFrame:
        """The rows of all others, and those without a user."""
        return self._joined(frame, user_id, "left_anti")

    def _joined(self, frame: DataFrame, user_id: str, how: str) -> DataFrame:
        return frame.join(self.hashes, F.expr(self.key(user_id)) == self.hashes["user_hash"], how)


def forgotten_version(warehouse: Warehouse) -> int:
    """The version of the table; 0: nobody was ever forgotten."""
    return warehouse.version(TABLE) if warehouse.exists(TABLE) else 0


def forgotten(warehouse: Warehouse) -> Forgotten | None:
    """Those who were forgotten up to now; None: nobody."""
    version = forgotten_version(warehouse)
    rows = warehouse.read(TABLE, version) if version else None
    first = None if rows is None else rows.select("salt").first()
    if rows is None or first is None:
        return None
    hashes = rows.select("user_hash")
    few = hashes.count() <= BROADCAST  # from the table's log
    return Forgotten(F.broadcast(hashes) if few else hashes, first["salt"], version)


def without_forgotten(warehouse: Warehouse, frame: DataFrame, user_id: str = "user_id") -> DataFrame:
    """The rows of users who were not forgotten."""
    found = forgotten(warehouse)
    return frame if found is None else found.without(frame, user_id)

"""Which tables hold single users, and how: by the columns of their schemas, so that no new table is missed.

A table that lists no id may hold a user all the same: by a hash, by the user's vector, or in a text. Each such table is
named in `TRACES`, and each of the others, with sums over people alone, in `AGGREGATES`; a test wants every table in one
of these places.
"""

from __future__ import annotations

from collections.abc import Mapping

from ralm.warehouse.schemas import TABLES
from ralm.warehouse.table import Table

# Table with lists of users -> the columns that tell its rows apart.
LIST_ROWS: Mapping[str, tuple[str, ...]] = {
    "item_seeds": ("as_of", "purpose", "item_id", "draw"),
    "live_seeds": ("item_bucket", "item_id"),
}
# Table -> what of a single user is in it, without the id.
TRACES: Mapping[str, str] = {
    "user_samples": "the user's fields, under a hash of the id",
    "lookalike_samples": "the user's embedding",
    "seed_clusters": "the embedding of a user who is a cluster by himself",
    "quarantine": "the raw row, with the id in its text",
    "checks": "ids in the text, such as those with too many rows",
    "runs": "ids in the message of a failed run, as examples",
}
AGGREGATES = (
    *("items", "vocabularies", "lifts", "thresholds", "score_histograms", "freshness", "live_items"),
    *("feature_rankings", "audience_reports", "audience_sizes", "audience_groups", "audience_features"),
    *("releases", "comparisons", "metrics", "forgotten", "erasures"),
)
# These tell what the others hold of a user, so a user leaves them last: who is killed on the way can begin again.
LAST = ("user_fields", "users", "user_embeddings")


def with_ids() -> list[str]:
    """The tables with a row per user or of a user: those with a column `user_id`; those of `LAST` at the end."""
    found = [name for name, table in TABLES.items() if _columns(table, plain=True)]
    return [name for name in found if name not in LAST] + [name for name in LAST if name in found]


def with_lists() -> dict[str, str]:
    """Table -> its column with lists of users."""
    found = {name: _columns(table, plain=False) for name, table in TABLES.items()}
    return {name: columns[0] for name, columns in found.items() if columns}


def holders() -> list[str]:
    """All tables in which there may be something of a single user."""
    return [*TRACES, *with_lists(), *with_ids()]


def _columns(table: Table, *, plain: bool) -> list[str]:
    """The columns with user ids: of one user per row, or of several."""
    kinds = {column.name: column.type.removesuffix("!") for column in table.columns}
    return [name for name, kind in kinds.items() if "uid" in kind and (kind == "uid") == plain]

"""The release that is asked for, and what it says of itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ralm.errors import MissingInputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def release_row(releases: DataFrame, path: str, asked: str | dt.date | None) -> dict[str, Any]:
    """The row of `releases` that is asked for; arguments of `ralm.open`.

    Raises:
        MissingInputError: there is none.
    """
    rows = sorted((row.asDict() for row in releases.collect()), key=lambda row: row["created_at"])
    if asked is None:
        found = [row for row in rows if row["current"]]
    elif isinstance(asked, dt.date):
        found = [row for row in rows if row["as_of"] == asked]
    else:
        found = [row for row in rows if asked in (row["release_id"], str(row["as_of"]))]
    if not found:
        known = ", ".join(f"{row['release_id']} ({row['as_of']})" for row in rows) or "none"
        wanted = "current release" if asked is None else f"release '{asked}'"
        raise MissingInputError(f"no {wanted} in {path}; there are {known}")
    return found[-1]


# What the first figures mean, by the end of their names.
MEANT = {
    "item_auc": "of two users who saw an item, how often the one who clicked it ranks higher; .5: chance",
    "all_users_auc": "how often a later clicker ranks above any other user; .5: chance",
    "recall@5%": "of 100 later clickers, so many hundredths are in the best 5 % of users",
}


def description(path: str, facts: Mapping[str, Any], minimum: int, items: int, lists: int) -> str:
    """What a workspace of this release is, in lines.

    Args:
        path: of the warehouse.
        facts: the row of `releases`.
        minimum: fewest people that are shown.
        items: how many have an audience.
        lists: of your own, how many have one.
    """
    state = "current" if facts["current"] else "not the current one"
    lines = [
        f"warehouse {path}",
        f"release {facts['release_id']} ({state}), users as of {facts['as_of']}, "
        f"published {facts['created_at']:%Y-%m-%d}",
        *([f"note: {facts['note']}"] if facts["note"] else []),
        *([f"nothing is shown of fewer than {minimum:,} people"] if minimum else []),
        f"audiences: {items:,} items" + (f" and {lists:,} list{'s' if lists > 1 else ''} of yours" if lists else ""),
        *(f"{name}: {value:.3f}{_meant(name)}" for name, value in sorted(facts["metrics"].items())),
        f"tables: {', '.join(sorted(facts['tables']))}",
    ]
    return "\n".join(lines)


def _meant(name: str) -> str:
    meaning = next((words for end, words in MEANT.items() if name.endswith(f"/{end}")), None)
    return f" ({meaning})" if meaning else ""

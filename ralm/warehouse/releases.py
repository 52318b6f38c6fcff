"""Releases: which versions of tables and models readers are to use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ralm.errors import MissingInputError
from ralm.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Release:
    """A row of `releases`.

    Attributes:
        release_id: unique.
        created_at: UTC.
        as_of: of the users and items.
        tables: table -> version.
        models: `user_model` and `lookalike` -> version.
        metrics: `new_items/item_auc`, protocol and first figure -> value; in old releases `new_items` -> item_auc.
        current: what readers take; one row is.
        note: why it was published without having been judged; None: it was judged.
        configuration: the settings that it was made with, as JSON (`ralm.config.kept`); None: an older release.
    """

    release_id: str
    created_at: dt.datetime
    as_of: dt.date
    tables: Mapping[str, int]
    models: Mapping[str, str]
    metrics: Mapping[str, float]
    current: bool = True
    note: str | None = None
    configuration: str | None = None

    def same_models(self, other: Release) -> bool:
        """Whether users and models are the same, so that the audiences of both can stand side by side."""
        return (self.as_of, self.models) == (other.as_of, other.models)


def releases(warehouse: Warehouse, version: int | None = None) -> list[Release]:
    """All releases, or those of a version of the table: a short row each, held by the driver."""
    if not warehouse.exists("releases"):
        return []
    return [Release(**row.asDict()) for row in warehouse.read("releases", version).collect()]


def current_release(warehouse: Warehouse) -> Release:
    """The release that readers take.

    Raises:
        MissingInputError: there is none.
    """
    found = next((release for release in releases(warehouse) if release.current), None)
    if found is None:
        raise MissingInputError(f"table 'releases': no current release in {warehouse.path}; run job 'publish'")
    return found


def release_under(warehouse: Warehouse, version: str) -> Release:
    """The release that a round goes on from: the current one, or the one before, if the round has published it itself.

    Args:
        warehouse: of the round.
        version: of the round, with which the id of its release ends.

    Raises:
        MissingInputError: there is none.
    """
    current = current_release(warehouse)
    if current.release_id != f"{current.as_of}-{version}":
        return current
    earlier = [found for found in releases(warehouse) if not found.current and found.same_models(current)]
    # Not by time: a simulated clock may stand where it likes.
    return max(earlier, key=lambda found: found.tables["audiences"], default=current)

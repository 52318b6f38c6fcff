"""The table `releases`: which versions of the tables and models are read together (no job itself)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from ralm.errors import MissingInputError
from ralm.runs import RunningStep
from ralm.tables import Warehouse

SCHEMA = (
    "release_id string, created_at timestamp, as_of date, tables map<string,bigint>, models map<string,string>, "
    "metrics map<string,double>, current boolean"
)


@dataclass(frozen=True)
class Release:
    """A row of `releases`.

    Attributes:
        release_id: unique.
        created_at: UTC.
        as_of: of the users and items.
        tables: table -> version.
        models: `user_model` and `lookalike` -> version.
        metrics: protocol -> item_auc.
        current: what readers take; one row is.
    """

    release_id: str
    created_at: dt.datetime
    as_of: dt.date
    tables: Mapping[str, int]
    models: Mapping[str, str]
    metrics: Mapping[str, float]
    current: bool = True

    def same_models(self, other: Release) -> bool:
        """Whether users and models are the same, so that the audiences of both can stand side by side."""
        return (self.as_of, self.models) == (other.as_of, other.models)


def releases(warehouse: Warehouse) -> list[Release]:
    """All releases: a short row each, held by the driver."""
    if not warehouse.exists("releases"):
        return []
    return [Release(**row.asDict()) for row in warehouse.read("releases").collect()]


def current_release(warehouse: Warehouse) -> Release:
    """The release that readers take.

    Raises:
        MissingInputError: there is none.
    """
    found = next((release for release in releases(warehouse) if release.current), None)
    if found is None:
        raise MissingInputError(f"table 'releases': no current release in {warehouse.path}; run job 'publish'")
    return found


def make_current(step: RunningStep, release: Release, keep: int | None = None) -> None:
    """Write a release as the current one, in one commit.

    Args:
        step: writes it.
        release: is the current one from then on.
        keep: earlier releases of the same models that stay listed, the newest ones; None: all.
    """
    earlier = [one for one in releases(step.context.warehouse) if one.release_id != release.release_id]
    if keep is not None:
        alike = sorted((one for one in earlier if one.same_models(release)), key=lambda one: one.created_at)
        dropped = {one.release_id for one in alike[:-keep]}
        earlier = [one for one in earlier if one.release_id not in dropped]
    rows = [tuple({**vars(one), "current": one is release}.values()) for one in (*earlier, release)]
    step.replace("releases", step.context.spark.createDataFrame(rows, SCHEMA).coalesce(1), "releases")
    step.say(f"release {release.release_id} is current")

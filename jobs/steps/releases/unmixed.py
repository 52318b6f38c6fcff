"""Whether audiences hold rows that their release must not: of a night not released, of a round on another release."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from ralm.errors import RalmError
from ralm.runs.context import Context
from ralm.warehouse.meanwhile import writes_since
from ralm.warehouse.releases import Release

# Nights and rounds write to the same rows of these; the others are keyed by the model's version.
SHARED = ("audiences", "thresholds")
NIGHT, ROUND = "score_users", "refresh"


def _written(context: Context, name: str, since: int, until: int, step: str, as_of: dt.date) -> list[dict[str, str]]:
    """The commits of a step to a table's rows of a date."""
    begin, date = f"{step}/{name}/", f"as_of={as_of}"
    found = writes_since(context.warehouse, name, since, until)
    return [one for one in found if one["app_id"].startswith(begin) and date in one["app_id"]]


def require_no_night(context: Context, release: Release) -> None:
    """A round may publish only on top of what its release holds.

    Raises:
        RalmError: a night has scored the release's date again and was not released, or a round that began on an
            earlier release has written since.
    """
    for name in SHARED:
        since, now = release.tables[name], context.warehouse.version(name)
        if since == now:
            continue
        for one in _written(context, name, since, now, NIGHT, release.as_of):
            raise RalmError(
                f"table '{name}': run {one['run_id']} has scored {release.as_of} anew since release "
                f"{release.release_id}, and is not released: run the pipeline to its end, then this again"
            )
        for one in _written(context, name, since, now, ROUND, release.as_of):
            if _began_before(context, int(one["attempt"]), release.as_of):
                raise RalmError(
                    f"table '{name}': run {one['run_id']}, which began before the night of {release.as_of} was "
                    "released, has written after it: run score_users with --force, then the pipeline, then this again"
                )


def require_no_round(context: Context, as_of: dt.date, scored: Mapping[str, int], pinned: Mapping[str, int]) -> None:
    """A night may publish only what it has scored.

    Args:
        context: of the application.
        as_of: date of the night.
        scored: table -> version that `score_users` wrote.
        pinned: table -> version that is to be published.

    Raises:
        RalmError: a round on an earlier release has written to the same rows since.
    """
    for name in SHARED:
        for one in _written(context, name, scored.get(name, pinned[name]), pinned[name], ROUND, as_of):
            raise RalmError(
                f"table '{name}': run {one['run_id']} has written rows of {as_of} by the release before, after the "
                "night scored them: run score_users with --force, then the pipeline again"
            )


def _began_before(context: Context, attempt: int, as_of: dt.date) -> bool:
    """Whether a round began before the night of its release was published, as far as this application knows."""
    published = context.ledger.last("publish", as_of, "done")
    began = [r.started_at for r in context.ledger.records if r.step == ROUND and r.attempt == attempt]
    if published is None or published.ended_at is None:
        return False
    return min(began, default=dt.datetime.max) < published.ended_at

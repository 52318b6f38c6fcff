"""The table `freshness`: how fresh the audiences of `refresh` are, and what moved; also in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple

from pyspark.sql import Row
from pyspark.sql import functions as F

from jobs.steps.refresh.moved import Moved
from jobs.steps.report.page import heading
from ralm.config.names import SYSTEM
from ralm.insight.small_counts import shown
from ralm.report.data import Freshness
from ralm.report.files import update_report
from ralm.runs.context import Context
from ralm.runs.step import RunningStep
from ralm.storage.path import StoragePath
from ralm.warehouse.releases import Release
from ralm.warehouse.schemas import TABLES

SHOWN = 10_000


def write_freshness(
    step: RunningStep, release: Release, model: str, items: Sequence[Row], found: Mapping[str, Moved]
) -> None:
    """Write the rows of a round.

    Args:
        step: the round.
        release: what it published.
        model: version of the look-alike model.
        items: (item_id, seed_count, changes, clicked_at) that it scored again.
        found: what moved of each.
    """
    context = step.context
    minimum, started = context.config.privacy.minimum, step.record.started_at
    rows = []
    for row in items:
        seeds = (shown(row["seed_count"], minimum), row["changes"], row["clicked_at"])
        keys = (release.as_of, model, release.release_id, row["item_id"], SYSTEM)
        rows.append((*keys, *seeds, started, release.created_at, *astuple(found[row["item_id"]])))
    frame = context.spark.createDataFrame(rows, TABLES["freshness"].schema(context.config.user_id_type)).coalesce(1)
    step.replace("freshness", frame, as_of=release.as_of, release_id=release.release_id)


def report_freshness(context: Context) -> None:
    """Add the newest rounds of `freshness` to `<warehouse>/report.html`; the parts written by other jobs stay."""
    seconds = F.unix_micros("published_at") / 1e6 - F.unix_micros("clicked_at") / 1e6
    newest = context.warehouse.read("freshness").orderBy(F.desc("published_at"), "item_id").limit(SHOWN)
    rows = newest.select("release_id", "published_at", seconds.alias("seconds")).collect()
    if not rows:
        return
    ages = [row["seconds"] for row in rows]
    times = [row["published_at"] for row in rows]
    found = Freshness(ages, len({row["release_id"] for row in rows}), min(times), max(times))
    update_report(StoragePath.at(context.warehouse.path), heading(context), freshness=found)

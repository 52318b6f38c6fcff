"""How fresh the audiences of `refresh` are, in the report."""

from __future__ import annotations

from pyspark.sql import functions as F

from jobs.steps.report.page import heading
from ralm.report.data import Freshness
from ralm.report.files import update_report
from ralm.runs.context import Context
from ralm.training.checkpoints import model_folder

SHOWN = 10_000


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
    update_report(model_folder(context.warehouse.path), heading(context), freshness=found)

"""The smallest world as notebooks see it: a report on an audience, a list that a job extended, scored pairs."""

from __future__ import annotations

from pathlib import Path

import ralm
from jobs.steps.audience_reports.report import steps as report_steps
from jobs.steps.audience_reports.request import Asked
from jobs.steps.audiences.own_list import Request
from jobs.steps.audiences.own_list import steps as list_steps
from jobs.steps.audiences.scored_pairs import steps as pair_steps
from ralm.runs.runner import run_steps
from tests.finished import Finished

LIST, PAIRS = "list:mine", "pairs"


def seeds_and_exclusions(w: ralm.Workspace) -> tuple[list[str], list[str]]:
    """Forty users who are alike, and three of those who would be found."""
    item = w.items().collect()[1]["item_id"]
    users = [row["user_id"] for row in w.audience(item, top=43).collect()]
    return users[:40], users[40:]


def build_notebook_world(tiny: Finished, folder: Path) -> None:
    """Fill a folder: `wh`, a warehouse, and beside it the list that was extended and the pairs that were scored."""
    own = tiny.copy(folder / "wh")
    w, context = ralm.open(str(own.config.warehouse), own.spark), own.context()
    item = w.items().collect()[0]["item_id"]
    run_steps(context, report_steps(context, Asked(item=item)))
    seeds, exclusions = seeds_and_exclusions(w)
    (folder / "mine.txt").write_text("\n".join([*seeds, "nobody", seeds[0]]), encoding="utf-8")
    (folder / "out.txt").write_text("\n".join(exclusions), encoding="utf-8")
    request = Request("ralm", seeds=str(folder / "mine.txt"), exclude=str(folder / "out.txt"), resamples=0)
    run_steps(context, list_steps(context, request))
    items = [row["item_id"] for row in w.items().collect() if row["item_id"] != LIST]
    pairs = [(user, one) for user in [*seeds[:10], "nobody"] for one in [*items, "no item"]]
    own.spark.createDataFrame(pairs, "user_id string, item_id string").write.parquet(str(folder / PAIRS))
    run_steps(context, pair_steps(context, str(folder / PAIRS)))

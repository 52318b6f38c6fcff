"""`privacy.minimum` in the toy world: small audiences, lists, groups and counts are not written and not shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from jobs.steps.audience_reports import report
from jobs.steps.audience_reports.request import Asked
from jobs.steps.audiences import own_list
from jobs.steps.audiences.own_list import Request
from ralm.errors import DataError
from ralm.report.audience_page import page_name
from ralm.runs.context import Context
from ralm.runs.runner import run_steps
from tests.steps.conftest import seeds_of, with_settings

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(2700)]
MINIMUM = 20


@pytest.fixture
def run(toy: Context) -> Callable[..., list[str]]:
    def steps_of(asked: Request | Asked, top_n: int = 30) -> list[str]:
        scoring = {"audience": {"mode": "top_n", "top_n": top_n}}
        context, lines = with_settings(toy, scoring=scoring, privacy={"minimum": MINIMUM})
        made = own_list.steps(context, asked) if isinstance(asked, Request) else report.steps(context, asked)
        run_steps(context, made)
        return lines

    return steps_of


@pytest.mark.long
def test_small_lists_and_audiences_are_refused(toy: Context, run: Callable[..., list[str]], tmp_path: Path) -> None:
    path = tmp_path / "private.txt"
    path.write_text("\n".join([*seeds_of(3, 40), "stranger"]), encoding="utf-8")
    request = Request("information_value", seeds=str(path), resamples=0)
    with pytest.raises(DataError, match=r"audience of list:private: fewer than 20 users \(privacy\.minimum\)"):
        run(request, top_n=19)
    lines = run(request)
    told = "41 ids read, fewer than 20 empty, fewer than 20 duplicates, 40 matched, fewer than 20 unmatched"
    assert any(told in line for line in lines), lines
    audience = toy.warehouse.read("audiences").where("item_id = 'list:private'")
    assert audience.count() == 30
    few = tmp_path / "few.txt"
    few.write_text("\n".join(seeds_of(3, 19)), encoding="utf-8")
    with pytest.raises(DataError, match=r"fewer than 20 matched users \(privacy\.minimum\)"):
        run(Request("information_value", seeds=str(few), resamples=0))

    # Features of the ranking: of each, at least so many of the 40 seeds have it, as the raw logs say.
    ranked = toy.warehouse.read("feature_rankings").where("item_id = 'list:private'").orderBy("rank").collect()
    assert [row["rank"] for row in ranked] == list(range(1, len(ranked) + 1))
    seeds = toy.spark.createDataFrame([(user,) for user in seeds_of(3, 40)], "user_id string")
    acted = toy.warehouse.read("events").join(seeds, "user_id")
    listed = {row["feature"] for row in ranked if row["feature"].startswith(("reading = ", "shopping = "))}
    assert listed
    for row in acted.groupBy("domain", "feature_id").agg(F.countDistinct("user_id").alias("users")).collect():
        if f"{row['domain']} = {row['feature_id']}" in listed:
            assert row["users"] >= MINIMUM, row

    run(Asked(seeds=str(path)))
    said = toy.warehouse.read("audience_reports").where("item_id = 'list:private'").first()
    assert said is not None
    assert (said["seeds_read"], said["seeds_matched"]) == (41, 40)
    assert (said["seeds_duplicate"], said["seeds_unknown"], said["heaviest_user"]) == (0, 0, 0.0)
    assert all(one["both"] >= MINIMUM for one in said["overlaps"])
    traits = toy.warehouse.read("audience_features").where("item_id = 'list:private'").collect()
    people = {"audience": 30, "seeds": 40}
    assert {row["people"] for row in traits} == people.keys()
    assert all(round(row["share"] * people[row["people"]]) >= MINIMUM for row in traits)
    assert all(row["seeds"] == 0 or round(row["seeds"] * 40) >= MINIMUM for row in traits)
    sizes = toy.warehouse.read("audience_sizes").where("item_id = 'list:private'").collect()
    assert all(row["users"] >= MINIMUM and round(row["found"] * 40) >= MINIMUM for row in sizes)
    html = Path(toy.warehouse.path, report.FOLDER, page_name("list:private", "information_value")).read_text("utf-8")
    assert "named again <b>fewer than 20</b>" in html
    assert "unknown <b>fewer than 20</b>" in html
    assert "largest share of one user" not in html


@pytest.mark.long
def test_items_with_few_users_have_no_audience(toy: Context, run: Callable[..., list[str]]) -> None:
    lines = run(Request("popularity", resamples=0), top_n=19)
    assert any("20 items have audiences of fewer than 20 users, which are left out: g" in line for line in lines), lines
    written = toy.warehouse.read("audiences").where("system = 'popularity' AND item_bucket >= 0")
    assert written.where(F.col("as_of") == F.lit(toy.dates.a3)).count() == 0
    bins = toy.warehouse.read("score_histograms").where("system = 'popularity'").collect()
    assert bins
    assert all(row["count"] >= MINIMUM for row in bins)

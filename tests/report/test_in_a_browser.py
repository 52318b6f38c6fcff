"""The pages in a real browser, on a phone and on a desk: nothing is cut, and a screen reader finds its way."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from ralm.evaluation.online_test import METRICS, Change
from ralm.report.audience_data import FirstUser
from ralm.report.audience_page import render_audience
from ralm.report.data import Freshness
from ralm.report.findings import BestAudience, Found, HealthCheck, HistoryCounts, ShownRates
from ralm.report.page import render_report
from ralm.report.world_page import LiveItem, LivePage, PolicyRate, render_live
from tests.report.browser import layout
from tests.report.example_report import example
from tests.report.test_audience_page import example as audience_example

PICTURE = "https://pictures.invalid/a.png"


def report() -> str:
    """With all that a night can say."""
    name = "How a small town in the mountains became the place where everyone wants to spend the winter"
    figures = (9_965, 701, 0.05, 0.42, 0.31, 0.54, 61)
    best = [BestAudience(f"i190{n}", name, "https://a/1", ["sports", "travel"], *figures, PICTURE) for n in range(3)]
    fewer = "20 % fewer rows than the mean of the days before, 10 % allowed"
    at = dt.datetime(2024, 1, 21, 3)
    full = dataclasses.replace(
        example(),
        found=Found(100, [*best, BestAudience("i2", None, None, [], 90, 12, 0.05)]),
        shown_rates=ShownRates("new_items", 212, 0.1, 12_030.5, 1_503.2, 120_300, 6_021),
        history=HistoryCounts(3_000, 17_000),
        freshness=Freshness([12.0, 40.0, 71.0], 3, at, at + dt.timedelta(hours=2)),
        health=[HealthCheck("rows of events", False, fewer, "warn")],
        online=[Change(arm, metric, 0.08, 0.05, 0.11, 3) for arm in ("popularity", "lookalike") for metric in METRICS],
    )
    return render_report(full)


def audience() -> str:
    features = [("reading: A story with quite a long name (i01900; topic005)", 0.41, 4.4), ("shopping: sh31", 0.2, 8.1)]
    looks = [("reading", 0.41), ("shopping", 0.3), ("gender", 0.2), ("numeric", 0.09)]
    first = [FirstUser(f"u000000{number}", 1.9, 1 + number % 2, features, 5, looks) for number in range(10)]
    named = {"title": "A story", "categories": ["sports"], "image": PICTURE, "url": "https://a/1"}
    return render_audience(dataclasses.replace(audience_example(), first=first, **named))


def live() -> str:
    at = dt.datetime(2024, 1, 21, 3)
    item = LiveItem(
        "i1",
        ["sports"],
        at,
        [1, 2],
        [0, 30],
        [None, "ralm"],
        900,
        {"lookalike": (3, 9), "popularity": (1, 8)},
        "A story",
    )
    rates = [PolicyRate(policy, [1, 2], [1, 2], [9, 9]) for policy in ("lookalike", "popularity")]
    return render_live(LivePage("demo", 2, at, [item], rates))


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("page", [report, audience, live], ids=lambda page: page.__name__)
def test_pages_fit_and_can_be_read_aloud(page: Callable[[], str], width: int, tmp_path: Path) -> None:
    found = layout(page(), width, tmp_path)
    assert found.width <= width
    assert found.cut == []
    assert found.hidden == []
    assert found.small == []
    assert found.unnamed == 0
    assert found.headers == 0
    assert found.lang == "en"
    assert found.landmarks == ["header", "main"]
    assert found.headings[0] == 1
    assert found.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(found.headings, found.headings[1:], strict=False))
    assert found.scrollers
    assert all(one["label"] and one["role"] == "region" and one["focusable"] for one in found.scrollers)


def test_a_page_that_is_too_wide_is_noticed(tmp_path: Path) -> None:
    wide = '<!doctype html><html lang="en"><body><h3>x</h3><p style="width: 600px">wide</p><svg></svg></body></html>'
    found = layout(wide, 400, tmp_path)
    assert found.width > 400
    assert found.cut == ["P wide"]
    assert found.unnamed == 1
    assert found.headings == [3]


def test_the_first_screen_of_a_phone_says_whether_to_trust_it(tmp_path: Path) -> None:
    found = layout(report(), 400, tmp_path)
    start = found.shown
    assert start.index("Can these audiences be trusted?") < start.index("Can be trusted") < start.index("of 100 cases")

"""The pages in a real browser, on a phone and on a desk: nothing is cut, and a screen reader finds its way."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from ralm.report.audience_data import FirstUser
from ralm.report.audience_page import render_audience
from ralm.report.page import render_report
from ralm.report.world_page import LiveItem, LivePage, PolicyRate, render_live
from tests.report.browser import layout
from tests.report.example_report import example
from tests.report.test_audience_page import example as audience_example


def report() -> str:
    return render_report(example())


def audience() -> str:
    features = [("reading: A story with quite a long name (i01900; topic005)", 0.41, 4.4), ("shopping: sh31", 0.2, 8.1)]
    first = [FirstUser(f"u000000{number}", 1.9, 1 + number % 2, features, 5) for number in range(10)]
    return render_audience(dataclasses.replace(audience_example(), first=first, title="A story", categories=["sports"]))


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

"""The page of one audience: the verdict first, every part, nothing loaded from elsewhere."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import numpy as np
import pytest

from ralm.insight.found_again import sizes
from ralm.insight.nearness import Nearness
from ralm.insight.verdict import SeedCounts, verdict
from ralm.report.audience_data import AudiencePage, Group
from ralm.report.audience_page import page_name, percent, render_audience, times

NEAR = Nearness(0.81, 0.78, 0.84, 0.498, 0.53, 10, 240)
COUNTS = SeedCounts(262, 240, 12, 10, 240, 0.008, 236.2)
AT = dt.datetime(2024, 1, 21, 3, 30)


def example() -> AudiencePage:
    """A list of two groups."""
    rng = np.random.default_rng(0)
    found = sizes(rng.beta(0.5, 6, 240), rng.normal(size=20_000), 20_000)
    trait = {"share": 0.41, "everyone": 0.093, "seeds": 0.38, "lift": 4.41, "low": 4.0, "condition": "true", "rank": 1}
    features = (
        "reading: i00812 (topic003, topic017)",
        "shopping: sh00031",
        "age: well above average",
        "gender: f",
        "<b>odd</b>: " + "x" * 60,
    )
    people = ("audience", "seeds", "group 1", "group 2")
    return AudiencePage(
        item="list:spring_buyers",
        system="ralm",
        as_of=dt.date(2024, 1, 21),
        made_at=AT,
        scored_at=AT,
        verdict=verdict(COUNTS, NEAR, [150, 90]),
        counts=COUNTS,
        is_list=True,
        newest_seed=None,
        near=NEAR,
        groups=[Group(1, 150, 0.625, 0.7), Group(2, 90, 0.375, 0.3)],
        audience=1_000,
        users=20_000,
        sizes=found,
        hidden=240,
        hidden_as_of=dt.date(2024, 1, 21),
        why_not="",
        stability=0.83,
        cutoff=1.2345,
        traits=[{**trait, "people": who, "feature": feature} for who in people for feature in features],
        seeds_inside=0.0,
        overlaps=[
            {"item_id": "i01816", "title": "A long story", "system": "ralm", "users": 1000, "both": 212, "share": 0.212}
        ],
        last=dt.date(2024, 1, 20),
        kept=0.91,
        warnings=["Only 240 of 900 ids are known users."],
    )


def test_the_page_says_the_verdict_first_and_loads_nothing() -> None:
    html = render_audience(example())
    body = html[html.index("<body>") :]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).strip()
    assert text.startswith("Audience of list:spring_buyers several groups 2 different groups of people: 62 %, 38 % of")
    for part in ("262", "named again", "Which size", "reading: i00812 (topic003, topic017)", "4.4×", "21 %", "91 %"):
        assert part in text, part
    assert "&lt;b&gt;odd" in html
    assert not re.search(r"(src|href)=\"(?!#)", html)
    assert html.count("<svg") == 1


def test_parts_that_were_not_measured_say_so() -> None:
    few = replace(COUNTS, matched=8, used=8)
    page = replace(
        example(),
        verdict=verdict(few, None, [8]),
        counts=few,
        near=None,
        groups=[Group(1, 8, 1.0, 1.0)],
        sizes=[],
        hidden=0,
        why_not="fewer than 10 seeds",
        stability=None,
        cutoff=None,
        traits=[],
        overlaps=[],
        last=None,
        kept=None,
        warnings=[],
    )
    text = render_audience(page)
    for part in ("too few", "Not measured: fewer than 10 seeds", "too few seeds to tell", "no earlier audience"):
        assert part in text, part
    assert "Keep in mind" not in text
    assert "<svg" not in text


def test_an_items_page_has_days_and_clicks() -> None:
    counts = replace(COUNTS, heaviest_day=0.22, days=9)
    text = render_audience(replace(example(), is_list=False, counts=counts, newest_seed=AT))
    for part in ("of the busiest day", "of 9 days", "newest click", "2024-01-21 03:30"):
        assert part in text, part


def test_the_nearest_size_is_marked() -> None:
    own = example().own_size
    assert own is not None
    assert own.share == 0.05
    assert replace(example(), audience=0).own_size is None


@pytest.mark.parametrize(("share", "text"), [(0.001, "0.1 %"), (0.0994, "9.9 %"), (0.0996, "10 %"), (1.0, "100 %")])
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


def test_names() -> None:
    assert page_name("list:a/b c", "ralm") == "ralm-list_a_b_c.html"
    assert (times(4.44), times(9.96)) == ("4.4×", "10×")

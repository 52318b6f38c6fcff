"""A report with `privacy.minimum`: counts of fewer people are in neither file, and what they say is not on the page."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

from ralm.report.data import AudienceExample, ReportData, SplitPart, UserModelRow
from ralm.report.files import DATA, PAGE, update_report
from ralm.report.findings import BestAudience, Found, HistoryCounts, ShownRates

MADE = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
FEW = ReportData("Small", "small", MADE, minimum=100)


def written(folder: Path, minimum: int, few: int) -> tuple[str, str]:
    """Page and data of a report in which everything counts as many people as `few`, or 5,000."""
    best = [
        BestAudience("i1", None, None, [], 5_000, few, 0.05, few / 5_000, 0.01, 0.9, 5_000),
        BestAudience("i2", None, None, [], 5_000, 5_000, 0.05, 0.5, 0.4, 0.6, 5_000),
    ]
    update_report(
        folder,
        replace(FEW, minimum=minimum),
        tables={"users": 5_000},
        audiences=[AudienceExample("i1", [], few, 5_000, 0.1, [("u0815", 0.9)])],
        found=Found(2, best),
        shown_rates=ShownRates("new_items", 10, 0.1, 5_000, few, 50_000, 5_000),
        history=HistoryCounts(few, 5_000),
        split=[SplitPart("evaluation", dt.date(2026, 1, 1), dt.date(2026, 2, 1), 5_000, 5_000, few)],
        user_model=[UserModelRow("attention", "weak", few, 10, 0.1, 0.2, 0.7)],
    )
    return (folder / PAGE).read_text("utf-8"), (folder / DATA).read_text("utf-8")


def test_few_people_are_in_neither_file(tmp_path: Path) -> None:
    page, data = written(tmp_path, 100, 73)
    assert "73" not in [str(value) for value in _values(json.loads(data))]
    assert "u0815" not in data + page
    assert "seeds <b>fewer than 100</b>" in page
    assert "<td>fewer than 100</td>" in page
    assert ">73<" not in page
    assert "1.5&nbsp;%" not in page
    kept = json.loads(data)["found"]["best"]
    assert [one["found"] for one in kept] == [None, 0.5]
    assert json.loads(data)["shown_rates"] is None


def test_enough_people_are_shown(tmp_path: Path) -> None:
    for folder, minimum, few in ((tmp_path / "all", 0, 73), (tmp_path / "enough", 100, 173)):
        folder.mkdir()
        page, data = written(folder, minimum, few)
        assert "fewer than" not in page
        assert f"seeds <b>{few}</b>" in page
        assert json.loads(data)["history"]["without"] == few
        assert json.loads(data)["shown_rates"]["best_clicks"] == few
    assert "u0815" not in data  # a user is one person


def _values(node: object) -> list[object]:
    if isinstance(node, dict):
        return [value for one in node.values() for value in _values(one)]
    return [value for one in node for value in _values(one)] if isinstance(node, list) else [node]

"""The report's files: each job writes its part, and the other's stays."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from ralm.report.data import Compared, Difference, MetricRow, ReportData
from ralm.report.files import read_report_data, update_report
from ralm.report.page import render_report
from tests.report.example_report import compared, example

NOW = ReportData("Anew", "other", dt.datetime(2025, 1, 1, tzinfo=dt.UTC))


def parts(data: ReportData) -> dict[str, object]:
    heading = ("title", "configuration", "created", "first_figures", "minimum")
    return {f.name: getattr(data, f.name) for f in dataclasses.fields(data) if f.name not in heading}


@pytest.mark.long
def test_what_is_read_renders_as_what_was_written(tmp_path: Path) -> None:
    data = example()
    update_report(tmp_path, data, **parts(data))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page == render_report(data)
    found = read_report_data(tmp_path)
    assert found is not None
    assert render_report(found) == page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_unknown_values_survive(tmp_path: Path) -> None:
    nan = float("nan")
    rows = [MetricRow("ralm", "new_items@20", "item_auc", 0.6, nan, None, 1)]
    update_report(tmp_path, NOW, compared=Compared(rows, [Difference("als", "p", "m", 0.1, nan, nan, 1)]))
    found = read_report_data(tmp_path)
    assert found is not None
    assert found.compared is not None
    assert found.compared.rows[0].low != found.compared.rows[0].low
    assert found.compared.rows[0].high is None
    assert found.compared.differences[0].outcome == "untested"


@pytest.mark.parametrize("first", ["evaluate", "compare"])
def test_parts_stay_whichever_job_comes_last(tmp_path: Path, first: str) -> None:
    evaluated = parts(dataclasses.replace(example(), compared=None))
    del evaluated["compared"]
    jobs = {"evaluate": evaluated, "compare": {"compared": compared()}}
    for job in (first, "compare" if first == "evaluate" else "evaluate"):
        update_report(tmp_path, NOW, **jobs[job])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'id="accuracy"' in page
    assert 'id="systems"' in page
    assert "<h1>Anew</h1>" in page


def test_a_file_of_another_release_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"title": 1, "metrics": "none"}', encoding="utf-8")
    assert read_report_data(tmp_path) is None
    assert update_report(tmp_path, NOW, compared=compared()).metrics == ()

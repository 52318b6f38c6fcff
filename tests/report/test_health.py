"""The section "Is this run healthy?" of the report."""

import datetime as dt

from ralm.report.data import ReportData
from ralm.report.findings import HealthCheck
from ralm.report.page import render_report
from ralm.report.summary import problems


def data(*checks: HealthCheck) -> ReportData:
    return ReportData("A report", "tiny", dt.datetime(2024, 1, 2, tzinfo=dt.UTC), health=checks)


PASSED = HealthCheck("freshness", True, "0 days without impressions", "warn")
FEW = HealthCheck("rows:events", False, "3 rows on <i>", "fail")
TOLD = HealthCheck("labels:a0", True, "1,120 labels")


def test_all_passed() -> None:
    page = render_report(data(PASSED, TOLD))
    assert "Healthy</span>\n1 of 1 checks passed" in page
    assert "What else the steps looked at (1)" in page
    assert problems(data(PASSED, TOLD)) == []


def test_what_did_not_pass_is_on_the_first_screen() -> None:
    page = render_report(data(PASSED, FEW))
    assert "Look at it</span>\n1 of 2 checks passed" in page
    assert "3 rows on &lt;i&gt;" in page  # data never becomes HTML
    assert problems(data(PASSED, FEW)) == ["A check of this run did not pass: rows:events, 3 rows on <i>."]


def test_without_checks_there_is_no_section() -> None:
    assert 'id="health"' not in render_report(data())

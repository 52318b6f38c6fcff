"""The first screen: whether to trust the audiences, in words of people, and what is wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import pytest

from ralm.report.data import Compared, Difference, Exposure, MetricRow, RealisedShares, ReportData, SplitPart
from ralm.report.findings import BestAudience, Found, HistoryCounts, ShownRates
from ralm.report.page import render_report
from ralm.report.pairs import pairs
from ralm.report.summary import customers, looked_at, per_hundred, problems, trust
from ralm.report.summary_tiles import summary_tiles
from tests.report.example_report import example


def judged(value: float, low: float, high: float, items: int = 200, system: str = "ralm") -> MetricRow:
    return MetricRow(system, "new_items", "item_auc", value, low, high, items)


def report(*rows: MetricRow, **parts: object) -> ReportData:
    return dataclasses.replace(ReportData("T", "c", dt.datetime(2024, 1, 1)), metrics=rows, **parts)  # type: ignore[arg-type]


def difference(baseline: str, mean: float, metric: str = "item_auc", segment: str = "all") -> Difference:
    return Difference(baseline, "new_items", metric, mean, mean - 0.01, mean + 0.01, 200, segment=segment)


def test_the_answer_is_as_good_as_the_figures() -> None:
    assert trust(report()).kind == "not judged"
    assert trust(report(judged(0.51, 0.49, 0.53))).kind == "no"
    assert trust(report(judged(0.48, 0.47, 0.49))).kind == "no"
    assert trust(report(judged(0.7, 0.6, 0.8, items=8))).kind == "with care"
    assert trust(report(judged(0.8, 0.79, 0.81))).kind == "yes"
    behind = report(
        judged(0.8, 0.79, 0.81), judged(0.85, 0.84, 0.86, system="plda"), differences=[difference("plda", -0.05)]
    )
    found = trust(behind)
    assert found.kind == "with care"
    assert "Closed form is the better system" in found.says
    assert trust(dataclasses.replace(behind, production="plda")).kind == "yes"
    assert "in 85 of 100 cases (95 % interval 84 to 86)" in trust(dataclasses.replace(behind, production="plda")).says
    ahead = dataclasses.replace(behind, production="plda", differences=[difference("plda", 0.05)])
    assert "RALM is the better system" in trust(ahead).says


def test_figures_are_counted_in_people() -> None:
    said = trust(report(judged(0.811, 0.804, 0.819))).says
    assert (
        "ranks the one who clicked higher in 81 of 100 cases (95 % interval 80 to 82); by chance it would be 50."
        in said
    )
    assert said.endswith("Measured on 200 items that nothing was trained on.")
    recall = MetricRow("ralm", "new_items", "recall@5%", 0.334, 0.321, 0.347, 200)
    data = report(judged(0.811, 0.804, 0.819), recall)
    assert customers(data) == [
        "Of 100 people who clicked an item later, 33 are among the 5 % of all users whom it ranks best (95 % interval "
        "32 to 35); by chance it would be 5."
    ]
    rates = ShownRates("new_items", 200, 0.1, 2_000.0, 820.0, 20_000, 3_000)
    shown = customers(dataclasses.replace(data, shown_rates=rates))
    assert shown[0] == (
        "Of 100 people who were shown a new item, 41 clicked it among those whom RALM ranks in the best tenth, and 15 "
        "among people picked at random from all who were shown it (200 items, 20,000 people shown)."
    )
    first = dataclasses.replace(data, first_figures=("recall@5%", "all_users_auc"))
    assert customers(first) == []  # it is in the answer already
    assert "33 are among the 5 % of all users" in trust(first).says
    tiles = {what: figure for figure, what, _ in summary_tiles(dataclasses.replace(data, shown_rates=rates))}
    assert tiles["as many later clickers as by chance"] == "6.7×"
    assert tiles["click, of the best tenth of those shown"] == "41 of 100"


@pytest.mark.parametrize(("share", "text"), [(0.05, "5"), (0.045, "4.5"), (0.0996, "10"), (0.334, "33"), (1.0, "100")])
def test_shares_as_people_of_a_hundred(share: float, text: str) -> None:
    assert per_hundred(share) == text


def test_nothing_that_was_measured_is_left_out_of_what_is_wrong() -> None:
    data = report(
        judged(0.8, 0.79, 0.81, items=12),
        differences=[
            difference("plda", -0.05),
            difference("plda", -0.03, "prec@10"),
            difference("als_fold_in", 0.05),
            difference("popularity", -0.5),
            difference("user_activity", -0.04, segment="weak"),
        ],
        compared=Compared([], [Difference("lsh_iv", "new_items@20", "item_auc", -0.1, -0.2, -0.05, 50)]),
        realised=RealisedShares(0.05, 1_000, [0.2] * 10 + [0.05] * 30, [0.0] * 40, [1.0] * 40, (0.03, 0.07)),
        split=[SplitPart("evaluation", dt.date(2024, 1, 1), dt.date(2024, 1, 2), 90, 100, 60, 50, 40)],
        exposure=[Exposure("logged", [0], [0], 0.3, 0.5), Exposure("recommended", [0], [0], 0.6, 0.2)],
        notes=["Times are not used."],
    )
    said = problems(data)
    for start in (
        "RALM is clearly behind Closed form in item AUC on new items; prec@10 on new items.",
        "RALM is clearly behind User activity in item AUC on new items, users without history.",
        "RALM is clearly behind LSH + Information Value in item AUC on new items, 20.",
        "Only 12 items could be judged",
        "The exposure thresholds of 10 of 40 items",
        "60 % of the users in the part of the log for the evaluation",
        "80 % of the items in the part of the log for the evaluation",
        "The recommendations give more of the exposure to few items",
        "Times are not used.",
    ):
        assert any(line.startswith(start) for line in said), (start, said)
    assert len(said) == 9
    assert not any("ALS" in line or "Popularity" in line for line in said)
    html = render_report(data)
    assert html.index("What is wrong") < html.index("RALM is clearly behind Closed form") < html.index('id="standing"')


def test_a_clean_run_says_what_was_looked_at() -> None:
    clean = dataclasses.replace(example(), notes=(), compared=None)
    assert problems(clean) == []
    assert looked_at(clean).startswith("comparison with other systems, number of judged items, exposure thresholds")
    assert "Nothing of what this page looks for: comparison" in render_report(clean)


def test_the_best_audiences_have_names_sizes_and_lift() -> None:
    best = [
        BestAudience("i1", "A <match>", "https://a/1", ["sports"], 965, 701, 0.05, 0.42, 0.31, 0.54, 61),
        BestAudience("i2", None, "javascript:alert(1)", [], 90, 12, 0.05),
    ]
    counts = HistoryCounts(3_000, 17_000)
    data = dataclasses.replace(example(), found=Found(100, best), history=counts)
    page = render_report(data)
    section = page[page.index("What it found") : page.index("What is wrong")]
    assert '<a href="https://a/1">A &lt;match&gt;</a> <span class="muted id">i1</span>' in section
    for shown in ("100 audiences were made", "<b>8.4×</b>", "42 % of 61", "31 – 54 %", "<td>965</td>", "not measured"):
        assert shown in section, shown
    assert "javascript:" not in page
    assert "3,000 users (15 %) have no reading history, 17,000 (85 %) have one." in page
    assert best[0].lift == pytest.approx(8.4)
    unjudged = render_report(dataclasses.replace(data, found=Found(1, best[1:])))
    assert "none of their items could be judged" in unjudged


def test_pairs_that_matter_come_first_and_the_rest_is_folded() -> None:
    rows = [difference(f"similarity_{number}", 0.1 + number / 100) for number in range(30)]
    rows += [difference("plda", -0.02), difference("als_fold_in", -0.05), difference("lsh_iv", 0.002)]
    rows += [difference("popularity", -0.3), difference("popularity", 0.3, "prec@10")]
    found = pairs(rows)
    assert [d.baseline for d in found.shown] == ["als_fold_in", "plda", "lsh_iv"]
    assert len(found.folded) == 32
    assert {d.baseline for d in found.folded[-2:]} == {"popularity"}
    assert found.says == "In 33 comparisons RALM is behind in 2, not clearly different in 1, ahead in 30."
    page = render_report(dataclasses.replace(example(), differences=rows, compared=None))
    part = page[page.index("The same items, compared one by one") :].partition("</details>")[0]
    opened, _, folded = part.partition("<details>")
    assert len(re.findall("<tr><th", opened)) == 3 + 1
    assert len(re.findall("<tr><th", folded)) == 32 + 1
    assert "The other 32 comparisons" in folded


def test_chance_by_construction_is_no_win() -> None:
    page = render_report(dataclasses.replace(example(), compared=None))
    said = page[page.index("The figures behind it") :].partition("</section>")[0]
    assert "Popularity" not in said
    assert 'Popularity<small class="muted">the same score for every user</small>' in page

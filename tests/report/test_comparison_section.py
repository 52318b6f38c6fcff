"""The section on all systems: what it says, draws and marks."""

import dataclasses
import datetime as dt
import re

from ralm.report.comparison_section import comparison_section, main_systems, seeds_of
from ralm.report.data import Compared, Difference, MetricRow, ReportData
from ralm.report.headline import headline
from ralm.report.page import render_report
from ralm.report.plots.by_seeds import Point, by_seeds
from ralm.report.system_names import name
from tests.report.example_report import compared


def row(system: str, value: float, protocol: str = "new_items@20", metric: str = "item_auc") -> MetricRow:
    return MetricRow(system, protocol, metric, value, value - 0.01, value + 0.01, 50)


def difference(baseline: str, mean: float, protocol: str = "new_items@20") -> Difference:
    return Difference(baseline, protocol, "item_auc", mean, mean - 0.01, mean + 0.01, 50)


def test_protocols_are_in_the_order_of_their_seeds() -> None:
    named = ["new_items@half", "new_items@100", "new_items@20", "new_items@1000"]
    assert sorted(named, key=seeds_of) == ["new_items@20", "new_items@100", "new_items@1000", "new_items@half"]
    section = comparison_section(compared())
    assert section is not None
    assert [table.title for table in section.tables] == [
        "20 seeds per item (412 items)",
        "100 seeds per item (305 items)",
        "500 seeds per item (96 items)",
        "Half of an item’s users as its seeds (412 items)",
    ]


def test_later_clicks_come_last_and_weak_users_have_tables_of_their_own() -> None:
    later = "later_clicks@all"
    rows = [row("ralm", 0.7), row("ralm", 0.9, later), row("ralm_concat", 0.6), row("youtube_dnn", 0.95, later)]
    rows += [dataclasses.replace(entry, value=entry.value - 0.3, segment="weak") for entry in rows]
    section = comparison_section(Compared(rows, [difference("ralm_concat", 0.1)]))
    assert section is not None
    assert section.later
    assert [table.title for table in section.tables] == [
        "20 seeds per item (50 items)",
        "Later clicks on known items, all earlier clickers as seeds (50 items)",
        "20 seeds per item: users without the strong domain (50 items)",
        "Later clicks on known items, all earlier clickers as seeds: users without the strong domain (50 items)",
    ]
    assert [table.rows[0][2][0].text for table in section.tables] == ["0.700", "0.950", "0.400", "0.650"]
    assert section.tables[0].differences.keys() == {"ralm_concat"}
    assert not section.tables[2].differences
    assert main_systems(Compared(rows)) == ["ralm", "youtube_dnn"]  # ordered by new items
    only_later = comparison_section(Compared([entry for entry in rows if entry.protocol == later]))
    assert only_later is not None
    assert only_later.figures == []


def test_published_protocols_are_named_and_their_numbers_of_seeds_drawn() -> None:
    protocols = ["warm_up@60", "crowds@cold", "warm_up@20", "later_clicks@all", "crowds@hot"]
    section = comparison_section(Compared([row(name, 0.7, p) for p in protocols for name in ("ralm", "plda")]))
    assert section is not None
    assert [table.title for table in section.tables][:5] == [
        "Held-out items, the clickers among their first 20 users as seeds (50 items)",
        "Held-out items, the clickers among their first 60 users as seeds (50 items)",
        "Held-out items with cold crowds, among the users whom they were shown to (50 items)",
        "Held-out items with hot crowds, among the users whom they were shown to (50 items)",
        "Later clicks on known items, all earlier clickers as seeds (50 items)",
    ]
    assert len(section.figures) == 1
    assert "crowds" not in section.figures[0]


def test_the_sentence_counts_who_is_ahead() -> None:
    values = {"als_fold_in": 0.8, "ralm": 0.75, "regression": 0.745, "popularity": 0.5}
    rows = [row(system, value) for system, value in values.items()]
    differences = [difference(system, 0.75 - value) for system, value in values.items() if system != "ralm"]
    section = comparison_section(Compared(rows, differences))
    assert section is not None
    assert section.sentences == [
        "20 seeds per item: RALM is number 2 of 3 with an item AUC of 0.750 [0.740, 0.760]; paired item by item it is "
        "behind 1, not clearly different from 1."
    ]
    without = comparison_section(Compared([entry for entry in rows if entry.system != "ralm"]))
    assert without is not None
    assert without.sentences == []
    assert without.tables[0].differences == {}


def test_the_best_of_each_column_is_bold_and_differences_are_marked() -> None:
    rows = [row("ralm", 0.7), row("regression", 0.8), row("ralm", 0.3, metric="prec@10")]
    rows.append(row("regression", 0.2, metric="prec@10"))
    data = ReportData("T", "c", dt.datetime(2024, 1, 1), compared=Compared(rows, [difference("regression", -0.1)]))
    page = render_report(data)
    bold = re.findall(r'<span class="best">([^<]*)</span>', page)
    assert bold == ["0.800", "0.300"]
    assert 'title="worse: the interval excludes 0">−0.100<' in page
    assert "−0.110 … −0.090" in page


def test_a_system_of_fewer_items_is_shown_and_not_ranked() -> None:
    rows = [row("ralm", 0.7), row("regression", 0.6), dataclasses.replace(row("youtube_dnn", 0.9), items=12)]
    section = comparison_section(Compared(rows, [difference("regression", 0.1)]))
    assert section is not None
    assert section.sentences[0].startswith("20 seeds per item: RALM is number 1 of 2 with")
    table = {system: (name, cells[0].best) for system, name, cells in section.tables[0].rows}
    assert table["youtube_dnn"] == ("YouTube DNN, 12 items", False)
    assert table["ralm"] == ("RALM", True)


def test_lines_are_of_the_main_systems_and_of_the_best() -> None:
    drawn = main_systems(compared())
    assert drawn[0] == "als_fold_in"
    assert "ralm_concat" not in drawn
    assert "similarity" not in drawn  # its cosine is the best of the method
    assert {
        "ralm",
        "regression",
        "similarity_cosine_mean",
        "lsh_iv",
        "information_value",
        "clustered_similarity",
    } <= set(drawn)
    assert main_systems(Compared([row("ralm_stacked", 0.9), row("ralm", 0.8)])) == ["ralm_stacked", "ralm"]
    many = [row(f"method{number}", 0.9 - number / 100) for number in range(15)] + [row("ralm", 0.1)]
    drawn = main_systems(Compared(many))
    assert len(drawn) == 10
    assert drawn[-1] == "ralm"


def test_every_drawn_system_is_in_both_figures() -> None:
    section = comparison_section(compared())
    assert section is not None
    assert len(section.figures) == 2
    for figure, title in zip(section.figures, ("item AUC", "prec@10"), strict=True):
        shown = set(re.findall(r"<text[^>]*>([^<]*)</text>", figure))
        assert {title, "RALM", "ALS fold-in", "Popularity", "20", "half", "96 items", "seeds per item"} <= shown


def test_points_without_an_interval_or_a_neighbour_are_drawn() -> None:
    nan = float("nan")
    figure = by_seeds(
        {"ralm": [Point(1, 0.7, nan, None)], "als": [Point(0, 0.5, 0.4, 0.6)]}, ["20", "half"], "item AUC"
    )
    assert "nan" not in figure.lower()
    assert figure.endswith("</svg>")


def test_there_is_no_section_without_rows() -> None:
    data = ReportData("T", "c", dt.datetime(2024, 1, 1), compared=Compared())
    assert 'id="systems"' not in render_report(data)
    assert 'id="systems"' not in render_report(dataclasses.replace(data, compared=None))


def test_the_table_of_the_most_seeds_is_open_and_the_others_are_folded() -> None:
    page = render_report(ReportData("T", "c", dt.datetime(2024, 1, 1), compared=compared()))
    folded = re.findall(r"<details><summary>([^<]*)</summary>", page)
    assert folded == [f"{seeds} seeds per item ({items} items)" for seeds, items in ((20, 412), (100, 305), (500, 96))]


def test_a_report_of_the_comparison_alone_begins_with_it() -> None:
    page = render_report(ReportData("T", "c", dt.datetime(2024, 1, 1), compared=compared()))
    found = re.search(r"<h2>The figures behind it</h2>\n<p>([^<]*)</p>", page)
    assert found is not None
    text = found[1]
    assert text.startswith(
        "Half of an item’s users as its seeds: RALM is number 2 of 15 with an item AUC of 0.802 [0.793, 0.811]. "
        "No clear difference to ALS fold-in (0.811; −0.009 [−0.019, +0.001]) and RALM over concat merge (0.796; "
        "+0.006 [−0.004, +0.016]). It is ahead of "
    )
    others = {name(row.system) for row in compared().rows if row.system not in ("ralm", "popularity")}
    assert set(re.findall(r"(?:to|of|,|and) (?:every other system: )?([A-Z][^()\[\]]*?) \(0\.\d{3};", text)) == others
    assert "Not judged" not in page
    assert re.findall(r'<section id="([^"]+)"', page) == ["summary", "standing", "systems", "reading"]


def test_the_first_line_names_all_systems_losses_first_and_how_to_use_the_best() -> None:
    values = {"als_fold_in": 0.8, "ralm": 0.75, "regression": 0.745, "popularity": 0.5}
    rows = [row(system, value) for system, value in values.items()]
    differences = [difference(system, 0.75 - value) for system, value in values.items() if system != "ralm"]
    later = [row("ralm", 0.9, "later_clicks@all"), row("youtube_dnn", 0.95, "later_clicks@all")]
    paired = [difference("youtube_dnn", -0.05, "later_clicks@all")]
    evaluated = [
        # Written first, but new items go before later clicks.
        MetricRow("ralm", "later_clicks", "item_auc", 0.5, 0.4, 0.6, 9),
        MetricRow("user_activity", "later_clicks", "item_auc", 0.55, 0.5, 0.6, 9),
        MetricRow("ralm", "new_items", "item_auc", 0.7, 0.6, 0.8, 9),
        MetricRow("user_activity", "new_items", "item_auc", 0.6, 0.5, 0.7, 9),
        MetricRow("oracle", "new_items", "item_auc", 0.9, 0.8, 1.0, 9),
    ]
    data = ReportData(
        "T",
        "c",
        dt.datetime(2024, 1, 1),
        metrics=evaluated,
        differences=[Difference("user_activity", "new_items", "item_auc", 0.1, 0.05, 0.15, 9)],
        compared=Compared([*rows, *later], [*differences, *paired]),
    )
    assert headline(data) == (
        "20 seeds per item: RALM is number 2 of 3 with an item AUC of 0.750 [0.740, 0.760]. RALM loses to "
        "ALS fold-in (0.800; −0.050 [−0.060, −0.040]) and YouTube DNN (0.950; −0.050 [−0.060, −0.040]; Later clicks "
        "on known items, all earlier clickers as seeds). No clear difference to Regression (0.745; +0.005 "
        "[−0.005, +0.015]). "
        "It is ahead of User activity (0.600; +0.100 [+0.050, +0.150]; "
        "on new items). On this data ALS fold-in is the better system: `scoring.system: als_fold_in` lets it make "
        "the audiences of a night, `extend_audience --system als_fold_in` that of a list."
    )
    assert headline(dataclasses.replace(data, compared=None)).startswith("On 9 new items, RALM ranks users")
    level = Compared(rows, [difference(system, 0.75 - value) for system, value in values.items() if value < 0.75])
    untested = headline(dataclasses.replace(data, compared=level))
    assert "Not tested item by item against ALS fold-in (0.800)." in untested
    assert "--system" not in untested


def test_without_non_clicks_the_comparison_is_by_the_recall_too() -> None:
    first = ("recall@5%", "all_users_auc")
    rows = [row("ralm", 0.4), row("regression", 0.6), row("ralm", 0.3, metric="recall@5%")]
    rows.append(row("regression", 0.1, metric="recall@5%"))
    recall = Difference("regression", "new_items@20", "recall@5%", 0.2, 0.1, 0.3, 50)
    compared = Compared(rows, [difference("regression", -0.2), recall])
    section = comparison_section(compared, first)
    assert section is not None
    assert section.sentences == [
        "20 seeds per item: RALM is number 1 of 2 with a recall top 5 % of 0.300 [0.290, 0.310]; paired item by item "
        "it is ahead of 1."
    ]
    assert section.tables[0].measured == "recall top 5 %"
    assert section.tables[0].differences["regression"].mean == 0.2
    assert [system for system, _, _ in section.tables[0].rows] == ["ralm", "regression"]
    assert main_systems(compared, first) == ["ralm", "regression"]
    assert main_systems(compared) == ["regression", "ralm"]

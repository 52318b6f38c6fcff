"""The report: self-contained, complete, honest, and whole without any of its optional parts."""

import dataclasses
import datetime as dt
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from ralm.report.data import AudienceExample, Difference, KeptParts, MetricRow, ReportData, StepTime
from ralm.report.headline import headline
from ralm.report.page import render_report
from tests.report.example_report import example

SECTIONS = {
    "accuracy": "metrics",
    "user-model": "user_model",
    "exposure": "exposure",
    "audiences": "audiences",
    "thresholds": "realised",
    "training": "histories",
}
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.references: list[str] = re.findall(r"url\(([^)]*)\)", text)
        self.tags: Counter[str] = Counter()
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key == "id":
                self.ids[str(value)] += 1
            if key in ("href", "src", "xlink:href", "srcset", "data", "action"):
                self.references.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def full() -> str:
    return render_report(example())


def test_nothing_is_loaded_from_elsewhere(full: str) -> None:
    page = Page(full)
    assert page.open == []
    assert "http" not in full
    assert "@import" not in full
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == 0
    assert page.references  # clip paths and markers inside the plots
    for reference in page.references:
        assert reference.startswith("#"), reference
        assert reference[1:] in page.ids
    assert [name for name, count in page.ids.items() if count > 1] == []


def test_every_plot_is_inside_and_described(full: str) -> None:
    page = Page(full)
    # 2 protocols, weak and strong, head/tail, attention, 2 histograms, Lorenz, 4 audiences, 2 curves of 2 kinds of
    # model, 2 metrics by number of seeds, realised shares
    assert page.tags["svg"] == 2 + 2 + 1 + 1 + 2 + 1 + 4 + 4 + 2 + 1
    assert len(re.findall(r'<svg role="img" aria-label="[^"]+"', full)) == page.tags["svg"]
    text = " ".join(page.text)
    for shown in ("0.781", "0.773 – 0.789", "Better or worse: the interval", "1 min 36 s", "item_00003", "Gini"):
        assert shown in text
    assert 'title="better: the interval excludes 0">better<' in full


def test_the_split_is_a_table_of_shares(full: str) -> None:
    table = full[full.index("How the log was split") :].partition("</table>")[0]
    assert "<td>301,200</td>" in table
    assert [cell for cell in re.findall(r"<td>([^<]*)</td>", table) if "%" in cell] == [
        "10.0 %",
        "8.0 %",
        "25.0 %",
        "13.0 %",
    ]
    assert table.count("–") == 2  # no items in the user model's part, no users in the sample of the last one


def test_the_same_data_give_the_same_page(full: str) -> None:
    assert render_report(example()) == full


def test_what_the_look_alike_model_scores_with_is_said(full: str) -> None:
    said = " ".join(full[full.index('<section id="training">') :].partition("</section>")[0].split())
    assert "<b>RALM</b> scores with the closed form + global and local attention: 0.634, before training 0.612." in said
    assert "scores with the closed form: there are too few validation items to judge a training by" in said
    start = dataclasses.replace(example(), kept=[KeptParts("ralm", "closed form", 0.6, 0.6)], histories=())
    assert "scores with the closed form: 0.600, and no training improved on that" in " ".join(
        render_report(start).split()
    )


@pytest.mark.parametrize("absent", [("accuracy", "exposure", "training"), ("user-model", "audiences")])
def test_sections_without_data_are_left_out_and_the_others_stay(absent: tuple[str, ...]) -> None:
    without = {SECTIONS[section]: () for section in absent} | ({"kept": ()} if "training" in absent else {})
    page = render_report(dataclasses.replace(example(), **without))
    for section in SECTIONS:
        assert (f'id="{section}"' in page) == (section not in absent)
    assert Page(page).open == []


def test_merge_layers_are_set_against_each_other_only_where_there_are_two(full: str) -> None:
    data = example()
    one = render_report(dataclasses.replace(data, user_model=[r for r in data.user_model if r.merge == "attention"]))
    said = "items for the user, with attention or concatenation as the merge layer. Weak users"
    assert [said in " ".join(page.split()) for page in (full, one)] == [True, False]
    assert "ranks items for the user. Weak users" in " ".join(one.split())


def test_a_report_of_nothing_says_so() -> None:
    page = render_report(ReportData("Empty", "none", dt.datetime(2024, 1, 1)))
    assert Page(page).tags["svg"] == 0
    assert re.findall(r'<section id="([^"]+)"', page) == ["summary", "reading"]
    assert "Nothing was measured that would say how good these audiences are." in page


def test_values_that_are_unknown_are_shown_as_such() -> None:
    nan = float("nan")
    data = ReportData(
        "Few items",
        "none",
        dt.datetime(2024, 1, 1),
        metrics=[
            MetricRow("ralm", "new_items", "item_auc", 0.6, nan, nan, 1),
            MetricRow("ralm", "new_items", "auc", nan),
            MetricRow("als", "new_items", "auc", 0.55),
        ],
        differences=[Difference("als", "new_items", "item_auc", 0.1, nan, nan, 1)],
        audiences=[
            AudienceExample("<b>item</b>", [], 12, 0, url="javascript:alert(1)"),
            AudienceExample("i1", [], 12, 0, title="A & B", url="https://shop/i1"),
        ],
        steps=[StepTime("evaluate", 4_020)],
    )
    page = render_report(data)
    text = " ".join(Page(page).text)
    assert "nan" not in text.lower()
    assert "too few items to tell" in text
    assert "<b>item</b>" in text  # escaped: shown, not obeyed
    assert '<a href="https://shop/i1">A &amp; B</a>' in page
    assert "javascript:" not in page
    assert "1 h 07 min" in text


def alone(**levels: float) -> ReportData:
    """A report of `evaluate` alone."""
    return dataclasses.replace(example(**levels), compared=None)


def test_the_headline_names_every_winner_and_the_way_to_the_oracle() -> None:
    text = headline(alone())
    assert text.startswith("On 212 new items, RALM ranks users with an item AUC of 0.781 [0.773, 0.789].")
    assert "ahead of every other system" in text
    assert "--system" not in text
    assert "reaches 0.831: RALM covers 85 % of the way" in text  # 0.281 / 0.331


def test_the_headline_is_honest_when_ralm_loses() -> None:
    text = headline(alone(ralm=0.735))
    assert "RALM loses to" not in text  # 0.007 behind average pooling, the interval includes 0
    assert "--system" not in text
    assert "No clear difference to RALM, average pooling (0.742; −0.007 [−0.018, +0.004])." in text
    assert (
        "It is ahead of RALM over concat merge (0.723; +0.012 [+0.001, +0.023]) and "
        "User activity (0.611; +0.124 [+0.113, +0.135])." in text
    )
    text = headline(alone(ralm=0.605))
    losses = text.index(
        "RALM loses to RALM, average pooling (0.742; −0.137 [−0.148, −0.126]) and "
        "RALM over concat merge (0.723; −0.118 [−0.129, −0.107])."
    )
    assert losses < text.index("No clear difference to User activity")
    assert "ahead" not in text
    assert "Popularity" not in text  # 0.5 by construction: no win
    assert "RALM, average pooling is the better system: `scoring.system: ralm_average` lets it make" in text


def tiles(data: ReportData) -> list[tuple[str, str]]:
    page = render_report(data)
    return re.findall(r'<div class="tile"><b>([^<]*)</b><span>([^<]*)</span>', page[page.index('id="standing"') :])


@pytest.mark.long
def test_the_tile_of_the_best_other_system_has_a_number_only_if_the_difference_is_clear() -> None:
    best = "to the best other system"
    assert ("+0.039", best) in tiles(alone())
    assert ("−0.137", best) in tiles(alone(ralm=0.605))
    assert ("no clear", "difference " + best) in tiles(alone(ralm=0.747))  # 0.005 ahead, the interval includes 0
    assert not any(figure.startswith(("+", "−")) for figure, _ in tiles(alone(ralm=0.747)))
    untested = dataclasses.replace(alone(), differences=())
    assert ("–", f"{best}: not tested item by item") in tiles(untested)


def test_the_headline_says_when_it_is_chance() -> None:
    assert "no better than chance" in headline(alone(ralm=0.5))
    assert "not clearly better than chance" in headline(alone(ralm=0.505))


def test_the_headline_does_not_claim_what_was_not_tested() -> None:
    data = dataclasses.replace(alone(), differences=())
    assert "ahead" not in headline(data)
    assert "Not tested item by item against RALM, average pooling (0.742)" in headline(data)
    later = dataclasses.replace(data, metrics=[row for row in data.metrics if row.protocol == "later_clicks"])
    assert headline(later).startswith("On 400 known items with later clicks, RALM")


def of_clicks_alone() -> ReportData:
    """A set without non-clicks: RALM finds three times as many clickers as activity, and its item AUC is worse."""
    figures = {
        "recall@5%": {"ralm": 0.162, "user_activity": 0.055},
        "all_users_auc": {"ralm": 0.691, "user_activity": 0.565},
        "item_auc": {"ralm": 0.482, "user_activity": 0.502},
    }
    rows = [
        MetricRow(system, "new_items", metric, value, value - 0.01, value + 0.01, 40)
        for metric, values in figures.items()
        for system, value in values.items()
    ]
    differences = [
        Difference("user_activity", "new_items", metric, mean, mean - 0.015, mean + 0.015, 40)
        for metric, values in figures.items()
        for mean in [values["ralm"] - values["user_activity"]]
    ]
    return ReportData(
        "Shop", "shop", dt.datetime(2024, 1, 1), ("recall@5%", "all_users_auc"), metrics=rows, differences=differences
    )


def test_without_non_clicks_the_ranking_of_all_users_comes_first() -> None:
    data = of_clicks_alone()
    assert headline(data) == (
        "On 40 new items, RALM ranks users with a recall top 5 % of 0.162 [0.152, 0.172] and an AUC, all users of "
        "0.691 [0.681, 0.701]. It is ahead of User activity (0.055; +0.107 [+0.092, +0.122])."
    )
    assert [figure for figure, _ in tiles(data)] == ["0.162", "0.691", "+0.107", "40"]
    page = render_report(data)
    assert "who are in its audience, the best-ranked 5 % of all users (5 % by chance)" in page
    table = re.search(r'<thead><tr><th scope="col">System</th>(.*?)</tr>', page)
    assert table is not None
    assert re.findall("<abbr[^>]*>([^<]*)</abbr>", table[1]) == ["recall top 5 %", "AUC, all users", "item AUC"]
    # With real non-clicks the same figures are read the other way.
    real = dataclasses.replace(data, first_figures=("item_auc",))
    assert headline(real).startswith("On 40 new items, RALM ranks users with an item AUC of 0.482 [0.472, 0.492]")
    assert "RALM loses to User activity (0.502; −0.020 [−0.035, −0.005])." in headline(real)
    assert "two users who were shown an item" in render_report(real)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.01, 0.02, "better"), (-0.02, -0.01, "worse"), (-0.01, 0.01, "unclear"), (0, 0.1, "unclear")],
)
def test_verdicts(low: float, high: float, outcome: str) -> None:
    difference = Difference("als", "new_items", "item_auc", (low + high) / 2, low, high, 9)
    assert difference.outcome == outcome
    assert ("excludes 0" in difference.verdict) == (outcome != "unclear")

"""The gate of a release: what it asks for, of which items, and what it says."""

from pathlib import Path
from typing import Any

import pytest

from jobs.steps.releases.gate import Gate
from ralm.config import Config
from ralm.report.data import MetricRow
from tests.steps.toy import toy_config


def config(*, clicked: bool = True, judge: bool = True, **publish: Any) -> Config:
    content = toy_config(Path("nowhere")).model_dump(mode="json")
    if not clicked:
        del content["ingest"]["impressions"]["columns"]["clicked"]
    content["publish"] |= publish
    content["evaluation"]["judge"] = judge
    return Config.model_validate(content)


def rows(metric: str, ralm: float, activity: float, items: int = 40, protocol: str = "new_items") -> list[MetricRow]:
    mean = ralm - activity
    return [
        MetricRow("ralm", protocol, metric, ralm, ralm - 0.01, ralm + 0.01, items),
        MetricRow("user_activity", protocol, metric, activity, activity - 0.01, activity + 0.01, items),
        MetricRow("ralm - user_activity", protocol, metric, mean, mean - 0.015, mean + 0.015, items),
    ]


def test_a_release_ahead_of_activity_and_chance_passes() -> None:
    assert Gate(rows("item_auc", 0.7, 0.6), config()).not_ahead() is None
    # Not clearly ahead, but ahead: the interval of the difference includes 0.
    assert Gate(rows("item_auc", 0.61, 0.6), config()).not_ahead() is None


def test_a_release_level_with_activity_or_behind_it_is_refused_with_the_figures() -> None:
    assert Gate(rows("item_auc", 0.55, 0.6), config()).not_ahead() == (
        "on 40 new items it is not ahead: item_auc 0.550, user activity has 0.600 (difference -0.050 [-0.065, -0.035])"
    )
    assert Gate(rows("item_auc", 0.6, 0.6), config()).not_ahead() is not None
    # The difference is paired over the items that both have, and counts.
    uneven = [*rows("item_auc", 0.55, 0.6)[:2], MetricRow("ralm - user_activity", "new_items", "item_auc", 0.01)]
    assert Gate(uneven, config()).not_ahead() is None
    assert Gate(rows("item_auc", 0.55, 0.6)[:2], config()).not_ahead() is not None


def test_a_release_at_chance_is_refused() -> None:
    assert Gate(rows("item_auc", 0.5, 0.4), config()).not_ahead() == (
        "on 40 new items it is not ahead: item_auc 0.500, chance is 0.5"
    )
    assert Gate(rows("item_auc", 0.501, 0.4), config()).not_ahead() is None


def test_what_is_required_can_be_chosen() -> None:
    behind = rows("item_auc", 0.45, 0.6)
    assert Gate(behind, config(require="none")).not_ahead() is None
    assert "chance" not in str(Gate(behind, config(require=["user_activity"])).not_ahead())
    assert "activity" not in str(Gate(behind, config(require=["chance"])).not_ahead())
    assert Gate(behind, config(require=["chance"])).not_ahead() is not None
    assert Gate(behind, config(require=[])).not_ahead() is None


def test_without_non_clicks_the_ranking_of_all_users_counts() -> None:
    """What a retail set gave: the three times better model had the lower item AUC."""
    better = [*rows("recall@5%", 0.162, 0.055), *rows("all_users_auc", 0.691, 0.565), *rows("item_auc", 0.482, 0.502)]
    worse = [*rows("recall@5%", 0.05, 0.055), *rows("all_users_auc", 0.49, 0.565), *rows("item_auc", 0.6, 0.4)]
    assert Gate(better, config(clicked=False)).not_ahead() is None
    assert Gate(better, config()).not_ahead() is not None
    assert Gate(worse, config()).not_ahead() is None
    assert Gate(worse, config(clicked=False)).not_ahead() == (
        "on 40 new items it is not ahead: recall@5% 0.050, user activity has 0.055 (difference -0.005 "
        "[-0.020, +0.010]); recall@5% 0.050, chance is 0.05; all_users_auc 0.490, chance is 0.5"
    )
    before = {"new_items/recall@5%": 0.055, "new_items/all_users_auc": 0.565, "new_items": 0.502}
    assert Gate(better, config(clicked=False)).behind(before) is None
    assert Gate(better, config(clicked=False)).behind({"new_items/recall@5%": 0.2}) == (
        "recall@5% (new_items) 0.162, the current release has 0.200"
    )


def test_later_clicks_are_asked_where_new_items_are_too_few() -> None:
    few, later = rows("item_auc", 0.45, 0.6, 9), rows("item_auc", 0.55, 0.6, 12, "later_clicks")
    refused = Gate([*few, *later], config()).not_ahead()
    assert refused is not None
    assert refused.startswith("on 12 known items it is not ahead: item_auc 0.550")
    assert Gate([*few, *later], config()).not_judged() is None
    assert Gate(few, config()).not_ahead() is None
    assert Gate(few, config(min_items=9)).not_ahead() is not None


def test_a_release_that_was_not_judged_says_why() -> None:
    few = rows("item_auc", 0.45, 0.6, 3)
    assert Gate(few, config()).not_judged() == (
        "not judged: too few items (3 new items, 0 known items; publish.min_items = 10)"
    )
    assert Gate([], config(judge=False)).not_judged() == "not judged: the evaluation is off"
    assert Gate(rows("item_auc", 0.7, 0.6), config()).not_judged() is None


def test_the_current_release_may_not_be_undercut() -> None:
    now = [*rows("item_auc", 0.7, 0.6), *rows("item_auc", 0.8, 0.6, protocol="later_clicks")]
    assert Gate(now, config()).figures == {"new_items/item_auc": 0.7, "later_clicks/item_auc": 0.8}
    assert Gate(now, config()).behind({"new_items/item_auc": 0.719, "later_clicks/item_auc": 0.819}) is None
    for before in ({"later_clicks/item_auc": 0.821}, {"later_clicks": 0.821}):
        assert Gate(now, config()).behind(before) == ("item_auc (later_clicks) 0.800, the current release has 0.821")
    # The figures of a release with another first figure, or of items that can no longer be judged, are no measure.
    assert Gate(now, config()).behind({"new_items/recall@5%": 0.9}) is None
    assert Gate([], config()).behind({"new_items/item_auc": 0.9}) is None


@pytest.mark.parametrize("require", ["all", ["oracle"], True])
def test_an_unknown_requirement_is_an_error(require: object) -> None:
    with pytest.raises(ValueError, match="publish"):
        config(require=require)

"""Relative changes of an online test: signs, intervals, and what is refused."""

import numpy as np
import pytest

from ralm.evaluation.online_test import relative_changes
from ralm.report.headline import online_headline


def test_changes_are_relative_to_the_control_of_the_same_world() -> None:
    worlds = [
        {"profile": {"ctr": 0.10, "gini": 0.5}, "lookalike": {"ctr": 0.12, "gini": 0.4}},
        {"profile": {"ctr": 0.20, "gini": 0.5}, "lookalike": {"ctr": 0.22, "gini": 0.4}},
    ]
    ctr, gini = relative_changes(worlds, "profile")
    assert (ctr.policy, ctr.metric, ctr.worlds) == ("lookalike", "ctr", 2)
    assert ctr.value == pytest.approx(0.15)
    # Student's quantile at one degree of freedom, 12.706, times the standard error of .2 and .1.
    assert ctr.high - ctr.value == pytest.approx(12.7062 * 0.05, rel=1e-4)
    assert (gini.low, gini.value, gini.high) == pytest.approx((-0.2, -0.2, -0.2))


def test_the_interval_holds_the_true_change_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        worlds = [{"profile": {"ctr": 1.0}, "other": {"ctr": 1.1 + 0.05 * random.normal()}} for _ in range(4)]
        change = relative_changes(worlds, "profile")[0]
        held += change.low <= 0.1 <= change.high
    assert 0.92 <= held / 400 <= 0.98


def test_one_world_has_no_interval() -> None:
    change = relative_changes([{"profile": {"ctr": 1.0}, "other": {"ctr": 2.0}}], "profile")[0]
    assert (change.value, np.isnan(change.low), np.isnan(change.high)) == (1.0, True, True)


def test_what_cannot_be_compared_is_left_out() -> None:
    world = {"profile": {"ctr": 0.5, "clicks": 0.0, "tags": 1.0}, "other": {"ctr": 1.0, "clicks": 1.0, "tags": np.nan}}
    assert [change.metric for change in relative_changes([world, world], "profile")] == ["ctr"]


def test_a_world_without_the_control_is_refused() -> None:
    with pytest.raises(ValueError, match="control 'profile'"):
        relative_changes([{"other": {"ctr": 1.0}}], "profile")


def test_the_headline_tells_the_click_rate_of_look_alike() -> None:
    worlds = [{"profile": {"ctr": 1.0}, "popularity": {"ctr": 0.5}, "lookalike": {"ctr": x}} for x in (1.1, 1.3)]
    changes = relative_changes(worlds, "profile")
    assert online_headline(changes).startswith("In 2 built-in worlds the click rate of 'lookalike' differs")
    assert "+20.0%" in online_headline(changes)
    assert online_headline(changes[:1]).startswith("In 2 built-in worlds the click rate of 'popularity'")
    assert "nothing" in online_headline([])

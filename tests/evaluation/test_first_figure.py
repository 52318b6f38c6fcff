"""The figures that come first, and what is known of each metric."""

from pathlib import Path

import pytest

from ralm.config import Config
from ralm.evaluation.first_figure import first_figures, non_clicks_are_sampled, recall_shares
from ralm.evaluation.metric_names import comparable, metric_of, recall_name
from tests.steps.toy import toy_config


def config(folder: Path, *, clicked: bool, share: float = 0.05) -> Config:
    content = toy_config(folder).model_dump(mode="json")
    if not clicked:
        del content["ingest"]["impressions"]["columns"]["clicked"]
    content["scoring"]["audience"]["top_fraction"] = share
    return Config.model_validate(content)


def test_real_non_clicks_are_judged_by_and_sampled_ones_are_not(tmp_path: Path) -> None:
    assert not non_clicks_are_sampled(config(tmp_path, clicked=True))
    assert first_figures(config(tmp_path, clicked=True)) == ("item_auc",)
    assert non_clicks_are_sampled(config(tmp_path, clicked=False))
    assert first_figures(config(tmp_path, clicked=False)) == ("recall@5%", "all_users_auc")


def test_the_recall_is_that_of_the_audiences_share(tmp_path: Path) -> None:
    wide = config(tmp_path, clicked=False, share=0.125)
    assert first_figures(wide) == ("recall@12.50%", "all_users_auc")
    assert recall_shares(wide) == (0.01, 0.05, 0.125)
    assert recall_shares(config(tmp_path, clicked=True)) == (0.01, 0.05)


@pytest.mark.parametrize(
    ("name", "title", "chance"),
    [
        ("recall@12.50%", "recall top 12.50 %", 0.125),
        ("recall@5%", "recall top 5 %", 0.05),
        ("all_users_auc", "AUC, all users", 0.5),
        ("prec@10", "prec@10", None),
        ("unheard_of", "unheard_of", None),
    ],
)
def test_what_is_said_of_a_metric(name: str, title: str, chance: float | None) -> None:
    assert (metric_of(name).title, metric_of(name).chance) == (title, chance)


def test_metrics_are_in_the_order_of_the_first_figures() -> None:
    assert recall_name(0.125) == "recall@12.50%"
    names = ["prec@10", "recall@12.50%", "item_auc", "all_users_auc", "unheard_of"]
    assert comparable(names) == ["item_auc", "all_users_auc", "prec@10", "recall@12.50%"]
    first = ("recall@12.50%", "all_users_auc")
    assert comparable(names, first) == ["recall@12.50%", "all_users_auc", "item_auc", "prec@10"]

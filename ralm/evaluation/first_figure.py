"""Which figures come first: on the page, in the terminal and at the gate of a release.

Where a log has real non-clicks, an item's clickers are judged among the users who were shown it (`item_auc`). Where
non-clicks are sampled by the clicks, a user with many clicks has as many more non-clicks: `item_auc` then says little
of an audience, and the opposite of it for the most active users. There the ranking of all users comes first.
"""

from __future__ import annotations

from ralm.config import Config
from ralm.evaluation.frame_metrics import RECALL_FRACTIONS
from ralm.evaluation.metric_names import recall_name

AMONG_SHOWN, AMONG_ALL = "item_auc", "all_users_auc"


def non_clicks_are_sampled(config: Config) -> bool:
    """Whether the log holds clicks only, so that ingest samples the non-clicks."""
    return config.ingest is not None and "clicked" not in config.ingest.impressions.columns


def first_figures(config: Config) -> tuple[str, ...]:
    """The metrics that come first, the first of all at the front."""
    if non_clicks_are_sampled(config):
        return recall_name(config.scoring.audience.top_fraction), AMONG_ALL
    return (AMONG_SHOWN,)


def recall_shares(config: Config) -> tuple[float, ...]:
    """The shares of the candidates in which the recall is measured; the audience's share is one of them."""
    return tuple(sorted({*RECALL_FRACTIONS, config.scoring.audience.top_fraction}))

"""What is checked between the steps of a night, and what happens when it is not as it should be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ralm.config.section import Section


def _off(value: Any) -> Any:
    """YAML reads `off` as false."""
    return "off" if value is False else value


Action = Annotated[Literal["warn", "fail", "off"], BeforeValidator(_off)]
_WHAT = "warn: say so and go on; fail: stop the night there; off: do not look"


class Health(Section):
    """Read by `check_health`: is a night as it should be? Outcomes are in `checks`, the report and `status`."""

    rows: Action = Field(default="warn", description=f"events and impressions of the last day. {_WHAT}")
    rows_change: float = Field(
        default=0.5,
        gt=0,
        description="share by which they may differ from the median of up to 7 days before; judged from 3 days on",
    )
    freshness: Action = Field(default="warn", description="days without impressions before A3")
    freshness_days: int = Field(default=1, ge=0, description="how many of them may be")
    without_fields: Action = Field(default="warn", description="users without any history or profile, as of A3")
    without_fields_share: float = Field(default=0.5, ge=0, le=1, description="largest share of the users")
    out_of_vocabulary: Action = Field(
        default="warn", description="entries of a history that the vocabulary does not know, as of A3"
    )
    out_of_vocabulary_share: float = Field(default=0.3, ge=0, le=1, description="largest share of the entries")
    positives: Action = Field(default="warn", description="positives per user in the user model's training set")
    positives_least: float = Field(default=1.5, ge=0, description="lowest mean")
    scores: Action = Field(default="warn", description="items whose probed users all have the same score, or none")
    scores_share: float = Field(default=0.0, ge=0, le=1, description="largest share of the items")
    empty_clusters: Action = Field(
        default="warn", description="empty seed clusters of items with as many seeds as clusters"
    )
    empty_clusters_share: float = Field(default=0.5, ge=0, le=1, description="largest share of their clusters")
    sample: int = Field(default=100_000, ge=1_000, le=100_000_000, description="users that are looked at, by hash")

"""Scoring, evaluation, and the Spark session."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ralm.config.section import Section


class Audience(Section):
    """Who gets an item: the top N, the top fraction, or all above the exposure threshold."""

    mode: Literal["top_n", "top_fraction", "threshold"] = "top_fraction"
    top_n: int = Field(default=1_000, ge=1, le=1_000_000_000)
    top_fraction: float = Field(default=0.05, gt=0, le=1)
    include_seeds: bool = Field(default=False, description="keep an item's own seeds in its audience")


class Scoring(Section):
    """score_users: all users against the chosen items."""

    items: list[str] | Literal["newest", "all"] = "newest"
    max_items: int = Field(default=100, ge=1, le=100_000, description="items a run ('newest': by first click)")
    audience: Audience = Audience()
    recommendations: int = Field(default=10, ge=0, le=1_000, description="M items a user; 0: none")
    probe: int = Field(default=1_000, ge=10, le=10_000_000, description="users probed an item for the threshold")
    probe_fraction: float = Field(default=0.05, gt=0, le=1, description="share of the probe above the threshold")
    block: int = Field(default=512, ge=1, le=65_536, description="users a matrix product")
    sample: int = Field(default=100_000, ge=1_000, le=10_000_000, description="users sampled to find the cuts")


class ColdStart(Section):
    """train_cold_start: the linear model for items with few seeds; the section switches it on."""

    switch: int = Field(default=20, ge=1, le=100_000, description="seeds from which on an item is scored by RALM")
    max_rows: int = Field(default=200_000, ge=1_000, le=100_000_000, description="labelled pairs fitted, by hash")
    regularisation: float = Field(default=1e-4, ge=0, le=100, description="L2 of the mean log loss")
    iterations: int = Field(default=50, ge=1, le=1_000, description="of L-BFGS at most")


class Evaluation(Section):
    """Protocols, and the gate of a release."""

    new_item_share: float = Field(default=0.2, ge=0, lt=1, description="items held out of everything trained")
    max_items: int = Field(default=400, ge=1, le=100_000, description="items ranked over all users, a protocol")
    min_labels: int = Field(default=5, ge=1, description="held-out clickers (and non-clickers) an item needs")
    max_users: int = Field(
        default=1_000_000, ge=1_000, description="candidates ranked, by hash; held-out clickers are always among them"
    )
    bootstrap: int = Field(default=1_000, ge=10, le=100_000, description="resamples over items")
    max_impressions: int = Field(default=1_000_000, ge=1_000, description="labelled pairs scored, by hash")
    gate: float = Field(
        default=0.02, ge=0, le=1, description="a release may lose this much item_auc against the current one"
    )


class Comparison(Section):
    """compare: every system ranks all users for items that nothing was trained on, and for later clicks."""

    systems: list[str] | Literal["all", "variants"] = Field(
        default="all", description="variants: the configured variants of RALM alone (ablations)"
    )
    protocols: list[Literal["new_items", "later_clicks"]] = Field(
        default=["new_items", "later_clicks"],
        min_length=1,
        description="new_items: held-out items, their users split into seeds and held-out ones; later_clicks: known "
        "items, who clicked and who did not in [A2, A3), by the seeds and users before",
    )
    seeds: list[int] = Field(default=[20, 100, 500], description="seeds an item, beside half of all its users")
    window: Literal["later", "all"] = Field(
        default="later",
        description="later: the item's clickers in [A2, A3), users as of A2; all: its clickers of all time, users as "
        "of A3 (for sets without times)",
    )
    min_users: int = Field(default=40, ge=2, description="clickers that an item needs")
    min_items: int = Field(default=30, ge=1, description="items that a number of seeds needs to be reported")
    max_items: int = Field(default=600, ge=1, le=100_000, description="items a split, by hash")
    sample: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="users that the AUC compares clickers with, and clickers an item whom it compares at most",
    )
    split: Literal["validation", "test"] = Field(default="test", description="which items are judged")
    validation_share: float = Field(default=0.3, gt=0, lt=1, description="share of the items kept for choosing")


class Stream(Section):
    """update_seeds --trigger: seeds that follow the impressions."""

    max_bytes: str = Field(
        default="1g", pattern=r"^[1-9]\d*[kmg]$", description="of impressions a batch takes at most, but for one commit"
    )
    max_files: int = Field(default=100, ge=1, le=10_000, description="files of a landing folder a batch takes at most")
    max_ahead: int = Field(
        default=300, ge=0, le=86_400, description="seconds that a click's time may be ahead of this machine's clock"
    )


class Refresh(Section):
    """refresh: what happens between two nightly runs."""

    min_change: float = Field(
        default=0.1, ge=0, le=2, description="seeds that came and went, in shares of an item's seeds, to score it again"
    )
    max_items: int = Field(default=1_000, ge=1, le=100_000, description="items a round; those that changed most")
    keep_releases: int = Field(default=288, ge=1, le=100_000, description="releases of rounds that stay listed")
    max_failures: int = Field(default=3, ge=1, description="rounds of a loop that may fail one after the other")


class Serving(Section):
    """export_serving: the key-value store that an online service reads."""

    store: str | None = Field(
        default=None,
        description="redis://host:port/database, or a folder for LMDB files; default <warehouse>/_serving",
    )
    shard_records: int = Field(
        default=200_000, ge=1, le=10_000_000, description="records that one task writes, and one file or hash holds"
    )
    max_layers: int = Field(
        default=8, ge=1, le=100, description="exports of changes that lie over each other before all is written anew"
    )


class Spark(Section):
    """The session's own few settings; everything else belongs into conf/spark/*.conf."""

    master: str | None = Field(default=None, description="only for a session made in Python; default local[*]")
    shuffle_partitions: int = Field(default=8, ge=1, le=1_000_000)
    driver_memory: str = "6g"
    conf: dict[str, str] = Field(default_factory=dict, description="more Spark settings")

"""Scoring and cold start, evaluation and comparison, streams and refresh, serving, and the Spark session."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ralm.config.fixed_spark import FIXED
from ralm.config.locations import Location
from ralm.config.section import Section, sized


class Audience(Section):
    """Who gets an item: the top N, the top fraction, or all above the exposure threshold."""

    mode: Literal["top_n", "top_fraction", "threshold"] = Field(
        default="top_fraction",
        description="so many users, such a share of them, or all whose score reaches the exposure threshold",
    )
    top_n: int = Field(default=1_000, ge=1, le=1_000_000_000, description="users, for `mode: top_n`")
    top_fraction: float = Field(default=0.05, gt=0, le=1, description="share of all users, for `mode: top_fraction`")
    include_seeds: bool = Field(default=False, description="keep an item's own seeds in its audience")


class Scoring(Section):
    """Read by `score_users`: all users against the chosen items."""

    system: str = Field(
        default="ralm",
        min_length=1,
        description="what scores the audiences: ralm, another system by its name, or auto: the one that `compare` "
        "found best on validation items, ralm where none is clearly ahead of it",
    )
    items: list[str] | Literal["newest", "all"] = Field(
        default="newest", description="which items get an audience: a list of ids, the newest, or all"
    )
    max_items: int = Field(default=100, ge=1, le=100_000, description="items per run ('newest': by first click)")
    audience: Audience = Audience()
    hold_out: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of each audience that is not delivered but kept in `holdouts`, by hash: what `measure_lift` "
        "compares with",
    )
    recommendations: int = Field(default=10, ge=0, le=1_000, description="M items per user; 0: none")
    probe: int = Field(default=1_000, ge=10, le=10_000_000, description="users probed per item for the threshold")
    probe_fraction: float = Field(default=0.05, gt=0, le=1, description="share of the probe above the threshold")
    block: int = Field(default=512, ge=1, le=65_536, description="users per matrix product")
    sample: int = Field(default=100_000, ge=1_000, le=10_000_000, description="users sampled to find the cuts")

    @field_validator("items")
    @classmethod
    def _once(cls, items: list[str] | str) -> list[str] | str:
        """Each item once, in the order given: a list put together from two may name it again."""
        return list(dict.fromkeys(items)) if isinstance(items, list) else items


class ColdStart(Section):
    """Read by `train_cold_start`: the linear model for items with few seeds; the section switches it on."""

    switch: int = Field(default=20, ge=1, le=100_000, description="least number of seeds for RALM to score an item")
    max_rows: int = Field(default=200_000, ge=1_000, le=100_000_000, description="labelled pairs fitted, by hash")
    regularisation: float = Field(default=1e-4, ge=0, le=100, description="L2 of the mean log loss")
    iterations: int = Field(default=50, ge=1, le=1_000, description="L-BFGS iterations at most")


class Evaluation(Section):
    """Protocols, and the gate against the current release; `evaluation: off` is short for `judge: false`."""

    judge: bool = Field(default=True, description="whether `evaluate` judges; otherwise it only writes the page")
    new_item_share: Annotated[float, Field(ge=0, lt=1)] | list[str] = Field(
        default=0.2, description="items held out of everything trained: a share of them by hash, or a list of their ids"
    )
    max_items: int = Field(default=400, ge=1, le=100_000, description="items ranked over all users, per protocol")
    min_labels: int = sized(5, ge=1, description="held-out clickers (and non-clickers) an item needs")
    max_users: int = Field(
        default=1_000_000, ge=1_000, description="candidates ranked, by hash; held-out clickers are always among them"
    )
    bootstrap: int = Field(default=1_000, ge=10, le=100_000, description="resamples over items")
    max_impressions: int = Field(default=1_000_000, ge=1_000, description="labelled pairs scored, by hash")
    gate: float = Field(
        default=0.02, ge=0, le=1, description="a release may lose this much of its first figure against the current one"
    )

    @model_validator(mode="before")
    @classmethod
    def _switch(cls, content: object) -> object:
        """YAML reads `off` as false."""
        return {"judge": content} if isinstance(content, bool) else content


class Publish(Section):
    """What a release must be ahead of, on its first figure."""

    require: list[Literal["user_activity", "chance"]] | Literal["none"] = Field(
        default=["user_activity", "chance"],
        description="a release whose figure is not above these, on new items or else on later clicks, is refused; "
        "none: every release passes",
    )
    min_items: int = Field(default=10, ge=1, description="judged items with which a release can be refused")


class Comparison(Section):
    """Read by `compare`: every system ranks all users for items held out of all training, and for later clicks; or
    ranks the users who were shown an item, as published tables do."""

    systems: list[str] | Literal["all", "variants"] = Field(
        default="all", description="variants: only the configured variants of RALM (ablations)"
    )
    protocols: list[Literal["new_items", "later_clicks", "crowds", "warm_up"]] = Field(
        default=["new_items", "later_clicks"],
        min_length=1,
        description="new_items: held-out items, their users split into seeds and held-out users; later_clicks: known "
        "items, clickers against non-clickers in [A2, A3), from the seeds and users before A2; crowds: the same for "
        "all held-out items, hot and cold ones apart; warm_up: for all held-out items, from the clickers among the "
        "first users, for each number of `seeds` (docs/protocols.md)",
    )
    hot_seeds: int = Field(
        default=2_000, ge=1, description="crowds: clickers of an item, seeds or not, beyond which its crowd is hot"
    )
    seeds: list[Annotated[int, Field(ge=1)]] = sized(
        [20, 100, 500], description="seeds per item, besides half of all its users"
    )
    window: Literal["later", "all"] = sized(
        "later",
        description="later: the item's clickers in [A2, A3), users as of A2; all: its clickers of all time, users as "
        "of A3; auto: all for logs without times or whose times are dropped, later for others",
    )
    min_users: int = sized(40, ge=2, description="clickers that an item needs to be judged")
    min_items: int = sized(30, ge=1, description="items that a number of seeds needs to be reported")
    max_items: int = Field(default=600, ge=1, le=100_000, description="items per split, by hash")
    sample: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="users that the AUC compares clickers with; also the most clickers per item that it compares",
    )
    split: Literal["validation", "test"] = Field(default="test", description="which items are judged")
    validation_share: float = Field(default=0.3, gt=0, lt=1, description="share of the items to choose settings on")

    @model_validator(mode="after")
    def _published_are_tests(self) -> Comparison:
        published = [name for name in self.protocols if name in ("crowds", "warm_up")]
        if published and self.split != "test":
            raise ValueError(
                f"{', '.join(published)}: all held-out items are judged, which leaves none to choose settings on; "
                "set split: test"
            )
        return self


class Stream(Section):
    """Read by `update_seeds --trigger`: seeds that follow the impressions."""

    max_bytes: str = Field(
        default="1g", pattern=r"^[1-9]\d*[kmg]$", description="impressions per batch at most, but at least one commit"
    )
    max_files: int = Field(default=100, ge=1, le=10_000, description="files of a landing folder per batch at most")
    max_ahead: int = Field(
        default=300, ge=0, le=86_400, description="seconds by which a click may be ahead of this machine's clock"
    )


class Refresh(Section):
    """What happens between two nightly runs."""

    min_change: float = Field(
        default=0.1, ge=0, le=2, description="least share of an item's seeds that came or went to score it again"
    )
    max_items: int = Field(default=1_000, ge=1, le=100_000, description="items per round; those that changed most")
    keep: Literal["reach", "similarity"] = Field(
        default="reach",
        description="of an audience that is made again: its size, as `scoring.audience` says, or the score from which "
        "users were in it",
    )
    keep_releases: int = Field(default=288, ge=1, le=100_000, description="releases of rounds that stay listed")
    max_failures: int = Field(default=3, ge=1, description="failed rounds in a row that end the loop")


class Serving(Section):
    """Read by `export_serving`: the key-value store that an online service reads."""

    store: Location | None = Field(
        default=None,
        description="redis://host:port/database, or a folder for LMDB files; default <warehouse>/_serving",
    )
    shard_records: int = Field(
        default=200_000, ge=1, le=10_000_000, description="records that one task writes and one file or hash holds"
    )
    max_layers: int = Field(
        default=8, ge=1, le=100, description="stacked exports of changes before everything is written anew"
    )


class Spark(Section):
    """The session's own few settings; everything else belongs in conf/spark/*.conf."""

    master: str | None = Field(default=None, description="only for sessions made in Python; default local[*]")
    shuffle_partitions: int = Field(default=8, ge=1, le=1_000_000, description="spark.sql.shuffle.partitions")
    driver_memory: str = Field(default="6g", pattern=r"^[1-9]\d*[kmgtKMGT]?[bB]?$", description="spark.driver.memory")
    conf: dict[str, str] = Field(default_factory=dict, description="further Spark settings")

    @field_validator("conf")
    @classmethod
    def _not_fixed(cls, conf: dict[str, str]) -> dict[str, str]:
        """What the tables rely on stays as it is."""
        for key, value in conf.items():
            fixed = next((name for name in FIXED if name.lower() == key.strip().lower()), None)
            if fixed is not None and value.strip().lower() != FIXED[fixed].lower():
                remedy = "; set `time_zone` of the source" if "timeZone" in fixed else ""
                raise ValueError(f"{fixed} is fixed to {FIXED[fixed]}, found {value}{remedy}; leave it out")
        return conf
